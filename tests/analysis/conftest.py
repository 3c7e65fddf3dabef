"""The recorded tables, as files and as frames."""

from pathlib import Path

import pytest

import analysis
from analysis.frames import Frames

RECORDED = Path(__file__).parent.parent / "recorded" / "results"


@pytest.fixture(scope="session")
def recorded_results() -> Path:
    """The folder of recorded tables; read it only."""
    return RECORDED


@pytest.fixture(scope="session")
def recorded(recorded_results: Path) -> Frames:
    """The recorded tables as frames."""
    return analysis.load(recorded_results)
