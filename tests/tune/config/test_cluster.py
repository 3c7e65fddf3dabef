from argparse import Namespace

import pytest

from tune.config.cluster import Cluster, read_cluster
from tune.errors import UsageError


def read(address: str | None, **shell: str) -> Cluster | None:
    return read_cluster(Namespace(address=address, mps=False), shell)


def test_without_an_address_there_is_no_cluster():
    assert read(None) is None
    assert read(None, RAY_ADDRESS="") is None
    assert read(None, RAY_ADDRESS="local") is None


def test_the_flag_goes_before_the_shell():
    assert read("lab:6379", RAY_ADDRESS="auto") == Cluster("lab:6379")


def test_the_shell_is_followed_and_known_as_such():
    assert read(None, RAY_ADDRESS="ray://lab:10001") == Cluster("ray://lab:10001", True)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("auto", None),
        ("lab:6379", ("lab", 6379)),
        ("ray://lab:10001", ("lab", 10001)),
        ("[fe80::1]:6379", ("fe80::1", 6379)),
    ],
)
def test_an_address_says_where_somebody_must_listen(address, expected):
    found = read(address)
    assert found is not None
    assert found.host_and_port == expected


@pytest.mark.parametrize("address", ["", "lab", "lab:", "lab:0", "lab:65536", "http://lab:80", "-"])
def test_what_is_no_address_is_refused_in_a_sentence(address):
    with pytest.raises(UsageError, match=r"--address is auto, HOST:PORT or ray://HOST:PORT, found"):
        read(address)


def test_a_variable_that_is_no_address_is_named():
    with pytest.raises(UsageError, match=r"^RAY_ADDRESS is auto"):
        read(None, RAY_ADDRESS="lab")


def test_the_multi_process_service_belongs_to_the_node_s_own_command():
    with pytest.raises(UsageError, match=r"nodes with `python -m tune\.node --mps`"):
        read_cluster(Namespace(address="lab:6379", mps=True), {})
