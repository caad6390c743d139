"""A stack whose Redis, database or storage is reached through a fault proxy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.faults.fault_proxy import FaultProxy
from tests.stack import Stack


@contextmanager
def stack_behind_redis_proxy(folder: Path) -> Iterator[tuple[Stack, FaultProxy]]:
    """Everybody but the test itself reaches Redis through the proxy."""
    stack = Stack(folder)
    with FaultProxy(stack.redis_port).running() as proxy:
        stack.environment["REDIS_URL"] = f"redis://127.0.0.1:{proxy.port}"
        with stack:
            stack.await_worker()
            yield stack, proxy
