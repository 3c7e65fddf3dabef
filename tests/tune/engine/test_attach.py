"""What keeps a driver out of a cluster is one sentence, within seconds."""

import socket
import threading
from contextlib import contextmanager

import pytest

from tests.tune.engine.clusters import wait_for
from tune.config.cluster import Cluster
from tune.engine import head as head_module
from tune.engine.attach import check_answer, refusal
from tune.engine.code import PACKAGES, copy_packages
from tune.engine.head import GONE, HeadWatch
from tune.engine.session import PROJECT
from tune.errors import UsageError
from tune.search import main as search


@contextmanager
def listening():
    """Somebody who takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def test_an_address_that_nobody_answers_is_refused():
    address = f"127.0.0.1:{free_port()}"
    with pytest.raises(UsageError, match=rf"found no Ray at {address} \(Connection refused\)"):
        check_answer(Cluster(address))


@pytest.mark.slow
def test_a_service_that_is_no_ray_is_refused(monkeypatch):
    monkeypatch.setattr("tune.engine.attach.ANSWER_S", 0.5)
    with listening() as (host, port), pytest.raises(UsageError, match="another service listens"):
        check_answer(Cluster(f"ray://{host}:{port}"))


def test_a_search_at_such_an_address_ends_with_2_and_leaves_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    code = search(["--arch", "baseline", "--address", f"127.0.0.1:{free_port()}"])
    assert code == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("error: a cluster must answer at its address, found no Ray at ")
    assert captured.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


MISMATCH = (
    "Version mismatch: The cluster was started with:\n    Ray: 2.60.0\n    Python: 3.12.1\n"
    "This process on node 10.0.0.1 was started with:\n    Ray: 2.60.0\n    Python: 3.11.7\n"
)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (RuntimeError(MISMATCH), "must have the same versions of Ray and Python"),
        (RuntimeError("Unauthenticated: InvalidAuthToken"), "RAY_AUTH_TOKEN_PATH"),
        (ConnectionError("ray client connection timeout"), "which did not take this driver"),
    ],
)
def test_what_ray_says_becomes_a_sentence_with_a_next_step(error, words):
    sentence = refusal(Cluster("lab:6379"), error)
    assert words in sentence
    assert "lab:6379" in sentence
    assert "\n" not in sentence


def test_what_is_sent_to_nodes_are_the_packages_and_nothing_beside_them(tmp_path):
    num_bytes = copy_packages(PROJECT, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == set(PACKAGES)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert num_bytes == sum(path.stat().st_size for path in files)
    assert not [path for path in files if "__pycache__" in path.parts]
    assert (tmp_path / "tune" / "engine" / "worker.py").is_file()


@pytest.mark.slow
def test_a_head_that_is_gone_asks_for_a_clean_end(monkeypatch):
    monkeypatch.setattr(head_module, "LOOK_S", 0.05)
    reasons = []
    with listening() as head:
        watch = HeadWatch(head)
        watch.on_gone(reasons.append)
        with watch:
            threading.Event().wait(0.5)
            assert not watch.is_gone
            monkeypatch.setattr(watch, "_head", ("127.0.0.1", free_port()))
            wait_for(lambda: watch.is_gone and reasons, limit_s=10)
    assert reasons == [GONE]
