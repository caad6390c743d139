"""What a soaked installation is asked to do meanwhile: uploads at a steady pace, sockets that come and go, swaps."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Iterator

import httpx
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from tests.faults.history import History
from tests.faults.version_changes import PROMOTE
from tests.stack import Stack

CLIENTS = 5
UPLOADS_A_SECOND = 5.0
SOCKET_SECONDS = 5.0


class Load:
    """Threads that ask until they are told to stop. Use as a context manager."""

    def __init__(self, stack: Stack, history: History) -> None:
        self._stack, self._history = stack, history
        self._seeds = itertools.count()
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._upload, daemon=True) for _ in range(CLIENTS)]
        self._threads.append(threading.Thread(target=self._listen, daemon=True))
        self.pushes = 0

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *problem: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _upload(self) -> None:
        """One visitor: a picture now and then, and a look at the list."""
        pause = CLIENTS / UPLOADS_A_SECOND
        with self._stack.client() as client:
            due = time.monotonic()
            for number in itertools.count():
                self._history.send(client, next(self._seeds))
                if number % 10 == 0:
                    _look(client)
                due = max(due + pause, time.monotonic())
                if self._stopping.wait(due - time.monotonic()):
                    return

    def _listen(self) -> None:
        """A page that is opened, waits a while for news of its pictures, and is closed again."""
        while not self._stopping.is_set():
            with self._stack.client() as client:
                self._history.send(client, next(self._seeds))
                try:
                    self.pushes += sum(1 for _ in _news(self._stack, client))
                except (OSError, WebSocketException):
                    self._stopping.wait(1)


def _look(client: httpx.Client) -> None:
    try:
        client.get("/api/v1/images")
    except httpx.HTTPError:
        return


def _news(stack: Stack, client: httpx.Client) -> Iterator[str]:
    cookies = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
    address = f"ws://127.0.0.1:{stack.port}/ws/results/"
    with connect(address, additional_headers={"Cookie": cookies, "Origin": stack.address}) as live:
        closes_at = time.monotonic() + SOCKET_SECONDS
        try:
            while True:
                yield json.loads(live.recv(max(0.0, closes_at - time.monotonic())))["type"]
        except TimeoutError:
            return


class Swapper(threading.Thread):
    """Changes the live version again and again, between the first two."""

    def __init__(self, stack: Stack, *, pause_seconds: float) -> None:
        super().__init__(name="swapper", daemon=True)
        self.swaps = 0
        self._stack, self._pause_seconds = stack, pause_seconds
        self._stopping = threading.Event()

    def run(self) -> None:
        while not self._stopping.wait(self._pause_seconds):
            self._stack.query(PROMOTE.format(number=2 - self.swaps % 2))
            self.swaps += 1

    def finish(self) -> None:
        self._stopping.set()
        self.join()
