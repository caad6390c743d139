"""The stream on which Pub/Sub brings messages: opened again when it breaks, never more held than is asked for."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import quote

import grpc
import structlog
from google.api_core import exceptions
from google.pubsub_v1 import SubscriberClient, types

logger = structlog.get_logger(__name__)

# Waiting does not heal these.
_HOPELESS: Final = {
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.PERMISSION_DENIED,
    grpc.StatusCode.UNAUTHENTICATED,
    grpc.StatusCode.INVALID_ARGUMENT,
}
_FIRST_PAUSE_SECONDS: Final = 0.1
_LONGEST_PAUSE_SECONDS: Final = 5.0
# Google closes a stream that says nothing for longer.
_HEARTBEAT_SECONDS: Final = 30.0
_ASK_SECONDS: Final = 2.0
_MOST_BYTES: Final = 200_000_000


class MessageStream(threading.Thread):
    """Reads into a short row. `problem` is set, and the thread over, when it cannot go on."""

    def __init__(self, subscriber: SubscriberClient, subscription: str, *, most: int, deadline_seconds: int) -> None:
        super().__init__(name="gateway-pubsub", daemon=True)
        self._subscriber = subscriber
        self._subscription = subscription
        self._most = most
        self._deadline_seconds = deadline_seconds
        self._waiting: deque[types.ReceivedMessage] = deque()
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._call: Any = None
        self._pause = _FIRST_PAUSE_SECONDS
        self.problem = ""
        self.is_connected = True

    def take(self, most: int, timeout_seconds: float) -> list[types.ReceivedMessage]:
        """As soon as there is at least one; none after the time."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self._waiting or self.problem), timeout_seconds)
            taken = [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]
            self._changed.notify_all()
        return taken

    def list_waiting(self) -> list[str]:
        """What came and was not taken yet, by the ids to acknowledge."""
        with self._changed:
            return [received.ack_id for received in self._waiting]

    def stop(self, seconds: float) -> None:
        """Read nothing more."""
        self._stopping.set()
        with self._changed:
            self._changed.notify_all()
        if self._call is not None:
            self._call.cancel()
        self.join(seconds)

    def run(self) -> None:
        while not self._stopping.is_set() and not self.problem:
            try:
                if not self.is_connected:
                    self._ask_for_broker()
                self._read()
            except grpc.RpcError as problem:
                if not self._stopping.is_set():
                    self._hear(problem)
            self._stopping.wait(self._pause)

    def _ask_for_broker(self) -> None:
        """After a loss: a stream on which nothing comes does not say whether it stands."""
        try:
            self._subscriber.get_subscription(subscription=self._subscription, retry=None, timeout=_ASK_SECONDS)
        except exceptions.GoogleAPIError:
            return
        self._hear_answer()

    def _read(self) -> None:
        """Until the stream ends: with an error, or without one when Google wants a fresh one."""
        ended = threading.Event()
        params = f"subscription={quote(self._subscription, safe='')}"
        try:
            open_stream: Any = self._subscriber.transport.streaming_pull  # typed as if it took one message
            self._call = open_stream(self._say(ended), metadata=(("x-goog-request-params", params),))
            if self._stopping.is_set():
                self._call.cancel()
            for response in self._call:
                self._hear_answer()
                with self._changed:
                    self._waiting.extend(response.received_messages)
                    self._changed.notify_all()
                    self._changed.wait_for(lambda: len(self._waiting) < self._most or self._stopping.is_set())
        finally:
            ended.set()

    def _say(self, ended: threading.Event) -> Iterator[types.StreamingPullRequest]:
        """What we want, then a word now and then. Runs in a thread of gRPC's."""
        yield types.StreamingPullRequest(
            subscription=self._subscription,
            stream_ack_deadline_seconds=self._deadline_seconds,
            max_outstanding_messages=self._most,
            max_outstanding_bytes=_MOST_BYTES,
        )
        while not ended.wait(_HEARTBEAT_SECONDS):
            yield types.StreamingPullRequest()

    def _hear(self, problem: Any) -> None:
        code, said = problem.code(), problem.details() or ""
        if code in _HOPELESS:
            with self._changed:
                self.problem = f"Pub/Sub refuses the subscription {self._subscription}: {said}"
                self._changed.notify_all()
            return
        if self.is_connected and code is grpc.StatusCode.UNAVAILABLE:
            self.is_connected = False
            logger.warning("broker_lost", error=said)
        self._pause = min(self._pause * 2, _LONGEST_PAUSE_SECONDS)

    def _hear_answer(self) -> None:
        self._pause = _FIRST_PAUSE_SECONDS
        if not self.is_connected:
            self.is_connected = True
            logger.info("broker_back")
