"""A fresh stack for every fault, and the report of what came of each."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import pytest

from tests.faults.history import History
from tests.faults.report import FaultReport, wished_path
from tests.stack import Stack

_report = FaultReport()


@pytest.fixture
def stack(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Stack]:
    environment = getattr(request, "param", {})
    with Stack(tmp_path_factory.mktemp("stack"), environment=environment) as running:
        running.await_worker()
        yield running


@pytest.fixture
def history(stack: Stack) -> History:
    return History(stack)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Function, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.when == "call" and not report.skipped:
        used = [value for value in item.funcargs.values() if isinstance(value, History)]
        _report.note(item.name, used, held=report.passed)
    return report


def pytest_sessionfinish() -> None:
    path = wished_path()
    if path is not None:
        _report.write(path)
