"""kombu's Redis transport, named by `broker_transport`: a channel whose Redis is gone is closed all the same."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from queue import Empty
from typing import Any

from kombu.transport import redis


class Channel(redis.Channel):
    """The original first takes what Redis still owes it, and where nobody answers any more leaves the rest undone:
    each Redis that went away cost a worker one socket and 0.2 MB for good.
    """

    _in_poll: Any
    _brpop_read: Callable[[], Any]

    def close(self) -> None:
        """Afterwards no socket is left, whether Redis answers or not."""
        if self._in_poll:
            with suppress(Empty, *self.connection.connection_errors):
                self._brpop_read()  # whatever comes of it, the channel no longer waits
        super().close()


class Transport(redis.Transport):
    """As the original but for its channels."""

    Channel = Channel
