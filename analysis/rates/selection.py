"""Which scores a rate-distortion panel shows: those that can be compared with each other.

The best candidate of the newest promotion of each architecture and ratio, on the images that all
networks have, beside the settings of codecs that cover all of them.
"""

import pandas as pd

from analysis.frames import Frames
from analysis.kinds import BYTES


def best_candidates(frames: Frames) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return study and candidate of the best one per architecture, ratio and corpus, and notes.

    Best is place 1 of the verdicts, by validation; where a promotion has no verdict yet, the best
    candidate of its search. Of several promotions the newest counts.
    """
    keys = ["arch", "ratio", "corpus_fingerprint", "study", "candidate"]
    tested = frames.test[keys].drop_duplicates()
    placed = frames.verdicts[["study", "candidate", "place"]]
    tested = tested.merge(placed, on=["study", "candidate"], how="left")
    # Names end in a time, so that of equal names the last is the newest.
    tested["begun"] = tested["study"].str[-15:]
    tested = tested.sort_values(["begun", "study", "place", "candidate"])
    place = ["arch", "ratio", "corpus_fingerprint"]
    newest = tested.groupby(place)["study"].transform("last")
    older = sorted(set(tested["study"]) - set(newest))
    notes = tuple(
        f"{study}: a newer promotion of the same cell is shown instead" for study in older
    )
    best = tested[tested["study"] == newest].drop_duplicates(place)
    unjudged = best.loc[best["place"].isna(), "study"]
    notes += tuple(f"{study}: no verdict yet, its first candidate is shown" for study in unjudged)
    others = frames.runs.loc[frames.runs["objective"] != "psnr", ["study", "objective"]]
    notes += tuple(
        f"{study}: its candidates were chosen by {name}, and their PSNR stands beside that of "
        "candidates chosen by it"
        for study, name in others.drop_duplicates().itertuples(index=False)
        if study in set(best["study"])
    )
    return best[["study", "candidate"]], notes


def on_common_images(test: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return the rows of images that every network has: differences must not be the images'."""
    sets = [set(images) for _, images in test.groupby(["arch", "ratio"])["image"]]
    common, joint = set.intersection(*sets), set.union(*sets)
    if not common:
        return test, ("the networks share no test image: their points do not compare",)
    words = f"{len(joint) - len(common)} images left out that not every network has scores of"
    return test[test["image"].isin(common)], (words,) if len(common) < len(joint) else ()


def distinct_codecs(codecs: pd.DataFrame) -> pd.DataFrame:
    """Return each score of a codec once: every promotion on the same images has the same ones."""
    return codecs.drop_duplicates(
        ["corpus_fingerprint", "codec", "ratio", "image", "crop_px", "low_db", "quantiser_step"]
    )


def complete_settings(codecs: pd.DataFrame, num_images: int) -> tuple[pd.DataFrame, list[str]]:
    """Return settings of codecs that cover all images: some codecs cannot get small enough."""
    keys = ["codec", "ratio", "quantiser_step"]
    counts = codecs.groupby(keys, dropna=False)["image"].transform("nunique")
    short = codecs.assign(count=counts)[counts < num_images].drop_duplicates(keys)
    sentences = [
        f"{codec} at nominal {ratio}x left out: it has {count} of {num_images} images"
        for codec, ratio, count in zip(short["codec"], short["ratio"], short["count"], strict=True)
    ]
    return codecs[counts == num_images], sentences


def complete_images(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of images that every architecture and seed has, so that images pair."""
    runs = rows.groupby(["arch", "seed"]).ngroups
    return rows[rows.groupby("image")["image"].transform("size") == runs]


def judged_rows(test: pd.DataFrame, rate: str) -> pd.DataFrame:
    """Return the rows that a run is judged by: one per image.

    At the target rate where ratios count bytes, unquantised where they count elements. A run of
    bytes that was coded without a target has none.
    """
    if rate == BYTES:
        return test[test["step_scale"] == 1]
    return test[test["rate_bpp"].isna()]
