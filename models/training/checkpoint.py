"""Checkpoints: a session and its configuration in one file that is whole or absent.

The file is written beside its place, flushed to the disk and then renamed over it, so a crash
leaves the checkpoint before it. It holds tensors, numbers and strings only and is read with
weights_only, so opening a stranger's checkpoint runs no code.
"""

import dataclasses
import io
import os
import pickle
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from models.errors import ModelError
from models.registry import ModelConfig
from models.training.config import TrainConfig
from models.training.session import TrainingSession

FORMAT_VERSION = 1


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint file holds.

    Attributes:
        model_config: What was trained.
        train_config: How.
        state: For TrainingSession.load_state_dict; tensors lie on the CPU.
        metadata: What the writer added: scores, fingerprints of corpus and split, the study.
    """

    model_config: ModelConfig
    train_config: TrainConfig
    state: dict[str, Any]
    metadata: dict[str, Any]


def save_checkpoint(
    path: Path | str, session: TrainingSession, metadata: Mapping[str, Any]
) -> None:
    """Writes the session to path atomically, replacing what is there.

    Args:
        path: A file in an existing folder.
        session: Between two epochs.
        metadata: Numbers, strings, lists and dicts of them.
    """
    content = {
        "version": FORMAT_VERSION,
        "model_config": dataclasses.asdict(session.model_config),
        "train_config": dataclasses.asdict(session.train_config),
        "state": session.state_dict(),
        "metadata": dict(metadata),
    }
    path = Path(path)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        # In memory first: torch's own writer ends the process when a disk fills under it.
        encoded = io.BytesIO()
        torch.save(content, encoded)
        with os.fdopen(descriptor, "wb") as file:
            file.write(encoded.getbuffer())
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def load_checkpoint(path: Path | str) -> Checkpoint:
    """Reads a checkpoint onto the CPU.

    Raises:
        ModelError: When the file is missing, damaged, no checkpoint, or of another version.
    """
    path = Path(path)
    if not path.is_file():
        raise ModelError(f"no checkpoint at {path}: check the path, or train again")
    try:
        _check_sums(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (
        RuntimeError,
        pickle.UnpicklingError,
        zipfile.BadZipFile,
        EOFError,
        OSError,
        ValueError,
    ) as error:
        raise ModelError(
            f"a checkpoint must be a whole file written by this program, {path} cannot be read: "
            "take another checkpoint of the run, or train again"
        ) from error
    if not isinstance(content, dict) or content.get("version") != FORMAT_VERSION:
        version = content.get("version") if isinstance(content, dict) else None
        raise ModelError(
            f"checkpoints must be of version {FORMAT_VERSION}, {path} is of version {version}: "
            "read it with the release that wrote it"
        )
    return Checkpoint(
        model_config=ModelConfig(**content["model_config"]),
        train_config=TrainConfig(**content["train_config"]),
        state=content["state"],
        metadata=content["metadata"],
    )


def _check_sums(path: Path) -> None:
    """Compares every part with its stored checksum: torch writes them and never looks at them."""
    with zipfile.ZipFile(path) as archive:
        damaged = archive.testzip()
    if damaged is not None:
        raise zipfile.BadZipFile(f"the checksum of {damaged} is wrong")
