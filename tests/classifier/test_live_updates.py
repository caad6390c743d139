"""Live messages leave from a thread of their own, and a process that ends can wait for them."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from classifier import live_updates
from classifier.live_updates import EVERYBODY, LiveSender


class SlowLayer:
    """Keeps what was sent, as soon as it may."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, dict[str, Any]]] = []
        self.may_send = threading.Event()

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        while not self.may_send.is_set():
            await asyncio.sleep(0.002)
        self.sent.append((group, message))


@pytest.fixture
def layer(monkeypatch: pytest.MonkeyPatch) -> SlowLayer:
    made = SlowLayer()
    monkeypatch.setattr(live_updates, "get_channel_layer", lambda name: made)
    return made


def test_waiting_ends_when_everything_has_left(layer: SlowLayer) -> None:
    sender = LiveSender()
    assert sender.wait_until_sent(0)
    for number in range(3):
        sender.send({EVERYBODY: [{"type": "model", "live": number}]})
    assert layer.sent == []
    layer.may_send.set()
    assert sender.wait_until_sent(60)
    assert sorted(message["events"][0]["live"] for _, message in layer.sent) == [0, 1, 2]


def test_waiting_ends_when_the_time_is_over(layer: SlowLayer) -> None:
    sender = LiveSender()
    sender.send({EVERYBODY: [{"type": "model"}]})
    assert not sender.wait_until_sent(0.01)
    layer.may_send.set()
    assert sender.wait_until_sent(60)
