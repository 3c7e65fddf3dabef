"""Trials and promoted runs in an MLflow store, one SQLite file: an experiment per study.

The store follows the tables: what it has and has not changed is left alone, a study that has grown
is extended, and a second export of the same tables changes nothing. A run is found again by its
name in its experiment, and its digest, set last, says whether it is complete.
"""

import shlex
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.exports.environment import only_ours
from analysis.exports.shapes import Export
from analysis.exports.tracked_runs import TrackedRun, tracked_runs
from analysis.frames import Frames
from analysis.study_view import RUNNING
from tune.errors import UsageError

if TYPE_CHECKING:
    from mlflow.entities import Metric, Run
    from mlflow.tracking import MlflowClient

FILE = "mlflow.db"
TRIAL = "trial"
DIGEST = "export_digest"

_QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",  # it would report its use to its makers
    "MLFLOW_LOGGING_LEVEL": "WARNING",
}
_MAX_METRICS = 900
"""MLflow takes a thousand things at once, parameters and tags among them."""

_MANIFEST = ("kind", "commit", "created_at")
"""What an experiment says of its study."""


def export_mlflow(frames: Frames) -> Export:
    """Return all trials and promoted runs, to be written into mlflow.db."""
    runs = tracked_runs(frames)

    def write(out: Path) -> str:
        path = out / FILE
        with only_ours("MLFLOW_", _QUIET):
            num_written = _write(runs, frames.manifests, path)
        return (
            f"{num_written} runs written, {len(runs) - num_written} already there, in {path}; to "
            f"look at them: mlflow server --backend-store-uri {shlex.quote(f'sqlite:///{path}')}"
        )

    return Export(len(runs), "trials or promoted runs", write)


def _write(
    runs: tuple[TrackedRun, ...], manifests: Mapping[str, Mapping[str, Any]], path: Path
) -> int:
    """Bring a store up to date; return the number of runs that were not."""
    client = _open(path)
    num_written = 0
    for study, of_study in groupby(runs, key=lambda run: run.study):
        experiment = _experiment(client, study, manifests.get(study, {}), path)
        known = {run.data.tags.get(TRIAL): run for run in _runs_of(client, experiment)}
        for run in of_study:
            found = known.get(run.name)
            if found is None or found.data.tags.get(DIGEST) != run.digest:
                _write_run(client, experiment, run, found)
                num_written += 1
    return num_written


def _open(path: Path) -> "MlflowClient":
    from mlflow.exceptions import MlflowException
    from mlflow.tracking import MlflowClient
    from sqlalchemy.exc import SQLAlchemyError

    uri = f"sqlite:///{path.resolve()}"
    if "?" in uri:  # what follows it would be an option, and the store somewhere else
        raise UsageError(f"an MLflow store takes no ? in its path, found {uri}: name another --out")
    try:
        return MlflowClient(uri, uri)
    except (MlflowException, SQLAlchemyError) as error:
        reason = str(error).splitlines()[0]
        raise UsageError(
            f"{str(path)!r} must be a store of this release of MLflow, found another file "
            f"({reason}): move it away or name another --out"
        ) from error


def _experiment(client: "MlflowClient", study: str, manifest: Mapping[str, Any], path: Path) -> str:
    """Return the identifier of a study's experiment, which is made where there is none."""
    found = client.get_experiment_by_name(study)
    if found is None:
        tags = {name: str(manifest[name]) for name in _MANIFEST if name in manifest}
        artifacts = (path.parent / "mlartifacts").resolve().as_uri()  # there are none
        return str(client.create_experiment(study, artifacts, tags))
    if found.lifecycle_stage == "deleted":
        client.restore_experiment(found.experiment_id)
    return str(found.experiment_id)


def _runs_of(client: "MlflowClient", experiment: str) -> "Iterator[Run]":
    token = None
    while True:
        page = client.search_runs([experiment], max_results=1000, page_token=token)
        yield from page
        token = page.token
        if not token:
            return


def _write_run(
    client: "MlflowClient", experiment: str, run: TrackedRun, found: "Run | None"
) -> None:
    from mlflow.entities import Param, RunTag

    settings = {name: str(value) for name, value in run.settings.items()}
    if found is not None and found.data.params.items() - settings.items():
        client.delete_run(found.info.run_id)  # MLflow never changes a parameter
        found = None
    if found is None:
        found = client.create_run(
            experiment, _milliseconds(run.started_at), {TRIAL: run.name}, run.name
        )
    run_id = found.info.run_id
    tags = {"study": run.study, "outcome": run.outcome, "reason": run.reason, **run.origin}
    metrics = list(_metrics(run))
    client.log_batch(
        run_id,
        metrics[:_MAX_METRICS],
        [Param(name, value) for name, value in settings.items()],
        [RunTag(name, str(value)) for name, value in tags.items()],
    )
    for start in range(_MAX_METRICS, len(metrics), _MAX_METRICS):
        client.log_batch(run_id, metrics[start : start + _MAX_METRICS])
    if run.outcome == RUNNING:
        client.update_run(run_id, status="RUNNING")
    else:
        client.set_terminated(run_id, _status(run), _milliseconds(run.ended_at or _last(run)))
    client.set_tag(run_id, DIGEST, run.digest)


def _metrics(run: TrackedRun) -> "Iterator[Metric]":
    """Yield every measure of every epoch, and at their epochs what was best and what it cost."""
    from mlflow.entities import Metric

    at = {one.epoch: _milliseconds(one.recorded_at) for one in run.epochs}
    for one in run.epochs:
        for name, value in one.measures.items():
            yield Metric(name, value, at[one.epoch], one.epoch)
    last = _milliseconds(run.ended_at or _last(run))
    best_epoch = int(run.best.get("best_epoch", 0))
    for name, value in run.best.items():
        yield Metric(name, value, at.get(best_epoch, last), best_epoch)
    for name, value in run.costs.items():
        yield Metric(name, value, last, int(run.costs["epochs_finished"]))


def _status(run: TrackedRun) -> str:
    """Return MLflow's word for an outcome; the tag has ours."""
    if run.outcome == "interrupted":
        return "KILLED"
    return "FAILED" if run.has_failed else "FINISHED"


def _last(run: TrackedRun) -> datetime:
    """Return when something was last heard of a run."""
    return run.epochs[-1].recorded_at if run.epochs else run.started_at


def _milliseconds(time: datetime) -> int:
    return round(time.timestamp() * 1000)
