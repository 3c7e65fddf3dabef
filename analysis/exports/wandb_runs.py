"""Trials and promoted runs as offline W&B runs: folders that `wandb sync` can upload.

Nothing is sent and nobody logs in. Every run has an identifier that follows from its study and
name, so that a run which was uploaded once is the same run again. A folder of a finished export has
a file with the run's digest; a run whose digest has not changed is left alone, and another one is
written anew. What a person has put into such a folder stays there.
"""

import hashlib
import json
import shlex
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.exports.environment import only_ours
from analysis.exports.own_files import remove_own
from analysis.exports.shapes import Export
from analysis.exports.tracked_runs import TrackedRun, tracked_runs
from analysis.frames import Frames

if TYPE_CHECKING:
    import wandb

FOLDER = "wandb"
PROJECT = "sar-tune"
DIGEST_FILE = "export.json"
"""In the folder of a run, written last."""

_RUN_FILE = "run-*.wandb"
_IN_A_RUN = (_RUN_FILE, "run-*.wandb.synced", "logs/debug*.log", "logs", "files", "tmp/code")
"""What W&B makes in the folder of such a run."""


def export_wandb(frames: Frames) -> Export:
    """Return all trials and promoted runs, to be written as wandb/offline-run-*."""
    runs = tracked_runs(frames)

    def write(out: Path) -> str:
        changed = [run for run in runs if not _is_there(out / FOLDER, run)]
        if changed:
            _write(changed, out)
        return (
            f"{len(changed)} runs written, {len(runs) - len(changed)} already there, in "
            f"{out / FOLDER}; to upload them: wandb sync {shlex.quote(str(out / FOLDER))}"
        )

    return Export(len(runs), "trials or promoted runs", write)


def identifier(run: TrackedRun) -> str:
    """Return the identifier of a run in W&B: the same for the same study and name."""
    return hashlib.sha256(f"{run.study}/{run.name}".encode()).hexdigest()[:16]


def _folders(parent: Path, run: TrackedRun) -> list[Path]:
    return sorted(parent.glob(f"offline-run-*-{identifier(run)}"))


def _is_there(parent: Path, run: TrackedRun) -> bool:
    files = [folder / DIGEST_FILE for folder in _folders(parent, run)]
    digests = [json.loads(file.read_text(encoding="utf-8")) for file in files if file.exists()]
    return {"digest": run.digest} in digests


def _remove(parent: Path, run: TrackedRun) -> None:
    for folder in _folders(parent, run):
        found = [path for pattern in (*_IN_A_RUN, DIGEST_FILE) for path in folder.glob(pattern)]
        remove_own(parent, [path.relative_to(parent).as_posix() for path in found])


def _write(runs: list[TrackedRun], out: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="sar_tune_wandb_") as elsewhere:
        ours = {
            "WANDB_MODE": "offline",
            "WANDB_SILENT": "true",
            "WANDB_ERROR_REPORTING": "false",  # it would report crashes to its makers
            "WANDB_CACHE_DIR": elsewhere,
            "WANDB_CONFIG_DIR": elsewhere,
            "WANDB_DATA_DIR": elsewhere,
        }
        with only_ours("WANDB_", ours):
            import wandb

            try:
                for run in runs:
                    _remove(out / FOLDER, run)
                    _write_run(run, out)
            finally:
                wandb.teardown()  # ends its service process


def _write_run(run: TrackedRun, out: Path) -> None:
    import wandb

    begun = wandb.init(
        project=PROJECT,
        group=run.study,
        name=run.name,
        id=identifier(run),
        tags=[run.outcome],
        notes=run.reason,
        config=_config(run),
        dir=out,
        mode="offline",
        settings=_settings(),
    )
    for one in run.epochs:
        recorded_at = {"_timestamp": one.recorded_at.timestamp()}
        begun.log({"epoch": one.epoch, **one.measures, **recorded_at}, step=one.epoch)
    begun.summary.update({**run.best, **run.costs, "outcome": run.outcome})
    begun.finish(exit_code=int(run.has_failed))
    (folder,) = (one for one in _folders(out / FOLDER, run) if any(one.glob(_RUN_FILE)))
    text = json.dumps({"digest": run.digest})
    (folder / DIGEST_FILE).write_text(f"{text}\n", encoding="utf-8")


def _config(run: TrackedRun) -> dict[str, Any]:
    times = {"started_at": run.started_at, "ended_at": run.ended_at}
    return {
        **run.settings,
        **run.origin,
        "study": run.study,
        "trial": run.name,
        **{name: time.isoformat() for name, time in times.items() if time is not None},
    }


def _settings() -> "wandb.Settings":
    """Return what keeps the exporting machine and its code out of the run."""
    import wandb

    return wandb.Settings(
        host="",
        console="off",
        disable_git=True,
        disable_code=True,
        x_disable_meta=True,
        x_disable_stats=True,
        x_disable_machine_info=True,
        x_save_requirements=False,
    )
