"""Runs stages one after another, each in a process of its own that is ended at its limit.

A stage writes its rows itself, as it finds them. So a stage that crashes, hangs or is cut off keeps
what it has measured, and so does a command that is killed.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import psutil

from benchmarks.on_card.context import Context
from benchmarks.on_card.page import write_page
from benchmarks.on_card.rows import Ending, Stamp, append_line, read_runs
from benchmarks.on_card.stages import Stage, limit_s

ROWS = "on_card.jsonl"
PAGE = "ON_CARD.md"
LOG = "on_card.log"

FAREWELL_S = 5.0
"""Time for a search to end its workers before all is killed."""

MPS = "nvidia-cuda-mps"


def run_stages(
    stages: Sequence[Stage],
    out: Path,
    context: Context,
    stamp_of: Callable[[Stage], Stamp],
    say: Callable[[str], None],
) -> list[Ending]:
    """Run stages within the limit of a context; return how each one ended.

    Args:
        stages: In the order in which they run.
        out: Folder of rows, page and log.
        context: With the limit of all stages together.
        stamp_of: Returns what the rows of a stage are marked with.
        say: Shows a line.
    """
    endings = []
    for index, stage in enumerate(stages):
        now_s = time.time()
        share_s = max(0.0, limit_s(stages[index:], context.remaining_s))
        say(f"{stage.name}: {share_s:.0f} s at most")
        own = replace(context, limit_s=share_s, begun_s=now_s)
        ending = run_stage(stage, out, own, stamp_of(stage))
        append_line(out / ROWS, stamp_of(stage), ending)
        write_page(out / PAGE, read_runs(out / ROWS))
        reason = f": {ending.reason}" if ending.reason else ""
        say(f"{stage.name}: {ending.state} after {ending.took_s:.0f} s{reason}")
        endings.append(ending)
    return endings


def run_stage(stage: Stage, out: Path, context: Context, stamp: Stamp) -> Ending:
    """Run one stage in a process of its own; nothing of it is alive afterwards."""
    command = [sys.executable, "-m", "benchmarks.on_card.child"]
    told = [json.dumps(asdict(context)), json.dumps(asdict(stamp)), str(out)]
    started_s = time.monotonic()
    before = {process.pid for process in _mps_servers()}
    with (out / LOG).open("a", encoding="utf-8") as log:
        log.write(f"\n== {stage.name}, {stamp.run}\n")
        log.flush()
        begun = log.tell()
        child = subprocess.Popen(
            [*command, *told], stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            code: int | None = child.wait(max(0.1, context.remaining_s))
        except subprocess.TimeoutExpired:
            code = None
        finally:
            _end_tree(child.pid)
            _kill(_session_of(child.pid))
            _kill([process for process in _mps_servers() if process.pid not in before])
            child.wait()
    took_s = time.monotonic() - started_s
    if code is None:
        return Ending("cut off", took_s)
    if code != 0:
        return Ending("failed", took_s, _last_line(out / LOG, begun) or f"it ended with {code}")
    return Ending("finished", took_s)


def _end_tree(pid: int) -> None:
    """End a process and all that it started: politely, then not."""
    try:
        parent = psutil.Process(pid)
        tree = [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return
    _signal(parent, "terminate")  # a stage lets its search end the rest
    psutil.wait_procs(tree, FAREWELL_S)
    _kill(tree)


def _session_of(pid: int) -> list[psutil.Process]:
    """Return what lives in a process's session, its parents dead or not."""
    found = []
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) == pid:
                found.append(process)
        except ProcessLookupError:
            continue
    return found


def _kill(processes: Sequence[psutil.Process]) -> None:
    for process in processes:
        _signal(process, "kill")
    psutil.wait_procs(list(processes), FAREWELL_S)


def _signal(process: psutil.Process, how: str) -> None:
    try:
        getattr(process, how)()
    except psutil.NoSuchProcess:
        return


def _mps_servers() -> list[psutil.Process]:
    """NVIDIA's service detaches from who started it."""
    return [p for p in psutil.process_iter(["name"]) if (p.info["name"] or "").startswith(MPS)]


def _last_line(log: Path, begun: int) -> str:
    with log.open(encoding="utf-8", errors="replace") as file:
        file.seek(begun)
        lines = [line.strip() for line in file if line.strip()]
    return lines[-1] if lines else ""
