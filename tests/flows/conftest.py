"""One running stack with the stub model for the whole module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.browser.conftest import browser
from tests.stack import Stack

__all__ = ["browser", "stack"]  # pytest finds fixtures by their names in this file


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("stack"), environment={"LOG_LEVEL": "INFO"}) as running:
        running.await_worker()
        yield running
