"""Stage 4: milliseconds of a training step, plain, ours, and as it could become.

For every size: the predecessor's plain eager fp32 step, the library's step as it is (its batches
come from the host, those of the others lie on the card), the same without bookkeeping, and K
equal-shaped trials fused into one program. Then, as far as the time goes, captured as a CUDA graph
and compiled.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import torch

from benchmarks.on_card.context import Context
from benchmarks.on_card.facts import matrix_tflops
from benchmarks.on_card.models import trial_model
from benchmarks.on_card.rows import Row
from benchmarks.on_card.steps import BareStep, GroupStep, Step, graphed, session_step
from benchmarks.on_card.timing import Timing, synchronise, time_calls
from benchmarks.training_step import plain_step
from models.footprint.predict import predict_footprint
from models.registry import ModelConfig
from models.training.config import TrainConfig
from models.training.precision import repeat_exactly
from tune.card.child import run_in_child

CLAIM = "the library's step in bf16 takes at most a fifth of the plain one"
MIN_GAIN = 5.0
BATCH_SIZE = 16
STEPS_PER_EPOCH = 32
GROUPS = (4, 8, 16)
PLAIN_ARCHS = ("baseline", "residual", "attention")
"""Those that benchmarks.predecessor builds."""


@dataclass(frozen=True)
class Size:
    """What is trained, in the order of what a search trains most."""

    arch: str
    base_channels: int
    crop_px: int

    @property
    def model(self) -> ModelConfig:
        """The model that is trained."""
        return trial_model(self.arch, self.base_channels)


SIZES = (
    Size("baseline", 16, 64), Size("attention", 32, 128), Size("baseline", 32, 128),
    Size("attention", 16, 64), Size("residual", 32, 128), Size("resnet", 32, 128),
    Size("attention", 48, 256), Size("baseline", 64, 256),
)  # fmt: skip
TINY = (Size("baseline", 4, 32),)


@dataclass(frozen=True)
class Bench:
    """Where steps are timed, and against which rate of the card."""

    device: str
    budget_s: float
    peak_tflops: float
    steps_per_epoch: int

    def row(
        self,
        size: Size,
        kind: str,
        make: Callable[[], Step],
        *,
        steps_per_call: int = 1,
        num_trials: int = 1,
        plain_s: float | None = None,
    ) -> tuple[Row, float | None]:
        """Return the row of a step and its seconds; None, with the reason, where it cannot run."""
        figures: dict[str, float | int | str | None] = {
            "model": f"{size.arch}{size.base_channels}",
            "px": size.crop_px,
            "step": kind,
        }
        try:
            timing = time_calls(make(), self.device, self.budget_s)
        except Exception as error:  # whatever torch's compiler or mapping raises costs its own row
            note = (str(error).splitlines() or [type(error).__name__])[0][:120]
            return Row(_table(), {**figures, "note": note}), None
        step_s = timing.call_s / steps_per_call / num_trials
        figures |= {
            "ms": 1000 * step_s,
            "images/s": BATCH_SIZE / step_s,
            "times plain": None if plain_s is None else plain_s / step_s,
            "of the bf16 rate": f"{self._share(size, step_s):.1%}",
            "launch-bound": _launch_bound(kind, timing),
        }
        return Row(_table(), figures), step_s

    def _share(self, size: Size, step_s: float) -> float:
        macs = predict_footprint(size.model, size.crop_px, 1, "fp32").macs
        flops = 3 * 2 * macs * BATCH_SIZE  # backward costs twice what forward does
        return flops / step_s / 1e12 / self.peak_tflops


def measure(context: Context) -> Iterator[Row]:
    """Yield a row per size and step."""
    repeat_exactly()  # as in a worker
    sizes = TINY if context.is_rehearsal else SIZES
    peak = matrix_tflops(context.device, context.budget_s(0.02))
    num_steps = 2 if context.is_rehearsal else STEPS_PER_EPOCH
    bench = Bench(context.device, context.budget_s(0.006), peak, num_steps)
    for size in sizes:
        if context.remaining_s < 0.4 * context.limit_s:
            break
        yield from of_size(bench, size)
    for size in sizes:
        if context.remaining_s < 0.3 * context.limit_s:
            break
        if context.device == "cuda":
            # A capture that fails leaves torch's generator unusable: each has its own process.
            yield run_in_child(captured, bench, size)
        yield run_in_child(compiled, bench, size, _backend(context))


def of_size(bench: Bench, size: Size) -> Iterator[Row]:
    """Yield the steps of a size, the plain one first."""
    plain_s = None
    if size.arch in PLAIN_ARCHS:
        with _as_torch_comes():
            row, plain_s = bench.row(size, "plain fp32", lambda: _plain(bench, size))
        yield row
    for precision in ("fp32", "bf16"):
        row, step_s = bench.row(
            size,
            f"ours {precision}",
            partial(_ours, bench, size, precision),
            steps_per_call=bench.steps_per_epoch,
            plain_s=plain_s,
        )
        is_claimed = precision == "bf16" and None not in (plain_s, step_s)
        yield _claimed(row, plain_s, step_s) if is_claimed else row
    yield from _as_it_could_be(bench, size, plain_s)


def compiled(bench: Bench, size: Size, backend: str) -> Row:
    """Return the step whose loss torch compiles, and the seconds that compiling took."""
    repeat_exactly()
    compiling_s = 0.0

    def warm() -> Step:
        nonlocal compiling_s
        step = BareStep(size.model, _config("bf16"), size.crop_px, bench.device, compiled=backend)
        started_s = time.perf_counter()
        step()
        synchronise(bench.device)
        compiling_s = time.perf_counter() - started_s
        return step

    row, _ = bench.row(size, f"bf16, compiled ({backend})", warm)
    return Row(row.table, {**row.figures, "compiling s": compiling_s})


def captured(bench: Bench, size: Size) -> Row:
    """Return the step as a CUDA graph; in a process of its own."""
    repeat_exactly()

    def capture() -> Step:
        return graphed(BareStep(size.model, _config("bf16"), size.crop_px, bench.device))

    return bench.row(size, "bf16, CUDA graph", capture)[0]


def _backend(context: Context) -> str:
    return "eager" if context.is_rehearsal else "inductor"


def _as_it_could_be(bench: Bench, size: Size, plain_s: float | None) -> Iterator[Row]:
    def bare() -> BareStep:
        return BareStep(size.model, _config("bf16"), size.crop_px, bench.device)

    yield bench.row(size, "bf16, no bookkeeping", bare, plain_s=plain_s)[0]
    if bench.device == "cuda":
        yield _any_kernels(bench, size, bare, plain_s)
    for precision in ("fp32", "bf16"):
        for num_trials in GROUPS[:1] if bench.device == "cpu" else GROUPS:
            yield bench.row(
                size,
                f"{precision}, {num_trials} trials fused",
                partial(_group, bench, size, precision, num_trials),
                num_trials=num_trials,
                plain_s=plain_s,
            )[0]


def _any_kernels(
    bench: Bench, size: Size, bare: Callable[[], BareStep], plain_s: float | None
) -> Row:
    """Return the step with any kernels: beside the repeatable one, what repeating costs."""
    with _as_torch_comes():
        return bench.row(size, "bf16, no bookkeeping, any kernels", bare, plain_s=plain_s)[0]


def _plain(bench: Bench, size: Size) -> Step:
    return plain_step(size.model, size.crop_px, BATCH_SIZE, device=bench.device)


@contextmanager
def _as_torch_comes() -> Iterator[None]:
    """Let torch choose any kernels, TF32 too, as the predecessor did."""
    torch._C._set_deterministic_algorithms(False)
    torch.backends.cudnn.allow_tf32 = True
    try:
        yield
    finally:
        repeat_exactly()


def _ours(bench: Bench, size: Size, precision: str) -> Step:
    config = _config(precision)
    return session_step(size.model, config, size.crop_px, bench.device, bench.steps_per_epoch)


def _group(bench: Bench, size: Size, precision: str, num_trials: int) -> Step:
    return GroupStep(size.model, _config(precision), size.crop_px, bench.device, num_trials)


def _config(precision: str) -> TrainConfig:
    return TrainConfig(
        epochs=10**6,
        patience=10**6,
        batch_size=BATCH_SIZE,
        precision=precision,
        channels_last=precision == "bf16",
    )


def _claimed(row: Row, plain_s: float | None, step_s: float | None) -> Row:
    assert plain_s is not None
    assert step_s is not None
    return Row(row.table, row.figures, CLAIM, plain_s / step_s >= MIN_GAIN)


def _launch_bound(kind: str, timing: Timing) -> str | None:
    if kind.startswith(("plain", "ours")):  # these wait for the card on their own
        return None
    return "yes" if timing.is_launch_bound else "no"


def _table() -> str:
    return f"One training step of {BATCH_SIZE} images, per trial"
