"""T11: the web process dies in the middle of uploads. No 201 is lost; the same key converges to one row."""

from __future__ import annotations

import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.faults.history import ORPHANS, History
from tests.stack import Stack, await_that, promised

pytestmark = [pytest.mark.processes, pytest.mark.faults]

ROWS = "from classifier.models import Image; result = Image.objects.count()"


def test_t11_a_retry_with_the_same_key_makes_one_row(stack: Stack, history: History) -> None:
    with stack.client() as client:
        client.get("/api/v1/images")  # the visitor cookie, so that the retry comes from the same visitor
        for number, point in enumerate(("after-bytes-stored", "before-commit", "after-commit")):
            stack.kill("web")
            stack.start_web(FAILPOINTS=f"{point}=exit@3")
            stack.await_web()
            seeds = range(3 * number, 3 * number + 3)
            assert [history.send(client, seed, key=f"k{seed}") for seed in seeds] == [201, 201, 0], point
            stack.processes["web"].wait(60)
            stack.start_web()
            stack.await_web()
            assert [history.send(client, seed, key=f"k{seed}") for seed in seeds] == [201] * 3, point
            assert stack.query(ROWS) == 3 * number + 3, point
    history.await_quiet(60)
    history.check()
    stack.query(ORPHANS)
    assert stack.query(ORPHANS) == 0
    assert sum(1 for _ in (stack.folder / "media" / "images").rglob("*.png")) == 9


@pytest.mark.parametrize("signal_number", [signal.SIGKILL, signal.SIGTERM])
def test_t11_uploads_in_flight_survive_or_fail_clearly(stack: Stack, history: History, signal_number: int) -> None:
    def one_client(number: int) -> None:
        with stack.client() as client:
            for index in range(10):
                history.send(client, number * 10 + index)

    with ThreadPoolExecutor(20) as clients:
        running = [clients.submit(one_client, number) for number in range(20)]
        await_that(lambda: history.outcomes[201] >= 20, 60, "uploads are in flight")
        started = time.monotonic()
        stack.kill("web", signal_number)
        assert time.monotonic() - started <= promised(30)
        for client in running:
            client.result()
    assert set(history.outcomes) <= {201, 0, 503}
    stack.start_web()
    stack.await_web()
    history.await_quiet(120)
    history.check()
    stack.query(ORPHANS)
    assert stack.query(ORPHANS) == 0
