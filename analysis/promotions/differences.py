"""Promoted candidates: scores of every seed, paired differences with tests, the winner's curse.

All scores here are on validation images, which candidates were chosen by; test scores are in
`analysis.rates.curves`. Means, intervals and verdicts come from the verdicts table; this module
adds Wilcoxon's test over images, which needs no seeds and no normal distribution, and joins what a
person compares.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.frames import Frames
from analysis.intervals import holm, wilcoxon_p
from analysis.kinds import kind_words, split_by_kind
from analysis.page.palette import architecture_order


@dataclass(frozen=True)
class Promotion:
    """Everything of one kind of ratio on one corpus.

    Attributes:
        rate: What the ratios count, bytes or elements.
        words: Which corpus, and that.
        seeds: One row per finished run: arch, ratio, candidate, seed, val_psnr_db.
        verdicts: One row per candidate: the verdicts' columns and search_val_psnr_db.
        differences: One row per pair: arch, ratio, candidate, other, against (control or rival),
            mean_db, low_db, high_db, num_images, p, p_holm, verdict.
        costs: One row per architecture and ratio, of the best candidate: base channels, parameters,
            epochs, hours of training per run, milliseconds per scored image.
    """

    rate: str
    words: str
    seeds: pd.DataFrame
    verdicts: pd.DataFrame
    differences: pd.DataFrame
    costs: pd.DataFrame


def compute_promotions(frames: Frames) -> tuple[Promotion, ...]:
    """Return what promotions found per kind of ratio and corpus: bytes first, then by runs."""
    return tuple(
        found for rate, part in split_by_kind(frames).items() for found in _of_kind(part, rate)
    )


def _of_kind(frames: Frames, rate: str) -> list[Promotion]:
    runs = frames.runs.dropna(subset=["best_val_psnr_db"])
    corpora = runs["corpus_fingerprint"].value_counts().index
    return [
        _promotion(
            rate,
            runs[runs["corpus_fingerprint"] == fingerprint],
            frames.verdicts[frames.verdicts["corpus_fingerprint"] == fingerprint],
            frames.validation,
        )
        for fingerprint in corpora
    ]


def _promotion(
    rate: str, runs: pd.DataFrame, verdicts: pd.DataFrame, validation: pd.DataFrame
) -> Promotion:
    first = runs.iloc[0]
    kind = "SYNTHETIC corpus" if first["is_synthetic"] else "corpus"
    searched = runs.drop_duplicates(["study", "candidate"])[
        ["study", "candidate", "search_val_psnr_db"]
    ]
    verdicts = _ordered(verdicts).merge(searched, on=["study", "candidate"], how="left")
    seeds = _ordered(runs.rename(columns={"best_val_psnr_db": "val_psnr_db"}))
    return Promotion(
        rate,
        f"{kind} {first['corpus']} ({first['corpus_fingerprint'][:8]}), {kind_words(rate)}",
        seeds[["study", "arch", "ratio", "candidate", "seed", "outcome", "val_psnr_db"]],
        verdicts,
        _differences(verdicts, validation),
        _costs(runs, verdicts),
    )


def _ordered(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows by ratio, architecture in the order of legends, and candidate, control last."""
    order = architecture_order(set(rows["arch"]))
    keys = pd.DataFrame(
        {
            "ratio": rows["ratio"],
            "arch": rows["arch"].map(order.index),
            "is_control": rows["candidate"] == "control",
            "candidate": rows["candidate"],
        }
    )
    return rows.loc[keys.sort_values(list(keys.columns), kind="stable").index]


def _differences(verdicts: pd.DataFrame, validation: pd.DataFrame) -> pd.DataFrame:
    """Return differences to the control, and of the best to the runner-up, with Wilcoxon's p."""
    rows = []
    for study, candidates in verdicts.groupby("study", sort=False):
        own = validation[validation["study"] == study]
        rivals = candidates.sort_values("place")["candidate"].tolist()
        for _, verdict in candidates.iterrows():
            name = verdict["candidate"]
            rival = next((other for other in rivals if other != name), None)
            for against, other in (("control", "control"), ("rival", rival)):
                if other is None or pd.isna(verdict[f"{against}_gain_mean_db"]):
                    continue
                # Every pair once: of the best, and not again where one of the two is the control.
                if against == "rival" and (verdict["place"] != 1 or "control" in {name, other}):
                    continue
                differences = _difference(own, name, other)
                rows.append(
                    {
                        "study": study,
                        "arch": verdict["arch"],
                        "ratio": verdict["ratio"],
                        "candidate": name,
                        "other": other,
                        "against": against,
                        "mean_db": verdict[f"{against}_gain_mean_db"],
                        "low_db": verdict[f"{against}_gain_low_db"],
                        "high_db": verdict[f"{against}_gain_high_db"],
                        "num_images": len(differences),
                        "p": wilcoxon_p(differences) if len(differences) else float("nan"),
                        "verdict": verdict["verdict"],
                    }
                )
    columns = [
        *("study", "arch", "ratio", "candidate", "other", "against", "mean_db", "low_db"),
        *("high_db", "num_images", "p", "verdict"),
    ]
    found = pd.DataFrame(rows, columns=columns)
    return found.assign(p_holm=_corrected(found["p"].to_numpy(dtype=np.float64)))


def _corrected(p_values: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> list[float]:
    """Return p values after Holm over all pairs that have one."""
    is_known = np.isfinite(p_values)
    corrected = np.full(len(p_values), np.nan)
    corrected[is_known] = holm(p_values[is_known].tolist())
    return [float(value) for value in corrected]


def _difference(
    validation: pd.DataFrame, name: str, other: str
) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    """Return the difference of every image, mean over the seeds that both have, as in verdicts."""
    sides = [validation[validation["candidate"] == one] for one in (name, other)]
    common = set(sides[0]["seed"]) & set(sides[1]["seed"])
    means, others = (
        side[side["seed"].isin(common)].groupby("image")["psnr_db"].mean() for side in sides
    )
    return (means - others).dropna().to_numpy(dtype=np.float64)


def _costs(runs: pd.DataFrame, verdicts: pd.DataFrame) -> pd.DataFrame:
    best = verdicts.loc[verdicts["place"] == 1, ["study", "candidate"]]
    best_runs = _ordered(runs.merge(best, on=["study", "candidate"]))
    scored = best_runs["epochs_finished"] * best_runs["val_images"]
    best_runs = best_runs.assign(
        train_h=best_runs["train_s"] / 3600,
        ms_per_image=1000 * best_runs["val_s"] / scored.where(scored > 0),
    )
    return (
        best_runs.groupby(
            ["arch", "ratio", "candidate", "base_channels", "num_parameters", "device"], sort=False
        )[["epochs_finished", "train_h", "ms_per_image"]]
        .mean()
        .reset_index()
    )
