"""/api/v1/webhooks: made with a secret shown once, changed, tested, their messages listed and sent again."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from classifier.api_tokens import create_token
from classifier.models import Classifier, Webhook, WebhookDelivery
from classifier.webhook_deliveries import Attempt, claim_deliveries, store_attempts
from classifier.webhooks import send_test
from tests.webapp.api_calls import UNKNOWN, Answered, error_of
from tests.webapp.people import client_of, person
from tests.webhook_receiver import make_webhook

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rings")]
WEBHOOKS = "/api/v1/webhooks"
WISH: dict[str, Any] = {"url": "https://example.org/hook", "events": ["review.made", "prediction.done"]}


@pytest.fixture
def client(db: None) -> Client:
    return client_of(person("owner"))


@pytest.fixture
def webhook(db: None) -> Webhook:
    return make_webhook(WISH["url"])


def call(client: Client, method: str, place: str = "", body: object = None) -> Answered:
    answer: Answered = client.generic(
        method, WEBHOOKS + place, data=b"" if body is None else json.dumps(body), content_type="application/json"
    )
    return answer


def test_a_made_webhook_shows_its_secret_in_this_answer_only(client: Client, pets: Classifier) -> None:
    answer = call(client, "POST", body={**WISH, "classifier": "pets"})
    made = answer.json()
    assert (answer.status_code, answer["Cache-Control"]) == (201, "no-store")
    assert made["secret"] == Webhook.objects.get().secret
    assert (made["events"], made["classifier"], made["by"]) == (["prediction.done", "review.made"], "pets", "owner")
    for place in ("", f"/{made['id']}"):
        assert made["secret"].encode() not in call(client, "GET", place).content


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"url": "http://10.0.0.1/"}, (422, "unusable_address")),
        ({"url": "ftp://example.org/"}, (422, "unusable_address")),
        ({"url": ""}, (400, "malformed_request")),
        ({"events": []}, (400, "malformed_request")),
        ({"events": ["ping"]}, (400, "malformed_request")),
        ({"classifier": "unknown"}, (404, "not_found")),
        ({"secret": "mine"}, (400, "malformed_request")),
    ],
)
def test_a_wrong_wish_is_refused(client: Client, changes: dict[str, Any], expected: tuple[int, str]) -> None:
    assert error_of(call(client, "POST", body={**WISH, **changes})) == expected
    assert not Webhook.objects.exists()


def test_only_what_is_named_changes(client: Client, webhook: Webhook) -> None:
    changed = call(client, "PATCH", f"/{webhook.id}", {"is_active": False}).json()
    assert (changed["is_active"], changed["url"], len(changed["events"])) == (False, WISH["url"], 4)
    changed = call(client, "PATCH", f"/{webhook.id}", {"url": "https://example.net/", "events": ["review.made"]}).json()
    assert (changed["is_active"], changed["url"], changed["events"]) == (False, "https://example.net/", ["review.made"])


def test_a_webhook_is_narrowed_to_a_classifier_and_widened_again(
    client: Client, webhook: Webhook, pets: Classifier
) -> None:
    assert call(client, "PATCH", f"/{webhook.id}", {"classifier": "pets"}).json()["classifier"] == "pets"
    assert call(client, "PATCH", f"/{webhook.id}", {"classifier": None}).json()["classifier"] is None
    assert error_of(call(client, "PATCH", f"/{webhook.id}", {"url": None})) == (400, "malformed_request")


def test_a_renewed_secret_is_shown_once(client: Client, webhook: Webhook) -> None:
    answer = call(client, "POST", f"/{webhook.id}/secret")
    assert answer["Cache-Control"] == "no-store"
    assert answer.json()["secret"] == Webhook.objects.get().secret != webhook.secret


def test_a_deleted_webhook_is_gone(client: Client, webhook: Webhook) -> None:
    assert call(client, "DELETE", f"/{webhook.id}").status_code == 204
    assert error_of(call(client, "DELETE", f"/{webhook.id}")) == (404, "not_found")


def test_a_test_message_waits_unless_the_webhook_is_paused(client: Client, webhook: Webhook) -> None:
    answer = call(client, "POST", f"/{webhook.id}/test")
    assert (answer.status_code, answer.json()["event"], answer.json()["state"]) == (202, "ping", "waiting")
    assert answer.json()["next_attempt_at"]
    Webhook.objects.update(is_active=False)
    assert error_of(call(client, "POST", f"/{webhook.id}/test")) == (409, "in_progress")


def test_messages_are_listed_page_by_page_and_by_state(client: Client, webhook: Webhook) -> None:
    sent = [str(send_test(webhook=webhook).id) for _ in range(3)]
    send_test(webhook=make_webhook(WISH["url"]))
    first = call(client, "GET", f"/{webhook.id}/deliveries?limit=2").json()
    second = call(client, "GET", f"/{webhook.id}/deliveries?limit=2&cursor={first['next_cursor']}").json()
    assert [each["id"] for each in (*first["deliveries"], *second["deliveries"])] == sent[::-1]
    assert second["next_cursor"] is None
    assert call(client, "GET", f"/{webhook.id}/deliveries?state=done").json()["deliveries"] == []
    assert error_of(call(client, "GET", f"/{webhook.id}/deliveries?state=lost"))[0] == 400


def test_a_message_is_sent_again_once_it_has_ended(client: Client, webhook: Webhook) -> None:
    delivery = send_test(webhook=webhook)
    place = f"/{webhook.id}/deliveries/{delivery.id}/redeliver"
    assert error_of(call(client, "POST", place)) == (409, "in_progress")
    (claimed,) = claim_deliveries(worker="w", free=1, busy={}, share=1)
    store_attempts([(claimed, Attempt(True, "It answered 204 No Content.", 204))])
    shown = call(client, "GET", f"/{webhook.id}/deliveries").json()["deliveries"][0]
    assert (shown["state"], shown["status_code"], shown["attempts"]) == ("done", 204, 1)
    answer = call(client, "POST", place)
    assert (answer.status_code, answer.json()["id"], answer.json()["state"]) == (202, str(delivery.id), "waiting")


def places(webhook: Webhook, delivery: WebhookDelivery) -> list[tuple[str, str]]:
    """Every call of the resource."""
    one = f"/{webhook.id}"
    return [
        ("GET", ""),
        ("POST", ""),
        ("GET", one),
        ("PATCH", one),
        ("DELETE", one),
        ("POST", f"{one}/secret"),
        ("POST", f"{one}/test"),
        ("GET", f"{one}/deliveries"),
        ("POST", f"{one}/deliveries/{delivery.id}/redeliver"),
    ]


@pytest.mark.parametrize("role", ["", "viewer", "reviewer", "operator"])
def test_who_may_not_train_finds_nothing(role: str, webhook: Webhook) -> None:
    stranger = client_of(person(role))
    answers = [call(stranger, *place, body=WISH) for place in places(webhook, send_test(webhook=webhook))]
    assert {error_of(answer) for answer in answers} == {(404, "not_found")}
    assert Webhook.objects.count() == 1


def test_visitors_are_told_to_log_in(webhook: Webhook) -> None:
    answers = [call(Client(), *place, body=WISH) for place in places(webhook, send_test(webhook=webhook))]
    assert {error_of(answer) for answer in answers} == {(401, "not_allowed")}


@pytest.mark.parametrize(("scopes", "status"), [(["predict", "review", "train"], 404), (["admin"], 200)])
def test_a_token_needs_the_scope_admin(webhook: Webhook, scopes: list[str], status: int) -> None:
    _, text = create_token(user=person("owner"), name="p", scopes=scopes)
    program = Client(headers={"Authorization": f"Bearer {text}"})
    assert call(program, "GET", f"/{webhook.id}").status_code == status


def test_unknown_ones_are_not_found(client: Client, webhook: Webhook) -> None:
    for key in UNKNOWN:
        places = (("GET", f"/{key}"), ("POST", f"/{webhook.id}/deliveries/{key}/redeliver"))
        assert {error_of(call(client, *place)) for place in places} == {(404, "not_found")}
