"""The very commands of compose.yaml, each on a host of its own, find each other with a token."""

import json
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.docker.files import REPOSITORY, read_compose, whole_command
from tests.docker.hosts import Host, why_not

SERVICES = read_compose()["services"]
UP_S = 110.0

NODES = """
import json, sys, ray
ray.init(address="head:6379", log_to_driver=False, logging_level="CRITICAL")
found = [[n["NodeManagerAddress"], n["Alive"], n["Resources"].get("CPU", 0)] for n in ray.nodes()]
print(json.dumps(found))
"""

pytestmark = [pytest.mark.ray, pytest.mark.nightly]


def command_of(service: str) -> list[str]:
    """What a container runs, where the program lies here."""
    return [part.replace("/app", str(REPOSITORY)) for part in whole_command(SERVICES[service])]


@dataclass(frozen=True)
class Lab:
    head: Host
    worker: Host


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A head and a worker, each on its host, healthy."""
    if (reason := why_not()) is not None:
        pytest.skip(reason)
    place = Path(tempfile.mkdtemp(prefix="lab", dir="/tmp"))
    token = secrets.token_hex(32)
    variables = SERVICES["head"]["environment"] | {"PYTHONPATH": str(REPOSITORY)}
    head = Host(1, command_of("head"), variables, token, place / "1")
    worker = None
    try:
        healthy(head)
        worker = Host(2, command_of("worker"), variables, token, place / "2", switch=head)
        nodes_of(head, 2)
        yield Lab(head, worker)
    finally:
        for host in (worker, head):
            if host is not None:
                host.close()
        shutil.rmtree(place)


def healthy(host: Host) -> None:
    """Wait until a host passes the healthcheck of its service."""
    _, *check = SERVICES["head"]["healthcheck"]["test"]
    until = time.monotonic() + UP_S
    while host.run(check).returncode:
        assert time.monotonic() < until, host.said
        time.sleep(0.5)


def nodes_of(host: Host, number: int) -> list[list[object]]:
    """Wait until the cluster has so many living nodes: address, whether it lives, cores."""
    until = time.monotonic() + UP_S
    while True:
        done = host.run(["python", "-c", NODES])
        if done.returncode == 0:
            nodes = json.loads(done.stdout.splitlines()[-1])
            if sum(alive for _, alive, _ in nodes) >= number:
                return nodes
        assert time.monotonic() < until, done.stdout + done.stderr + host.said
        time.sleep(0.5)


def test_head_and_worker_are_nodes_of_one_cluster_and_only_the_worker_has_slots(lab):
    cores = {address: num_cores for address, alive, num_cores in nodes_of(lab.head, 2) if alive}
    assert set(cores) == {lab.head.address, lab.worker.address}
    assert cores[lab.head.address] == 0
    assert cores[lab.worker.address] > 0


@pytest.mark.parametrize("service", ["head", "worker"])
def test_a_service_passes_its_own_healthcheck(lab, service):
    kind, *check = SERVICES[service]["healthcheck"]["test"]
    assert kind == "CMD"
    done = getattr(lab, service).run(check)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "variables",
    [{"RAY_AUTH_TOKEN": "0" * 64}, {"RAY_AUTH_MODE": "disabled"}],
    ids=["wrong", "none"],
)
def test_who_has_not_the_token_is_refused(lab, variables):
    done = lab.worker.run(["ray", "health-check", "--address", "head:6379"], **variables)
    assert done.returncode != 0
    assert "AuthenticationError" in done.stdout + done.stderr


def test_a_driver_joins_for_the_time_of_its_command(lab):
    driver = driver_of(["python", "-c", NODES])
    done = lab.worker.run(driver)
    nodes = json.loads(done.stdout.splitlines()[-1])
    assert [cores for address, alive, cores in nodes if alive].count(0) == 2


def test_a_driver_with_another_token_is_one_sentence(lab):
    driver = driver_of(["echo", "never"])
    # Ray asks ten times, for 20 s, because a head that has just come up answers late.
    done = lab.worker.run(driver, RAY_AUTH_TOKEN="0" * 64, RAY_NUM_REDIS_GET_RETRIES="2")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("the cluster at head:6379 has another token: ")
    assert done.stderr.count("\n") == 1


def driver_of(command: Sequence[str]) -> list[str]:
    """What the service `search` runs, with another command in the place of the search."""
    search = command_of("search")
    return [*search[: search.index("python")], *command]
