"""What rows are marked with: card, commit and versions."""

import subprocess
from pathlib import Path

import torch

from benchmarks.on_card.rows import Stamp
from data.dataset import Corpus
from tune.card.child import run_in_child
from tune.card.device import measure_card
from tune.errors import UsageError
from tune.storage.manifest import project_commit

REPOSITORY = Path(__file__).parents[2]


def stamp_run(run: str, device: str, corpus: Corpus, commit: str | None) -> Stamp:
    """Return what the rows of a run are marked with, the stage left open.

    Args:
        run: Its name.
        device: "cuda" or "cpu".
        corpus: What is trained on.
        commit: Of the project, for a copy that has no history of its own.
    """
    return Stamp(
        run=run,
        stage="",
        device=_card_name() if device == "cuda" else "a CPU",
        commit=commit or _commit(),
        torch=torch.__version__,
        corpus=corpus.info.name + (" (SYNTHETIC)" if corpus.info.is_synthetic else ""),
        rehearsed=device == "cpu",
    )


def _card_name() -> str:
    """Return what the driver's tool calls the card, or torch, where the tool does not answer."""
    try:
        return measure_card("cuda").name
    except UsageError:
        return run_in_child(torch.cuda.get_device_name)


def _commit() -> str:
    """Return the commit, "+" behind it where files differ; "unknown" in a copy without history."""
    found = project_commit()
    if found is None:
        return "unknown"
    command = ["git", "-C", str(REPOSITORY), "status", "--porcelain", "--untracked-files=no"]
    changed = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    return found[:7] + ("+" if changed.strip() else "")
