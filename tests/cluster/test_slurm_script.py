"""examples/slurm.sh with stand-ins for Slurm's commands: what it starts, and what a signal does."""

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).parents[2] / "examples" / "slurm.sh"
SPARE_S = 600
TOKEN = "f" * 64

STAND_INS = {
    "scontrol": 'if [ "$1" = show ]; then echo node3; echo node4; fi',
    "srun": "exec sleep 60",
    "ray": "exec sleep 60",
    "python": f"""
        case "$1 $2" in
            -c*) echo {TOKEN} ;;
            "-m tune.search")
                echo "$RAY_AUTH_MODE $RAY_AUTH_TOKEN" > token
                trap "${{SEARCH_ON_TERM:-echo ended-cleanly >> calls; exit 130}}" TERM
                echo > searching
                for i in $(seq "${{SEARCH_TENTHS:-0}}"); do sleep 0.1; done
                exit "${{SEARCH_STATUS:-0}}" ;;
            *)  # nodes are up when they were started
                cat > /dev/null
                until grep -q ^srun calls && grep -q ^ray calls; do sleep 0.02; done
                exit "${{NODES_STATUS:-0}}" ;;
        esac""",
}

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start the script in an allocation of two nodes; variables of it may be given."""
    commands = tmp_path / "bin"
    commands.mkdir()
    for name, body in STAND_INS.items():
        path = commands / name
        path.write_text(f'#!/bin/bash\necho "{name} $*" >> calls\n{body}\n', encoding="utf-8")
        path.chmod(0o755)
    started = []

    def start_script(*arguments: str, **variables: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            ["bash", str(SCRIPT), *arguments],
            cwd=tmp_path,
            env={
                "PATH": f"{commands}:{os.environ['PATH']}",
                "TZ": "UTC",
                "SLURM_JOB_ID": "40123",
                "SLURM_JOB_NODELIST": "node[3-4]",
                "SLURM_JOB_NUM_NODES": "2",
                "SLURM_CPUS_PER_TASK": "16",
                "SLURM_JOB_END_TIME": "2000000000",
                **variables,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield start_script
    for process in started:
        process.stdout.close()
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def calls(folder: Path) -> list[str]:
    return (folder / "calls").read_text(encoding="utf-8").splitlines()


def call(folder: Path, begin: str) -> str:
    """The one command that was run and begins so."""
    (found,) = (line for line in calls(folder) if line.startswith(begin))
    return found


def test_the_search_gets_the_address_of_the_first_node_and_every_argument(start, tmp_path):
    process = start("--arch", "attention", "--ratio", "16")
    assert process.wait(30) == 0
    command = call(tmp_path, "python -m tune.search")
    assert "--address node3:20123 " in command
    assert command.endswith(" --arch attention --ratio 16")


def test_the_search_is_over_before_the_allocation_is(start, tmp_path):
    start().wait(30)
    moment = re.search(r"--until (\S+)", call(tmp_path, "python -m tune.search"))[1]
    assert datetime.fromisoformat(f"{moment}+00:00").timestamp() == 2_000_000_000 - SPARE_S


def test_every_node_runs_one_task_with_the_cores_of_the_job(start, tmp_path):
    start().wait(30)
    command = call(tmp_path, "srun")
    assert "--nodes=2 --ntasks-per-node=1 --cpus-per-task=16 " in command
    assert command.endswith("python -m tune.node --address node3:20123")


@pytest.mark.parametrize(
    ("variables", "cards"),
    [
        ({}, None),
        ({"SLURM_GPUS_PER_TASK": "4"}, "4"),
        ({"SLURM_GPUS_PER_TASK": "a100:4"}, "4"),
        ({"SLURM_GPUS_PER_TASK": "", "SLURM_TRES_PER_TASK": "cpu=16,gres/gpu=4"}, "4"),
        ({"SLURM_TRES_PER_TASK": "cpu:16,gres/gpu:2"}, "2"),
        ({"SLURM_TRES_PER_TASK": "gres/gpu:a100=8,cpu=16"}, "8"),
        ({"SLURM_TRES_PER_TASK": "gres/gpu:h100:1"}, "1"),
        ({"SLURM_TRES_PER_TASK": "cpu=16,gres/gpumem=4"}, None),
    ],
)
def test_a_task_gets_the_cards_that_slurm_gave_it(start, tmp_path, variables, cards):
    start(**variables).wait(30)
    found = re.search(r"--gpus-per-task=(\S+)", call(tmp_path, "srun"))
    assert (found and found[1]) == cards


def test_head_and_search_share_a_token_that_no_command_line_shows(start, tmp_path):
    start().wait(30)
    assert (tmp_path / "token").read_text(encoding="utf-8").split() == ["token", TOKEN]
    assert not any(TOKEN in line for line in calls(tmp_path))


def test_the_head_trains_nothing_and_opens_no_dashboard(start, tmp_path):
    start().wait(30)
    command = call(tmp_path, "ray start --head")
    for flag in ("--port=20123", "--num-cpus=0", "--num-gpus=0", "--include-dashboard=false"):
        assert flag in command.split()


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGTERM])
def test_a_signal_ends_the_search_cleanly_and_queues_the_job_again(start, tmp_path, number):
    process = start(SEARCH_TENTHS="300")
    wait_for(tmp_path / "searching")
    process.send_signal(number)
    assert process.wait(30) == 130
    assert calls(tmp_path)[-2:] == ["ended-cleanly", "scontrol requeue 40123"]


@pytest.mark.parametrize("status", [0, 1, 2])
def test_a_search_that_ends_by_itself_is_not_queued_again(start, tmp_path, status):
    assert start(SEARCH_STATUS=str(status)).wait(30) == status
    assert not any(line.startswith("scontrol requeue") for line in calls(tmp_path))


def test_a_search_that_ends_in_spite_of_the_signal_is_not_queued_again(start, tmp_path):
    process = start(SEARCH_TENTHS="20", SEARCH_ON_TERM="true")
    wait_for(tmp_path / "searching")
    process.send_signal(signal.SIGUSR1)
    assert process.wait(30) == 0
    assert not any(line.startswith("scontrol requeue") for line in calls(tmp_path))


def test_without_any_node_nothing_is_searched(start, tmp_path):
    assert start(NODES_STATUS="1").wait(30) == 1
    assert not any(line.startswith("python -m tune.search") for line in calls(tmp_path))


def test_nothing_is_left_when_the_search_is_over(start, tmp_path):
    process = start()
    assert process.wait(30) == 0
    assert left_of_session(process.pid) == []


def test_an_allocation_without_an_end_is_one_sentence(start):
    process = start(SLURM_JOB_END_TIME="")
    assert process.wait(30) != 0
    assert "SLURM_JOB_END_TIME: is not set before Slurm 22.05" in process.stdout.read()


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="no shellcheck here")
def test_shellcheck_has_nothing_to_say():
    subprocess.run(["shellcheck", str(SCRIPT)], check=True)


def wait_for(path: Path) -> None:
    """Wait until a stand-in has made a file."""
    until = time.monotonic() + 30
    while not path.exists():
        assert time.monotonic() < until, f"no {path.name}"
        time.sleep(0.05)


def left_of_session(session: int) -> list[int]:
    """Processes of a session that still run."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, _, _, of = (folder / "stat").read_text().rpartition(")")[2].split()[:4]
        except OSError:
            continue  # it has just ended
        if int(of) == session and state != "Z":
            found.append(int(folder.name))
    return found
