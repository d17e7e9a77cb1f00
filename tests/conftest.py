"""What holds for all tests: in CI nothing that a machine could have is skipped in silence."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("here", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("here"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")
"""No property fails because a machine is slow; CI tries the same examples each time, everybody else others."""

MUST_RUN_IN_CI = ("tests/browser",)
"""Folders whose tests may be skipped on a developer's machine (no browser), never in CI."""


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
    """Browser tests last: Playwright's event loop runs in the main thread from its first test to the end of the session."""
    items.sort(key=lambda item: "browser" in item.path.parts)
