"""What control groups allow this process: containers, Slurm and systemd limit memory and cores so.

A process is in one group per hierarchy, and every group above it limits it too. Version 2 has one
hierarchy for everything, version 1 one per resource; a machine may have both. Where the files lie
is said by /proc/self/mountinfo, which group it is by /proc/self/cgroup (man 7 cgroups).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tune.errors import UsageError

MIB = 2**20
PROC = Path("/proc/self")


@dataclass(frozen=True)
class MemoryLimit:
    """The limit of one group.

    Attributes:
        limit_mib: Memory that its processes may hold.
        held_mib: What they hold, without the page cache, which can be given back.
    """

    limit_mib: float
    held_mib: float


@dataclass(frozen=True)
class _Dialect:
    """Where a version has what; the controller is empty for the one hierarchy of version 2."""

    controller: str
    limit: str
    held: str
    cached: tuple[str, ...]


_V1 = _Dialect(
    "memory",
    "memory.limit_in_bytes",
    "memory.usage_in_bytes",
    ("total_inactive_file", "total_active_file"),
)
_V2 = _Dialect("", "memory.max", "memory.current", ("inactive_file", "active_file"))


def memory_limits(proc: Path = PROC) -> list[MemoryLimit]:
    """Return the limits of all groups that this process is in; none where nothing is limited.

    Args:
        proc: Folder of the process in /proc.
    """
    found = []
    for dialect in (_V1, _V2):
        for folder in _groups(proc, dialect.controller):
            limit = _read(folder / dialect.limit)
            # Version 1 says the greatest number of pages where version 2 says "max".
            if limit.isdecimal() and int(limit) < 2**62:
                found.append(MemoryLimit(int(limit) / MIB, _held_bytes(folder, dialect) / MIB))
    return found


def num_cores_allowed(proc: Path = PROC) -> float | None:
    """Return the cores whose time this process may use, as a quota may be 1.5; None without one."""
    quotas = [_read(folder / "cpu.max").split() for folder in _groups(proc, "")]
    quotas += [
        [_read(folder / "cpu.cfs_quota_us"), _read(folder / "cpu.cfs_period_us")]
        for folder in _groups(proc, "cpu")
    ]
    found = [
        int(quota[0]) / int(quota[1])
        for quota in quotas
        if len(quota) == 2 and all(number.isdecimal() for number in quota)  # not "max", not -1
    ]
    return min(found, default=None)


def _held_bytes(folder: Path, dialect: _Dialect) -> int:
    try:
        held = int(_read(folder / dialect.held))
        fields = dict(line.split() for line in _read(folder / "memory.stat").splitlines())
        return held - sum(int(fields.get(name, 0)) for name in dialect.cached)
    except ValueError as error:
        raise UsageError(
            f"a control group with a limit must say what it holds, found {str(folder)!r} without: "
            "run outside of this group"
        ) from error


def _groups(proc: Path, controller: str) -> Iterator[Path]:
    """Return the folder of the group that a process is in, and of each above it.

    Args:
        proc: Folder of the process in /proc.
        controller: Of version 1; empty for the one hierarchy of version 2.
    """
    group = _group_of(_read(proc / "cgroup"), controller)
    mount = _mount_of(_read(proc / "mountinfo"), controller)
    if group is None or mount is None:
        return
    root, place = mount
    # In a container the mount may begin below the root of the hierarchy, with the path still told
    # from there, or show less of it than the path says.
    below = group.relative_to(root) if group.is_relative_to(root) else PurePosixPath(".")
    folder = place / below
    while folder != place:
        yield folder
        folder = folder.parent
    yield place


def _group_of(text: str, controller: str) -> PurePosixPath | None:
    """Return the path of a group from lines such as `4:memory:/user` and `0::/user`."""
    for line in text.splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        is_meant = controller in controllers.split(",") if controller else number == "0"
        if is_meant:
            return PurePosixPath(path)
    return None


def _mount_of(text: str, controller: str) -> tuple[PurePosixPath, Path] | None:
    """Return which part of a hierarchy is mounted, and where."""
    for line in text.splitlines():
        before, _, after = line.partition(" - ")
        kind, _, options = after.partition(" ")
        is_meant = (
            kind == "cgroup" and controller in options.split()[-1].split(",")
            if controller
            else kind == "cgroup2"
        )
        if is_meant:
            root, place = (_unescaped(word) for word in before.split()[3:5])
            return PurePosixPath(root), Path(place)
    return None


def _unescaped(word: str) -> str:
    r"""Return a path as it is, which mountinfo writes with octal numbers for blanks.

    >>> _unescaped(r"/my\040groups")
    '/my groups'
    """
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), word)


def _read(path: Path) -> str:
    """Return what a file says; nothing where there is none, as outside Linux."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return ""
