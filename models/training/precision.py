"""How training runs on this machine: allocator settings, number format and memory layout.

Which stack is fastest differs between machines by factors, and one of them can crash: fp32 in
channels_last order segfaults in this torch build's backward of narrow strided 1x1 convolutions.
So stacks are timed in a child process (models.training.probe), once per kind of model and process.
"""

import ctypes
import json
import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

import torch

from models.registry import ModelConfig

logger = logging.getLogger(__name__)

PROBE_TIMEOUT_S = 120  # a few seconds on an idle machine, more where trials run already
PROBE_BATCH = 4
PROBE_CROP_PX = 64
PROBE_BASE_CHANNELS = 16
MIN_GAIN = 1.05
"""A stack must beat the plain one by more than the noise of a short probe."""

# glibc's malloc.h
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4
TOP_PAD_BYTES = 64 * 2**20
NEVER = 2**31 - 1


@dataclass(frozen=True)
class Stack:
    """A number format and a memory layout for TrainConfig.

    Attributes:
        precision: "fp32" or "bf16".
        channels_last: Whether tensors lie in NHWC order.
        reason: What was measured, for people.
    """

    precision: str
    channels_last: bool
    reason: str

    @property
    def name(self) -> str:
        """Such as "fp32 channels_last"."""
        return f"{self.precision} channels_last" if self.channels_last else self.precision


PLAIN = Stack("fp32", channels_last=False, reason="")
CANDIDATES = (
    PLAIN,
    Stack("bf16", channels_last=True, reason=""),
    Stack("fp32", channels_last=True, reason=""),  # last: it is the one that may crash
)


def prepare_process(num_threads: int | None = None) -> bool:
    """Settings of the whole process that make training faster; call it when a worker starts.

    glibc hands large blocks back to the kernel as soon as they are freed, and every training step
    then pays for tens of thousands of page faults to get them again. Here it keeps them: the
    resident set stays at its peak until the process ends.

    On a card, training repeats itself: see `repeat_exactly`.

    Args:
        num_threads: Threads of torch; None leaves them as they are.

    Returns:
        True where the allocator could be told, False on systems without glibc.
    """
    if num_threads is not None:
        torch.set_num_threads(num_threads)
    if torch.cuda.is_available():
        repeat_exactly()
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if os.name == "posix" else None
    if mallopt is None:
        return False
    settings = {
        M_MMAP_MAX: 0,  # large blocks come from the heap, too
        M_TRIM_THRESHOLD: NEVER,  # and the heap never shrinks
        M_TOP_PAD: TOP_PAD_BYTES,  # it grows in large pieces
    }
    results: list[int] = [mallopt(option, value) for option, value in settings.items()]
    return min(results) == 1


def repeat_exactly() -> None:
    """Let this process compute the same numbers twice on a card, and fp32 with all its 24 bits.

    By default cuDNN adds up gradients in any order, so a resumed trial would drift from an
    uninterrupted one, and it multiplies fp32 in TF32, with 11 bits, three digits less than the CPU
    that a trial is compared with. What that costs is measured by `benchmarks.on_card`.
    """
    # cuBLAS reads this when it starts; without a workspace of fixed size it may choose anew.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    # Only a warning for what has no repeatable form: a trial is not worth losing for it. Not by
    # torch.use_deterministic_algorithms, which imports torch's compiler, a second in every worker.
    torch._C._set_deterministic_algorithms(True, warn_only=True)
    torch._C._set_deterministic_fill_uninitialized_memory(False)
    torch.backends.cudnn.allow_tf32 = False


@dataclass(frozen=True)
class Probe:
    """What is trained to time stacks; `choose_stack` gives the same for the same probe."""

    model_config: ModelConfig
    crop_px: int
    batch_size: int
    device: str

    @classmethod
    def of(cls, model_config: ModelConfig, crop_px: int, batch_size: int, device: str) -> "Probe":
        """Return what stands for a training when its stacks are timed."""
        if torch.device(device).type != "cpu":
            return cls(model_config, crop_px, batch_size, device)
        width = min(model_config.base_channels, PROBE_BASE_CHANNELS)
        return cls(
            replace(model_config, base_channels=width),
            min(crop_px, PROBE_CROP_PX),
            min(batch_size, PROBE_BATCH),
            device,
        )

    @property
    def name(self) -> str:
        """All that what is measured depends on, but the machine, in one line."""
        return f"torch {torch.__version__}, {torch.get_num_threads()} threads, {self}"


def choose_stack(
    model_config: ModelConfig,
    crop_px: int,
    batch_size: int,
    device: str = "cpu",
    environment: Mapping[str, str] | None = None,
) -> Stack:
    """Return the fastest safe stack for a model, timed in a child process that may crash.

    Takes a few seconds the first time and nothing after: on the CPU all widths from 16 base
    channels on share a probe at 16 (narrower ones are probed as they are), at most 64 px and 4
    images, because the order of the stacks depends on the architecture and the machine only.

    Args:
        model_config: The model to train.
        crop_px: Side of its training images.
        batch_size: Images per step.
        device: As torch names it.
        environment: Variables of the child; this process's by default, which nobody may change
            meanwhile.
    """
    probe = Probe.of(model_config, crop_px, batch_size, device)
    if probe not in _CHOSEN:
        _CHOSEN[probe] = _probe_stacks(probe, environment or os.environ)
    return _CHOSEN[probe]


def fastest(seconds: dict[Stack, float], failed: list[Stack], unsupported: list[Stack]) -> Stack:
    """Return the stack to use, given the seconds per step of those that ran."""
    plain_s = seconds.get(PLAIN)
    if not seconds:
        return replace(PLAIN, reason="no probe finished")
    if plain_s is None:
        best = min(seconds, key=lambda stack: seconds[stack])
        return replace(best, reason=f"{best.name}, because plain fp32 fails here")
    gains = {stack: plain_s / s for stack, s in seconds.items()}
    best = max(gains, key=lambda stack: gains[stack])
    if gains[best] < MIN_GAIN:
        best = PLAIN
    notes = [f"{s.name} {gain:.2f}x of plain fp32" for s, gain in gains.items() if s != PLAIN]
    notes += [f"{s.name} fails here" for s in failed]
    notes += [f"{s.name} not native here" for s in unsupported]
    return replace(best, reason=", ".join(notes))


_CHOSEN: dict[Probe, Stack] = {}
"""What was timed in this process."""


def _probe_stacks(probe: Probe, variables: Mapping[str, str]) -> Stack:
    """Times the candidates; those that crash the child are left out in the next one."""
    is_bf16_native = _has_bf16(torch.device(probe.device))
    unsupported = [s for s in CANDIDATES if s.precision == "bf16" and not is_bf16_native]
    waiting = [s for s in CANDIDATES if s not in unsupported]
    failed: list[Stack] = []
    while waiting:
        request = {
            **asdict(probe),
            "stacks": [[s.precision, s.channels_last] for s in waiting],
            "num_threads": torch.get_num_threads(),
        }
        num_warm, seconds = _run_child(request, variables)
        if seconds:
            return fastest(dict(zip(waiting, seconds, strict=True)), failed, unsupported)
        failed.append(waiting.pop(min(num_warm, len(waiting) - 1)))
    return fastest({}, failed, unsupported)


def _run_child(request: dict[str, object], variables: Mapping[str, str]) -> tuple[int, list[float]]:
    """Return how many stacks survived their first step, and seconds per step if all did."""
    environment = {**variables} | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    command = [sys.executable, "-m", "models.training.probe", json.dumps(request)]
    with tempfile.TemporaryFile("w+") as output:  # a pipe would lose what a killed child wrote
        try:
            subprocess.run(
                command,
                env=environment,
                stdout=output,
                stderr=subprocess.DEVNULL,
                timeout=PROBE_TIMEOUT_S,
                check=False,
                # A terminal's Ctrl-C would end it, as a stack does that crashes.
                start_new_session=True,
            )
        except subprocess.TimeoutExpired:
            logger.warning("the probe of %s took over %s s", request, PROBE_TIMEOUT_S)
        output.seek(0)
        lines = [json.loads(line) for line in output]
    num_warm = sum("warm" in line for line in lines)
    return num_warm, next((line["seconds"] for line in lines if "seconds" in line), [])


def _has_bf16(device: torch.device) -> bool:
    """Return whether the device computes bf16 itself; a CPU that does not emulates it, slowly."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
