"""The recorded tables, as files and as frames."""

from pathlib import Path

import pytest

import analysis
from analysis.frames import Frames
from analysis.rates.curves import RateDistortion, compute_rate_distortion

RECORDED = Path(__file__).parent.parent / "recorded" / "results"


@pytest.fixture(scope="session")
def recorded_results() -> Path:
    """The folder of recorded tables; read it only."""
    return RECORDED


@pytest.fixture(scope="session")
def recorded(recorded_results: Path) -> Frames:
    """The recorded tables as frames."""
    return analysis.load(recorded_results)


@pytest.fixture(scope="session")
def rate_distortion(recorded: Frames) -> RateDistortion:
    """What the promotions among the recorded tables say."""
    return compute_rate_distortion(recorded)
