"""The learning rate at every optimiser step.

Every schedule begins with a linear warmup from a tenth of the learning rate. What follows it is a
function of the step alone, but for plateau, which has a memory:

- plateau: the rate is halved after 10 epochs without a lower validation loss.
- cosine: half a cosine from the full rate down to zero.
- one_cycle: the same down to a ten-thousandth; a warmup of 0 is replaced by a rise from 1/25 over
  30 % of the run (Smith and Topin, 2018).
- triangular2: triangles with their foot at a tenth of the rate, each half as high as the one before
  (Smith, 2017). The warmup is the first one's rise, three of them fill the run, and early stopping
  waits for the foot of a triangle.
- constant: the full rate.
"""

import math
from typing import Any

WARMUP_START = 0.1
"""The warmup's first rate, and the foot of triangular2, as a share of the learning rate."""

SCHEDULES = ("plateau", "cosine", "one_cycle", "triangular2", "constant")

PLATEAU_FACTOR = 0.5
PLATEAU_PATIENCE_EPOCHS = 10
ONE_CYCLE_START = 1 / 25
ONE_CYCLE_END = 1e-4
ONE_CYCLE_RISE = 0.3
NUM_TRIANGLES = 3
NUM_HALF_TRIANGLES = 2 * NUM_TRIANGLES - 1  # the first rise is the warmup


class Schedule:
    """The learning rate of each step as a share of the configured one.

    Args:
        name: One of SCHEDULES.
        warmup_steps: Steps of the linear rise, 0 for none.
        total_steps: Steps of the whole run, the warmup included.
    """

    def __init__(self, name: str, *, warmup_steps: int, total_steps: int) -> None:
        self.name = name
        self._warmup_steps = warmup_steps
        self._total_steps = total_steps
        self._plateau_factor = 1.0
        self._lowest_loss = math.inf
        self._stalled_epochs = 0

    def factor(self, step: int) -> float:
        """Return the share of the learning rate that step uses; steps count from 0."""
        if self.name == "one_cycle" and self._warmup_steps == 0:
            rise_steps = ONE_CYCLE_RISE * self._total_steps
            if step < rise_steps:
                return _half_cosine(ONE_CYCLE_START, 1.0, step / rise_steps)
            return self._factor_after_warmup(_progress(step, rise_steps, self._total_steps))
        if step < self._warmup_steps:
            return _between(WARMUP_START, 1.0, step / self._warmup_steps)
        return self._factor_after_warmup(_progress(step, self._warmup_steps, self._total_steps))

    def _factor_after_warmup(self, progress: float) -> float:
        """Return the share of the learning rate at a progress in [0, 1] of what follows."""
        factors = {
            "plateau": self._plateau_factor,
            "cosine": _half_cosine(1.0, 0.0, progress),
            "one_cycle": _half_cosine(1.0, ONE_CYCLE_END, progress),
            "triangular2": _between(WARMUP_START, 1.0, _triangle_height(progress)),
            "constant": 1.0,
        }
        return factors[self.name]

    def finish_epoch(self, val_loss: float) -> None:
        """Tells the plateau how the epoch ended."""
        if val_loss < self._lowest_loss:
            self._lowest_loss = val_loss
            self._stalled_epochs = 0
            return
        self._stalled_epochs += 1
        if self._stalled_epochs > PLATEAU_PATIENCE_EPOCHS:
            self._plateau_factor *= PLATEAU_FACTOR
            self._stalled_epochs = 0

    def may_stop(self, first_step: int, end_step: int) -> bool:
        """Return whether a run may end early after the epoch of steps first_step up to end_step.

        Only triangular2 ever says no: inside a triangle the scores dip because the rate is high,
        so it allows an end only in the epoch where the rate reaches the foot.
        """
        if self.name != "triangular2":
            return True
        half = (self._total_steps - self._warmup_steps) / NUM_HALF_TRIANGLES
        feet = (self._warmup_steps + (2 * k + 1) * half for k in range(NUM_TRIANGLES))
        return any(first_step < foot <= end_step for foot in feet)

    def state_dict(self) -> dict[str, Any]:
        """Return what plateau remembers."""
        return {
            "plateau_factor": self._plateau_factor,
            "lowest_loss": self._lowest_loss,
            "stalled_epochs": self._stalled_epochs,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continues from what plateau remembered."""
        self._plateau_factor = state["plateau_factor"]
        self._lowest_loss = state["lowest_loss"]
        self._stalled_epochs = state["stalled_epochs"]


def _progress(step: int, start: float, end: float) -> float:
    return (step - start) / max(1, end - start)


def _triangle_height(progress: float) -> float:
    """Height in [0, 1] above the foot, from the top of the first triangle to the last foot."""
    halves = progress * NUM_HALF_TRIANGLES + 1  # counts half triangles from the missing first rise
    triangle, position = divmod(halves, 2)
    return float(0.5**triangle * (1 - abs(position - 1)))


def _between(start: float, end: float, share: float) -> float:
    return start + (end - start) * share


def _half_cosine(start: float, end: float, share: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2
