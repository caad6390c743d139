"""The threads of the bridge: few, lasting, and tidy when nobody waits for the outcome."""

from __future__ import annotations

import asyncio
import threading

import pytest

from webapp.request_threads import RequestThreads, WaitedTooLongError


def test_a_result_and_an_error_come_back_to_the_one_who_asked() -> None:
    async def play() -> None:
        threads = RequestThreads(2, max_waiting=10)
        assert await threads.run(lambda: 41 + 1) == 42
        with pytest.raises(ZeroDivisionError):
            await threads.run(lambda: 1 // 0)
        threads.close()

    asyncio.run(play())


def test_threads_are_started_as_needed_and_stay() -> None:
    async def play() -> None:
        threads = RequestThreads(8, max_waiting=100)
        one_after_the_other = {await threads.run(threading.get_ident) for _ in range(20)}
        assert len(one_after_the_other) == 1

        all_at_once = threading.Barrier(8)

        def take_part() -> int:
            all_at_once.wait(60)
            return threading.get_ident()

        together = set(await asyncio.gather(*(threads.run(take_part) for _ in range(40))))
        assert len(together) == 8
        assert one_after_the_other <= together
        threads.close()

    asyncio.run(play())


def test_what_a_thread_keeps_is_there_for_its_next_job() -> None:
    async def play() -> None:
        threads, kept = RequestThreads(1, max_waiting=10), threading.local()
        await threads.run(lambda: setattr(kept, "connection", "open"))
        assert await threads.run(lambda: kept.connection) == "open"
        threads.close()

    asyncio.run(play())


def test_a_cancelled_job_that_ran_is_tidied_up() -> None:
    async def play() -> None:
        threads = RequestThreads(1, max_waiting=10)
        started, release, tidied = threading.Event(), threading.Event(), threading.Event()

        def work() -> None:
            started.set()
            release.wait(60)

        task = asyncio.create_task(threads.run(work, on_orphan=tidied.set))
        await asyncio.to_thread(started.wait, 60)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        release.set()
        assert await asyncio.to_thread(tidied.wait, 60)
        threads.close()

    asyncio.run(play())


def test_a_job_cancelled_in_the_queue_is_not_run_but_tidied_up() -> None:
    async def play() -> None:
        threads = RequestThreads(1, max_waiting=10)
        release, ran, tidied = threading.Event(), threading.Event(), threading.Event()
        first = asyncio.create_task(threads.run(lambda: release.wait(60)))
        second = asyncio.create_task(threads.run(ran.set, on_orphan=tidied.set))
        await asyncio.sleep(0)
        second.cancel()
        await asyncio.sleep(0)
        release.set()
        await first
        assert await asyncio.to_thread(tidied.wait, 60)
        assert not ran.is_set()
        threads.close()

    asyncio.run(play())


def test_room_is_what_the_threads_and_the_queue_hold_together() -> None:
    async def play() -> None:
        threads, release = RequestThreads(1, max_waiting=1), threading.Event()
        tasks, room = [], []
        for _ in range(2):
            room.append(threads.has_room)
            tasks.append(asyncio.create_task(threads.run(lambda: release.wait(60))))
            await asyncio.sleep(0)
        room.append(threads.has_room)
        release.set()
        await asyncio.gather(*tasks)
        assert room == [True, True, False]
        assert threads.has_room
        threads.close()

    asyncio.run(play())


def test_a_job_that_waited_longer_than_its_patience_is_not_run() -> None:
    async def play() -> None:
        threads, release, ran = RequestThreads(1, max_waiting=10), threading.Event(), threading.Event()
        first = asyncio.create_task(threads.run(lambda: release.wait(60)))
        impatient = asyncio.create_task(threads.run(ran.set, patience_seconds=0.0))
        patient = asyncio.create_task(threads.run(lambda: "ran", patience_seconds=60.0))
        await asyncio.sleep(0)
        release.set()
        with pytest.raises(WaitedTooLongError):
            await impatient
        assert await patient == "ran"
        assert await first
        assert not ran.is_set()
        threads.close()

    asyncio.run(play())
