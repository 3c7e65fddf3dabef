"""compose.yaml: what leaves the machine, what containers may do, and that its commands exist."""

import importlib
import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest
import ray.scripts.scripts

from tests.docker.files import (
    DOCKER,
    REPOSITORY,
    read_compose,
    read_dockerfile,
    read_text,
    variables_of,
    whole_command,
)

SERVICES = read_compose()["services"]
PROGRAM = ("head", "worker", "search", "promote", "module")
LASTING = ("head", "worker", "optuna-dashboard")
COMMANDS = {"worker": "tune.node", "search": "tune.search", "promote": "tune.promote"}


def test_every_service_is_known_to_these_tests():
    assert set(SERVICES) == {*PROGRAM, *LASTING}


@pytest.mark.parametrize("name", SERVICES)
def test_what_is_published_is_published_to_this_machine_alone(name):
    ports = SERVICES[name].get("ports", [])
    assert all(port.startswith("127.0.0.1:") for port in ports)
    assert "network_mode" not in SERVICES[name]


def test_only_dashboards_are_published():
    published = {
        port.rpartition(":")[2] for one in SERVICES.values() for port in one.get("ports", [])
    }
    assert published == {"8265", "8080"}


@pytest.mark.parametrize("name", PROGRAM)
def test_ray_asks_for_a_token_that_is_a_file_of_the_host(name):
    assert SERVICES[name]["environment"] == {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": "/run/secrets/ray_token",
    }
    assert SERVICES[name]["secrets"] == ["ray_token"]


@pytest.mark.slow
def test_the_variables_of_the_token_are_those_that_ray_reads(tmp_path):
    token = tmp_path / "token"
    token.write_text("of-a-file\n", encoding="utf-8")
    variables = {**SERVICES["head"]["environment"], "RAY_AUTH_TOKEN_PATH": str(token)}
    ray_command = str(Path(sys.executable).with_name("ray"))
    printed = subprocess.run(
        [ray_command, "get-auth-token"], env=variables, capture_output=True, text=True, check=True
    )
    assert printed.stdout.strip() == "of-a-file"


def test_no_token_stands_in_a_file_of_the_repository():
    secret = read_compose()["secrets"]["ray_token"]
    assert set(secret) == {"file"}
    tracked = subprocess.run(
        ["git", "ls-files", "docker/secrets"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    assert tracked.stdout.split() == ["docker/secrets/.gitignore"]


@pytest.mark.parametrize("name", PROGRAM)
def test_every_container_that_reads_the_corpus_cannot_write_it(name):
    (corpus,) = (
        one
        for one in SERVICES[name]["volumes"]
        if isinstance(one, dict) and one["target"] == "/corpus"
    )
    assert corpus["read_only"] is True
    assert corpus["bind"] == {"create_host_path": False}


def test_all_see_the_same_results_and_the_dashboard_cannot_delete_them():
    mounts = {
        name: [one for one in service["volumes"] if isinstance(one, str)]
        for name, service in SERVICES.items()
    }
    assert mounts.pop("optuna-dashboard") == ["results:/results:ro"]
    assert all(mount == ["results:/results"] for mount in mounts.values())
    assert "results" in read_compose()["volumes"]


@pytest.mark.parametrize("target", ["cpu", "cuda"])
def test_head_workers_and_drivers_run_one_image(target):
    services = read_compose(TARGET=target)["services"]
    images = {services[name]["image"] for name in PROGRAM}
    builds = {json.dumps(services[name]["build"], sort_keys=True) for name in PROGRAM}
    assert len(images) == len(builds) == 1
    assert services["head"]["build"]["target"] == target
    assert target in read_dockerfile()


@pytest.mark.parametrize("name", SERVICES)
def test_every_image_has_a_version(name):
    repository, _, tag = SERVICES[name]["image"].partition(":")
    assert repository
    assert re.match(r"\d+\.\d+\.\d+", tag)


def test_the_version_of_the_image_is_that_of_the_program():
    with (REPOSITORY / "pyproject.toml").open("rb") as file:
        version = tomllib.load(file)["project"]["version"]
    assert SERVICES["head"]["image"] == f"sar-tune:{version}-cpu"


def test_the_dashboard_of_optuna_is_the_one_of_its_image():
    _, _, version = SERVICES["optuna-dashboard"]["image"].partition(":")
    assert f"optuna-dashboard=={version}" in read_text("Dockerfile")


@pytest.mark.parametrize("name", LASTING)
def test_a_container_that_stays_says_whether_it_is_healthy_and_starts_again(name):
    assert SERVICES[name]["healthcheck"]["test"][0] == "CMD"
    assert SERVICES[name]["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", PROGRAM)
def test_a_container_of_ray_has_shared_memory_and_time_to_end(name):
    service = SERVICES[name]
    assert service["init"] is True
    assert service["stop_grace_period"] == "60s"
    assert service["shm_size"] == "2g"
    stores = re.findall(
        r"--object-store-memory[= ](\d+)", f"{whole_command(service)} {read_text('driver.sh')}"
    )
    assert stores
    assert all(int(store) < 2 * 2**30 for store in stores)


@pytest.mark.parametrize("name", SERVICES)
def test_no_container_has_rights_that_it_does_not_need(name):
    assert SERVICES[name]["cap_drop"] == ["ALL"]
    assert SERVICES[name]["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in SERVICES[name]


def test_the_head_trains_nothing():
    assert {"--num-cpus=0", "--num-gpus=0"} <= set(SERVICES["head"]["command"])


def test_a_worker_takes_a_share_of_the_machine_because_there_are_several():
    assert SERVICES["worker"]["cpus"] == 2
    assert SERVICES["worker"]["mem_limit"] == "4g"
    assert "container_name" not in SERVICES["worker"]


def test_only_head_and_workers_come_up_by_themselves():
    assert {name for name, one in SERVICES.items() if "profiles" not in one} == {"head", "worker"}


def test_the_cards_go_to_one_worker():
    worker = read_compose("compose.cuda.yaml")["services"]["worker"]
    assert worker["scale"] == 1
    (device,) = worker["deploy"]["resources"]["reservations"]["devices"]
    assert device == {"driver": "nvidia", "count": "all", "capabilities": ["gpu"]}


def test_the_example_of_settings_has_every_variable_and_no_other():
    settings = re.findall(r"^#?([A-Z_]+)=", read_text(".env.example"), re.MULTILINE)
    assert set(settings) == variables_of("compose.yaml") | {"COMPOSE_FILE"}
    assert len(settings) == len(set(settings))


def test_the_example_of_settings_has_the_defaults():
    settings = dict(re.findall(r"^([A-Z_]+)=(.*)$", read_text(".env.example"), re.MULTILINE))
    settings["CORPUS"] = "/somewhere/corpus"
    assert read_compose(**settings) == read_compose()


def test_without_a_corpus_nothing_starts():
    with pytest.raises(KeyError, match="CORPUS"):
        read_compose(CORPUS="")


def options_of_ray(subcommand: str) -> set[str]:
    """Every flag of one of Ray's commands."""
    command = ray.scripts.scripts.cli.commands[subcommand]
    return {flag for one in command.params if isinstance(one, click.Option) for flag in one.opts}


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(SERVICES["head"]["command"], id="head"),
        *(pytest.param(SERVICES[name]["healthcheck"]["test"][1:], id=name) for name in LASTING[:2]),
        pytest.param(
            re.search(r"ray start[^>]*", read_text("driver.sh"))[0].replace("\\\n", "").split(),
            id="driver",
        ),
    ],
)
def test_the_flags_of_rays_commands_exist(command):
    program, subcommand, *flags = command
    assert program == "ray"
    named = {flag.partition("=")[0] for flag in flags if flag.startswith("--")}
    assert named <= options_of_ray(subcommand)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_flags_of_our_commands_exist(name, capsys):
    module = COMMANDS[name]
    command = whole_command(SERVICES[name])
    assert command[command.index("python") :][:3] == ["python", "-m", module]
    with pytest.raises(SystemExit, match="0"):
        importlib.import_module(module).main(["--help"])
    known = set(re.findall(r"--[\w-]+", capsys.readouterr().out))
    named = {part.partition("=")[0] for part in command if part.startswith("--")}
    assert named - {"--help"} <= known


@pytest.mark.parametrize("name", ["search", "promote"])
def test_a_command_on_the_cluster_runs_beside_a_raylet_of_its_own(name):
    command = whole_command(SERVICES[name])
    assert command[:3] == ["sh", "/app/docker/driver.sh", "head:6379"]
    assert "--address=head:6379" in command
    assert (DOCKER / "driver.sh").is_file()


@pytest.mark.skipif(shutil.which("docker") is None, reason="no docker here")
@pytest.mark.parametrize("files", [["compose.yaml"], ["compose.yaml", "compose.cuda.yaml"]])
def test_compose_itself_reads_the_files(files, tmp_path):
    probe = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False)
    if probe.returncode:
        pytest.skip("no docker compose here")
    chosen = [part for name in files for part in ("--file", str(DOCKER / name))]
    subprocess.run(
        [
            "docker",
            "compose",
            *chosen,
            "--env-file",
            str(DOCKER / ".env.example"),
            "config",
            "--quiet",
        ],
        check=True,
    )
