"""A worker's connection to a Redis that went away leaves nothing behind."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest
from kombu import Connection

from tasks.celery_app import app
from tests.private_redis import redis_process  # noqa: F401 - a fixture, used by its name


@pytest.fixture
def waiting(redis_process: tuple[str, subprocess.Popen[bytes]]) -> Any:  # noqa: F811
    """A connection of the app's kind whose channel waits for a message."""
    address, process = redis_process
    connection = Connection(f"{address}/0", transport=app.conf.broker_transport)
    channel: Any = connection.channel()
    channel.basic_consume("gpu", no_ack=True, callback=print, consumer_tag="one")
    with pytest.raises(TimeoutError):
        connection.drain_events(timeout=0.01)
    return connection, channel, process


def test_a_channel_whose_redis_is_gone_is_closed_whole(waiting: Any) -> None:
    connection, channel, process = waiting
    socket = channel.client.connection._sock
    process.kill()
    process.wait()
    connection.collect()
    assert channel.closed
    assert socket.fileno() == -1
    assert connection.transport.channels == []
