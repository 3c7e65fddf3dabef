import pytest

from models.training.schedules import PLATEAU_PATIENCE_EPOCHS, SCHEDULES, WARMUP_START, Schedule


def schedule(name: str, warmup_steps: int = 10, total_steps: int = 110) -> Schedule:
    return Schedule(name, warmup_steps=warmup_steps, total_steps=total_steps)


@pytest.mark.parametrize("name", SCHEDULES)
def test_warmup_rises_linearly_from_a_tenth_and_meets_the_full_rate(name):
    rates = [schedule(name).factor(step) for step in (0, 5, 9, 10)]
    assert rates == pytest.approx([0.1, 0.55, 0.91, 1.0])


@pytest.mark.parametrize("name", sorted(set(SCHEDULES) - {"one_cycle"}))
def test_without_warmup_the_first_step_has_the_full_rate(name):
    assert schedule(name, warmup_steps=0).factor(0) == 1.0


@pytest.mark.parametrize("name", SCHEDULES)
def test_warmup_may_fill_the_whole_run(name):
    assert schedule(name, 10, 10).factor(9) == pytest.approx(0.91)


@pytest.mark.parametrize(
    ("name", "at_start", "in_the_middle", "at_end"),
    [
        ("constant", 1.0, 1.0, 1.0),
        ("plateau", 1.0, 1.0, 1.0),
        ("cosine", 1.0, 0.5, 0.0),
        ("one_cycle", 1.0, 0.50005, 1e-4),
        # The middle of the run is the middle of the second of the three triangles, half as high.
        ("triangular2", 1.0, 0.1 + 0.9 * 0.25, 0.1),
    ],
)
def test_rates_after_the_warmup(name, at_start, in_the_middle, at_end):
    rates = [schedule(name).factor(step) for step in (10, 60, 110)]
    assert rates == pytest.approx([at_start, in_the_middle, at_end])


def test_one_cycle_without_warmup_rises_from_a_25th_over_three_tenths():
    rates = [schedule("one_cycle", 0, 100).factor(step) for step in (0, 15, 30, 100)]
    assert rates == pytest.approx([1 / 25, (1 + 1 / 25) / 2, 1.0, 1e-4])


def test_triangles_halve_in_height_and_touch_the_foot_between():
    triangles = schedule("triangular2", 0, 100)
    tops = [triangles.factor(step) for step in (0, 40, 80)]
    feet = [triangles.factor(step) for step in (20, 60, 100)]
    assert tops == pytest.approx([WARMUP_START + 0.9 * h for h in (1, 0.5, 0.25)])
    assert feet == pytest.approx([WARMUP_START] * 3)


def test_plateau_halves_the_rate_after_its_patience_and_not_before():
    plateau = schedule("plateau", warmup_steps=0)
    plateau.finish_epoch(1.0)
    for _ in range(PLATEAU_PATIENCE_EPOCHS):
        plateau.finish_epoch(1.0)  # an equal loss is no improvement
    assert plateau.factor(50) == 1.0
    plateau.finish_epoch(1.0)
    assert plateau.factor(50) == 0.5


def test_an_improvement_restarts_the_patience_of_the_plateau():
    plateau = schedule("plateau", warmup_steps=0)
    for loss in [1.0] * (PLATEAU_PATIENCE_EPOCHS + 1) + [0.9, 1.0]:
        plateau.finish_epoch(loss)
    assert plateau.factor(50) == 1.0


def test_plateau_remembers_across_a_resume():
    first, second = schedule("plateau"), schedule("plateau")
    for _ in range(PLATEAU_PATIENCE_EPOCHS + 1):
        first.finish_epoch(1.0)
    second.load_state_dict(first.state_dict())
    for plateau in (first, second):
        plateau.finish_epoch(1.0)
    assert first.factor(50) == second.factor(50) == 0.5


@pytest.mark.parametrize("name", sorted(set(SCHEDULES) - {"triangular2"}))
def test_other_schedules_may_stop_after_any_epoch(name):
    assert all(schedule(name).may_stop(step, step + 10) for step in range(0, 110, 10))


@pytest.mark.parametrize(
    ("first_step", "end_step", "allowed"),
    [(10, 19, False), (10, 20, True), (19, 30, True), (20, 40, False), (90, 100, True)],
)
def test_triangles_stop_only_in_the_epoch_that_reaches_a_foot(first_step, end_step, allowed):
    # Without warmup 100 steps have their feet at 20, 60 and 100.
    assert schedule("triangular2", 0, 100).may_stop(first_step, end_step) is allowed
