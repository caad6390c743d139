"""The loop that sends: everything once, side by side, whatever one receiver does."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from classifier.models import Webhook, WebhookDelivery
from classifier.webhook_deliveries import claim_deliveries, store_attempts
from classifier.webhook_events import WEBHOOK_TASK
from classifier.webhooks import redeliver, send_test
from tasks import webhook_loop
from tasks.celery_app import app
from tasks.webhook_loop import BELL, OUR_FAULT, WebhookLoop, WebhookStep
from tasks.webhooks import look
from tests.shared_database import in_parallel, shared_database  # noqa: F401 - a fixture, used by its name
from tests.webhook_receiver import Handler, Receiver, make_webhook

pytestmark = pytest.mark.usefixtures("rings")


def heard_ids(receiver: Receiver) -> Counter[str]:
    return Counter(heard.headers["Whatsit-Delivery"] for heard in receiver.heard)


def test_the_default_worker_owns_the_loop_and_the_bell_rings_its_task() -> None:
    assert "tasks.webhook_loop:WebhookStep" in app.steps["worker"]
    assert (look.name, WebhookStep.queue, WebhookStep.bell) == (WEBHOOK_TASK, "default", BELL)
    assert "tasks.webhooks" in app.conf.include


@pytest.mark.django_db
def test_what_waits_is_sent_and_working_off_twice_sends_once(receiver: Receiver) -> None:
    webhook = make_webhook(receiver.url)
    sent = {str(send_test(webhook=webhook).id) for _ in range(3)}
    for _ in range(2):
        WebhookLoop().work_off()
    assert heard_ids(receiver) == dict.fromkeys(sent, 1)
    rows = WebhookDelivery.objects.values_list("state", "status_code", "attempts", "worker", "lease_until")
    assert set(rows) == {("done", 204, 1, "", None)}


@pytest.mark.django_db
def test_a_failure_waits_for_its_pause_and_then_arrives(receiver: Receiver, settings: Any) -> None:
    delivery = send_test(webhook=make_webhook(receiver.url))
    receiver.answer = lambda handler: handler.say(503)
    loop = WebhookLoop()
    for _ in range(2):
        loop.work_off()
    delivery.refresh_from_db()
    assert (len(receiver.heard), delivery.state, delivery.outcome) == (
        1,
        "waiting",
        "It answered 503 Service Unavailable.",
    )
    receiver.answer = lambda handler: handler.say(200)
    WebhookDelivery.objects.update(available_at=Now())
    loop.work_off()
    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts) == ("done", 2)
    assert receiver.heard[0].body == receiver.heard[1].body


@pytest.mark.django_db
def test_a_message_sent_again_by_hand_keeps_its_id(receiver: Receiver) -> None:
    delivery = send_test(webhook=make_webhook(receiver.url))
    loop = WebhookLoop()
    loop.work_off()
    redeliver(delivery=WebhookDelivery.objects.select_related("webhook").get())
    loop.work_off()
    assert heard_ids(receiver) == {str(delivery.id): 2}


@pytest.mark.django_db
def test_410_ends_it_for_good(receiver: Receiver) -> None:
    webhook = make_webhook(receiver.url)
    for _ in range(2):
        send_test(webhook=webhook)
    Webhook.objects.update(failing_since=Now())  # so that one is sent at a time
    receiver.answer = lambda handler: handler.say(410)
    loop = WebhookLoop()
    loop.work_off()
    webhook.refresh_from_db()
    assert (webhook.is_active, len(receiver.heard)) == (False, 1)


@pytest.mark.django_db
def test_what_a_killed_worker_was_sending_is_sent_by_the_next(receiver: Receiver) -> None:
    delivery = send_test(webhook=make_webhook(receiver.url))
    assert claim_deliveries(worker="killed", free=1, busy={}, share=1)
    WebhookLoop().work_off()
    assert receiver.heard == []  # its lease has not run out
    WebhookDelivery.objects.update(lease_until=Now() - timedelta(seconds=1))
    WebhookLoop().work_off()
    delivery.refresh_from_db()
    assert (delivery.state, delivery.claim, len(receiver.heard)) == ("done", 2, 1)


@pytest.mark.django_db
def test_a_slow_receiver_holds_up_nobody_else(receiver: Receiver, settings: Any) -> None:
    """Far more for the slow one than there are threads; the others are served while it has not answered one."""
    settings.WEBHOOK_THREADS = 4
    slow, others = make_webhook(receiver.url + "/slow"), [make_webhook(receiver.url) for _ in range(3)]
    for _ in range(6):
        send_test(webhook=slow)
    for webhook in others:
        for _ in range(2):
            send_test(webhook=webhook)
    others_are_served = threading.Event()
    unserved: list[str] = []

    def answer(handler: Handler) -> None:
        if handler.path.endswith("/slow"):
            if not others_are_served.wait(10):
                unserved.append(handler.path)
        elif sum(not heard.path.endswith("/slow") for heard in receiver.heard) == 6:
            others_are_served.set()
        handler.say(204)

    receiver.answer = answer
    WebhookLoop().work_off()
    assert unserved == []
    assert len(receiver.heard) == 12


@pytest.mark.django_db
def test_what_goes_wrong_in_the_sender_is_told_and_tried_again(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: Any, **options: Any) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(webhook_loop, "send", fail)
    delivery = send_test(webhook=make_webhook(receiver.url))
    WebhookLoop().work_off()
    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts, delivery.outcome) == ("waiting", 1, OUR_FAULT)


@pytest.mark.django_db
def test_what_could_not_be_stored_is_stored_later_and_not_sent_again(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    send_test(webhook=make_webhook(receiver.url))
    loop = WebhookLoop()

    def fail(results: Any) -> int:
        monkeypatch.setattr(webhook_loop, "store_attempts", store_attempts)
        raise RuntimeError("the database is away")

    monkeypatch.setattr(webhook_loop, "store_attempts", fail)
    with pytest.raises(RuntimeError):
        loop.work_off()
    loop.work_off()
    assert (WebhookDelivery.objects.get().state, len(receiver.heard)) == ("done", 1)


@pytest.mark.usefixtures("shared_database")
def test_two_workers_at_once_deliver_everything_once(receiver: Receiver) -> None:
    webhooks = [make_webhook(receiver.url) for _ in range(2)]
    sent = {str(send_test(webhook=webhook).id) for webhook in webhooks for _ in range(20)}
    in_parallel(2, lambda number: WebhookLoop().work_off())
    WebhookLoop().work_off()
    assert heard_ids(receiver) == dict.fromkeys(sent, 1)
    assert not WebhookDelivery.objects.exclude(state="done").exists()
    assert {each.delivered_count for each in Webhook.objects.all()} == {20}


@pytest.mark.usefixtures("shared_database")
def test_the_bell_wakes_the_thread_and_a_stop_lets_it_end_what_it_sends(
    receiver: Receiver, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.WEBHOOK_POLL_SECONDS = 60.0
    began, may_end = threading.Event(), threading.Event()

    def answer(handler: Handler) -> None:
        began.set()
        may_end.wait(10)
        handler.say(204)

    receiver.answer = answer
    loop = WebhookLoop()
    monkeypatch.setattr("tasks.worker_threads._running", {BELL: loop})
    loop.start()
    webhook = make_webhook(receiver.url)
    send_test(webhook=webhook)
    look()
    assert began.wait(10)
    stopper = threading.Thread(target=loop.stop, args=(10.0,))
    stopper.start()
    send_test(webhook=webhook)
    assert loop._stopping.wait(10)
    may_end.set()
    stopper.join(15)
    assert not loop.is_alive()
    assert Counter(WebhookDelivery.objects.values_list("state", flat=True)) == {"done": 1, "waiting": 1}
