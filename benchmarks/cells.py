"""One row per finished study: what the search found, what it cost, and the linear lines beside it.

`python -m benchmarks.cells RESULTS` prints a Markdown table from the Parquet tables of a results
folder. Scores are validation PSNR in dB at the best epoch. The noise is that of the best trial's
curve from epoch to epoch, trend removed: a gain below twice the noise is marked, and one training
seed cannot tell more (`tune.study.summary`). The rise is that curve's mean over its last three
epochs.
"""

import argparse
from collections.abc import Sequence

import pandas as pd

from tune.study.summary import epoch_noise
from tune.tables.files import read_table


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table of cells."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cells")
    parser.add_argument("results", help="folder of studies")
    results = parser.parse_args(argv).results
    trials, epochs = read_table(results, "trials"), read_table(results, "epochs")
    trials = trials[trials["outcome"].notna() & trials["best_val_psnr_db"].notna()]
    references = read_table(results, "references")
    print(
        "| architecture | ratio | hand-set dB | best dB | gain dB | noise dB | rise dB/epoch "
        "| KLT dB | down-up dB | outcomes | epochs spent | saved | wall s |"
    )
    print("|---" * 13 + "|")
    for study, rows in trials.groupby("study", sort=False):
        print(cell_row(rows, epochs, references[references["study"] == study]))
    return 0


def cell_row(trials: pd.DataFrame, epochs: pd.DataFrame, references: pd.DataFrame) -> str:
    """Return the row of one study."""
    best = trials.loc[trials["best_val_psnr_db"].idxmax()]
    hand_set_db = trials.loc[trials["proposed_by"] == "hand_set", "best_val_psnr_db"].iloc[0]
    curve = epochs.loc[epochs["trial"] == best["trial"], "val_psnr_db"]
    noise_db = epoch_noise(curve.tolist()) or float("nan")
    rise_db = (curve.iloc[-1] - curve.iloc[-4]) / 3 if len(curve) > 3 else float("nan")
    gain_db = best["best_val_psnr_db"] - hand_set_db
    lines = references.set_index("reference")["psnr_db"]
    outcomes = ", ".join(f"{n} {name}" for name, n in trials["outcome"].value_counts().items())
    stopped = trials[trials["outcome"] == "stopped"]
    saved = int((stopped["max_epochs"] - stopped["epochs_finished"]).sum())
    wall_s = (trials["ended_at"].max() - trials["started_at"].min()).total_seconds()
    return (
        f"| {best['arch']} | {best['ratio']}x | {hand_set_db:.2f} | {best['best_val_psnr_db']:.2f} "
        f"| {gain_db:+.2f}{' (noise)' if gain_db < 2 * noise_db else ''} | {noise_db:.2f} "
        f"| {rise_db:+.2f} | {lines['block_klt']:.2f} | {lines.get('down_up', float('nan')):.2f} "
        f"| {outcomes} | {trials['epochs_finished'].sum()} | {saved} | {wall_s:.0f} |"
    )


if __name__ == "__main__":
    raise SystemExit(main())
