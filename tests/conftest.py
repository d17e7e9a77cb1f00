"""What holds for all tests: in CI nothing that a machine could have is skipped in silence."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
import side_by_side
from hypothesis import HealthCheck, settings

settings.register_profile("here", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("here"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")
"""No property fails because a machine is slow; CI tries the same examples each time, everybody else others."""

MUST_RUN_IN_CI = ("tests/browser",)
"""Folders whose tests may be skipped on a developer's machine (no browser), never in CI."""

TURNS = side_by_side.Turns(Path(__file__), Path(side_by_side.__file__))


def pytest_configure() -> None:
    """Without job control a shell starts background commands with SIGINT ignored, and our programs would inherit that."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    where = Path(item.path).relative_to(item.config.rootpath).as_posix()
    if report.skipped and os.environ.get("CI") and not hasattr(report, "wasxfail") and where.startswith(MUST_RUN_IN_CI):
        report.outcome = "failed"
        report.longrepr = f"skipped, which is a failure in CI: {report.longrepr}"
    return report


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=side_by_side.place)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    return side_by_side.scheduler(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, object, object]:
    with TURNS.turn(item, nextitem):
        return (yield)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = {kind: terminalreporter.getreports(kind) for kind in ("passed", "rerun", "failed", "error")}
    tell_unsteady(terminalreporter, reports)
    tell_pythons(terminalreporter, reports)
    tell_figures(terminalreporter, reports)


def tell_unsteady(terminal: pytest.TerminalReporter, reports: dict[str, list[Any]]) -> None:
    """Nothing is hidden: what passed only at the second try is named, with what went wrong at the first."""
    lost = {report.nodeid for kind in ("failed", "error") for report in reports[kind]}
    unsteady = [report for report in reports["rerun"] if report.nodeid not in lost]
    for report in unsteady:
        terminal.section(f"first try of {report.nodeid}")
        terminal.write_line(report.longreprtext)
    for report in unsteady:
        terminal.write_line(f"unsteady: {report.nodeid} passed only at the second try", yellow=True)


def tell_pythons(terminal: pytest.TerminalReporter, reports: dict[str, list[Any]]) -> None:
    """On which Pythons the native engine was tested, and on which it was not."""
    nodeids = [report.nodeid for each in reports.values() for report in each if report.nodeid.startswith("tests/native/")]
    here = {side_by_side.python_of(nodeid) for nodeid in nodeids} - {None}
    left_out = [f"3.{minor}" for minor in range(11, 16) if not any(each.startswith(f"3.{minor}.") for each in here)]
    if nodeids:
        terminal.write_line(f"native engine: tested on {', '.join(sorted(here)) or 'no Python'}")
        if left_out:
            terminal.write_line(
                f"native engine: not tested on {', '.join(left_out)}: not chosen, or not here with headers (tests/native/pythons)"
            )


def tell_figures(terminal: pytest.TerminalReporter, reports: dict[str, list[Any]]) -> None:
    """What tests measured and do not judge."""
    for report in (report for each in reports.values() for report in each):
        for name, told in report.user_properties:
            if name == "figures":
                terminal.write_line(f"{report.nodeid}: {told}")
