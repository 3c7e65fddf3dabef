"""What keeps a node, or all of them, out of a search."""

from pathlib import Path

import pytest

from tests.tiny_corpus import build_tiny_corpus
from tests.tune.engine.clusters import local_cluster
from tests.tune.engine.machines import NO_MACHINES, can_unshare, lab
from tests.tune.engine.test_cluster_with_ray import LIMIT_S, outcomes, search

pytestmark = [pytest.mark.ray, pytest.mark.nightly]


@pytest.mark.timeout(500)
@pytest.mark.skipif(not can_unshare(), reason=NO_MACHINES)
def test_a_node_that_sees_other_folders_is_named_and_left_out(tmp_path: Path):
    home = tmp_path / "home"
    corpus = build_tiny_corpus(home / "corpus")
    with local_cluster() as cluster, lab(tmp_path, cluster.address, home) as machines:
        machines.add("lab-1", {})
        running = search(cluster, home, corpus, "--trials", "1", "--epochs", "1")
        running.wait(LIMIT_S)
        done = running.done()
        assert done.code == 2, done.output + done.errors
        left_out = " ".join(done.output.split())
        assert left_out.count("left out: ") == 1
        assert "left out: every node must have the study's corpus, found on node lab-1" in left_out
        assert "or use --stage" in left_out
        assert "needs a node that can train cpu trials, found none of" in done.errors
        assert not (home / "ray_results").exists()

        cluster.add({})
        running = search(cluster, home, corpus, "--trials", "1", "--epochs", "1")
        running.wait(LIMIT_S)
        done = running.done()
        assert done.code == 0, done.output + done.errors
        assert " ".join(done.output.split()).count("left out: ") == 1
        assert outcomes(home) == {"completed": 1}
