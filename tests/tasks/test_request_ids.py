"""One id from the request to the prediction: in the web's log line, the row, the message and the worker's log line."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from django.test import Client

from classifier import doorbell as doorbell_module
from classifier.doorbell import Doorbell, ring_by_name
from classifier.log_settings import logging_configuration
from classifier.models import Classifier, Image, Prediction
from classifier.predictions import claim_batch, find_work
from classifier.request_ids import HEADER, bind_request_id, current_request_id
from tasks.batches import predict_claimed
from tasks.loaded_models import HeldModel
from tasks.prediction import drain
from tests.row_makers import png_bytes
from tests.stub_predictor import StubPredictor
from tests.webapp.api_calls import IMAGES, part

pytestmark = pytest.mark.django_db
REQUEST = "a-request-of-ann-1"


class Lines:
    """What this process writes to its log, as it writes it: one JSON object a line."""

    def __init__(self) -> None:
        self.stream = io.StringIO()
        options = logging_configuration("INFO")["formatters"]["structured"]
        self.handler = logging.StreamHandler(self.stream)
        self.handler.setFormatter(
            structlog.stdlib.ProcessorFormatter(
                processors=options["processors"], foreign_pre_chain=options["foreign_pre_chain"]
            )
        )

    def of(self, event: str) -> list[dict[str, Any]]:
        read = [json.loads(line) for line in self.stream.getvalue().splitlines()]
        return [line for line in read if line["event"] == event]


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[Lines]:
    written, root = Lines(), logging.getLogger()
    monkeypatch.setattr(root, "level", logging.INFO)
    root.addHandler(written.handler)
    yield written
    root.removeHandler(written.handler)
    bind_request_id(None)


class Sent:
    """Stands where Celery's sending would be."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []

    def send_task(self, name: str, **options: Any) -> None:
        self.messages.append({"name": name, **options})


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Sent:
    sender = Sent()
    monkeypatch.setattr(doorbell_module, "current_app", sender)
    monkeypatch.setattr("classifier.settings.CELERY_BROKER_URL", "memory://")
    return sender


def upload_as(request_id: str, browser: Client | None = None) -> Prediction:
    answer = (browser or Client()).post(
        IMAGES, {"file": part(png_bytes(1), "1.png")}, headers={"X-Request-ID": request_id}
    )
    assert answer["X-Request-ID"] == request_id
    return Prediction.objects.get(image_id=answer.json()["images"][0]["id"])


def predict(pets: Classifier) -> None:
    """What the worker does with what is due."""
    work = find_work()
    assert work is not None
    assert pets.live_version_id
    predictor: Any = StubPredictor(3)
    items = claim_batch(work=work, worker="w1", limit=64).items
    predict_claimed(items, HeldModel(pets.live_version_id, pets.id, predictor, 64))


def test_asvs_v16_2_1_one_id_leads_from_the_request_to_the_prediction(pets: Classifier, lines: Lines) -> None:
    prediction = upload_as(REQUEST)
    (accepted,) = lines.of("images_accepted")
    assert (accepted["request"], accepted["images"]) == (REQUEST, [str(prediction.image_id)])
    assert prediction.request_id == REQUEST
    predict(pets)
    (predicted,) = lines.of("batch_predicted")
    assert (predicted["requests"], predicted["predictions"]) == ([REQUEST], [str(prediction.id)])


def test_a_picture_that_cannot_be_predicted_names_its_request(pets: Classifier, lines: Lines) -> None:
    prediction = upload_as(REQUEST)
    Image.objects.update(file_sha256="0" * 64)
    predict(pets)
    (failed,) = lines.of("image_failed")
    assert (failed["request"], failed["prediction"]) == (REQUEST, str(prediction.id))


def test_what_is_asked_for_again_is_of_the_request_that_asked_again(pets: Classifier) -> None:
    browser = Client()
    prediction = upload_as(REQUEST, browser)
    Prediction.objects.update(state="failed", done_at=prediction.queued_at)
    again = upload_as("another-request", browser)
    assert (again.id, again.request_id) == (prediction.id, "another-request")


def test_a_ring_carries_the_request_and_the_task_takes_it_up(
    monkeypatch: pytest.MonkeyPatch, sent: Sent, lines: Lines
) -> None:
    bell = Doorbell()
    monkeypatch.setattr(bell, "_start_thread", lambda: None)
    monkeypatch.setattr(bell, "connect", lambda: None)
    bind_request_id(REQUEST)
    bell.ring()
    bind_request_id(None)
    bell._allowed = 1
    bell._connection = _NoConnection()  # type: ignore[assignment] # what the ring needs of it
    bell._publish()
    assert sent.messages[0]["headers"] == {HEADER: REQUEST}
    seen: list[str | None] = []
    monkeypatch.setattr("tasks.prediction.wake_thread", lambda queue: seen.append(current_request_id()))
    drain.apply(headers=sent.messages[0]["headers"])
    assert seen == [REQUEST]
    assert current_request_id() is None


class _NoConnection:
    def Producer(self) -> _NoConnection:
        return self

    def __enter__(self) -> _NoConnection:
        return self

    def __exit__(self, *problem: object) -> None:
        return


def test_other_messages_carry_it_too(monkeypatch: pytest.MonkeyPatch, sent: Sent, lines: Lines) -> None:
    monkeypatch.setattr(Doorbell, "connect", lambda self: _NoConnection())
    monkeypatch.setattr("classifier.doorbell.threading.Thread", _AtOnce)
    bind_request_id(REQUEST)
    ring_by_name("tasks.housekeeping.repredict", ["1"])
    assert sent.messages[0]["headers"] == {HEADER: REQUEST}


class _AtOnce:
    def __init__(self, target: Any, **options: Any) -> None:
        self.start = target


@pytest.mark.parametrize("chosen", ["short", "x" * 65, "two words", 'quote"', "line\nbreak"])
def test_asvs_v16_4_1_an_id_that_could_forge_a_line_is_replaced(chosen: str) -> None:
    answer = Client().get("/healthz/live", headers={"X-Request-ID": chosen})
    assert answer["X-Request-ID"] != chosen
    assert len(answer["X-Request-ID"]) == 16
