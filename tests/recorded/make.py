"""Make the recorded tables: `python tests/recorded/make.py` writes tests/recorded/results again.

EVERY NUMBER IS MADE UP, by formulas that look like rate-distortion curves; nothing was trained and
nothing measured. The tables pin the arithmetic of the report, they say nothing about any model.

Two searches (one finished with every outcome, one running), one search with only crashed trials,
one folder without a table, and promotions of two architectures at three ratios, tested on two
groups of images with different bounds.
"""

import argparse
import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from tune.tables.files import write_table
from tune.tables.schemas import SCHEMAS

HERE = Path(__file__).parent
RATIOS = (4, 16, 64)
STEPS = (0.05, 0.1, 0.2, 0.4, 0.8)
SEEDS = (0, 1, 2)
START = datetime(2026, 1, 1, tzinfo=UTC)
CORPUS = {
    "corpus": "made_up",
    "is_synthetic": True,
    "corpus_fingerprint": "c0" * 8,
}
BOUNDS = {"north": (-17.5, 0.0), "south": (-22.0, 3.0)}
GAIN_DB = {"baseline": 0.0, "resnet": 0.3, "attention": 0.6}
PROMOTED = ("baseline", "attention")
CANDIDATE_DB = {"c1": 0.5, "c2": 0.42, "control": 0.0}
PICTURE_PX = 32
DEFAULTS: Mapping[str, Any] = {
    "string": "",
    "bool": False,
    "int32": 0,
    "int64": 0,
    "float64": 0.0,
    "timestamp": START,
    "binary": b"",
}

Row = dict[str, Any]


def row(table: str, **values: Any) -> Row:
    """A row with these values, and for every other column none or a plain default.

    Columns that came later hold what files without them are read as: these studies are older.
    """
    columns = SCHEMAS[table].columns
    filled = {c.name: None if c.nullable else DEFAULTS[c.type] for c in columns}
    filled |= {c.name: c.before for c in columns if c.is_added}
    return {**filled, **values}


def images() -> list[Row]:
    """Sixteen test images: twelve of one group, four of another with other bounds."""
    rng = np.random.default_rng(1)
    found = []
    for number in range(16):
        group = "north" if number < 12 else "south"
        low_db, high_db = BOUNDS[group]
        found.append(
            {
                "image": f"scene{number % 4}_{number * 64}_0",
                "scene": f"scene{number % 4}",
                "group": group,
                "polarisation": "VH",
                "crop_px": 256,
                "low_db": low_db,
                "high_db": high_db,
                "mean_db": round(-14 + 0.5 * number, 3),
                "texture": round(0.4 + float(rng.gamma(2, 0.2)), 4),
            }
        )
    return found


def scores(image: Row, psnr_db: float) -> Row:
    """Scores that belong to a PSNR on an image."""
    width_db = image["high_db"] - image["low_db"]
    return {
        "psnr_db": round(psnr_db, 4),
        "ssim": round(1 / (1 + math.exp(-(psnr_db - 20) / 3)), 4),
        "ms_ssim": round(1 / (1 + math.exp(-(psnr_db - 17) / 3)), 4),
        "rmse_db": round(width_db * 10 ** (-psnr_db / 20), 4),
        "bias_db": round(-0.6 / psnr_db, 4),
        "enl_ratio": round(1 + 40 / psnr_db**1.5, 4),
        "epi": round(min(0.99, psnr_db / 36), 4),
        "epi_sattar": round(min(0.95, psnr_db / 40), 4),
    }


def ideal_psnr_db(ratio: int) -> float:
    """PSNR of an unquantised autoencoder at a ratio."""
    return 17.0 + 11.0 / math.log2(ratio) ** 0.8


def jpeg2000_psnr_db(rate_bpp: float) -> float:
    """PSNR of JPEG2000 at a rate."""
    return 18.0 + 6.0 * math.log2(1 + 2.6 * rate_bpp)


def write_promotion(results: Path, arch: str, ratio: int, rng: np.random.Generator) -> None:
    """Write all tables of a promotion."""
    study = f"{arch}_full_c{256 // ratio}_cr{ratio}x_20260102_000000"
    runs, validation, test = [], [], []
    pictured = images()
    hardness_db = np.random.default_rng(7).normal(0, 1.2, len(pictured))
    for candidate, gain_db in CANDIDATE_DB.items():
        for seed in SEEDS:
            seed_db = float(rng.normal(0, 0.06))
            run = {
                "study": study,
                "run": f"{study}_{candidate}_s{seed}",
                "candidate": candidate,
                "seed": seed,
                "arch": arch,
                "ratio": ratio,
                "base_channels": 32,
            }
            # Every run chooses its own steps, as in `tune.evaluation.coding.fit_coders`.
            own_steps = [round(step * (1 + 0.02 * math.sin(1 + len(runs))), 5) for step in STEPS]
            level_db = ideal_psnr_db(ratio) + GAIN_DB[arch] + gain_db + seed_db
            runs.append(
                row(
                    "runs",
                    **run,
                    **CORPUS,
                    run_number=len(runs),
                    rank=None if candidate == "control" else int(candidate[1]),
                    search_val_psnr_db=round(level_db + 0.2, 4),
                    mode="full",
                    split_fingerprint="5b" * 8,
                    latent_channels=256 // ratio,
                    learning_rate=1e-4 if candidate == "control" else 4e-4,
                    outcome="completed",
                    epochs_finished=30,
                    best_epoch=28,
                    best_val_psnr_db=round(level_db, 4),
                    crop_px=256,
                    val_images=8,
                    train_s=round(900 + 60 * seed + 500 * (arch == "attention"), 1),
                    val_s=60.0,
                    wall_s=1000.0 + 500 * (arch == "attention"),
                    num_parameters=2_000_000,
                    device="cpu",
                )
            )
            for number in range(8):
                hard_db = float(np.random.default_rng(number).normal(0, 1))
                noise_db = float(np.random.default_rng(len(validation) + 99).normal(0, 0.1))
                score = level_db + hard_db + noise_db
                validation.append(
                    row("validation", **run, image=f"val{number}", psnr_db=round(score, 4))
                )
            for image, hard_db in zip(pictured, hardness_db, strict=True):
                base_db = level_db + float(hard_db) + float(rng.normal(0, 0.05))
                test.append(row("test", **run, **CORPUS, **image, **scores(image, base_db)))
                for step in own_steps:
                    rate = 0.9 * (256 / ratio) / 256 * max(0.3, math.log2(4 / step))
                    coded = {
                        "quantiser_step": step,
                        "rate_bpp": round(rate * (1 + 0.03 * float(hard_db)), 5),
                    }
                    lost_db = 2.5 * step**1.5
                    quality = scores(image, base_db - lost_db)
                    test.append(row("test", **run, **CORPUS, **image, **coded, **quality))
    tables = results / study / "tables"
    tables.mkdir(parents=True, exist_ok=True)
    write_table(tables, "runs", runs)
    write_table(tables, "validation", validation)
    write_table(tables, "test", test)
    write_table(tables, "verdicts", verdicts(study, arch, ratio, runs))
    write_table(tables, "codecs", codecs(study, pictured, hardness_db))
    write_table(tables, "pictures", pictures(study, arch, ratio))
    write_files(results / study, ["tune.promote", "--arch", arch, "--ratio", str(ratio)], arch)


def verdicts(study: str, arch: str, ratio: int, runs: list[Row]) -> list[Row]:
    """The verdict on each candidate; intervals are made up around the differences of the means."""
    means = {
        name: float(np.mean([r["best_val_psnr_db"] for r in runs if r["candidate"] == name]))
        for name in CANDIDATE_DB
    }
    order = sorted(means, key=lambda name: -means[name])
    found = []
    for place, name in enumerate(order, start=1):
        rival = order[0] if name != order[0] else order[1]
        gains = {"control": None, "rival": means[name] - means[rival]}
        if name != "control":
            gains["control"] = means[name] - means["control"]
        intervals = {
            f"{key}_gain_{part}_db": None if gain is None else round(gain + shift, 4)
            for key, gain in gains.items()
            for part, shift in (("mean", 0.0), ("low", -0.11), ("high", 0.11))
        }
        found.append(
            row(
                "verdicts",
                study=study,
                arch=arch,
                ratio=ratio,
                **CORPUS,
                candidate=name,
                place=place,
                num_seeds=len(SEEDS),
                val_psnr_db=round(means[name], 4),
                val_psnr_low_db=round(means[name] - 0.15, 4),
                val_psnr_high_db=round(means[name] + 0.15, 4),
                **intervals,
                p_best=(0.8, 0.2, 0.0)[place - 1],
                verdict=("best", "tied", "worse")[place - 1],
                shrinkage_db=0.2 if name != "control" else None,
            )
        )
    return found


def codecs(study: str, pictured: list[Row], hardness_db: np.ndarray) -> list[Row]:
    """JPEG2000 and HEVC at five targets, and both linear references unquantised and coded."""
    found = []
    for image, hard_db in zip(pictured, hardness_db, strict=True):
        for ratio in (4, 8, 16, 32, 64):
            rate = 8 / ratio * 0.98
            linear_db = ideal_psnr_db(ratio) - 0.5 + float(hard_db)
            for codec, psnr_db, rate_bpp in (
                ("jpeg2000", jpeg2000_psnr_db(rate) + float(hard_db), round(rate, 5)),
                ("hevc_intra", jpeg2000_psnr_db(rate) + 1.0 + float(hard_db), round(rate, 5)),
                ("block_klt", linear_db, None),
                ("down_up", linear_db - 0.8, None),
            ):
                found.append(
                    row(
                        "codecs",
                        study=study,
                        **CORPUS,
                        codec=codec,
                        ratio=ratio,
                        **image,
                        rate_bpp=rate_bpp,
                        **scores(image, psnr_db),
                    )
                )
    return found


def pictures(study: str, arch: str, ratio: int) -> list[Row]:
    """Five images of gamma noise over a slope; decoded ones are the original with more noise."""
    rules = ("best", "upper_quartile", "median", "lower_quartile", "worst")
    found = []
    for number, rule in enumerate(rules):
        rng = np.random.default_rng(100 + number)
        slope = np.linspace(0.2, 0.8, PICTURE_PX)[None, :] * np.ones((PICTURE_PX, 1))
        original = np.clip(slope * rng.gamma(9, 1 / 9, slope.shape), 0, 1)
        for source, noise in (
            ("original", 0.0),
            (arch, 0.02 * math.sqrt(ratio)),
            ("jpeg2000", 0.04),
        ):
            decoded = np.clip(original + rng.normal(0, noise, slope.shape), 0, 1)
            psnr_db = None
            if source != "original":
                psnr_db = round(-10 * math.log10(float(np.mean((decoded - original) ** 2))), 4)
            found.append(
                row(
                    "pictures",
                    study=study,
                    ratio=ratio,
                    source=source,
                    run=f"{study}_c1_s0" if source == arch else None,
                    image=images()[number * 2]["image"],
                    chosen_as=rule,
                    height_px=PICTURE_PX,
                    width_px=PICTURE_PX,
                    pixels=np.round(decoded * 255).astype(np.uint8).tobytes(),
                    psnr_db=psnr_db,
                    rate_bpp=None if source == "original" else 8 / ratio,
                )
            )
    return found


OUTCOMES = ("completed", "stopped", "completed", "diverged", "completed", "stopped", "failed")
REASONS = {
    "stopped": "worse than the cutoff at epoch 3",
    "diverged": "the training loss became NaN in epoch 3",
    "failed": "the worker died (made up)",
    "out_of_memory": "an allocation of 2 GiB failed (made up)",
}


def write_search(
    results: Path, arch: str, ratio: int, outcomes: tuple[str | None, ...], rng: np.random.Generator
) -> None:
    """Write all tables of a search whose trials ended so; None is a running trial."""
    study = f"{arch}_quick_c{256 // ratio}_cr{ratio}x_20260101_000000"
    trials, epochs, rungs = [], [], []
    for number, outcome in enumerate(outcomes):
        rate = float(10 ** rng.uniform(-4.5, -2.5))
        num_epochs = {"completed": 9, "stopped": 3, "diverged": 2, "failed": 1}.get(
            outcome or "", 4
        )
        num_epochs = 0 if outcome == "out_of_memory" else num_epochs
        top_db = ideal_psnr_db(ratio) + GAIN_DB[arch] - 0.6 * abs(math.log10(rate) + 3.3)
        trial = {"study": study, "trial": f"{study}_t{number:03d}", "trial_number": number}
        curve = [round(top_db - 3.0 / epoch, 4) for epoch in range(1, num_epochs + 1)]
        for epoch, score in enumerate(curve, start=1):
            epochs.append(
                row(
                    "epochs",
                    **trial,
                    epoch=epoch,
                    val_psnr_db=score,
                    train_psnr_db=round(score + 0.1 * epoch, 4),
                    val_ssim=0.5,
                    val_loss=round(0.3 / epoch, 4),
                    train_loss=round(0.28 / epoch, 4),
                    train_s=10.0,
                    val_s=2.0,
                    learning_rate=rate,
                    num_samples=160,
                    samples_per_s=16.0,
                    measured_peak_mib=400.0,
                    memory_method="rss_growth",
                    recorded_at=START + timedelta(seconds=12 * (len(epochs) + 1)),
                )
            )
        for rung, rung_epoch in enumerate((1, 3)):
            if num_epochs >= rung_epoch:
                rungs.append(
                    row(
                        "rungs",
                        **trial,
                        rung=rung,
                        rung_epoch=rung_epoch,
                        value=curve[rung_epoch - 1],
                        cutoff=None if number == 0 else round(ideal_psnr_db(ratio) - 3, 4),
                        num_values=number + 1,
                        kept=not (outcome == "stopped" and rung == 1),
                    )
                )
        best = curve[-1] if curve else None
        scored = (
            {}
            if best is None
            else {
                "best_epoch": num_epochs,
                "best_val_psnr_db": best,
                "best_val_ssim": 0.5,
                "best_val_loss": round(0.3 / num_epochs, 4),
                "best_train_psnr_db": round(best + 0.1 * num_epochs, 4),
                "psnr_gap_db": round(0.1 * num_epochs, 4),
                "last_val_psnr_db": best,
                "last_val_ssim": 0.5,
                "measured_peak_mib": 400.0,
                "memory_method": "rss_growth",
            }
        )
        trials.append(
            row(
                "trials",
                **trial,
                **CORPUS,
                **scored,
                arch=arch,
                ratio=ratio,
                latent_channels=256 // ratio,
                base_channels=(16, 32, 48)[number % 3],
                mode="quick",
                split_fingerprint="5b" * 8,
                data_fraction=0.05,
                crop_px=256,
                val_images=8,
                proposed_by="hand_set" if number == 0 else "searcher",
                learning_rate=rate,
                warmup_epochs=number % 4,
                schedule="plateau",
                mse_weight=0.5,
                ssim_weight=0.5,
                batch_size=16,
                max_epochs=9,
                precision="fp32",
                device="cpu",
                predicted_peak_mib=350.0 + 10 * number,
                outcome=outcome,
                reason=REASONS.get(outcome or ""),
                epochs_finished=num_epochs,
                train_s=10.0 * num_epochs,
                val_s=2.0 * num_epochs,
                wall_s=13.0 * num_epochs,
                wait_s=0.5,
                ended_at=None if outcome is None else START + timedelta(seconds=200),
            )
        )
    tables = results / study / "tables"
    tables.mkdir(parents=True, exist_ok=True)
    write_table(tables, "trials", trials)
    write_table(tables, "epochs", epochs)
    write_table(tables, "rungs", rungs)
    write_table(tables, "references", references(study))
    write_table(tables, "dimensions", dimensions(study))
    write_table(tables, "importance", importance(study) if len(trials) >= 8 else [])
    write_files(results / study, ["tune.search", "--arch", arch, "--ratio", str(ratio)], arch)


def dimensions(study: str) -> list[Row]:
    """The space that the searches walk."""
    return [
        row("dimensions", study=study, dimension=name, **values)
        for name, values in {
            "learning_rate": {
                "kind": "float", "low": 3e-5, "high": 1e-2, "is_log": True, "unit": "1"
            },
            "warmup_epochs": {"kind": "int", "low": 0.0, "high": 5.0, "unit": "epochs"},
            "base_channels": {"kind": "categorical", "choices": "16,32,48", "unit": "channels"},
        }.items()
    ]  # fmt: skip


def importance(study: str) -> list[Row]:
    """Importance at the first rung, by both evaluators."""
    shares = {"learning_rate": 0.625, "warmup_epochs": 0.125, "base_channels": 0.25}
    return [
        row(
            "importance",
            study=study,
            dimension=name,
            evaluator=evaluator,
            score="first_rung",
            epoch=1,
            num_trials=12,
            importance=share,
        )
        for evaluator in ("ped_anova", "fanova")
        for name, share in shares.items()
    ]


def references(study: str) -> list[Row]:
    """Both linear reference lines at five ratios."""
    return [
        row(
            "references",
            study=study,
            **CORPUS,
            split="val",
            crop_px=256,
            ratio=ratio,
            reference=name,
            psnr_db=round(ideal_psnr_db(ratio) - below_db, 4),
            ssim=0.5,
            num_images=8,
        )
        for ratio in (4, 8, 16, 32, 64)
        for name, below_db in (("block_klt", 0.5), ("down_up", 1.3))
    ]


def write_files(folder: Path, command: list[str], arch: str) -> None:
    """Write the two files beside the tables."""
    manifest = {"command": ["python", "-m", *command], "commit": "0" * 40, "device": "cpu"}
    (folder / "manifest.json").write_text(json.dumps(manifest) + "\n", encoding="utf-8")
    (folder / "study.toml").write_text(f'arch = "{arch}"\n', encoding="utf-8")


def make(results: Path) -> None:
    """Write everything below a folder of results."""
    rng = np.random.default_rng(0)
    write_search(results, "baseline", 16, OUTCOMES * 2, rng)
    write_search(results, "attention", 16, ("completed", None, "stopped", None), rng)
    write_search(results, "resnet", 64, ("failed", "out_of_memory", "diverged"), rng)
    for ratio in RATIOS:
        for arch in PROMOTED:
            write_promotion(results, arch, ratio, rng)
    empty = results / "residual_quick_c16_cr16x_20260101_000000"
    empty.mkdir(parents=True, exist_ok=True)
    write_files(empty, ["tune.search", "--arch", "residual", "--ratio", "16"], "residual")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=HERE / "results")
    make(parser.parse_args().out)
