"""Making, changing, testing and removing webhooks."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import User

from classifier import webhooks
from classifier.errors import Conflict, NotFound, Refused
from classifier.models import Classifier, Webhook, WebhookDelivery
from classifier.webhook_deliveries import Attempt, claim_deliveries, store_attempts
from classifier.webhooks import (
    change_webhook,
    create_webhook,
    delete_webhook,
    find_delivery,
    find_webhook,
    may_be_told,
    redeliver,
    renew_secret,
    send_test,
)
from tests.webapp.people import person
from tests.webhook_receiver import make_webhook

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rings")]
URL = "https://example.org/hook"
UNKNOWN = ("01a1fbed-5e5c-7c2d-854c-dd29f039aa02", "nonsense")


@pytest.fixture
def owner(db: None) -> User:
    return person("owner")


@pytest.fixture
def webhook(owner: User) -> Webhook:
    return make_webhook(URL, user=owner)


def end(webhook: Webhook, *, is_delivered: bool = True) -> WebhookDelivery:
    """One test message, sent and answered."""
    delivery = send_test(webhook=webhook)
    claimed = claim_deliveries(worker="w", free=1, busy={}, share=1)
    store_attempts([(claimed[0], Attempt(is_delivered, "It answered.", 200 if is_delivered else 410))])
    delivery.refresh_from_db()
    return delivery


def test_a_webhook_is_active_at_once_with_a_secret_of_its_own(owner: User) -> None:
    made = [create_webhook(user=owner, url=URL, events=["review.made", "prediction.done"]) for _ in range(2)]
    assert made[0].is_active
    assert made[0].events == ["prediction.done", "review.made"]  # in our order, each once
    assert re.fullmatch(r"whsec_[\w-]{43}", made[0].secret)
    assert made[0].secret != made[1].secret


@pytest.mark.parametrize(
    ("url", "events", "words"),
    [
        ("http://10.0.0.1/", ["review.made"], "private network"),
        (URL, [], "at least one event"),
        (URL, ["image.deleted"], "no event “image.deleted”"),
        (URL, ["ping"], "no event “ping”"),
    ],
)
def test_a_wrong_wish_is_refused_in_a_sentence(owner: User, url: str, events: list[str], words: str) -> None:
    with pytest.raises(Refused, match=words):
        create_webhook(user=owner, url=url, events=events)
    assert not Webhook.objects.exists()


def test_there_is_an_end_to_how_many(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "MOST_WEBHOOKS", 1)
    make_webhook(URL, user=owner)
    with pytest.raises(Conflict, match="already"):
        make_webhook(URL, user=owner)


def test_only_what_is_named_is_changed_and_whoever_changes_it_answers_for_it(
    webhook: Webhook, pets: Classifier
) -> None:
    other = person("admin")
    changed = change_webhook(webhook=webhook, user=other, changes={"url": "https://example.net", "classifier": pets})
    assert (changed.url, changed.classifier, changed.user) == ("https://example.net/", pets, other)
    assert (changed.events, changed.secret) == (webhook.events, webhook.secret)
    everything = change_webhook(webhook=webhook, user=other, changes={"classifier": None, "events": ["review.made"]})
    assert (everything.classifier, everything.events) == (None, ["review.made"])


def test_a_change_is_checked_as_a_new_one_is(webhook: Webhook, owner: User) -> None:
    with pytest.raises(Refused):
        change_webhook(webhook=webhook, user=owner, changes={"url": "http://[::1]/"})
    with pytest.raises(Refused):
        change_webhook(webhook=webhook, user=owner, changes={"events": []})


def test_switching_on_clears_why_it_stopped(webhook: Webhook, owner: User) -> None:
    webhooks.stop_webhook(webhook.id, reason="Gone.")
    stopped = find_webhook(str(webhook.id))
    assert (stopped.is_active, stopped.stopped_because) == (False, "Gone.")
    again = change_webhook(webhook=stopped, user=owner, changes={"is_active": True})
    assert (again.is_active, again.stopped_because) == (True, "")


def test_a_renewed_secret_replaces_the_old_one(webhook: Webhook) -> None:
    secret = renew_secret(webhook=webhook)
    assert secret != webhook.secret
    assert find_webhook(str(webhook.id)).secret == secret


def test_deleting_takes_the_messages_along(webhook: Webhook) -> None:
    send_test(webhook=webhook)
    delete_webhook(webhook=webhook)
    assert not WebhookDelivery.objects.exists()
    with pytest.raises(NotFound):
        delete_webhook(webhook=webhook)


def test_a_test_is_a_message_that_waits(webhook: Webhook) -> None:
    delivery = send_test(webhook=webhook)
    assert (delivery.event, delivery.state, delivery.payload["event"]) == ("ping", "waiting", "ping")
    assert delivery.payload["id"] == str(delivery.id)


def test_a_paused_webhook_is_neither_tested_nor_repeated(webhook: Webhook, owner: User) -> None:
    delivery = end(webhook)
    paused = change_webhook(webhook=webhook, user=owner, changes={"is_active": False})
    with pytest.raises(Conflict, match="paused"):
        send_test(webhook=paused)
    with pytest.raises(Conflict, match="paused"):
        redeliver(delivery=find_delivery(paused, str(delivery.id)))


def test_what_has_ended_can_be_sent_again_and_what_waits_cannot(webhook: Webhook) -> None:
    delivery = end(webhook)
    assert delivery.state == "done"
    again = redeliver(delivery=delivery)
    assert (again.state, again.attempts, again.ended_at) == ("waiting", 0, None)
    with pytest.raises(Conflict, match="waits"):
        redeliver(delivery=again)
    assert WebhookDelivery.objects.count() == 1


def test_unknown_ones_and_those_of_another_webhook_are_not_found(webhook: Webhook, owner: User) -> None:
    delivery = send_test(webhook=webhook)
    other = make_webhook(URL, user=owner)
    for key in UNKNOWN:
        with pytest.raises(NotFound):
            find_webhook(key)
    for key in (*UNKNOWN, str(delivery.id)):
        with pytest.raises(NotFound):
            find_delivery(other, key)


@pytest.mark.parametrize(
    ("role", "may"), [("", False), ("viewer", False), ("reviewer", False), ("operator", False), ("owner", True)]
)
def test_only_people_who_may_train_and_see_all_images_are_told(db: None, role: str, may: bool) -> None:
    assert may_be_told(person(role)) is may


def test_a_closed_account_is_told_nothing(db: None) -> None:
    admin = person("admin")
    assert may_be_told(admin)
    admin.is_active = False
    assert not may_be_told(admin)
