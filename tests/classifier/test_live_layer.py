"""Live messages through Redis: who is in a group hears them, and is told when some were lost."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
import redis
from redis.exceptions import RedisError

from classifier.live_layer import LOST, MISSED, LiveLayer
from tests.faults.fault_proxy import Fault, FaultProxy
from tests.private_redis import redis_process  # noqa: F401 - a fixture, used by its name

Talk = Callable[[LiveLayer, LiveLayer], Awaitable[Any]]
NEWS = {"type": "live.events", "events": [{"type": "model", "live": 2}]}


@pytest.fixture(scope="module")
def way(redis_process: tuple[str, subprocess.Popen[bytes]]) -> Iterator[tuple[FaultProxy, str]]:  # noqa: F811
    """A proxy before Redis, and the address of Redis through it."""
    with redis.Redis.from_url(redis_process[0]) as server:
        port = server.connection_pool.connection_kwargs["port"]
    with FaultProxy(port).running() as proxy:
        yield proxy, redis_process[0].replace(str(port), str(proxy.port))


@pytest.fixture
def proxy(way: tuple[FaultProxy, str]) -> Iterator[FaultProxy]:
    yield way[0]
    way[0].heal()


@pytest.fixture
def run(way: tuple[FaultProxy, str]) -> Callable[..., Any]:
    """Run a talk between a process that listens and one that sends."""

    def start(talk: Talk, **options: Any) -> Any:
        async def whole() -> Any:
            listening = LiveLayer(address=way[1], **{"retry_seconds": 0.02, **options})
            async with asyncio.timeout(10):
                return await talk(listening, LiveLayer(address=way[1]))

        return asyncio.run(whole())

    return start


async def joined(layer: LiveLayer, *groups: str) -> str:
    channel = await layer.new_channel()
    for group in groups:
        await layer.group_add(group, channel)
    return channel


async def next_of(layer: LiveLayer, channel: str, kind: dict[str, Any]) -> None:
    while await layer.receive(channel) != kind:
        pass


def test_a_group_hears_what_is_sent_to_it_and_nothing_else(run: Callable[..., Any]) -> None:
    async def talk(listening: LiveLayer, sending: LiveLayer) -> Any:
        both, one = await joined(listening, "a", "b"), await joined(listening, "b")
        await sending.group_send("nobody", NEWS)
        await sending.group_send("a", {**NEWS, "number": 1})
        await sending.group_send("b", {**NEWS, "number": 2})
        heard = [(await listening.receive(channel))["number"] for channel in (both, both, one)]
        await listening.group_discard("a", both)
        await sending.group_send("a", {**NEWS, "number": 3})
        await sending.group_send("b", {**NEWS, "number": 4})
        return [*heard, (await listening.receive(both))["number"]]

    assert run(talk) == [1, 2, 2, 4]


def test_who_has_left_every_group_is_forgotten(run: Callable[..., Any]) -> None:
    async def talk(listening: LiveLayer, sending: LiveLayer) -> Any:
        channel = await joined(listening, "a", "b")
        for group in ("a", "b", "b", "never"):
            await listening.group_discard(group, channel)
        return dict(listening._groups), dict(listening._queues)

    assert run(talk) == ({}, {})


def test_who_is_too_far_behind_is_told_so_once(run: Callable[..., Any]) -> None:
    async def talk(listening: LiveLayer, sending: LiveLayer) -> Any:
        slow, quick = await joined(listening, "a"), await joined(listening, "a")
        for number in range(6):
            await sending.group_send("a", {**NEWS, "number": number})
            assert (await listening.receive(quick))["number"] == number
        return [await listening.receive(slow) for _ in range(3)]

    missed, fourth, fifth = run(talk, capacity=3)
    assert missed == MISSED
    assert (fourth["number"], fifth["number"]) == (4, 5)


def test_a_broken_connection_comes_back_and_everybody_is_told(proxy: FaultProxy, run: Callable[..., Any]) -> None:
    async def talk(listening: LiveLayer, sending: LiveLayer) -> Any:
        channels = [await joined(listening, "a", "b") for _ in range(3)]
        await asyncio.to_thread(proxy.meet, Fault(refuse=True))
        await asyncio.to_thread(proxy.heal)
        for channel in channels:
            await next_of(listening, channel, MISSED)
        await sending.group_send("b", NEWS)
        return [await listening.receive(channel) for channel in channels]

    assert run(talk) == [NEWS] * 3


def test_a_connection_that_has_gone_mute_is_noticed(proxy: FaultProxy, run: Callable[..., Any]) -> None:
    async def talk(listening: LiveLayer, sending: LiveLayer) -> Any:
        channel = await joined(listening, "a")
        await asyncio.to_thread(proxy.meet, Fault(mute=True))
        await asyncio.to_thread(lambda: proxy.heal(forgetting=True))
        await next_of(listening, channel, MISSED)
        await sending.group_send("a", NEWS)
        return await listening.receive(channel)

    assert run(talk, silence_seconds=0.1) == NEWS


def test_silence_alone_is_no_loss(run: Callable[..., Any]) -> None:
    async def talk(listening: LiveLayer, sending: LiveLayer) -> Any:
        channel = await joined(listening, "a")
        await asyncio.sleep(0.25)
        await sending.group_send("a", NEWS)
        return await listening.receive(channel)

    assert run(talk, silence_seconds=0.2) == NEWS


def test_a_longer_loss_is_told_to_those_there_are_and_nobody_can_join(
    proxy: FaultProxy, run: Callable[..., Any]
) -> None:
    async def talk(listening: LiveLayer, sending: LiveLayer) -> Any:
        channel = await joined(listening, "a")
        await asyncio.to_thread(proxy.meet, Fault(refuse=True))
        await next_of(listening, channel, LOST)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await joined(listening, "a")
        with pytest.raises((RedisError, OSError)):
            await sending.group_send("a", NEWS)

    run(talk, patience_seconds=0.0)


def test_emptying_redis_makes_nobody_deaf(
    redis_process: tuple[str, subprocess.Popen[bytes]],  # noqa: F811
    run: Callable[..., Any],
) -> None:
    async def talk(listening: LiveLayer, sending: LiveLayer) -> Any:
        channel = await joined(listening, "a")
        with redis.Redis.from_url(redis_process[0]) as server:
            server.flushall()
        await sending.group_send("a", NEWS)
        return await listening.receive(channel)

    assert run(talk) == NEWS


def test_installations_that_share_a_redis_do_not_hear_each_other(way: tuple[FaultProxy, str]) -> None:
    async def talk() -> Any:
        listening = LiveLayer(address=f"{way[1]}/1")
        channel = await joined(listening, "a")
        await LiveLayer(address=f"{way[1]}/2").group_send("a", {"type": "theirs"})
        await LiveLayer(address=f"{way[1]}/1").group_send("a", NEWS)
        return await listening.receive(channel)

    assert asyncio.run(talk()) == NEWS
