import math
from typing import Any

import pytest
from scipy import stats

from tune.statistics.intervals import half_width
from tune.statistics.matrix import Cell, Pixels, Progress, PromotionView, SearchView, build_matrices

PIXELS = Pixels(False, "s1", "c0", "s0", 64, 32)
CELL = ("baseline", 16)


def search(**changes: Any) -> SearchView:
    known = {
        "study": "study_a", "cell": CELL, "pixels": PIXELS, "num_ended": 1, "num_open": 0,
        "num_planned": 1, "best_number": 0, "best_db": 20.0, "hand_set_db": None,
    }  # fmt: skip
    known |= changes
    scores = {"best_score": known["best_db"], "hand_set_score": known["hand_set_db"]}
    return SearchView(**(scores | known))


def promotion(*test_psnr_db: float, **changes: Any) -> PromotionView:
    known = {
        "study": "study_p", "cell": CELL, "pixels": PIXELS, "num_parameters": 7,
        "candidate": "c1", "verdict": "best", "test_psnr_db": test_psnr_db,
    }  # fmt: skip
    return PromotionView(**(known | changes))


def describe(view: SearchView) -> tuple[dict[str, Any], list[str]]:
    row = {"trial": f"{view.study}_t{view.best_number:03d}", "num_parameters": 3}
    return row | {"learning_rate": 3.14159e-4, "batch_size": 32}, ["learning_rate", "batch_size"]


def only_cell(*views: SearchView | PromotionView) -> Cell:
    searches = [one for one in views if isinstance(one, SearchView)]
    promotions = [one for one in views if isinstance(one, PromotionView)]
    (matrix,) = build_matrices(searches, promotions, describe)
    (cell,) = matrix.cells.values()
    return cell


def promoted_of(*views: PromotionView) -> dict[tuple[str, int], bool | None]:
    (matrix,) = build_matrices([], views, describe)
    return {
        place: cell.promoted.is_below_baseline
        for place, cell in matrix.cells.items()
        if cell.promoted
    }


def test_the_trials_of_all_searches_of_a_cell_add_up() -> None:
    cell = only_cell(search(num_ended=2, num_open=1, num_planned=10), search(study="study_b"))
    assert (cell.num_studies, cell.num_ended, cell.num_open, cell.num_planned) == (2, 3, 1, 11)


def test_the_best_trial_has_the_highest_score_of_all_searches() -> None:
    cell = only_cell(search(), search(study="study_b", best_number=4, best_db=21.0))
    assert cell.best is not None
    assert (cell.best.trial, cell.best.val_psnr_db) == ("study_b_t004", 21.0)


def test_the_gain_is_over_the_hand_set_trial_of_the_same_study() -> None:
    cell = only_cell(search(hand_set_db=15.0), search(study="b", best_db=21.0, hand_set_db=20.5))
    assert cell.best is not None
    assert cell.best.gain_db == pytest.approx(0.5)


def test_the_best_trial_is_that_of_the_highest_score_by_the_objective() -> None:
    higher = search(study="a", best_db=21.0, best_score=0.7, hand_set_score=0.6)
    similar = search(study="b", best_db=20.0, best_score=0.8, hand_set_score=0.5)
    best = only_cell(higher, similar).best
    assert best is not None
    assert (best.trial, best.val_psnr_db, best.score) == ("b_t000", 20.0, 0.8)
    assert best.gain == pytest.approx(0.3)


def test_there_is_no_gain_without_a_score_of_the_hand_set_trial() -> None:
    best = only_cell(search()).best
    assert best is not None
    assert best.gain_db is None


def test_a_cell_without_a_score_has_no_best_trial() -> None:
    assert only_cell(search(best_number=None, best_db=-math.inf)).best is None


def test_the_best_configuration_is_told_by_what_was_searched() -> None:
    best = only_cell(search()).best
    assert best is not None
    assert best.words == ("lr 0.00031", "batch_size 32")


@pytest.mark.parametrize(
    "other",
    [
        Pixels(False, "s1", "c1", "s0", 64, 32),
        Pixels(False, "s1", "c0", "s1", 64, 32),
        Pixels(False, "s1", "c0", "s0", 128, 32),
        Pixels(False, "s1", "c0", "s0", 64, 64),
        Pixels(True, "s1", "c0", "s0", 64, 32),
        Pixels(False, "s1", "c0", "s0", 64, 32, "bytes"),
        Pixels(False, "s1", "c0", "s0", 64, 32, objective="ssim"),
    ],
)
def test_scores_on_other_pixels_never_share_a_matrix(other: Pixels) -> None:
    matrices = build_matrices([search(), search(pixels=other, best_db=30.0)], [], describe)
    cells = [list(matrix.cells.values()) for matrix in matrices]
    assert {cell.best.val_psnr_db for (cell,) in cells if cell.best} == {20.0, 30.0}


def test_ratios_of_bytes_come_before_those_of_elements() -> None:
    of_bytes = search(pixels=Pixels(False, "s1", "c0", "s0", 64, 32, "bytes"))
    matrices = build_matrices([search(), of_bytes], [], describe)
    assert [matrix.pixels.rate for matrix in matrices] == ["bytes", "elements"]


def test_real_corpora_come_before_synthetic_ones() -> None:
    synthetic = search(pixels=Pixels(True, "a", "c0", "s0", 64, 32))
    matrices = build_matrices([synthetic, search()], [], describe)
    assert [matrix.pixels.corpus for matrix in matrices] == ["s1", "a"]


def test_cells_are_told_apart_by_architecture_and_ratio() -> None:
    places = [("baseline", 16), ("resnet", 16), ("baseline", 4)]
    (matrix,) = build_matrices([search(cell=place) for place in places], [], describe)
    assert set(matrix.cells) == set(places)


def test_a_promotion_stands_beside_the_searches_of_its_cell() -> None:
    cell = only_cell(search(), promotion(21.0, 22.0))
    assert cell.best is not None
    assert cell.promoted is not None
    assert (cell.promoted.test_psnr_db, cell.promoted.num_seeds) == (21.5, 2)


def test_the_newest_promotion_with_test_scores_counts() -> None:
    cell = only_cell(promotion(21.0), promotion(22.0), promotion(), promotion(9.0, candidate=None))
    assert cell.promoted is not None
    assert cell.promoted.test_psnr_db == 22.0


@pytest.mark.parametrize(("score_db", "is_below"), [(20.99, True), (21.0, False), (22.0, False)])
def test_an_architecture_under_the_baseline_at_its_ratio_is_marked(
    score_db: float, is_below: bool
) -> None:
    place = ("attention", 16)
    marks = promoted_of(promotion(21.0), promotion(score_db, cell=place))
    assert marks == {CELL: None, place: is_below}


def test_without_a_baseline_at_its_ratio_nothing_is_marked() -> None:
    marks = promoted_of(promotion(21.0), promotion(1.0, cell=("attention", 4)))
    assert marks[("attention", 4)] is None


def test_what_is_driven_now_is_named() -> None:
    progress = Progress("study_p", "runs", 1, 9, 60.0)
    assert only_cell(search(), promotion(progress=progress)).running == (progress,)


@pytest.mark.parametrize("count", [2, 3, 10])
def test_the_interval_is_that_of_students_t(count: int) -> None:
    scores = [20.0 + 0.1 * i**2 for i in range(count)]
    low, high = stats.t.interval(0.95, count - 1, 0.0, stats.sem(scores))
    assert half_width(scores) == pytest.approx((high - low) / 2, rel=1e-4)
