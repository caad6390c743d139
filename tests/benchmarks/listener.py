"""One visitor's results socket, open while the load runs: counts the pushed answers and knows when the last came."""

from __future__ import annotations

import threading
import time

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.typing import Origin

ANSWER_STARTS = '{"type": "prediction"'


class Listener:
    """Use as a context manager; `answers` and `last_at` (Unix time) grow while it is open."""

    def __init__(self, port: int, cookie: str) -> None:
        self.answers = 0
        self.last_at = 0.0
        self._socket = connect(
            f"ws://127.0.0.1:{port}/ws/results/",
            additional_headers={"Cookie": cookie},
            origin=Origin(f"http://127.0.0.1:{port}"),
            compression=None,
            max_size=None,
        )
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def __enter__(self) -> Listener:
        self._socket.recv(timeout=20)  # the snapshot
        self._thread.start()
        return self

    def __exit__(self, *problem: object) -> None:
        self._socket.close()
        self._thread.join(10)

    def _listen(self) -> None:
        try:
            for frame in self._socket:
                if isinstance(frame, str) and frame.startswith(ANSWER_STARTS):
                    self.answers += 1
                    self.last_at = time.time()
        except ConnectionClosed:
            return
