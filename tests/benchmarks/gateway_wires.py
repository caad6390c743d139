"""How the gateway's benchmark sends requests over each broker and hears the answers."""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
import time
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import nats

from tests.broker_servers.nats_server import NatsServer

AT_ONCE = 200


class Answers:
    """What was heard, by id. Filled by a wire's thread, read by the benchmark."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._bodies: dict[str, list[str]] = defaultdict(list)
        self._moments: dict[str, float] = {}
        self._labelled: set[str] = set()

    def add(self, key: str, body: bytes) -> None:
        digest = hashlib.sha256(body).hexdigest()
        answer = json.loads(body)
        assert answer["id"] == key
        with self._lock:
            self._bodies[key].append(digest)
            self._moments.setdefault(key, time.monotonic())
            if answer["label"]:
                self._labelled.add(key)

    def count(self, asked: Mapping[str, Any]) -> int:
        """Ids with an answer."""
        with self._lock:
            return len(self._bodies.keys() & asked.keys())

    def total(self, asked: Mapping[str, Any]) -> int:
        """Answers, repeated ones too."""
        with self._lock:
            return sum(len(self._bodies[key]) for key in self._bodies.keys() & asked.keys())

    def differing(self, asked: Mapping[str, Any]) -> int:
        with self._lock:
            return sum(len(set(self._bodies[key])) > 1 for key in self._bodies.keys() & asked.keys())

    def without_label(self, asked: Mapping[str, Any]) -> int:
        with self._lock:
            return len(asked.keys() - self._labelled)

    def span(self, asked: Mapping[str, Any]) -> tuple[float, float]:
        """The moments of the first and the last first answer."""
        with self._lock:
            moments = [self._moments[key] for key in asked]
        return min(moments), max(moments)


class Wire(Protocol):
    """One broker with somebody who listens. A context manager, made with a folder to keep things in."""

    broker: str
    environment: dict[str, str]
    answers: Answers

    def __enter__(self) -> Wire: ...

    def __exit__(self, *problem: object) -> None: ...

    def send(self, pictures: Mapping[str, bytes]) -> None:
        """All of them, confirmed by the broker."""


class NatsWire:
    """JetStream on loopback."""

    broker = "nats"

    def __init__(self, folder: Path) -> None:
        place = folder / "nats"
        place.mkdir()
        self._server = NatsServer(place)
        self.answers = Answers()
        self.environment: dict[str, str] = {"GATEWAY_NATS_URL": self._server.url}
        self._loop = asyncio.new_event_loop()

    def __enter__(self) -> NatsWire:
        self._server.start()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        self._wait(self._listen())
        return self

    def __exit__(self, *problem: object) -> None:
        self._wait(self._connection.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._server.kill()

    def send(self, pictures: Mapping[str, bytes]) -> None:
        self._wait(self._send(pictures))

    def _wait(self, work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(300)

    async def _listen(self) -> None:
        self._connection = await nats.connect(self._server.url)

        async def hear(message: Any) -> None:
            self.answers.add(message.headers["Whatsit-Id"], message.data)

        await self._connection.subscribe("res_predict", cb=hear)
        stream = self._connection.jetstream()
        await stream.add_stream(name="requests", subjects=["req_predict.durable"], duplicate_window=0.1)

    async def _send(self, pictures: Mapping[str, bytes]) -> None:
        stream = self._connection.jetstream()
        waiting = list(pictures.items())
        for first in range(0, len(waiting), AT_ONCE):
            await asyncio.gather(
                *(
                    stream.publish("req_predict.durable", body, headers={"Nats-Msg-Id": key})
                    for key, body in waiting[first : first + AT_ONCE]
                )
            )
