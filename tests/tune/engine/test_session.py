"""What the driver does without Ray: signals, its environment, and when Ray is started."""

import os
import signal
import subprocess
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from tune.config.watching import USUAL
from tune.engine.run import interruptible
from tune.engine.session import environment, ray_on_demand
from tune.engine.temporary import sweep_temporary, temporary_prefix


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_first_signal_asks_for_the_end(number):
    before = signal.getsignal(number)
    reasons: list[str] = []
    with interruptible(SimpleNamespace(interrupt=reasons.append, interruption=None)):
        signal.raise_signal(number)
        assert reasons == [f"interrupted by {number.name}"]
    assert signal.getsignal(number) is before


def test_the_second_signal_ends_the_process_and_its_children_at_once(monkeypatch, capsys):
    codes, killed = [], []
    monkeypatch.setattr("os._exit", codes.append)
    # Not for real: multiprocessing's helpers are children of this process, too.
    monkeypatch.setattr("tune.engine.run.end_processes", killed.extend)
    asked = SimpleNamespace(interrupt=lambda _: None, interruption="interrupted by SIGINT")
    with subprocess.Popen(["sleep", "60"]) as child:
        with interruptible(asked):
            signal.raise_signal(signal.SIGINT)
        child.kill()
    assert child.pid in {process.pid for process in killed}
    assert codes == [130]
    assert "the same command resumes" in capsys.readouterr().err


def test_folders_of_dead_drivers_are_swept_and_those_of_living_ones_stay(tmp_path):
    dead, living, other = (
        tmp_path / f"{temporary_prefix(2**22 + 1)}x",  # above any process number of Linux
        tmp_path / f"{temporary_prefix(os.getpid())}x",
        tmp_path / "sar-tune-notes-x",
    )
    for folder in (dead, living, other):
        folder.mkdir()
    sweep_temporary(tmp_path)
    assert [folder.exists() for folder in (dead, living, other)] == [False, True, True]


def test_without_a_signal_the_handlers_are_as_before():
    before = signal.getsignal(signal.SIGINT)
    with interruptible(SimpleNamespace()):
        assert signal.getsignal(signal.SIGINT) is not before
    assert signal.getsignal(signal.SIGINT) is before


@pytest.fixture
def started(monkeypatch) -> list[object]:
    """Replace Ray; list what it was started with."""
    started: list[object] = []

    @contextmanager
    def session(packing, live, **settings):
        started.append(packing)
        settings["show_address"]("127.0.0.1:8265")
        yield lambda: started.append("let dashboard come up")
        started.append("ended")

    monkeypatch.setattr("tune.engine.session.ray_session", session)
    return started


def test_ray_starts_once_with_the_first_study_that_needs_it_and_ends_with_the_command(started):
    shown: list[str | None] = []
    with ray_on_demand(show_address=shown.append) as session:
        assert started == []
        session.start("first")
        session.start("second")
        assert started == ["first"]
    assert started == ["first", "ended"]
    assert shown == ["127.0.0.1:8265"]


def test_ray_is_not_started_where_no_study_needs_it(started):
    with ray_on_demand():
        pass
    assert started == []


def test_the_dashboard_comes_up_when_a_trial_has_begun(started):
    with ray_on_demand() as session:
        session.start("first")
        session.trial_has_begun()
        assert started == ["first", "let dashboard come up"]


def test_on_a_cluster_nothing_is_started_and_its_dashboard_is_shown_once(started):
    shown: list[str] = []
    nodes = SimpleNamespace(dashboard="127.0.0.1:9000")
    with ray_on_demand(USUAL, nodes, show_address=shown.append) as session:
        session.start("first")
        session.start("second")
        session.trial_has_begun()
    assert started == []
    assert shown == ["127.0.0.1:9000"]


def test_an_environment_is_exchanged_and_comes_back_after_an_error(monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", "auto")
    before, inside = dict(os.environ), {}

    def work():
        with environment({"ONE": "1"}):
            inside.update(os.environ)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work()
    assert inside == {"ONE": "1"}
    assert dict(os.environ) == before
