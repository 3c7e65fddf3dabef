"""What Ray is told by its scheduler and its callback, with a Ray that does as it is told."""

from collections import deque
from collections.abc import Iterable
from types import SimpleNamespace

import pytest
from ray.tune.experiment import Trial

from tests.tune.card.test_packing import make_spec
from tune.engine.adapters import RungScheduler, StudyCallback
from tune.engine.worker import SPEC


class Conductor:
    """Notes who ends and who is taken back."""

    def __init__(self) -> None:
        self.ended: list[int] = []
        self.taken_back: deque[int] = deque()
        self.live: list[object] = []

    def put_back(self, number: int) -> None:
        self.taken_back.append(number)

    def has_put_back(self, number: int) -> bool:
        return number in self.taken_back

    def end(self, number: int, *_: object) -> None:
        self.ended.append(number)


class Controller:
    """Ray's loop with one trial: what is stopped has ended, and the callback hears of it."""

    def __init__(self, callback: StudyCallback, status: str, *others: object) -> None:
        metadata = SimpleNamespace(metric_analysis={}, metric_n_steps={}, last_result={})
        self.trial = SimpleNamespace(
            config={SPEC: make_spec(8)}, status=status, run_metadata=metadata
        )
        self._callback = callback
        self._live = {id(trial): trial for trial in (self.trial, *others)}

    def get_live_trials(self) -> Iterable[object]:
        return self._live.values()

    def get_trials(self) -> list[object]:
        return []

    def stop_trial(self, trial: object) -> None:
        self.trial.status = Trial.TERMINATED
        del self._live[id(trial)]
        self._callback.on_trial_complete(1, [], trial)


@pytest.mark.parametrize(
    ("status", "has_a_better_one", "is_moved"),
    [(Trial.PENDING, True, True), (Trial.PENDING, False, False), (Trial.RUNNING, True, False)],
)
def test_a_trial_that_waits_for_a_lost_place_is_stopped_at_once_and_has_not_ended(
    status, has_a_better_one, is_moved
):
    conductor = Conductor()
    nodes = SimpleNamespace(
        refresh=lambda live: None, has_a_better_one=lambda placement, live: has_a_better_one
    )
    running = SimpleNamespace(config={SPEC: make_spec(8)}, status=Trial.RUNNING)
    controller = Controller(StudyCallback(conductor, nodes), status, running)
    RungScheduler(conductor, nodes).choose_trial_to_run(controller)
    assert list(conductor.taken_back) == ([controller.trial.config[SPEC].number] * is_moved)
    assert (controller.trial.status == Trial.TERMINATED) == is_moved
    assert conductor.ended == []


def test_a_trial_that_was_not_put_back_ends_with_its_last_report():
    conductor = Conductor()
    controller = Controller(StudyCallback(conductor), Trial.RUNNING)
    controller.stop_trial(controller.trial)
    assert conductor.ended == [controller.trial.config[SPEC].number]
