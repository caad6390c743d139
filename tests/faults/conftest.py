"""A fresh stack for every fault."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.history import History
from tests.stack import Stack


@pytest.fixture
def stack(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Stack]:
    environment = getattr(request, "param", {})
    with Stack(tmp_path_factory.mktemp("stack"), environment=environment) as running:
        running.await_worker()
        yield running


@pytest.fixture
def history(stack: Stack) -> History:
    return History(stack)
