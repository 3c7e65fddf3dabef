"""How much faster the training step is than the predecessor's plain eager one, lever by lever.

`python -m benchmarks.training_step` prints a Markdown table of ratios: CPU seconds of the plain
step over CPU seconds with the lever, one thread, batch 16 at 64 px, ratio 16. Every stack runs in a
process of its own (allocator settings are process-wide), the processes take turns, and medians
are compared, so that a busy machine slows all of them alike. The last row is not this file's step
but the library's own session, averaging of weights and bookkeeping included.
"""

import argparse
import multiprocessing
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

BASE_CHANNELS = {"baseline": 32, "residual": 16, "attention": 16}
RATIO = 16
CROP_PX = 64
BATCH_SIZE = 16
STEPS_PER_TURN = 2
SESSION_STEPS_PER_TURN = 16
"""An epoch of a search has 60 and more: its end, with validation, is no part of a step."""

SESSION = "session"
STACKS: dict[str, tuple[str, ...]] = {
    "plain": (),
    "matmul SSIM": ("ssim",),
    "kept memory": ("memory",),
    "channels_last": ("layout",),
    "fused AdamW": ("fused",),
    "bf16 autocast": ("bf16",),
    "our modules": ("modules",),
    "our modules + matmul SSIM": ("modules", "ssim"),
    "… + fused AdamW": ("modules", "ssim", "fused"),
    "… + kept memory": ("modules", "ssim", "fused", "memory"),
    "… + channels_last": ("modules", "ssim", "fused", "memory", "layout"),
    "… + bf16": ("modules", "ssim", "fused", "memory", "layout", "bf16"),
    "the library's session": (SESSION,),
}


@dataclass
class Runner:
    """A child process that trains with one stack when told to."""

    process: BaseProcess
    connection: Connection
    seconds: list[float] = field(default_factory=list)

    def take_turn(self) -> None:
        """Trains for a turn and notes the CPU seconds per step."""
        self.connection.send("step")
        self.seconds.append(self.connection.recv())

    def end(self) -> None:
        """Hangs up."""
        self.connection.close()
        self.process.join()


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--arch", choices=BASE_CHANNELS, nargs="+", default=list(BASE_CHANNELS))
    parser.add_argument("--turns", type=int, default=3)
    options = parser.parse_args(argv)
    columns = {arch: measure(arch, options.turns) for arch in options.arch}
    names = [f"{arch}{BASE_CHANNELS[arch]}" for arch in columns]
    print(f"| step @{CROP_PX}, batch {BATCH_SIZE} | " + " | ".join(names) + " |")
    print("|---" * (len(names) + 1) + "|")
    for stack in STACKS:
        cells = [_cell(seconds, stack) for seconds in columns.values()]
        print(f"| {stack} | " + " | ".join(cells) + " |")
    return 0


def measure(arch: str, turns: int) -> dict[str, float]:
    """Median CPU seconds per step of every stack."""
    runners = {stack: _start(arch, levers) for stack, levers in STACKS.items()}
    for _ in range(turns):
        for runner in runners.values():
            runner.take_turn()
    for runner in runners.values():
        runner.end()
    return {stack: statistics.median(r.seconds) for stack, r in runners.items()}


def _cell(seconds: dict[str, float], stack: str) -> str:
    if stack == "plain":
        return f"{seconds[stack] * 1000:.0f} ms"
    return f"{seconds['plain'] / seconds[stack]:.2f}"


def _start(arch: str, levers: tuple[str, ...]) -> Runner:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, arch, levers), daemon=True)
    process.start()
    theirs.close()
    ours.recv()  # it is warmed up
    return Runner(process, ours)


def _serve(connection: Connection, arch: str, levers: tuple[str, ...]) -> None:
    """The child: steps whenever a message comes, ends when the parent hangs up."""
    import torch

    from models.training.precision import prepare_process

    torch.set_num_threads(1)
    if "memory" in levers or SESSION in levers:
        prepare_process()
    is_session = SESSION in levers
    turn = _session_turn(arch) if is_session else _turn(arch, levers)
    num_steps = SESSION_STEPS_PER_TURN if is_session else STEPS_PER_TURN
    turn()
    connection.send("ready")
    try:
        while connection.recv():
            started_s = time.process_time()
            turn()
            connection.send((time.process_time() - started_s) / num_steps)
    except EOFError:
        return


def _turn(arch: str, levers: tuple[str, ...]) -> Callable[[], None]:
    """The predecessor's steps, STEPS_PER_TURN at a time, with some levers pulled."""
    step = plain_step(_model_config(arch), CROP_PX, BATCH_SIZE, levers=levers)

    def turn() -> None:
        for _ in range(STEPS_PER_TURN):
            step()

    return turn


def plain_step(
    config: Any,
    crop_px: int,
    batch_size: int,
    *,
    device: str = "cpu",
    levers: tuple[str, ...] = (),
) -> Callable[[], None]:
    """Return the predecessor's step, for elements, on one batch of noise.

    Args:
        config: The model; its linear path and rate model are not built.
        crop_px: Side of the images.
        batch_size: Images of the batch.
        device: Where it computes.
        levers: What is made faster.
    """
    import torch
    import torch.nn.functional as F
    from torch import Tensor, nn

    from benchmarks.predecessor import build_plain_model, convolutional_ssim
    from models.metrics.ssim import ssim_per_image
    from models.registry import build_model

    model: nn.Module = (
        build_model(config, seed=0)
        if "modules" in levers
        else build_plain_model(config.arch, config.base_channels, config.latent_channels)
    )
    model = model.to(device)
    images = torch.rand(batch_size, 1, crop_px, crop_px, device=device)
    if "layout" in levers:
        model = model.to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused="fused" in levers or None)

    def similarity_of(x_hat: Tensor) -> Tensor:
        if "ssim" in levers:
            return ssim_per_image(x_hat, images).mean()
        return convolutional_ssim(x_hat, images)

    def step() -> None:
        optimizer.zero_grad()
        with torch.autocast(device, torch.bfloat16, enabled="bf16" in levers):
            x_hat = model(images)
        x_hat = (x_hat[0] if isinstance(x_hat, tuple) else x_hat).float()
        mse, similarity = F.mse_loss(x_hat, images), similarity_of(x_hat)
        loss = 0.5 * mse + 0.5 * (1 - similarity)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        for value in (loss, mse, similarity, -10 * torch.log10(mse)):
            value.item()  # the predecessor logs four values per step

    return step


def _session_turn(arch: str) -> Callable[[], None]:
    """One epoch of the library, with the stack that its probe chooses."""
    from models.training.config import TrainConfig
    from models.training.loop import train_epochs
    from models.training.precision import choose_stack
    from models.training.probe import NoiseBatches
    from models.training.session import TrainingSession

    config = _model_config(arch)
    stack = choose_stack(config, CROP_PX, BATCH_SIZE)
    train_config = TrainConfig(
        epochs=1000,
        patience=1000,
        precision=stack.precision,
        channels_last=stack.channels_last,
        batch_size=BATCH_SIZE,
    )
    images = NoiseBatches(CROP_PX, BATCH_SIZE, num_batches=SESSION_STEPS_PER_TURN)
    session = TrainingSession(config, train_config, images, NoiseBatches(16, 1))
    epochs = train_epochs(session)
    return lambda: (next(epochs), None)[1]


def _model_config(arch: str) -> Any:
    from models.registry import ModelConfig

    return ModelConfig(arch, RATIO, BASE_CHANNELS[arch])


if __name__ == "__main__":
    raise SystemExit(main())
