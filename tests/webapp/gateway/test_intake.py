"""What becomes of a message: rows in one commit, one answer for good, and a word for each kind of failure."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext

from classifier.broker_answers import claim_answers, mark_answered
from classifier.broker_requests import Asked, answer_again
from classifier.errors import StorageUnavailable
from classifier.models import BrokerRequest, Classifier, EvaluationRequest, Image, Prediction, TrainingRun
from classifier.object_storage import list_objects, write_verified
from tests.row_makers import png_bytes
from tests.webapp.gateway.predicting import predict_all
from tests.webapp.training_rows import finished_run, trainable_classifier
from webapp.gateway.intake import Intake, Outcome, Taken
from webapp.gateway.protocol import GatewayOptions, Message

SOURCE = "memory:req_predict"
OPTIONS = GatewayOptions("req_predict", "res_predict", "req_predict_dead", "whatsit", in_hand=8, most_bytes=20_000)


@pytest.fixture(autouse=True)
def one_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test's own transaction stays open."""
    monkeypatch.setattr("webapp.gateway.intake.close_old_connections", lambda: None)


def take(body: bytes | dict[str, Any], identity: str = "m1", **facts: Any) -> Taken:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Intake(SOURCE, OPTIONS).take(Message(data, identity, **facts))


def answers() -> list[dict[str, Any]]:
    """Claim what can be answered and mark it, as a gateway does."""
    worker, held = claim_answers(source=SOURCE)
    mark_answered(worker=worker, ids=[each.id for each in held])
    return [each.answer for each in held]


@pytest.mark.usefixtures("pets")
def test_a_picture_becomes_an_image_and_its_request() -> None:
    assert take(png_bytes(1), key="a").outcome is Outcome.ACCEPTED
    row = BrokerRequest.objects.select_related("image", "prediction").get()
    assert (row.source, row.message_id, row.kind, row.reply_to) == (SOURCE, "a", "predict", "res_predict")
    assert row.image is not None
    assert (row.image.source, row.image.owner) == (Image.Source.BROKER, "gateway:memory")
    assert row.prediction == row.image.current_prediction
    assert row.answered_at is None


@pytest.mark.usefixtures("pets")
def test_image_prediction_and_request_come_in_one_transaction() -> None:
    with CaptureQueriesContext(
        connection,
    ) as queries:
        take(png_bytes(1))
    begun = [query["sql"] for query in queries if query["sql"].startswith(("SAVEPOINT", "BEGIN"))]
    assert len(begun) == 1


@pytest.mark.usefixtures("pets")
def test_the_answer_comes_once_the_prediction_is_done() -> None:
    take(png_bytes(1), key="a")
    assert answers() == []
    predict_all()
    [answer] = answers()
    assert (answer["id"], answer["state"], answer["label"], answer["confidence"]) == ("a", "done", "dog", 0.9)
    assert [entry["label"] for entry in answer["scores"]] == ["dog", "cat", "bird"]
    assert (answer["model"]["version"], answer["error"]) == (1, None)
    assert answers() == []


@pytest.mark.usefixtures("pets")
def test_a_repeat_gets_the_very_same_answer_even_when_the_picture_was_asked_again() -> None:
    take(png_bytes(1), key="a")
    predict_all()
    [first] = answers()
    Prediction.objects.update(confidence=0.5, scores=[0.3, 0.5, 0.2])
    assert take(png_bytes(1), "m2", key="a").outcome is Outcome.REPEATED
    assert answers() == [first]
    assert (Image.objects.count(), BrokerRequest.objects.count()) == (1, 1)


@pytest.mark.usefixtures("pets")
def test_a_repeat_of_what_still_waits_adds_nothing() -> None:
    take(png_bytes(1), key="a")
    assert take(png_bytes(1), "m2", key="a").outcome is Outcome.REPEATED
    predict_all()
    assert len(answers()) == 1


@pytest.mark.usefixtures("pets")
def test_a_repeat_while_its_answer_is_being_published_is_answered_once_more() -> None:
    take(png_bytes(1), key="a")
    predict_all()
    worker, [held] = claim_answers(source=SOURCE)
    take(png_bytes(1), "m2", key="a", reply_to="_INBOX.second")
    assert mark_answered(worker=worker, ids=[held.id]) == 0
    _, [again] = claim_answers(source=SOURCE)
    assert (again.answer, again.reply_to) == (held.answer, "_INBOX.second")


@pytest.mark.usefixtures("pets")
@pytest.mark.parametrize("body", [png_bytes(1), b"no picture"])
def test_of_two_gateways_that_take_one_message_at_the_same_moment_one_stores_it(
    body: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(body, key="a")
    stored = [found.key for found in list_objects("")]
    looks: list[bool] = []

    def look_too_early(asked: Asked) -> bool:
        looks.append(len(looks) > 0 and answer_again(asked))
        return looks[-1]

    monkeypatch.setattr("webapp.gateway.intake.answer_again", look_too_early)
    assert take(body, key="a").outcome is Outcome.REPEATED
    assert looks == [False, True]
    assert BrokerRequest.objects.count() == 1
    assert [found.key for found in list_objects("")] == stored


@pytest.mark.usefixtures("pets")
def test_the_same_id_for_another_picture_is_told_so_and_changes_nothing() -> None:
    take(png_bytes(1), key="a")
    taken = take(png_bytes(2), "m2", key="a")
    assert taken.outcome is Outcome.MISMATCH
    assert taken.reply is not None
    assert json.loads(taken.reply.body)["error"]["code"] == "idempotency_mismatch"
    assert (taken.reply.topic, taken.reply.key) == ("res_predict", "a")
    assert (Image.objects.count(), BrokerRequest.objects.count()) == (1, 1)


@pytest.mark.usefixtures("pets")
def test_two_ids_for_one_picture_share_the_image_and_get_an_answer_each() -> None:
    take(png_bytes(1), key="a")
    take(png_bytes(1), "m2", key="b")
    predict_all()
    assert {answer["id"] for answer in answers()} == {"a", "b"}
    assert Image.objects.count() == 1


@pytest.mark.usefixtures("pets")
def test_a_bad_picture_is_an_ordinary_answer() -> None:
    assert take(b"no picture at all", key="a").outcome is Outcome.REFUSED
    [answer] = answers()
    assert (answer["id"], answer["state"], answer["label"]) == ("a", "refused", None)
    assert answer["error"]["code"] == "type_not_allowed"


@pytest.mark.usefixtures("pets")
def test_an_unknown_classifier_is_an_ordinary_answer() -> None:
    take({"id": "a", "classifier": "none", "image_base64": base64.b64encode(png_bytes(1)).decode()})
    [answer] = answers()
    assert answer["error"]["code"] == "not_found"


@pytest.mark.usefixtures("pets")
def test_a_message_may_name_an_object_of_the_inbox() -> None:
    write_verified("inbox/one.png", png_bytes(1))
    assert take({"id": "a", "image_url_key": "inbox/one.png"}).outcome is Outcome.ACCEPTED


@pytest.mark.usefixtures("pets")
@pytest.mark.parametrize("key", ["images/2026/01/01/a.png", "inbox/none.png", "inbox/../images/a.png"])
def test_no_other_object_can_be_named(key: str) -> None:
    write_verified("images/2026/01/01/a.png", png_bytes(1))
    assert take({"id": "a", "image_url_key": key}).outcome is Outcome.REFUSED
    assert Image.objects.count() == 0


@pytest.mark.usefixtures("pets")
@pytest.mark.parametrize("problem", [StorageUnavailable(), OperationalError("the server is gone")])
def test_storage_or_database_away_writes_nothing_and_is_tried_again(
    problem: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: Any, **named: Any) -> None:
        raise problem

    monkeypatch.setattr("webapp.gateway.intake.accept_picture", fail)
    monkeypatch.setattr("webapp.gateway.intake.connection", type("Nothing", (), {"close": lambda: None}))
    assert take(png_bytes(1)).outcome is Outcome.AWAY
    assert BrokerRequest.objects.count() == 0


@pytest.mark.usefixtures("pets")
def test_what_nobody_expected_is_a_failure_of_that_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webapp.gateway.intake.accept_picture", lambda *arguments, **named: 1 / 0)
    taken = take(png_bytes(1))
    assert (taken.outcome, taken.reason) == (Outcome.FAILED, "ZeroDivisionError('division by zero')")


@pytest.mark.usefixtures("pets")
def test_an_image_deleted_before_its_answer_is_said_so() -> None:
    take(png_bytes(1), key="a")
    Image.objects.all().delete()
    [answer] = answers()
    assert (answer["state"], answer["error"]["code"]) == ("refused", "not_found")


@pytest.mark.usefixtures("rings")
def test_a_training_is_answered_when_it_has_ended(db: None) -> None:
    trainable_classifier()
    assert take({"id": "t", "command": "train", "classifier": "pets", "epochs": 3}).outcome is Outcome.ACCEPTED
    run = TrainingRun.objects.get()
    assert (run.source, run.settings["hyper_parameters"]) == ("broker", {"epochs": 3})
    assert answers() == []
    TrainingRun.objects.update(state="failed", outcome="Out of memory.")
    [answer] = answers()
    assert (answer["id"], answer["command"], answer["state"]) == ("t", "train", "failed")
    assert (answer["run"], answer["error"]["message"]) == (str(run.id), "Out of memory.")


@pytest.mark.usefixtures("rings")
def test_a_training_under_way_refuses_another_and_a_repeat_asks_for_none(db: None) -> None:
    trainable_classifier()
    asked = {"id": "t", "command": "train", "classifier": "pets"}
    take(asked)
    assert take(asked, "m2").outcome is Outcome.REPEATED
    assert take({**asked, "id": "u"}, "m3").outcome is Outcome.REFUSED
    [answer] = answers()
    assert (answer["id"], answer["error"]["code"]) == ("u", "in_progress")
    assert TrainingRun.objects.count() == 1


@pytest.mark.usefixtures("rings")
def test_a_finished_training_brings_figures_and_verdict(db: None) -> None:
    version = finished_run(trainable_classifier())
    assert version.training_run
    BrokerRequest.objects.create(
        source=SOURCE, message_id="t", kind="train", reply_to="res_predict", training_run=version.training_run
    )
    [answer] = answers()
    assert (answer["state"], answer["model"]["version"]) == ("done", 1)
    assert answer["metrics"]["accuracy"] == version.metrics["holdout"]["accuracy"]
    assert answer["verdict"] == version.verdict


@pytest.mark.usefixtures("rings")
def test_two_that_want_the_same_version_measured_get_the_same_figures(db: None) -> None:
    version = finished_run(trainable_classifier())
    for name in ("e", "f"):
        asked = {"id": name, "command": "evaluate", "classifier": "pets", "model": version.number}
        assert take(asked, name).outcome is Outcome.ACCEPTED
    assert EvaluationRequest.objects.count() == 1
    version.evaluation = {"accuracy": 0.75, "count": 8, "matrix": [[1]]}
    version.save()
    EvaluationRequest.objects.update(state="done")
    found = answers()
    assert [answer["id"] for answer in found] == ["e", "f"]
    assert found[0]["metrics"] == {"accuracy": 0.75, "count": 8}


@pytest.mark.usefixtures("rings")
def test_commands_need_the_operators_word(db: None, settings: Any) -> None:
    settings.GATEWAY_COMMANDS = []
    trainable_classifier()
    take({"id": "t", "command": "train", "classifier": "pets"})
    [answer] = answers()
    assert answer["error"]["code"] == "not_allowed"
    assert TrainingRun.objects.count() == 0


def test_the_default_classifier_may_be_set(pets: Classifier, settings: Any) -> None:
    settings.GATEWAY_CLASSIFIER = "none"
    assert take(png_bytes(1)).reason == "not_found"
    settings.GATEWAY_CLASSIFIER = pets.slug
    assert take(png_bytes(1), "m2").outcome is Outcome.ACCEPTED
