import json
import platform
import subprocess
from pathlib import Path

import pytest
import torch

from data.stamp import CorpusStamp
from tune.config.machine import Machine
from tune.config.profiles import Pick
from tune.storage.kind import Kind
from tune.storage.manifest import (
    collect_manifest,
    device_name,
    library_versions,
    project_commit,
)

CORPUS = CorpusStamp(False, "s1", "0123456789abcdef", "fedcba9876543210")
REPOSITORY = Path(__file__).parents[3]


def manifest_of(**picked: Pick) -> dict[str, object]:
    command = ["python", "-m", "tune.search", "--data", "corpus/s1"]
    manifest = collect_manifest(Kind.SEARCH, command, Machine("cpu", 2), CORPUS, picked)
    return dict(json.loads(manifest.to_json()))


def test_the_manifest_says_what_the_study_was_made_with() -> None:
    manifest = manifest_of(crop_px=Pick(64, "fast on a CPU"))
    assert manifest["kind"] == "search"
    assert manifest["command"] == ["python", "-m", "tune.search", "--data", "corpus/s1"]
    assert manifest["data"] == {
        "is_synthetic": False,
        "corpus": "s1",
        "corpus_fingerprint": "0123456789abcdef",
        "split_fingerprint": "fedcba9876543210",
    }
    assert manifest["picked"] == {"crop_px": {"value": 64, "reason": "fast on a CPU"}}
    assert (manifest["device"], manifest["num_cores"]) == ("cpu", 2)
    assert manifest["device_name"]


def test_versions_are_those_that_run() -> None:
    versions = library_versions()
    assert versions["torch"] == torch.__version__
    assert versions["python"] == platform.python_version()


def test_the_manifest_has_no_path_of_the_machine() -> None:
    text = json.dumps(manifest_of())
    assert str(REPOSITORY) not in text
    assert str(Path.home()) not in text


def test_the_commit_is_that_of_the_checkout() -> None:
    head = subprocess.run(
        ["git", "-C", str(REPOSITORY), "rev-parse", "HEAD"],
        capture_output=True,
        text=True,
        check=False,
    )
    if head.returncode:
        pytest.skip("the tests do not run in a git checkout")
    assert project_commit() == head.stdout.strip()


def test_an_installed_copy_inside_another_checkout_has_no_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / "manifest.py").write_text("")
    monkeypatch.setattr("tune.storage.manifest.__file__", str(tmp_path / "manifest.py"))
    assert project_commit() is None
    assert manifest_of()["has_uncommitted_changes"] is None


def test_a_driver_without_a_card_says_that_its_cluster_has_them(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert device_name("cuda") == "cards of a cluster, see the table trials"
