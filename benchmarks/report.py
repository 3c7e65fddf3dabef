"""How long a report of many trials takes, and how large its page is.

`python -m benchmarks.report` makes up searches of 1,000 and of 20,000 trials of 50 epochs, spread
over 20 studies, in a temporary folder, and prints the median wall seconds of `analysis.report` in a
process of its own (3 runs, and 1 of the large one), its peak memory and the size of the page.
"""

import resource
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from tune.tables.files import write_table
from tune.tables.schemas import SCHEMAS

NUM_STUDIES = 20
NUM_EPOCHS = 50
SIZES = ((1_000, 3), (20_000, 1))
LIMITS_S = {1_000: 10, 20_000: 60}
START = datetime(2026, 1, 1, tzinfo=UTC)
DEFAULTS = {
    "string": "x",
    "bool": True,
    "int32": 1,
    "int64": 1,
    "float64": 1.0,
    "timestamp": START,
    "binary": b"",
}


def main() -> int:
    """Print one row per size."""
    print("| trials | epoch rows | s | limit s | page MB | peak MiB |")
    print("|---|---|---|---|---|---|")
    for num_trials, num_runs in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            results, out = Path(folder) / "ray_results", Path(folder) / "report"
            make_results(results, num_trials)
            seconds = [run_report(results, out) for _ in range(num_runs)]
            page_mb = (out / "report.html").stat().st_size / 1e6
        peak_mib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        print(
            f"| {num_trials} | {num_trials * NUM_EPOCHS} | {statistics.median(seconds):.1f} | "
            f"{LIMITS_S[num_trials]} | {page_mb:.1f} | {peak_mib:.0f} |"
        )
    return 0


def run_report(results: Path, out: Path) -> float:
    """Return the wall seconds of one report."""
    start_s = time.monotonic()
    command = [sys.executable, "-m", "analysis.report", "--results", str(results)]
    subprocess.run([*command, "--out", str(out)], check=True, capture_output=True)
    return time.monotonic() - start_s


def make_results(results: Path, num_trials: int) -> None:
    """Write made-up tables of searches with so many trials in all."""
    rng = np.random.default_rng(0)
    archs, ratios = ("baseline", "resnet", "residual", "attention"), (4, 8, 16, 32, 64)
    cells = [(arch, ratio) for arch in archs for ratio in ratios]
    for arch, ratio in cells[:NUM_STUDIES]:
        study = f"{arch}_quick_c{256 // ratio}_cr{ratio}x_20260101_000000"
        tables = results / study / "tables"
        tables.mkdir(parents=True)
        trials, epochs, rungs = [], [], []
        for number in range(num_trials // NUM_STUDIES):
            trial = {"study": study, "trial": f"{study}_t{number:05d}", "trial_number": number}
            rate = float(10 ** rng.uniform(-5, -2))
            top_db = 20 - abs(np.log10(rate) + 3.3) + float(rng.normal(0, 0.2))
            curve = (top_db - 3 / np.arange(1, NUM_EPOCHS + 1)).tolist()
            for epoch, score in enumerate(curve, start=1):
                recorded_at = START + timedelta(seconds=number * 60 + epoch)
                epochs.append(
                    _row("epochs", **trial, epoch=epoch, val_psnr_db=score, recorded_at=recorded_at)
                )
            rungs += [
                _row("rungs", **trial, rung=r, rung_epoch=e, value=curve[e - 1], audited=False)
                for r, e in enumerate((2, 6, 18))
            ]
            trials.append(
                _row(
                    "trials",
                    **trial,
                    arch=arch,
                    ratio=ratio,
                    learning_rate=rate,
                    warmup_epochs=number % 6,
                    base_channels=(16, 32, 48, 64)[number % 4],
                    outcome="completed" if number % 5 else "diverged",
                    epochs_finished=NUM_EPOCHS,
                    best_epoch=NUM_EPOCHS,
                    best_val_psnr_db=curve[-1],
                    psnr_gap_db=float(rng.normal(0, 0.1)),
                    best_train_psnr_db=curve[-1],
                    measured_peak_mib=400.0,
                    predicted_peak_mib=380.0,
                    max_epochs=NUM_EPOCHS,
                    ended_at=START + timedelta(seconds=number * 60 + 60),
                )
            )
        write_table(tables, "trials", trials)
        write_table(tables, "epochs", epochs)
        write_table(tables, "rungs", rungs)


def _row(table: str, **values: object) -> dict[str, object]:
    columns = SCHEMAS[table].columns
    filled = {c.name: None if c.nullable else DEFAULTS[c.type] for c in columns}
    filled |= {c.name: c.before for c in columns if c.is_added}
    return {**filled, **values}


if __name__ == "__main__":
    raise SystemExit(main())
