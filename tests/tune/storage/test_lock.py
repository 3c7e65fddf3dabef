"""The lock of a study: one holder, told apart from one who died."""

import errno
import fcntl
import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from tune.errors import UsageError
from tune.storage.lock import Owner, is_locked, lock_fault, read_owner, study_lock

HOLD = """
import sys
from pathlib import Path
from tune.storage.lock import study_lock
with study_lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def lock(tmp_path):
    return tmp_path / "study" / "lock"


@pytest.fixture
def holder(lock):
    """Another process that holds the lock until it is killed."""
    lock.parent.mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(lock)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_lock_is_free_before_and_after(lock):
    lock.parent.mkdir()
    with study_lock(lock) as dead:
        assert dead is None
        assert is_locked(lock)
        assert read_owner(lock).pid == os.getpid()
    assert not is_locked(lock)
    assert read_owner(lock) is None


def test_a_second_holder_is_refused_and_told_who_holds_it(lock, holder):
    message = rf"one driver at a time, found 'study' held by process {holder.pid} on .*, for 0:00"
    with pytest.raises(UsageError, match=message), study_lock(lock):
        pass


def test_the_lock_of_a_killed_process_is_taken_over_and_its_owner_named(lock, holder):
    holder.kill()
    holder.wait()
    with study_lock(lock) as dead:
        assert dead.pid == holder.pid


def test_a_lock_without_a_readable_owner_is_still_a_lock(lock, holder):
    lock.write_text("garbage")
    with pytest.raises(UsageError, match="held by another process"), study_lock(lock):
        pass


def test_an_age_is_never_negative():
    later = datetime.now(UTC) + timedelta(hours=1)
    assert Owner(1, "host", later.isoformat()).words == "process 1 on host, for 0:00:00"


def test_an_owner_is_written_as_json(lock):
    lock.parent.mkdir()
    with study_lock(lock):
        assert json.loads(lock.read_text())["pid"] == os.getpid()


def test_a_lock_that_keeps_others_out_has_no_fault_free_or_held(lock, holder):
    assert lock_fault(lock) is None
    assert lock_fault(lock.with_name("another")) is None


def test_looking_for_a_fault_releases_the_lock(lock):
    lock.parent.mkdir()
    assert lock_fault(lock) is None
    with study_lock(lock) as dead:
        assert dead is None


@pytest.fixture(params=[errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, None])
def broken_locks(request, monkeypatch) -> str:
    """A file system that refuses locks, or (None) grants them to everybody."""

    def flock(file, operation) -> None:
        if request.param is not None:
            raise OSError(request.param, os.strerror(request.param))

    monkeypatch.setattr(fcntl, "flock", flock)
    if request.param is None:
        return "two holders have one lock"
    return rf"they are refused \({os.strerror(request.param)}\)"


def test_where_locks_do_not_work_nobody_may_drive_a_study(lock, broken_locks):
    lock.parent.mkdir()
    message = f"must have file locks that work, found '.*' where {broken_locks}: .* --results"
    with pytest.raises(UsageError, match=message), study_lock(lock):
        pass
    assert lock.read_text() == ""


def test_where_locks_are_refused_nobody_holds_one(lock, monkeypatch):
    def flock(file, operation) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    lock.parent.mkdir()
    lock.touch()
    monkeypatch.setattr(fcntl, "flock", flock)
    assert not is_locked(lock)
