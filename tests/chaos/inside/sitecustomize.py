"""Runs in every process of a search that the harness starts: notes each epoch that begins, and dies
at the moment it was told.

Python imports a module of this name from its path before anything else. Settings come as
environment variables, because the processes are Ray's:

    CHAOS_MOMENT   kind:phase:skip, such as epoch:torn:2: die while the third epoch is written
    CHAOS_LOG      file that gets a line "trial epoch" when an epoch begins to be trained
    CHAOS_DRIVER   the driver's process, set by the driver itself
"""

import json
import os
import signal
from pathlib import Path

from tests.hooks import before_import, hook_epochs

KIND, PHASE, SKIP = (os.environ.get("CHAOS_MOMENT", "") or "none:none:0").split(":")
STATES_GIVEN_BY_ASK = (0, 4)
"""Optuna's numbers of RUNNING and WAITING."""

_skipped = 0


def kind_of(log):
    """Return what a line of the journal says, in one word."""
    code = log["op_code"]
    if code == 2:
        return next(iter(log["user_attr"])).split(":")[0]
    if code == 6:
        return "asked" if log["state"] in STATES_GIVEN_BY_ASK else "told"
    if code == 8:
        name, value = next(iter(log["user_attr"].items()))
        if name == "end" and value is None:
            return "reopened"
        if name == "end" and value["outcome"] == "interrupted":
            return "interrupted"
        return name.split(":")[0]
    words = {0: "study", 4: "trial", 5: "parameter", 7: "score", 9: "constraint"}
    return words.get(code, "other")


def is_now(kind):
    """Return whether the moment to die has come; counts what has to be skipped."""
    global _skipped  # noqa: PLW0603 (a process has one moment)
    if kind != KIND:
        return False
    _skipped += 1
    return _skipped > int(SKIP)


def die():
    """End like a process whose machine lost its power."""
    os.kill(os.getpid(), signal.SIGKILL)


def die_with_driver():
    """The same from inside a worker: the driver first."""
    os.kill(int(os.environ["CHAOS_DRIVER"]), signal.SIGKILL)
    die()


def around(function, kind, tear, end=die):
    """Return a function that dies before, after or in the middle of its work."""

    def changed(*arguments):
        now = is_now(kind)
        if now and PHASE == "before":
            end()
        if now and PHASE == "torn":
            tear(*arguments)
            end()
        result = function(*arguments)
        if now:
            end()
        return result

    return changed


def sabotage_driver():
    """Change the writers of journal, tables and study folders."""
    from tune.storage import folder as study
    from tune.storage import journal_file
    from tune.tables import replacement

    os.environ["CHAOS_DRIVER"] = str(os.getpid())
    whole_append = journal_file.JournalFile.append_logs

    def tear_journal(self, logs):
        line = (json.dumps(logs[0], separators=(",", ":")) + "\n").encode()
        path = Path(self._file_path)
        path.with_name(path.name + ".lock").symlink_to(path)
        with path.open("ab") as file:
            file.write(line[: len(line) // 2])
            file.flush()
            os.fsync(file.fileno())

    def append_logs(self, logs):
        kind = kind_of(logs[0])
        around(whole_append, kind, tear_journal)(self, logs)
        if KIND == "interrupted" and kind == "epoch":
            os.kill(os.getpid(), signal.SIGINT)

    def tear_table(path, content):
        path.with_suffix(f".{os.getpid()}.tmp").write_bytes(content[: len(content) // 2])

    journal_file.JournalFile.append_logs = append_logs
    replacement._write_atomically = around(replacement._write_atomically, "table", tear_table)
    study._move_to_free_place = around(study._move_to_free_place, "folder", lambda *_: None)


def sabotage_worker():
    """Note what is trained; die in a checkpoint, or as a worker that is lost."""
    from tune.trial import checkpoints

    log = Path(os.environ["CHAOS_LOG"])

    def before(_session, epoch):
        lost = log.with_name("lost")
        if KIND == "failure" and epoch > 1 and not lost.exists():
            lost.touch()
            die()

    def tear_checkpoint(path, session, metadata):
        whole_save(path, session, metadata)
        os.truncate(path, path.stat().st_size // 2)

    whole_save = checkpoints.save_checkpoint
    hook_epochs(log, before)
    checkpoints.save_checkpoint = around(
        whole_save, "checkpoint", tear_checkpoint, end=die_with_driver
    )


if "CHAOS_LOG" in os.environ:
    before_import("tune.results.resume", sabotage_driver)
    before_import("tune.engine.worker", sabotage_worker)
