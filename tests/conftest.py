"""What every test may rely on."""

import gc
import os
from pathlib import Path

import pytest
from hypothesis import settings

if "PYTEST_XDIST_WORKER" in os.environ:
    # As in the program: processes side by side have one thread each. Read when torch is imported.
    os.environ["OMP_NUM_THREADS"] = "1"

for name in ("COLUMNS", "FORCE_COLOR", "NO_COLOR"):
    os.environ.pop(name, None)  # what is printed shall not depend on who runs the tests

gc.set_threshold(100_000)  # as in every command

settings.register_profile("default", max_examples=40, deadline=None)
settings.register_profile("nightly", max_examples=1000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

REPOSITORY = Path(__file__).parent.parent


def pytest_collection_finish() -> None:
    """Never look again at what imports and collection made: half a million objects that stay."""
    gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests that start Ray first: they take longest, the short ones fill up the end."""
    items.sort(key=lambda item: item.get_closest_marker("ray") is None)


@pytest.fixture(scope="session")
def real_scenes() -> Path:
    """The folder of real Sentinel-1 scenes; the test is skipped, saying so, where it is absent."""
    default = REPOSITORY.parent / "shared" / "data" / "sentinel1"
    folder = Path(os.environ.get("SAR_TUNE_SCENES", default))
    if not (folder / "SPLIT.csv").is_file():
        pytest.skip(f"no real Sentinel-1 scenes in {folder} (set SAR_TUNE_SCENES to their folder)")
    return folder
