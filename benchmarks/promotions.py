"""What promotions found and what they cost: verdicts, rate-distortion points, overhead.

`python -m benchmarks.promotions RESULTS` prints Markdown tables from a results folder. Points are
of the best candidate on test images, decoded from real bytes, with the classical codecs at the same
mean rate (linear over log rate between their targets). Overhead is the share of a promotion's
running time that is neither training, as many runs side by side as its workers, nor evaluation.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from tune.config.promotion import read_promotion
from tune.statistics.rate_points import rate_points
from tune.storage.folder import StudyFolder
from tune.storage.journal import StudyJournal
from tune.tables.files import read_table


def main(argv: Sequence[str] | None = None) -> int:
    """Print the tables of all finished promotions."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.promotions")
    parser.add_argument("results", help="folder of studies")
    results = Path(parser.parse_args(argv).results)
    tables = {name: read_table(results, name) for name in ("runs", "verdicts", "test", "codecs")}
    studies = [name for name in tables["verdicts"]["study"].unique() if is_whole(results / name)]
    sections = (
        (VERDICT_HEADING, verdict_rows),
        (POINT_HEADING, point_rows),
        (NOMINAL_HEADING, nominal_rows),
    )
    for heading, rows_of in sections:
        print(f"{heading}\n{'|---' * (heading.count('|') - 1)}|")
        for study in studies:
            own = {name: table[table["study"] == study] for name, table in tables.items()}
            print("\n".join(rows_of(own)))
        print()
    print(f"{COST_HEADING}\n{'|---' * (COST_HEADING.count('|') - 1)}|")
    for study in studies:
        runs = tables["runs"]
        print(cost_row(StudyFolder(results / study), runs[runs["study"] == study]))
    return 0


VERDICT_HEADING = (
    "| cell | candidate | seeds | val PSNR dB | over control dB | P(best) | shrinkage dB "
    "| verdict |"
)
POINT_HEADING = "| cell | bit/px | PSNR dB | SSIM | JPEG2000 dB | HEVC intra dB | AVIF dB |"
NOMINAL_HEADING = (
    "| cell | parameters | test PSNR dB, latent not quantised | block KLT dB | down-up dB |"
)
COST_HEADING = "| promotion | runs | training s | evaluation s | all s | overhead |"


def is_whole(path: Path) -> bool:
    """Whether a promotion has nothing left to do."""
    return StudyJournal.open(path / "journal").is_finished


def verdict_rows(own: dict[str, pd.DataFrame]) -> list[str]:
    """Return one row per candidate."""
    rows = []
    for one in own["verdicts"].sort_values("place").itertuples():
        half = (one.val_psnr_high_db - one.val_psnr_low_db) / 2
        gain = "" if pd.isna(one.control_gain_mean_db) else f"{one.control_gain_mean_db:+.2f} "
        if gain:
            gain += f"({one.control_gain_low_db:+.2f}..{one.control_gain_high_db:+.2f})"
        shrinkage = "" if pd.isna(one.shrinkage_db) else f"{one.shrinkage_db:+.2f}"
        rows.append(
            f"| {cell_words(own)} | {one.candidate} | {one.num_seeds} "
            f"| {one.val_psnr_db:.2f} ± {half:.2f} | {gain} | {one.p_best:.2f} | {shrinkage} "
            f"| {one.verdict} |"
        )
    return rows


def point_rows(own: dict[str, pd.DataFrame]) -> list[str]:
    """Return one row per rate of the best candidate."""
    best = own["verdicts"].sort_values("place").iloc[0]
    return [
        f"| {cell_words(own)} | {point.rate_bpp:.3f} | {point.psnr_db:.2f} "
        f"| {point.ssim:.3f} | {words(point.codecs_db['jpeg2000'])} "
        f"| {words(point.codecs_db['hevc_intra'])} | {words(point.codecs_db['avif'])} |"
        for point in rate_points(own["test"], own["codecs"], best["candidate"])
    ]


def nominal_rows(own: dict[str, pd.DataFrame]) -> list[str]:
    """Return the best candidate at its nominal ratio beside the linear lines."""
    best = own["verdicts"].sort_values("place").iloc[0]
    of_best = own["runs"][own["runs"]["candidate"] == best["candidate"]]
    test, codecs = own["test"], own["codecs"]
    test = test[(test["candidate"] == best["candidate"]) & test["quantiser_step"].isna()]
    lines = codecs[(codecs["ratio"] == best["ratio"]) & codecs["rate_bpp"].isna()]
    means = lines.groupby("codec")["psnr_db"].mean()
    return [
        f"| {cell_words(own)} | {of_best['num_parameters'].iloc[0]} "
        f"| {test['psnr_db'].mean():.2f} | {words(means.get('block_klt'))} "
        f"| {words(means.get('down_up'))} |"
    ]


def cell_words(own: dict[str, pd.DataFrame]) -> str:
    """Return architecture, ratio and fidelity of a promotion."""
    run = own["runs"].iloc[0]
    share = f"{100 * run['data_fraction']:g} %"
    return f"{run['arch']} {run['ratio']}x, {run['max_epochs']} epochs of {share}"


def cost_row(folder: StudyFolder, runs: pd.DataFrame) -> str:
    """Return what a promotion spent its time on, from its journal's clock."""
    config = read_promotion(folder.config_file)
    journal = StudyJournal.open(folder.journal)
    ends_s = [trial.ending.ended.elapsed_s for trial in journal.trials() if trial.ending]
    all_s, trained_s = journal.elapsed_s, max(ends_s)
    workers = min(config.max_concurrent, len(runs))
    busy_s = float(runs["train_s"].sum() + runs["val_s"].sum()) / workers
    overhead = (trained_s - busy_s) / all_s
    return (
        f"| {folder.name} | {len(runs)} | {busy_s:.0f} | {all_s - trained_s:.0f} | {all_s:.0f} "
        f"| {100 * overhead:.1f} % |"
    )


def words(score_db: float | None) -> str:
    """Return a score, or dashes without one."""
    return "--" if score_db is None else f"{score_db:.2f}"


if __name__ == "__main__":
    raise SystemExit(main())
