"""The wheel has all that the commands need, and works from any folder."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).parents[2]
PACKAGES = ("analysis", "data", "models", "tune")


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """The folder that the wheel's packages were unpacked into."""
    source = tmp_path_factory.mktemp("source")
    for name in PACKAGES:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(REPOSITORY / name, source / name, ignore=ignored)
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(REPOSITORY / name, source)
    wheels = tmp_path_factory.mktemp("wheels")
    # Without isolation, because that would fetch the builder, which is installed with torch.
    build = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--quiet"]
    subprocess.run([*build, "--wheel-dir", wheels, source], check=True)
    (wheel,) = wheels.glob("*.whl")
    place = tmp_path_factory.mktemp("installed")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(place)
    return place


def test_the_wheel_installs_our_packages_and_no_others(installed):
    names = {path.name for path in installed.iterdir() if path.suffix != ".dist-info"}
    assert names == set(PACKAGES)


def test_every_module_and_what_the_page_is_dressed_with_is_in_it(installed):
    suffixes = {".py", ".css", ".js"}
    for name in PACKAGES:
        ours, theirs = (
            {
                path.relative_to(place)
                for path in (place / name).rglob("*")
                if path.suffix in suffixes
            }
            for place in (REPOSITORY, installed)
        )
        assert ours == theirs


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("data.prepare --help", 0),
        ("tune.search --arch baseline --dry-run --data nowhere", 2),
        ("tune.status --results studies", 0),
        ("analysis.report --results studies --out page", 0),
    ],
)
def test_a_command_runs_from_a_folder_with_packages_called_like_ours(
    installed, tmp_path, command, code
):
    for name in ("models", "tune") if command.startswith("analysis") else ("models",):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(f"raise RuntimeError('their {name}')")
    (tmp_path / "studies").mkdir()
    done = subprocess.run(
        [sys.executable, "-m", *command.split()],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, "Traceback" in done.stderr) == (code, False), done.stderr
