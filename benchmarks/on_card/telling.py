"""A pytest plugin that tells of every test as soon as it has ended, one JSON line each.

A report file is written at the end, which a run that is cut off never sees.
"""

import json

import pytest

MARK = "told: "


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Print a test that ran, was skipped, or failed before or after it ran."""
    if report.when != "call" and report.passed:
        return
    told = {"test": report.nodeid, "found": report.outcome, "why": _why(report)}
    print(f"\n{MARK}{json.dumps(told)}", flush=True)


def _why(report: pytest.TestReport) -> str:
    if report.passed:
        return ""
    if isinstance(report.longrepr, tuple):  # of a skip: file, line, reason
        return str(report.longrepr[-1])
    crash = getattr(report.longrepr, "reprcrash", None)
    return (str(crash.message) if crash else str(report.longrepr)).splitlines()[0]
