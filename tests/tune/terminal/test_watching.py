"""What is printed about watching a search: addresses, commands, the dashboard's token."""

import io
import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tune.terminal.consoles import NASTY, drawn
from tune.config.watching import LOOPBACK, USUAL, Live
from tune.terminal.events import Events
from tune.terminal.watching import show_dashboard, show_watching, token_command

NOWHERE = Events(None)
PYTHON = Path(sys.executable)


@pytest.fixture
def asks(monkeypatch):
    """As Ray leaves the environment when it has started."""
    monkeypatch.setenv("RAY_AUTH_MODE", "token")


@pytest.mark.usefixtures("asks")
def test_a_dashboard_that_others_can_reach_is_warned_of():
    reachable = drawn(200, show_dashboard, NOWHERE, "0.0.0.0:8265", Live(host="0.0.0.0"))
    assert "has the token can run code" in reachable
    assert "can run code" not in drawn(200, show_dashboard, NOWHERE, f"{LOOPBACK}:8265", USUAL)


@pytest.mark.usefixtures("asks")
def test_the_token_is_asked_for_once_and_its_command_is_the_environment_s_own():
    lines = drawn(60, show_dashboard, NOWHERE, f"{LOOPBACK}:8265", USUAL).splitlines()
    assert lines[0] == f"Ray dashboard: http://{LOOPBACK}:8265"
    assert "once" in lines[1]
    assert lines[-1].split()[0] == str(PYTHON.parent / "ray")


@pytest.mark.ray
def test_the_command_prints_the_token(tmp_path):
    command = token_command({"RAY_AUTH_MODE": "token"}, PYTHON)
    done = subprocess.run(
        ["sh", "-c", command],
        capture_output=True,
        text=True,
        check=True,
        env={
            "RAY_AUTH_TOKEN": "0123456789abcdef" * 4,
            "HOME": str(tmp_path),
            "PATH": "/usr/bin:/bin",
        },
    )
    assert done.stdout.strip() == "0123456789abcdef" * 4


@pytest.mark.parametrize(("mode", "asks"), [("token", True), ("TOKEN", True), ("disabled", False)])
def test_a_dashboard_without_a_token_has_no_command(mode, asks):
    assert (token_command({"RAY_AUTH_MODE": mode}, PYTHON) is not None) is asks


def test_where_there_is_no_ray_beside_python_its_module_is_run(tmp_path):
    python = tmp_path / "my python"
    command = token_command({}, python)
    assert shlex.split(command) == [str(python), "-m", "ray.scripts.scripts", "get-auth-token"]


@pytest.mark.usefixtures("asks")
def test_a_script_reads_address_and_command():
    file = io.StringIO()
    said = drawn(80, show_dashboard, Events(file), f"{LOOPBACK}:8265", USUAL, quiet=True)
    assert said == ""
    (event,) = map(json.loads, file.getvalue().splitlines())
    assert (event["event"], event["address"]) == ("dashboard", f"http://{LOOPBACK}:8265")
    assert event["token_command"].endswith("get-auth-token")


@pytest.mark.parametrize("name", ["my results", *(name.replace("/", "|") for name in NASTY)])
def test_commands_for_watching_name_the_study_so_that_they_can_be_copied(name):
    said = drawn(60, show_watching, Path(name) / "s", Live(tensorboard=True))
    status, optuna, tensorboard = (
        shlex.split(line) for line in said.replace("watch:", "").splitlines()[:3]
    )
    assert status == ["python", "-m", "tune.status", "--results", name, "--watch"]
    assert optuna == ["optuna-dashboard", f"{name}/s/journal", "--host", LOOPBACK]
    assert tensorboard == ["tensorboard", "--logdir", f"{name}/s/tensorboard"]


def test_tensorboard_is_named_only_where_it_was_asked_for():
    assert "logdir" not in drawn(80, show_watching, Path("r") / "s", USUAL)
