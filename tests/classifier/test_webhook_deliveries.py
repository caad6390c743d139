"""Messages in a worker's hands: shared out fairly, fenced, put off, given up, counted, forgotten."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models.functions import Now
from django.utils import timezone

from classifier.identifiers import first_id_at
from classifier.models import Webhook, WebhookDelivery
from classifier.webhook_deliveries import (
    GONE,
    LONGEST_PAUSE_SECONDS,
    Attempt,
    ClaimedDelivery,
    claim_deliveries,
    forget_old_deliveries,
    give_up_overdue,
    pause_after,
    store_attempts,
)
from classifier.webhooks import LOST_RIGHT, send_test
from tests.webapp.people import person
from tests.webhook_receiver import make_webhook

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rings")]
URL = "https://example.org/hook"
OK = Attempt(True, "It answered 204 No Content.", 204)
FAILED = Attempt(False, "It answered 500 Internal Server Error.", 500)
UNWANTED = Attempt(False, "It answered 410 Gone.", 410)


@pytest.fixture
def webhook(db: None) -> Webhook:
    return make_webhook(URL)


def claim(free: int = 100, share: int = 100, busy: dict[Any, int] | None = None, worker: str = "w") -> list[Any]:
    return claim_deliveries(worker=worker, free=free, busy=busy or {}, share=share)


def claim_one() -> ClaimedDelivery:
    (claimed,) = claim()
    assert isinstance(claimed, ClaimedDelivery)
    return claimed


def let_lease_run_out() -> None:
    WebhookDelivery.objects.filter(lease_until__isnull=False).update(lease_until=Now() - timedelta(seconds=1))


def only() -> WebhookDelivery:
    return WebhookDelivery.objects.get()


def test_what_is_due_is_claimed_once_with_all_that_sending_takes(webhook: Webhook) -> None:
    delivery = send_test(webhook=webhook)
    claimed = claim_one()
    assert (claimed.id, claimed.claim, claimed.url, claimed.secret) == (delivery.id, 1, webhook.url, webhook.secret)
    assert claimed.payload == delivery.payload
    assert claim() == []


def test_what_a_killed_worker_held_is_claimed_again_and_its_late_word_is_fenced(webhook: Webhook) -> None:
    send_test(webhook=webhook)
    lost = claim_one()
    let_lease_run_out()
    taken = claim_one()
    assert taken.claim == lost.claim + 1
    assert store_attempts([(lost, FAILED)]) == 0
    assert store_attempts([(taken, OK)]) == 1
    assert store_attempts([(taken, FAILED)]) == 0
    webhook.refresh_from_db()
    assert (only().state, only().attempts, webhook.delivered_count, webhook.failed_count) == ("done", 1, 1, 0)


def test_nobody_gets_more_than_a_share_and_the_rest_is_given_in_turns(db: None) -> None:
    greedy, small = make_webhook(URL), make_webhook(URL)
    for _ in range(9):
        send_test(webhook=greedy)
    send_test(webhook=small)
    first = Counter(each.webhook_id for each in claim(free=4, share=3))
    assert first == {greedy.id: 3, small.id: 1}
    assert claim(free=4, share=3, busy={greedy.id: 3}) == []
    assert Counter(each.webhook_id for each in claim(free=4, share=3, busy={greedy.id: 1})) == {greedy.id: 2}


def test_few_free_places_go_to_those_with_the_least_in_hand(db: None) -> None:
    busy, idle = make_webhook(URL), make_webhook(URL)
    for webhook in (busy, idle):
        for _ in range(3):
            send_test(webhook=webhook)
    assert [each.webhook_id for each in claim(free=1, share=3, busy={busy.id: 2})] == [idle.id]
    assert claim(free=0) == []


def test_a_failing_webhook_gets_one_place_until_a_message_arrives(webhook: Webhook) -> None:
    for _ in range(3):
        send_test(webhook=webhook)
    Webhook.objects.update(failing_since=timezone.now())
    store_attempts([(claim_one(), OK)])
    assert Webhook.objects.get().failing_since is None
    assert len(claim()) == 2


def test_a_failure_puts_the_message_off_and_says_since_when_it_fails(webhook: Webhook) -> None:
    send_test(webhook=webhook)
    before = only().available_at
    store_attempts([(claim_one(), FAILED)])
    webhook.refresh_from_db()
    row = only()
    assert (row.state, row.attempts, row.status_code, row.outcome) == ("waiting", 1, 500, FAILED.words)
    assert row.available_at - before > timedelta(seconds=7)
    assert claim() == []
    assert webhook.failing_since is not None
    assert (webhook.failed_count, webhook.given_up_count) == (1, 0)


def test_pauses_double_up_to_an_hour_and_differ(settings: Any) -> None:
    assert 8 <= pause_after(0) <= 12
    assert 16 <= pause_after(1) <= 24
    assert 0.8 * LONGEST_PAUSE_SECONDS <= pause_after(30) <= 1.2 * LONGEST_PAUSE_SECONDS
    assert len({pause_after(3) for _ in range(20)}) > 1


def test_a_day_of_failures_is_enough(webhook: Webhook) -> None:
    send_test(webhook=webhook)
    WebhookDelivery.objects.update(give_up_at=Now())
    store_attempts([(claim_one(), FAILED)])
    webhook.refresh_from_db()
    assert (only().state, only().ended_at is None, webhook.given_up_count) == ("failed", False, 1)


def test_410_ends_the_message_and_switches_the_webhook_off(webhook: Webhook) -> None:
    send_test(webhook=webhook)
    store_attempts([(claim_one(), UNWANTED)])
    webhook.refresh_from_db()
    assert (only().state, webhook.is_active, webhook.stopped_because) == ("failed", False, GONE)


def test_who_lost_the_right_is_sent_nothing_more(webhook: Webhook) -> None:
    send_test(webhook=webhook)
    person("owner").groups.clear()
    assert claim() == []
    webhook.refresh_from_db()
    assert (webhook.is_active, webhook.stopped_because) == (False, LOST_RIGHT)
    assert only().state == "waiting"


def test_a_paused_webhook_keeps_its_messages_until_it_is_switched_on(webhook: Webhook) -> None:
    send_test(webhook=webhook)
    Webhook.objects.update(is_active=False)
    assert claim() == []
    Webhook.objects.update(is_active=True)
    assert len(claim()) == 1


def test_several_outcomes_are_stored_together(webhook: Webhook) -> None:
    for _ in range(3):
        send_test(webhook=webhook)
    claimed = claim()
    assert store_attempts(list(zip(claimed, [OK, FAILED, OK], strict=True))) == 3
    webhook.refresh_from_db()
    assert (webhook.delivered_count, webhook.failed_count) == (2, 1)
    assert Counter(WebhookDelivery.objects.values_list("state", flat=True)) == {"done": 2, "waiting": 1}


def test_outcomes_of_a_deleted_webhook_are_nobodys(webhook: Webhook) -> None:
    send_test(webhook=webhook)
    claimed = claim_one()
    webhook.delete()
    assert store_attempts([(claimed, UNWANTED)]) == 0


def test_what_waited_too_long_behind_a_failing_receiver_is_given_up_at_once(db: None) -> None:
    failing, well = make_webhook(URL), make_webhook(URL)
    for webhook in (failing, well):
        send_test(webhook=webhook)
    WebhookDelivery.objects.update(give_up_at=Now() - timedelta(hours=3))
    fresh = send_test(webhook=failing)
    Webhook.objects.filter(id=failing.id).update(failing_since=timezone.now())
    assert give_up_overdue() == 1
    assert give_up_overdue() == 0
    assert set(WebhookDelivery.objects.filter(state="waiting").values_list("webhook", flat=True)) == {
        failing.id,
        well.id,
    }
    assert WebhookDelivery.objects.get(id=fresh.id).state == "waiting"
    failing.refresh_from_db()
    assert failing.given_up_count == 1


@pytest.mark.parametrize(
    ("state", "is_active", "is_old", "stays"),
    [
        ("done", True, True, False),
        ("failed", True, True, False),
        ("done", True, False, True),
        ("waiting", True, True, True),
        ("waiting", False, True, False),
        ("waiting", False, False, True),
    ],
)
def test_messages_are_forgotten_after_a_month(
    webhook: Webhook, state: str, is_active: bool, is_old: bool, stays: bool
) -> None:
    made = timezone.now() - timedelta(days=31 if is_old else 29)
    WebhookDelivery.objects.create(
        id=first_id_at(made),
        webhook=webhook,
        event="ping",
        subject="1",
        payload={},
        state=state,
        available_at=made,
        give_up_at=made,
        ended_at=None if state == "waiting" else made,
    )
    Webhook.objects.update(is_active=is_active)
    assert forget_old_deliveries() == (0 if stays else 1)
    assert WebhookDelivery.objects.exists() is stays


def test_an_old_message_that_was_just_sent_again_is_kept(webhook: Webhook) -> None:
    made = timezone.now() - timedelta(days=31)
    facts = {"payload": {}, "available_at": made, "give_up_at": made}
    WebhookDelivery.objects.create(
        id=first_id_at(made), webhook=webhook, event="ping", subject="1", state="done", ended_at=timezone.now(), **facts
    )
    assert forget_old_deliveries() == 0


def test_two_peoples_rights_are_asked_one_by_one(db: None) -> None:
    other = User.objects.create_user("other")
    lost, kept = make_webhook(URL, user=other), make_webhook(URL)
    for webhook in (lost, kept):
        send_test(webhook=webhook)
    assert [each.webhook_id for each in claim()] == [kept.id]
