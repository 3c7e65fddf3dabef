"""Sections of promotions: seeds, differences, winner's curse, costs, and scores by stratum."""

from analysis.frames import Frames
from analysis.kinds import BYTES
from analysis.page.figure_parts import MIN_MARKS
from analysis.page.section import NamedFigure, NamedTable, Section
from analysis.promotions.differences import Promotion, compute_promotions
from analysis.promotions.figures import (
    curse_finding,
    differences_finding,
    draw_differences,
    draw_seeds,
    draw_winners_curse,
    seeds_finding,
)
from analysis.promotions.strata import KINDS, Strata, compute_strata, draw_strata, strata_finding


def promotion_sections(frames: Frames) -> tuple[Section, ...]:
    """Return the sections; none where nothing was promoted."""
    promotions = compute_promotions(frames)
    strata = compute_strata(frames)
    return (
        *(_promotion_section(value, number) for number, value in enumerate(promotions, start=1)),
        *(_strata_section(value, number) for number, value in enumerate(strata, start=1)),
    )


def _promotion_section(promotion: Promotion, number: int) -> Section:
    ratios = sorted(set(promotion.seeds["ratio"]))
    seeds = tuple(
        NamedFigure(
            f"promotion_{number}_seeds_{ratio}x",
            f"Validation PSNR at {ratio}x: open marks are seeds, the bar is their mean with its "
            "95 % interval over seeds.",
            draw_seeds(promotion, ratio),
            promotion.seeds[promotion.seeds["ratio"] == ratio],
            title=seeds_finding(promotion, ratio),
        )
        for ratio in ratios
    )
    pairs = promotion.differences
    differences = tuple(
        NamedFigure(
            f"promotion_{number}_gain_{against}",
            f"Paired difference to {words}: mean over seeds and images with its 95 % interval. "
            "An interval across 0 tells nothing apart.",
            draw_differences(promotion, against),
            pairs[pairs["against"] == against],
            is_main=number == 1 and against == "control",
            title=differences_finding(promotion, against),
        )
        for against, words in (
            ("control", "the hand-set control"),
            ("rival", "the runner-up, of each winner"),
        )
        if (pairs["against"] == against).sum() > 1
    )
    curse = promotion.verdicts.dropna(subset=["search_val_psnr_db"])
    curses = (
        NamedFigure(
            f"promotion_{number}_winners_curse",
            "Promoted score against the score that chose the candidate. The best of many noisy "
            "scores flatters: shrinkage_db in the table is how much, less that of the control.",
            draw_winners_curse(promotion),
            curse[
                ["arch", "ratio", "candidate", "search_val_psnr_db", "val_psnr_db", "shrinkage_db"]
            ],
            title=curse_finding(promotion),
        ),
    )
    return Section(
        f"Promotion on {promotion.words}",
        f"promotion-{number}",
        (
            f"Scores of this section are on validation images{_at_rate(promotion)}, which "
            "candidates were chosen by; test scores are with rate-distortion. p is Wilcoxon's "
            "signed-rank test over images (mean over the seeds that both have), p Holm the same "
            f"corrected for all {len(pairs)} pairs here. Patches of one scene resemble each other, "
            "so p is too small rather than too large; it says nothing of other seeds, which the "
            "interval does.",
        ),
        (*seeds, *differences, *(curses if len(curse) >= MIN_MARKS else ())),
        (
            _verdict_table(promotion, number),
            _difference_table(promotion, number),
            NamedTable(
                f"promotion_{number}_costs",
                "What the best candidate of each promotion costs, mean over runs: hours of "
                "training of one run, and milliseconds to reconstruct and score one validation "
                "image.",
                promotion.costs,
            ),
        ),
    )


def _at_rate(promotion: Promotion) -> str:
    return ", at 8 / ratio bit per pixel" if promotion.rate == BYTES else ""


def _verdict_table(promotion: Promotion, number: int) -> NamedTable:
    columns = [
        *("arch", "ratio", "candidate", "place", "verdict", "num_seeds", "val_psnr_db"),
        *("val_psnr_low_db", "val_psnr_high_db", "p_best", "search_val_psnr_db", "shrinkage_db"),
    ]
    return NamedTable(
        f"promotion_{number}_verdicts",
        "Verdict on every candidate; p_best is the share of bootstrap samples in which it is best, "
        "which is too bold with two or three seeds.",
        promotion.verdicts[columns],
    )


def _difference_table(promotion: Promotion, number: int) -> NamedTable:
    columns = [
        *("arch", "ratio", "candidate", "other", "mean_db", "low_db", "high_db", "p", "p_holm"),
        *("num_images", "verdict"),
    ]
    return NamedTable(
        f"promotion_{number}_differences",
        "Paired difference of validation PSNR, candidate minus other, in dB.",
        promotion.differences[columns],
    )


def _strata_section(strata: Strata, number: int) -> Section:
    return Section(
        f"Where it is hard: {strata.words}",
        f"strata-{number}",
        (
            "Root mean square error of the backscatter by kind of image, "
            f"{'at 8 / ratio bit per pixel' if strata.rate == BYTES else 'unquantised'}, best "
            "candidates, and JPEG2000 at 8 bit over the ratio. Lower is better; RMSE in dB does "
            "not depend on the bounds, so all groups stand together. Intervals over images.",
        ),
        tuple(
            NamedFigure(
                f"strata_{number}_{kind}",
                f"Test RMSE by {kind}; thirds of the images by rank."
                if kind != "polarisation"
                else "Test RMSE by polarisation.",
                draw_strata(strata, kind),
                strata.scores[strata.scores["kind"] == kind],
                title=strata_finding(strata, kind),
            )
            for kind in KINDS
            if strata.scores.loc[strata.scores["kind"] == kind, "stratum"].nunique() > 1
        ),
    )
