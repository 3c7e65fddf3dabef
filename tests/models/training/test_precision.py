import subprocess
import sys

import pytest

from models.registry import ModelConfig
from models.training import precision
from models.training.precision import CANDIDATES, MIN_GAIN, PLAIN, Stack, choose_stack, fastest

pytestmark = pytest.mark.slow

BF16, LAST = CANDIDATES[1], CANDIDATES[2]
MODEL = ModelConfig("baseline", ratio=16, base_channels=4)


@pytest.fixture(autouse=True)
def forget_probes():
    precision._CHOSEN.clear()


def test_where_plain_fp32_does_not_run_the_fastest_that_does_is_taken():
    stack = fastest({LAST: 0.2, BF16: 0.1}, [PLAIN], [])
    assert (stack.precision, stack.channels_last) == (BF16.precision, BF16.channels_last)
    assert "because plain fp32 fails here" in stack.reason


def test_the_fastest_stack_wins_and_says_by_how_much():
    stack = fastest({PLAIN: 1.0, LAST: 0.8, BF16: 1.6}, [], [])
    assert (stack.precision, stack.channels_last) == ("fp32", True)
    assert stack.reason == (
        "fp32 channels_last 1.25x of plain fp32, bf16 channels_last 0.62x of plain fp32"
    )


@pytest.mark.parametrize(
    ("gain", "is_chosen"), [(MIN_GAIN - 0.01, False), (MIN_GAIN, True), (MIN_GAIN + 0.01, True)]
)
def test_a_stack_must_beat_plain_by_more_than_noise(gain, is_chosen):
    assert fastest({PLAIN: gain, LAST: 1.0}, [], []).channels_last is is_chosen


def test_stacks_that_did_not_run_are_named():
    reason = fastest({PLAIN: 1.0}, [LAST], [BF16]).reason
    assert reason == "fp32 channels_last fails here, bf16 channels_last not native here"


def test_a_stack_that_crashes_the_child_is_left_out(monkeypatch):
    requests = []

    def run_child(request, variables):
        requests.append(request["stacks"])
        has_last = ["fp32", True] in request["stacks"]
        return (len(request["stacks"]) - 1, []) if has_last else (1, [0.1])

    monkeypatch.setattr(precision, "_run_child", run_child)
    monkeypatch.setattr(precision, "_has_bf16", lambda device: False)
    stack = choose_stack(MODEL, 64, 16)
    assert requests == [[["fp32", False], ["fp32", True]], [["fp32", False]]]
    assert (stack.precision, stack.channels_last) == ("fp32", False)
    assert "fp32 channels_last fails here" in stack.reason


def test_no_stack_surviving_means_the_plain_one(monkeypatch):
    monkeypatch.setattr(precision, "_run_child", lambda request, variables: (0, []))
    assert choose_stack(MODEL, 64, 16) == Stack("fp32", False, "no probe finished")


def test_wide_models_share_one_probe_and_narrow_ones_have_their_own(monkeypatch):
    widths = []

    def run_child(request, variables):
        widths.append(request["model_config"]["base_channels"])
        return len(request["stacks"]), [1.0] * len(request["stacks"])

    monkeypatch.setattr(precision, "_run_child", run_child)
    for base_channels in (8, 15, 16, 17, 64, 8):
        choose_stack(ModelConfig("baseline", 16, base_channels), 256, 16)
    assert widths == [8, 15, 16]


def test_the_probe_times_a_real_model_in_a_child_process():
    stack = choose_stack(MODEL, 16, 2)
    assert "of plain fp32" in stack.reason


def test_ctrl_c_does_not_reach_the_child_that_would_seem_to_crash():
    script = """
import os, signal, threading
from models.registry import ModelConfig
from models.training.precision import choose_stack

signal.signal(signal.SIGINT, lambda *_: None)
threading.Timer(1.0, os.killpg, (0, signal.SIGINT)).start()
print(choose_stack(ModelConfig("baseline", 16, 4), 16, 2).reason)
"""
    command = [sys.executable, "-c", script]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, start_new_session=True
    )
    assert "of plain fp32" in done.stdout
    assert "fails here" not in done.stdout
    assert "no probe finished" not in done.stdout


@pytest.mark.skipif(sys.platform != "linux", reason="reads the page faults of a glibc system")
def test_a_prepared_process_trains_without_asking_the_kernel_for_memory_again():
    # In a child, because the settings are for good, and in a thread, because Ray trains in one.
    script = """
import resource, statistics, threading
from models.training.precision import prepare_process
from models.training.probe import NoiseBatches
from models.registry import ModelConfig
from models.training import TrainConfig, TrainingSession, train_epochs

def train():
    model, batches = ModelConfig("baseline", 16, 8), NoiseBatches(crop_px=64, batch_size=16)
    session = TrainingSession(model, TrainConfig(epochs=12), batches, batches)
    for _ in train_epochs(session):
        counts.append(resource.getrusage(resource.RUSAGE_THREAD).ru_minflt)

assert prepare_process(num_threads=1)
counts = []
thread = threading.Thread(target=train)
thread.start()
thread.join()
print(statistics.median(b - a for a, b in zip(counts[5:], counts[6:])))
"""
    command = [sys.executable, "-c", script]
    child = subprocess.run(command, capture_output=True, text=True, check=False)
    assert child.returncode == 0, child.stderr
    assert float(child.stdout) < 50  # several thousand otherwise


def test_a_process_that_repeats_itself_asks_for_it_before_the_card_is_used():
    # In a child, because the settings are for good. Once cuBLAS has started it does not ask again.
    script = """
import os, sys, torch
from models.training.precision import repeat_exactly

repeat_exactly()
assert torch.are_deterministic_algorithms_enabled()
assert torch.is_deterministic_algorithms_warn_only_enabled()
assert not torch.backends.cudnn.allow_tf32
assert "torch._dynamo" not in sys.modules
print(os.environ["CUBLAS_WORKSPACE_CONFIG"])
"""
    command = [sys.executable, "-W", "error", "-c", script]
    child = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (child.stdout, child.stderr) == (":4096:8\n", "")
