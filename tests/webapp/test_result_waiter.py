"""Many wait, one question asks for all of them."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from itertools import pairwise

from webapp.result_waiter import ResultWaiter


class Results:
    """Stands in for the database: what is done, what was asked, and how asking fails."""

    def __init__(self) -> None:
        self.done: set[str] = set()
        self.questions: list[set[str]] = []
        self.moments: list[float] = []
        self.failures = 0

    def find(self, wanted: set[str]) -> set[str]:
        self.questions.append(set(wanted))
        self.moments.append(time.monotonic())
        if self.failures:
            self.failures -= 1
            raise RuntimeError("the database is away")
        return self.done & wanted


def _run(play: Callable[[Results, ResultWaiter], Awaitable[None]], *, poll_seconds: float = 0.01) -> Results:
    results = Results()

    async def run() -> None:
        await asyncio.wait_for(_as_coroutine(play(results, ResultWaiter(results.find, poll_seconds))), 120)

    asyncio.run(run())
    return results


async def _as_coroutine(awaitable: Awaitable[None]) -> None:
    await awaitable


async def _until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.002)


def test_it_wakes_when_all_images_are_done_and_not_before() -> None:
    async def play(results: Results, waiter: ResultWaiter) -> None:
        waiting = asyncio.create_task(waiter.wait(["a", "b"], 10))
        results.done.add("a")
        asked = len(results.questions)
        await _until(lambda: len(results.questions) > asked + 3)
        assert not waiting.done()
        results.done.add("b")
        assert await waiting is True

    _run(play)


def test_it_does_not_ask_again_for_what_is_done() -> None:
    async def play(results: Results, waiter: ResultWaiter) -> None:
        results.done.add("a")
        waiting = asyncio.create_task(waiter.wait(["a", "b"], 10))
        await _until(lambda: len(results.questions) > 2)
        results.done.add("b")
        await waiting

    assert _run(play).questions[-1] == {"b"}


def test_all_who_wait_are_in_one_question() -> None:
    async def play(results: Results, waiter: ResultWaiter) -> None:
        waits = [asyncio.create_task(waiter.wait([f"image-{number}"], 10)) for number in range(200)]
        await _until(lambda: any(len(question) == 200 for question in results.questions))
        asked, started = len(results.questions), time.monotonic()
        await asyncio.sleep(0.3)
        asked_in_that_time = len(results.questions) - asked
        assert asked_in_that_time <= (time.monotonic() - started) / 0.01 + 1
        results.done = {f"image-{number}" for number in range(200)}
        assert await asyncio.gather(*waits) == [True] * 200

    _run(play)


def test_it_says_false_at_the_deadline() -> None:
    async def play(results: Results, waiter: ResultWaiter) -> None:
        started = time.monotonic()
        assert await waiter.wait(["a"], 0.1) is False
        assert 0.09 < time.monotonic() - started < 30

    _run(play)


def test_it_is_silent_while_nobody_waits() -> None:
    async def play(results: Results, waiter: ResultWaiter) -> None:
        await waiter.wait(["a"], 0.05)
        await _until(lambda: waiter.waiting == 0)
        await asyncio.sleep(0.05)
        asked = len(results.questions)
        await asyncio.sleep(0.2)
        assert len(results.questions) == asked

    _run(play)


def test_it_asks_again_for_those_who_come_later() -> None:
    async def play(results: Results, waiter: ResultWaiter) -> None:
        results.done = {"a", "b"}
        assert await waiter.wait(["a"], 60)
        await asyncio.sleep(0.1)
        assert await waiter.wait(["b"], 60)

    _run(play)


def test_nothing_to_wait_for_needs_no_question() -> None:
    async def play(results: Results, waiter: ResultWaiter) -> None:
        assert await waiter.wait([], 10) is True
        assert await waiter.wait(["a"], 0) is False

    assert _run(play).questions == []


def test_a_failing_question_is_asked_again_with_growing_pauses() -> None:
    async def play(results: Results, waiter: ResultWaiter) -> None:
        results.failures = 4
        results.done.add("a")
        assert await waiter.wait(["a"], 10) is True

    moments = _run(play).moments
    pauses = [later - earlier for earlier, later in pairwise(moments)]
    assert len(pauses) == 4
    # A loaded machine makes pauses longer, never shorter.
    assert all(pause >= 0.9 * 0.01 * 2**number for number, pause in enumerate(pauses))


def test_a_deadline_holds_while_every_question_fails() -> None:
    async def play(results: Results, waiter: ResultWaiter) -> None:
        results.failures = 10**6
        started = time.monotonic()
        assert await waiter.wait(["a"], 0.2) is False
        assert time.monotonic() - started < 30

    _run(play)


def test_a_deadline_holds_while_a_question_hangs() -> None:
    release = threading.Event()

    def hang(wanted: set[str]) -> set[str]:
        release.wait(60)
        return set()

    async def play() -> None:
        started = time.monotonic()
        assert await ResultWaiter(hang, 0.01).wait(["a"], 0.1) is False
        assert not release.is_set()
        assert time.monotonic() - started < 30
        release.set()

    asyncio.run(play())


def test_a_push_shortens_the_pause() -> None:
    async def play(results: Results, waiter: ResultWaiter) -> None:
        waiting = asyncio.create_task(waiter.wait(["a"], 100))
        await _until(lambda: len(results.questions) == 1)
        results.done.add("a")
        started = time.monotonic()
        threading.Thread(target=waiter.notify, args=(["a"],)).start()
        await waiting
        assert time.monotonic() - started < 30

    _run(play, poll_seconds=10)


def test_a_push_for_others_changes_nothing() -> None:
    async def play(results: Results, waiter: ResultWaiter) -> None:
        waiting = asyncio.create_task(waiter.wait(["a"], 2.5))
        await _until(lambda: len(results.questions) == 1)
        waiter.notify(["b"])
        assert await waiting is False

    assert len(_run(play, poll_seconds=60).questions) == 1


def test_who_gives_up_is_not_asked_for_any_more() -> None:
    async def play(results: Results, waiter: ResultWaiter) -> None:
        leaving = asyncio.create_task(waiter.wait(["left"], 10))
        staying = asyncio.create_task(waiter.wait(["stayed"], 10))
        await _until(lambda: {"left", "stayed"} in results.questions)
        leaving.cancel()
        await _until(lambda: results.questions[-1] == {"stayed"})
        results.done.add("stayed")
        assert await staying
        assert waiter.waiting == 0

    _run(play)


def test_a_stop_ends_every_wait_now_and_later() -> None:
    async def play(results: Results, waiter: ResultWaiter) -> None:
        waits = [asyncio.create_task(waiter.wait([name], 10)) for name in "abc"]
        await _until(lambda: waiter.waiting == 3)
        threading.Thread(target=waiter.release_all).start()
        assert await asyncio.gather(*waits) == [False, False, False]
        assert await waiter.wait(["d"], 10) is False

    _run(play)
