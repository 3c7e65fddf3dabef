"""What the driver does without Ray: signals, shares of a device, and the place of sockets."""

import signal
from types import SimpleNamespace

import pytest

from tune.ray_driver import Packing, interruptible, socket_folder


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_first_signal_asks_for_the_end_and_leaves_the_second_to_python(number):
    before = signal.getsignal(number)
    reasons: list[str] = []
    with interruptible(SimpleNamespace(interrupt=reasons.append)):
        signal.raise_signal(number)
        assert reasons == [f"interrupted by {number.name}"]
        assert signal.getsignal(number) is before


def test_without_a_signal_the_handlers_are_as_before():
    before = signal.getsignal(signal.SIGINT)
    with interruptible(SimpleNamespace()):
        assert signal.getsignal(signal.SIGINT) is not before
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize(("length", "is_kept"), [(24, True), (25, False)])
def test_a_long_temporary_folder_is_left_to_the_sockets_limit(length, is_kept):
    folder = "/" + "x" * (length - 1)
    assert socket_folder(folder) == (folder if is_kept else "/tmp")


def test_trials_share_a_device_equally():
    assert Packing(max_concurrent=4, num_gpus=1).gpus_per_trial == 0.25
    assert Packing(max_concurrent=4, num_gpus=0).gpus_per_trial == 0
