"""The recorded tables, and made-up ones whose curves are known, as frames."""

from pathlib import Path

import pytest

import analysis
from analysis.frames import Frames
from analysis.rates.curves import RateDistortion, compute_rate_distortion
from tests.analysis.made_of_bytes import make_bytes

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


@pytest.fixture(scope="session")
def frames(tmp_path_factory: pytest.TempPathFactory) -> Frames:
    """Made-up tables of models that were trained for a rate, whose curves are known exactly."""
    folder = tmp_path_factory.mktemp("bytes")
    make_bytes(folder)
    return analysis.load(folder)


@pytest.fixture(scope="session")
def rates_of_bytes(frames: Frames) -> RateDistortion:
    """What the promotions among these made-up tables say."""
    return compute_rate_distortion(frames)
