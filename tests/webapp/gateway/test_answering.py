"""The answering thread: publishes what is ready, marks what the broker has, and tries the rest again."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db.models.functions import Now
from django.utils import timezone

from classifier.broker_answers import claim_answers, count_unanswered, mark_answered
from classifier.broker_requests import forget_old_requests
from classifier.database_time import moments_from_now
from classifier.models import BrokerRequest
from webapp.gateway.answering import Answering
from webapp.gateway.memory import MemoryBroker, MemoryClient
from webapp.gateway.protocol import GatewayOptions

SOURCE = "memory:req_predict"
OPTIONS = GatewayOptions("req_predict", "res_predict", "req_predict_dead", "whatsit", in_hand=8, most_bytes=20_000)

pytestmark = pytest.mark.django_db


def ready(name: str, *, source: str = SOURCE, reply_to: str = "res_predict") -> BrokerRequest:
    """A request whose answer is known."""
    return BrokerRequest.objects.create(
        source=source, message_id=name, kind="predict", reply_to=reply_to, answer={"id": name, "state": "refused"}
    )


@pytest.fixture
def broker() -> MemoryBroker:
    return MemoryBroker()


@pytest.fixture
def answering(broker: MemoryBroker) -> Answering:
    client = MemoryClient(broker, OPTIONS)
    client.connect()
    return Answering(SOURCE, lambda: client)


def test_what_is_ready_goes_where_it_is_wanted_and_only_once(broker: MemoryBroker, answering: Answering) -> None:
    ready("a")
    ready("b", reply_to="_INBOX.b")
    assert answering.answer_due() == 2
    assert {(sent.topic, sent.key) for sent in broker.published} == {("res_predict", "a"), ("_INBOX.b", "b")}
    assert [json.loads(sent.body)["id"] for sent in broker.published] == [sent.key for sent in broker.published]
    assert answering.answer_due() == 0
    assert not BrokerRequest.objects.filter(answered_at__isnull=True).exists()


def test_requests_of_another_topic_are_left_to_its_gateways(answering: Answering) -> None:
    ready("a", source="memory:others")
    assert answering.answer_due() == 0


def test_what_the_broker_did_not_take_is_tried_again_after_a_pause(broker: MemoryBroker, answering: Answering) -> None:
    ready("a")
    broker.is_away = True
    assert answering.answer_due() == 1
    broker.is_away = False
    assert answering.answer_due() == 0
    BrokerRequest.objects.update(lease_until=moments_from_now(-1))
    assert answering.answer_due() == 1
    assert [sent.key for sent in broker.published] == ["a"]


def test_what_the_broker_will_never_take_is_not_tried_for_ever(broker: MemoryBroker, answering: Answering) -> None:
    broker.refused_topics = {"no such place"}
    ready("a", reply_to="no such place")
    ready("b")
    assert answering.answer_due() == 2
    assert [sent.key for sent in broker.published] == ["b"]
    assert answering.answer_due() == 0


def test_what_one_gateway_holds_no_other_takes_until_its_lease_is_over() -> None:
    ready("a")
    first, [held] = claim_answers(source=SOURCE)
    assert claim_answers(source=SOURCE)[1] == []
    BrokerRequest.objects.update(lease_until=moments_from_now(-1))
    second, [again] = claim_answers(source=SOURCE)
    assert again.answer == held.answer
    assert mark_answered(worker=first, ids=[held.id]) == 0
    assert mark_answered(worker=second, ids=[again.id]) == 1
    assert BrokerRequest.objects.get().claim == 2


def test_counting_the_unanswered_stops_at_the_limit() -> None:
    for number in range(4):
        ready(str(number))
    BrokerRequest.objects.filter(message_id="0").update(answered_at=Now())
    assert (count_unanswered(source=SOURCE, at_most=10), count_unanswered(source=SOURCE, at_most=2)) == (3, 2)


def test_only_what_was_answered_long_ago_is_forgotten(settings: Any) -> None:
    settings.GATEWAY_REMEMBER_SECONDS = 3600.0
    ready("waits")
    BrokerRequest.objects.filter(id=ready("young").id).update(answered_at=timezone.now())
    BrokerRequest.objects.filter(id=ready("old").id).update(answered_at=moments_from_now(-3700))
    assert forget_old_requests() == 1
    assert set(BrokerRequest.objects.values_list("message_id", flat=True)) == {"waits", "young"}
