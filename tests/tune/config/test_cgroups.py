"""Limits of control groups, read from files as the kernel writes them."""

from pathlib import Path

import pytest

from tune.config.cgroups import MIB, MemoryLimit, memory_limits, num_cores_allowed
from tune.config.machine import available_cores
from tune.errors import UsageError

NO_LIMIT_OF_V1 = "9223372036854771712"


@pytest.fixture
def machine(tmp_path):
    """A machine on which a process is in the groups that are given."""

    class Machine:
        proc = tmp_path / "proc"
        place = tmp_path / "my groups"

        def process(self, cgroup: str, *mounts: str) -> None:
            self.proc.mkdir()
            (self.proc / "cgroup").write_text(cgroup)
            where = str(self.place).replace(" ", r"\040")
            lines = [f"{number} 1 0:9 {mount}" for number, mount in enumerate(mounts)]
            (self.proc / "mountinfo").write_text("\n".join(lines).replace("PLACE", where))

        def group(self, path: str, **files: str | int) -> None:
            folder = self.place / path
            folder.mkdir(parents=True, exist_ok=True)
            for name, text in files.items():
                (folder / name.replace("__", ".")).write_text(f"{text}\n")

    return Machine()


V2 = "/ PLACE rw shared:4 - cgroup2 cgroup2 rw,nsdelegate"
V1_MEMORY = "{root} PLACE/memory rw - cgroup cgroup rw,memory"


def test_groups_of_version_2_limit_at_every_level(machine):
    machine.process("0::/user.slice/job.scope\n", V2)
    machine.group("user.slice", memory__max=4096 * MIB, memory__current=1000 * MIB)
    stat = f"anon 1\ninactive_file {200 * MIB}\nactive_file {100 * MIB}"
    machine.group(
        "user.slice/job.scope", memory__max=2048 * MIB, memory__current=800 * MIB, memory__stat=stat
    )
    assert memory_limits(machine.proc) == [MemoryLimit(2048, 500), MemoryLimit(4096, 1000)]


def test_a_container_that_sees_only_its_own_group_is_limited_by_it(machine):
    machine.process("0::/\n", V2)
    machine.group("", memory__max=512 * MIB, memory__current=12 * MIB)
    assert memory_limits(machine.proc) == [MemoryLimit(512, 12)]


@pytest.mark.parametrize(
    ("path", "root", "folder"),
    [
        ("/slurm/job_7", "/", "memory/slurm/job_7"),
        ("/docker/1a2b", "/docker/1a2b", "memory"),  # a container without a namespace of its own
        ("/somewhere/else", "/docker/1a2b", "memory"),
    ],
)
def test_groups_of_version_1_are_found_below_their_mount(machine, path, root, folder):
    machine.process(f"4:memory:{path}\n3:cpu,cpuacct:/\n", V1_MEMORY.format(root=root))
    stat = f"inactive_file 5\ntotal_inactive_file {30 * MIB}\ntotal_active_file {20 * MIB}"
    machine.group(
        folder,
        memory__limit_in_bytes=2048 * MIB,
        memory__usage_in_bytes=150 * MIB,
        memory__stat=stat,
    )
    assert memory_limits(machine.proc) == [MemoryLimit(2048, 100)]


@pytest.mark.parametrize("name", ["memory__limit_in_bytes", "memory__max"])
@pytest.mark.parametrize("limit", [NO_LIMIT_OF_V1, "max"])
def test_no_limit_is_none(machine, name, limit):
    machine.process("4:memory:/\n0::/\n", V1_MEMORY.format(root="/"), V2)
    machine.group("memory", **{name: limit})
    machine.group("", **{name: limit})
    assert memory_limits(machine.proc) == []


def test_a_system_without_control_groups_limits_nothing(tmp_path):
    assert memory_limits(tmp_path) == []
    assert num_cores_allowed(tmp_path) is None


def test_a_limit_without_what_is_held_is_refused(machine):
    machine.process("0::/\n", V2)
    machine.group("", memory__max=512 * MIB)
    with pytest.raises(UsageError, match="must say what it holds"):
        memory_limits(machine.proc)


def test_the_tightest_quota_of_both_versions_says_how_many_cores(machine):
    machine.process("3:cpu,cpuacct:/a\n0::/b\n", "/ PLACE/cpu rw - cgroup cgroup rw,cpu", V2)
    machine.group("cpu/a", cpu__cfs_quota_us=150_000, cpu__cfs_period_us=100_000)
    machine.group("cpu", cpu__cfs_quota_us=-1, cpu__cfs_period_us=100_000)
    machine.group("b", cpu__max="max 100000")
    assert num_cores_allowed(machine.proc) == 1.5
    machine.group("", cpu__max="50000 100000")
    assert num_cores_allowed(machine.proc) == 0.5


@pytest.mark.parametrize(("quota", "cores"), [(None, 4), (0.2, 1), (1.5, 2), (2.4, 2), (99.0, 4)])
def test_cores_are_those_that_exist_and_have_a_quota(monkeypatch, quota, cores):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(4)))
    monkeypatch.setattr("tune.config.machine.num_cores_allowed", lambda: quota)
    assert available_cores() == cores


def test_this_machine_is_read(tmp_path):
    assert all(limit.limit_mib > 0 for limit in memory_limits(Path("/proc/self")))
