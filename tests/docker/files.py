"""Reads the files of docker/: compose.yaml with its variables, the Dockerfile as instructions."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).parents[2]
DOCKER = REPOSITORY / "docker"

VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?:(?P<what>:-|:\?)(?P<word>[^}]*))?\}")


def read_text(name: str) -> str:
    """The text of a file of docker/."""
    return (DOCKER / name).read_text(encoding="utf-8")


def interpolate(text: str, variables: Mapping[str, str]) -> str:
    """Replace ${NAME:-default} and ${NAME:?message} as Compose does; a missing one is an error."""

    def value(match: re.Match[str]) -> str:
        given = variables.get(match["name"], "")
        if not given and match["what"] != ":-":
            raise KeyError(match["name"])
        return given or match["word"]

    return VARIABLE.sub(value, text)


def read_compose(name: str = "compose.yaml", **variables: str) -> dict[str, Any]:
    """A Compose file with its variables filled in."""
    composed: dict[str, Any] = yaml.safe_load(
        interpolate(read_text(name), {"CORPUS": "/somewhere/corpus", **variables})
    )
    return composed


def variables_of(name: str) -> set[str]:
    """Names of the variables that a Compose file reads."""
    return {match["name"] for match in VARIABLE.finditer(read_text(name))}


def whole_command(service: Mapping[str, Any]) -> list[str]:
    """What a container of a service runs."""
    return [*service.get("entrypoint", []), *service.get("command", [])]


@dataclass(frozen=True)
class Stage:
    """One FROM of a Dockerfile, with the instructions after it."""

    base: str
    name: str
    instructions: list[tuple[str, str]]

    def all(self, keyword: str) -> list[str]:
        """Arguments of every instruction of a kind."""
        return [rest for word, rest in self.instructions if word == keyword]


def read_dockerfile() -> dict[str, Stage]:
    """The stages of the Dockerfile by name."""
    lines = [line for line in read_text("Dockerfile").splitlines() if not line.startswith("#")]
    text = "\n".join(lines).replace("\\\n", " ")
    stages: dict[str, Stage] = {}
    stage = None
    for line in filter(str.strip, text.splitlines()):
        word, _, rest = line.partition(" ")
        if word == "FROM":
            base, _, name = rest.partition(" AS ")
            stage = stages[name] = Stage(base, name, [])
        elif stage is not None:
            stage.instructions.append((word, " ".join(rest.split())))
    return stages


def ancestry(stages: Mapping[str, Stage], name: str) -> list[Stage]:
    """A stage and those that it is built on, the first one first."""
    stage = stages[name]
    return [*(ancestry(stages, stage.base) if stage.base in stages else []), stage]
