"""What an exception says about a trial."""

import math
import re

import pytest
import torch

from models.training.epoch_result import NonFiniteError
from tune.outcomes import Outcome
from tune.trial.crashes import crash_outcome, crash_reason


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (NonFiniteError(2, "train loss", math.nan), Outcome.DIVERGED),
        (torch.OutOfMemoryError("CUDA out of memory"), Outcome.OUT_OF_MEMORY),
        (MemoryError(), Outcome.OUT_OF_MEMORY),
        (RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"), Outcome.OUT_OF_MEMORY),
        (RuntimeError("expected scalar type Float"), Outcome.FAILED),
        (ValueError("DefaultCPUAllocator: can't allocate memory"), Outcome.FAILED),
    ],
)
def test_every_exception_has_its_outcome(error, outcome):
    assert crash_outcome(error) is outcome


def test_a_failed_allocation_on_the_cpu_is_told_from_other_errors_of_torch():
    with pytest.raises(RuntimeError) as failure:
        torch.empty(2**60, dtype=torch.uint8)
    assert crash_outcome(failure.value) is Outcome.OUT_OF_MEMORY
    reason = crash_reason(failure.value)
    assert re.fullmatch(r"out of memory: asked for 1099511627776 MiB, had \d+ MiB", reason)


def test_a_card_that_is_full_says_what_was_asked_and_what_was_free():
    error = torch.OutOfMemoryError(
        "CUDA out of memory. Tried to allocate 2.50 GiB. GPU 0 has a total capacity of 7.79 GiB of "
        "which 512.00 MiB is free. Including non-PyTorch memory, this process has 7.2 GiB in use."
    )
    assert crash_reason(error) == "out of the card's memory: asked for 2560 MiB, had 512 MiB"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (NonFiniteError(2, "train loss", math.nan), "train loss is nan in epoch 2"),
        (RuntimeError("boom\nException raised from somewhere"), "RuntimeError: boom"),
        (MemoryError(), "MemoryError"),
    ],
)
def test_a_reason_is_one_line_that_says_what_and_why(error, reason):
    assert crash_reason(error) == reason
