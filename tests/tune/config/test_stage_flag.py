"""`--stage`: where it means something, and what it is refused with."""

from argparse import ArgumentParser, Namespace

import pytest

from tune.config.cluster import SCRATCH, Cluster, add_cluster_flags, add_stage_flag, read_cluster
from tune.errors import UsageError


def read(*words: str, **shell: str) -> Cluster | None:
    parser = ArgumentParser()
    add_cluster_flags(parser)
    add_stage_flag(parser)
    return read_cluster(parser.parse_args(words, Namespace(mps=False)), shell)


def test_without_the_flag_nodes_see_the_driver_s_folders():
    assert read("--address", "lab:6379") == Cluster("lab:6379", scratch=None)


def test_without_a_value_it_is_a_folder_that_is_kept_over_a_restart():
    assert read("--stage", "--address", "auto") == Cluster("auto", scratch=SCRATCH)


def test_a_value_names_the_folder():
    assert read("--address", "auto", "--stage", "/data/me") == Cluster("auto", scratch="/data/me")


def test_it_goes_with_an_address_of_the_shell():
    found = read("--stage", RAY_ADDRESS="auto")
    assert found == Cluster("auto", is_from_shell=True, scratch=SCRATCH)


@pytest.mark.parametrize("shell", [{}, {"RAY_ADDRESS": "local"}])
def test_without_a_cluster_it_is_refused(shell):
    with pytest.raises(UsageError, match="--stage is for the nodes of a cluster, found no --addr"):
        read("--stage", **shell)


@pytest.mark.parametrize("folder", ["scratch", "./scratch", "~/scratch", ""])
def test_a_folder_that_is_another_one_on_every_node_is_refused(folder):
    with pytest.raises(UsageError, match=f"as an absolute path, found '{folder}': name one like"):
        read("--address", "auto", "--stage", folder)


def test_a_driver_that_is_no_part_of_the_cluster_is_refused():
    with pytest.raises(UsageError, match=r"needs a node of the cluster on this machine.*ray://lab"):
        read("--address", "ray://lab:10001", "--stage")
