"""The bridge as a whole with a broker in memory: from message to answer, through losses, until it is stopped."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from classifier.classifiers import create_classifier
from classifier.model_registry import promote
from classifier.models import BrokerRequest
from tests.row_makers import LABELS, make_version, png_bytes
from tests.shared_database import shared_database  # noqa: F401 - a fixture, used by its name
from tests.stack import await_that
from tests.webapp.gateway.predicting import predict_all
from webapp.gateway import bridge as bridge_module
from webapp.gateway.bridge import Bridge, gateway_options
from webapp.gateway.intake import Outcome, Taken
from webapp.gateway.memory import MemoryBroker, MemoryClient
from webapp.gateway.protocol import BrokerUnavailable, GatewayOptions, Message


class LosingClient(MemoryClient):
    """Whose connection ends for good at the second call, once."""

    calls = 0

    def receive(self, most: int, timeout_seconds: float) -> list[Message]:
        LosingClient.calls += 1
        if LosingClient.calls == 2:
            raise BrokerUnavailable("The login has expired.")
        return super().receive(most, timeout_seconds)


class Running:
    """A bridge in a thread of its own."""

    def __init__(self, client: type[MemoryClient] = MemoryClient) -> None:
        self.broker = MemoryBroker()
        self.clients: list[MemoryClient] = []
        self._client = client
        self.bridge = Bridge(self._make, gateway_options())
        self.thread = threading.Thread(target=self.bridge.run, daemon=True)

    def _make(self, options: GatewayOptions) -> MemoryClient:
        self.clients.append(self._client(self.broker, options))
        return self.clients[-1]

    def start(self) -> None:
        self.thread.start()

    def stop(self) -> None:
        self.bridge.stop()
        if self.thread.ident:
            self.thread.join(10)
        assert not self.thread.is_alive()

    def await_answers(self, count: int) -> list[dict[str, Any]]:
        await_that(lambda: len(self.broker.published) >= count, 60, f"{count} answers")
        return [json.loads(sent.body) for sent in self.broker.published]


class NoAnswers:
    """In place of the answering thread."""

    unanswered = 0

    def __init__(self, source: str, client: object) -> None:
        self._is_alive = False

    def start(self) -> None:
        self._is_alive = True

    def is_alive(self) -> bool:
        return self._is_alive

    def wake(self) -> None: ...

    def stop(self, seconds: float) -> None: ...


class TakesAll:
    """In place of the intake: no row, no picture."""

    def __init__(self, source: str, options: GatewayOptions) -> None: ...

    def take(self, message: Message) -> Taken:
        return Taken(Outcome.ACCEPTED)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    settings.GATEWAY_POLL_SECONDS = 0.01
    settings.GATEWAY_THREADS = 2
    monkeypatch.setattr(bridge_module, "FIRST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr("webapp.gateway.answering.COUNT_SECONDS", 0.01)


@pytest.fixture
def rowless(quick: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bridge_module, "Answering", NoAnswers)
    monkeypatch.setattr(bridge_module, "Intake", TakesAll)


@contextmanager
def run_bridge(client: type[MemoryClient] = MemoryClient) -> Iterator[Running]:
    running = Running(client)
    try:
        yield running
    finally:
        running.stop()


@pytest.mark.usefixtures("shared_database", "rings", "quick")
def test_pictures_sent_are_labels_answered_never_more_at_once_than_allowed(settings: Any) -> None:
    settings.GATEWAY_UNANSWERED = 3
    promote(version=make_version(create_classifier(slug="pets", labels=LABELS), "1" * 64), reason="test")
    with run_bridge() as running:
        for number in range(3):
            running.broker.send(png_bytes(number), key=str(number))
        running.start()
        await_that(lambda: running.bridge._answering.unanswered == 3, 60, "three wait")
        running.broker.send(png_bytes(3), key="3")
        predict_all()
        assert [answer["label"] for answer in running.await_answers(3)] == ["dog"] * 3
        await_that(lambda: BrokerRequest.objects.count() == 4, 60, "the fourth is taken")


@pytest.mark.usefixtures("rowless")
def test_a_broker_that_is_away_at_the_start_is_tried_until_it_is_there() -> None:
    with run_bridge() as running:
        running.broker.is_away = True
        running.start()
        await_that(lambda: len(running.clients) > 2, 60, "some tries")
        running.broker.is_away = False
        name = running.broker.send(b"a picture")
        await_that(lambda: running.broker.acknowledged == [name], 60, "it is served")


@pytest.mark.usefixtures("rowless")
def test_a_connection_that_ended_for_good_is_made_anew() -> None:
    with run_bridge(LosingClient) as running:
        running.start()
        await_that(lambda: len(running.clients) == 2, 60, "another client")
        name = running.broker.send(b"a picture")
        await_that(lambda: running.broker.acknowledged == [name], 60, "it is served")


@pytest.mark.usefixtures("rowless")
def test_a_stopped_bridge_leaves_what_it_has_not_taken() -> None:
    with run_bridge() as running:
        running.start()
        await_that(lambda: running.clients[0].is_connected, 60, "connected")
        running.stop()
        running.broker.send(png_bytes(1))
        assert len(running.broker.waiting) == 1
        assert not running.clients[-1].is_connected
