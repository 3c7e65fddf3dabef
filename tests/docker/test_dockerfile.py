"""The Dockerfile: pinned, not root, without secrets, and a changed line rebuilds little."""

import re
import shutil
import subprocess
import sys
import tomllib

import pytest

from tests.docker.files import DOCKER, REPOSITORY, ancestry, read_dockerfile, read_text

STAGES = read_dockerfile()
TARGETS = ("cpu", "cuda", "dashboard")
PACKAGES = ("packages-cpu", "packages-cuda", "packages-dashboard")


def everything(name: str, keyword: str) -> list[str]:
    """Arguments of every instruction of a kind, in a stage and those below it."""
    return [rest for stage in ancestry(STAGES, name) for rest in stage.all(keyword)]


@pytest.mark.parametrize("target", TARGETS)
def test_no_container_runs_as_root(target):
    assert everything(target, "USER")[-1] == "${UID}:${GID}"
    assert {"UID=1000", "GID=1000"} <= set(everything(target, "ARG"))


@pytest.mark.parametrize("target", TARGETS)
def test_a_container_starts_a_program_without_a_shell(target):
    assert everything(target, "CMD")[-1].startswith("[")


def test_the_base_is_pinned_to_the_patch_level_that_ray_compares():
    (base,) = re.findall(r"^ARG BASE=(\S+)$", read_text("Dockerfile"), re.MULTILINE)
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+", base)


def test_the_python_of_the_image_is_the_one_that_the_pins_were_tested_on():
    (tested,) = re.findall(r"Python (3\.\d+)", (REPOSITORY / "constraints.txt").read_text())
    assert f"ARG BASE=python:{tested}." in read_text("Dockerfile")


@pytest.mark.parametrize("stage", PACKAGES)
def test_every_package_is_pinned(stage):
    installs = [run for run in STAGES[stage].all("RUN") if "pip" in run and " install " in run]
    assert installs
    for run in installs:
        assert "--constraint constraints.txt" in run
        named = re.findall(r"(?<= )([a-z][\w-]*)(==[\w.]+)?(?= |$)", run.partition(" install ")[2])
        packages = [pin for name, pin in named if not name.endswith(".txt")]
        assert "--requirement requirements.txt" in run or all(packages)


def test_what_is_installed_are_the_dependencies_of_the_program_alone():
    (run,) = (run for run in STAGES["packages"].all("RUN") if "tomllib" in run)
    code = run.partition("-c '")[2].partition("'")[0]
    printed = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    with (REPOSITORY / "pyproject.toml").open("rb") as file:
        assert printed == tomllib.load(file)["project"]["dependencies"]


def test_lists_of_debian_packages_do_not_stay_in_the_image():
    runs = [run for stage in STAGES.values() for run in stage.all("RUN") if "apt-get" in run]
    assert runs
    for run in runs:
        assert "apt-get update && apt-get install --yes --no-install-recommends" in run
        assert run.endswith("rm -rf /var/lib/apt/lists/*")


@pytest.mark.parametrize("target", ["cpu", "cuda"])
def test_a_changed_line_of_the_program_leaves_the_packages_as_they_are(target):
    assert STAGES[target].all("COPY") == [
        f"--from=packages-{target} /opt/venv /opt/venv",
        "--from=program /app /app",
    ]
    below = {
        part for name in PACKAGES for copy in everything(name, "COPY") for part in copy.split()
    }
    assert below.isdisjoint({"data", "models", "tune", "analysis"})


def test_the_image_has_every_package_of_the_program():
    with (REPOSITORY / "pyproject.toml").open("rb") as file:
        found = tomllib.load(file)["tool"]["setuptools"]["packages"]["find"]["include"]
    copied = {copy.split()[0] for copy in STAGES["program"].all("COPY")}
    assert {name.removesuffix("*") for name in found} <= copied


def test_no_secret_is_an_argument_or_a_variable_of_the_image():
    settings = [
        rest for stage in STAGES.values() for word in ("ARG", "ENV") for rest in stage.all(word)
    ]
    assert not [one for one in settings if re.search(r"token|secret|password", one, re.IGNORECASE)]


def test_the_build_context_has_what_is_copied_and_nothing_that_is_private():
    lines = (REPOSITORY / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert next(line for line in lines if line and not line.startswith("#")) == "*"
    let_in = {line[1:] for line in lines if line.startswith("!")}
    from_context = {
        source
        for stage in STAGES.values()
        for copy in stage.all("COPY")
        if not copy.startswith("--from")
        for source in copy.split()[:-1]
    }
    mounted = set(re.findall(r"type=bind,source=([^,]+),", read_text("Dockerfile")))
    assert let_in == from_context | mounted
    assert all((REPOSITORY / one).exists() for one in let_in)
    assert not {one for one in let_in if "secret" in one or "corpus" in one or ".env" in one}


def test_what_is_private_is_no_part_of_the_repository():
    for name in ("secrets/ray_token", "wheels/torch.whl", ".env"):
        ignored = subprocess.run(
            ["git", "check-ignore", "--quiet", str(DOCKER / name)], cwd=REPOSITORY, check=False
        )
        assert ignored.returncode == 0, name


def test_what_is_left_out_of_the_image_is_found_by_its_script(tmp_path):
    packages = tmp_path / "lib" / "python3.11" / "site-packages"
    gone = ["torch/test/x.py", "torch/bin/test_api", "ray/jars/ray.jar", "numpy/linalg/tests/t.py"]
    kept = [
        "torch/lib/libtorch.so",
        "torch/testing/x.py",
        "torch/bin/torch_shm_manager",
        "ray/x.py",
    ]
    for name in (*gone, *kept):
        (packages / name).parent.mkdir(parents=True, exist_ok=True)
        (packages / name).touch()
    subprocess.run(["sh", DOCKER / "slim.sh", tmp_path], check=True)
    left = sorted(str(path.relative_to(packages)) for path in packages.rglob("*") if path.is_file())
    assert left == sorted(kept)


@pytest.mark.skipif(shutil.which("hadolint") is None, reason="no hadolint here")
def test_hadolint_has_nothing_to_say():
    subprocess.run(["hadolint", str(DOCKER / "Dockerfile")], check=True)


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="no shellcheck here")
@pytest.mark.parametrize("name", ["driver.sh", "slim.sh"])
def test_shellcheck_has_nothing_to_say(name):
    subprocess.run(["shellcheck", str(DOCKER / name)], check=True)
