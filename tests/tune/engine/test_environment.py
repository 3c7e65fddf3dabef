"""What Ray's processes find in their environment."""

import os
from pathlib import Path

import pytest

from tune.engine.environment import (
    OF_ANOTHER_RAY,
    OWN,
    for_ray,
    for_workers,
    without_another_ray,
)

PROJECT, TEMPORARY = Path("/project"), Path("/tmp/sar-tune-1-x")


@pytest.mark.parametrize("name", OF_ANOTHER_RAY)
def test_nothing_leads_to_a_ray_that_runs_already(name):
    assert name not in for_ray({name: "x", "HOME": "/root"}, PROJECT, TEMPORARY)


def test_what_is_not_of_another_ray_stays():
    environment = {
        "HOME": "/root",
        "CUDA_VISIBLE_DEVICES": "1",
        "RAY_record_ref_creation_sites": "",
    }
    assert without_another_ray(environment) == environment


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({}, "/project"),
        ({"PYTHONPATH": ""}, "/project"),
        ({"PYTHONPATH": "/theirs"}, f"/project{os.pathsep}/theirs"),
    ],
)
def test_workers_look_for_packages_in_this_project_first(given, path):
    assert for_ray(given, PROJECT, TEMPORARY)["PYTHONPATH"] == path


def test_processes_of_ray_leave_their_files_in_the_folder_that_goes_away():
    assert for_ray({"TMPDIR": "/home/me"}, PROJECT, TEMPORARY)["TMPDIR"] == str(TEMPORARY)


def test_workers_on_a_cluster_are_given_one_thread_each():
    assert for_workers()["OMP_NUM_THREADS"] == "1"
    assert for_workers().keys() <= OWN.keys()


def test_trials_of_a_cluster_wait_for_their_workers_side_by_side(monkeypatch):
    from ray.tune.execution.tune_controller import _get_max_pending_trials
    from ray.tune.search import SearchGenerator

    from tune.engine.adapters import StudySearcher

    ours = SearchGenerator(StudySearcher(None))
    monkeypatch.delenv("TUNE_MAX_PENDING_TRIALS_PG", raising=False)
    assert _get_max_pending_trials(ours) == 1  # why it is set
    for name, value in OWN.items():
        monkeypatch.setenv(name, value)
    assert _get_max_pending_trials(ours) >= 1000
