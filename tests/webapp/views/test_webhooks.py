"""The pages of webhooks as the server draws them, and what their buttons do."""

from __future__ import annotations

import html
import re
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from classifier.models import Classifier, Webhook, WebhookDelivery
from classifier.webhook_presentation import describe_health
from classifier.webhooks import send_test
from tests.webapp.people import client_of, person
from tests.webhook_receiver import make_webhook, make_webhook_rows

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rings")]
URL = "https://example.org/hook"
WISH = {"url": URL, "events": ["review.made"], "classifier": ""}
LIST = "/webhooks/"


@pytest.fixture
def client(db: None) -> Client:
    return client_of(person("owner"))


@pytest.fixture
def webhook(db: None) -> Webhook:
    return make_webhook(URL)


def page_of(webhook: Webhook) -> str:
    return reverse("webhook", args=[webhook.id])


def text_of(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return words_in(answer.content)


def words_in(content: bytes) -> str:
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", content.decode())))


def press(client: Client, webhook: Webhook, action: str) -> str:
    answer = client.post(reverse("webhook-act", args=[webhook.id]), {"action": action}, follow=True)
    assert answer.status_code == 200
    return words_in(answer.content)


def test_an_empty_list_says_what_to_do(client: Client) -> None:
    assert "No program is told anything yet. Name an address below" in text_of(client, LIST)


def test_a_made_webhook_shows_its_secret_once(client: Client, pets: Classifier) -> None:
    answer = client.post(LIST, {**WISH, "classifier": "pets"})
    made = Webhook.objects.get()
    assert (answer.status_code, made.events, made.classifier) == (201, ["review.made"], pets)
    assert made.secret in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]
    for address in (LIST, page_of(made)):
        assert made.secret not in client.get(address).content.decode()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"url": ""}, "Enter the address that takes the messages."),
        ({"url": "http://10.0.0.1/"}, "private network"),
        ({"events": []}, "Choose at least one event."),
        ({"classifier": "gone"}, "not one of the available choices"),
    ],
)
def test_a_wrong_wish_keeps_what_was_entered_and_says_what_is_wrong(
    client: Client, webhook: Webhook, changes: dict[str, object], words: str
) -> None:
    for address, title in ((LIST, "Not made"), (page_of(webhook), "Not saved")):
        answer = client.post(address, {**WISH, **changes})
        assert answer.status_code == 422
        assert title in answer.content.decode()
        assert words in words_in(answer.content)
    assert Webhook.objects.get().events == webhook.events


def test_the_list_says_how_each_fares(client: Client) -> None:
    make_webhook_rows(person("owner"))
    shown = text_of(client, LIST)
    assert "https://example.org/whatsit failing" in shown
    assert "https://example.org/new active" in shown
    assert "1 delivered, 1 given up" in shown


def test_the_page_shows_every_message_with_its_outcome(client: Client) -> None:
    rows = make_webhook_rows(person("owner"))
    address = reverse("webhook", args=[rows["webhook"]])
    shown = text_of(client, address)
    for words in ("It answered 204 No Content. 1 attempt", "It answered 410 Gone.", "It answered 502 Bad Gateway."):
        assert words in shown
    assert shown.count("next at") == 1
    assert shown.count("Send again") == 2
    assert '"event": "ping"' in shown
    failed = text_of(client, f"{address}?state=failed")
    assert "410 Gone" in failed
    assert "204 No Content" not in failed


def test_many_messages_come_in_pages(client: Client, webhook: Webhook) -> None:
    ids = [str(send_test(webhook=webhook).id) for _ in range(26)]
    first = client.get(page_of(webhook)).content.decode()
    assert (ids[-1] in first, ids[0] in first) == (True, False)
    older = re.search(r'href="([^"]*\?cursor=[^"#]*)', first)
    assert older
    second = client.get(html.unescape(older[1])).content.decode()
    assert (ids[-1] in second, ids[0] in second, "Older messages" in second) == (False, True, False)
    assert client.get(f"{page_of(webhook)}?cursor=nonsense&state=nonsense").status_code == 200


def test_a_paused_webhook_can_be_switched_on_and_nothing_else_is_offered(client: Client, webhook: Webhook) -> None:
    shown = press(client, webhook, "pause")
    assert "Paused: nothing is sent" in shown
    assert ("Send a test" in shown, "Switch on" in shown) == (False, True)
    assert "This webhook is paused" in press(client, webhook, "test")
    assert "Switched on." in press(client, webhook, "resume")


def test_a_test_is_sent_and_shown(client: Client, webhook: Webhook) -> None:
    shown = press(client, webhook, "test")
    assert "A test message is on its way" in shown
    assert "Not tried yet." in shown
    assert WebhookDelivery.objects.get().event == "ping"


def test_the_secret_is_renewed_and_shown_once(client: Client, webhook: Webhook) -> None:
    answer = client.post(reverse("webhook-act", args=[webhook.id]), {"action": "secret"})
    renewed = Webhook.objects.get().secret
    assert renewed != webhook.secret
    assert renewed in answer.content.decode()
    assert renewed not in client.get(page_of(webhook)).content.decode()


def test_an_unknown_button_does_nothing(client: Client, webhook: Webhook) -> None:
    press(client, webhook, "explode")
    assert Webhook.objects.get().is_active


def test_a_message_is_sent_again_by_its_button(client: Client) -> None:
    rows = make_webhook_rows(person("owner"))
    delivery = WebhookDelivery.objects.get(state="done")
    address = reverse("webhook-redeliver", args=[rows["webhook"], delivery.id])
    assert "It is sent again." in words_in(client.post(address, follow=True).content)
    assert "waits to be sent already" in words_in(client.post(address, follow=True).content)


def test_deleting_asks_once_more(client: Client, webhook: Webhook) -> None:
    address = reverse("webhook-delete", args=[webhook.id])
    assert "Delete this webhook?" in text_of(client, address)
    assert Webhook.objects.exists()
    assert "is deleted." in words_in(client.post(address, follow=True).content)
    assert not Webhook.objects.exists()


@pytest.mark.parametrize(
    ("changes", "word", "words"),
    [
        ({}, "active", "Nothing was delivered yet"),
        ({"delivered_count": 1}, "active", "Messages arrive."),
        ({"failing_for": timedelta(hours=2)}, "failing", "Since "),
        ({"failing_for": timedelta(hours=30)}, "failing", "For 1 day no message was delivered"),
        ({"failing_for": timedelta(days=3, hours=1)}, "failing", "For 3 days no message was delivered"),
        ({"is_active": False}, "paused", "what waits is kept"),
        ({"is_active": False, "stopped_because": "Gone."}, "stopped", "Gone."),
    ],
)
def test_health_is_a_sentence(webhook: Webhook, changes: dict[str, object], word: str, words: str) -> None:
    now = timezone.now()
    for name, value in changes.items():
        if isinstance(value, timedelta):
            webhook.failing_since = now - value
        else:
            setattr(webhook, name, value)
    health = describe_health(webhook, now=now)
    assert health.word == word
    assert words in health.sentence
    assert health.is_trouble is (word in {"failing", "stopped"})


def addresses(webhook: Webhook) -> list[tuple[str, str]]:
    """Every page and button with the method that it takes."""
    delivery = send_test(webhook=webhook)
    return [
        ("get", LIST),
        ("post", LIST),
        ("get", page_of(webhook)),
        ("post", page_of(webhook)),
        ("post", reverse("webhook-act", args=[webhook.id])),
        ("get", reverse("webhook-delete", args=[webhook.id])),
        ("post", reverse("webhook-delete", args=[webhook.id])),
        ("post", reverse("webhook-redeliver", args=[webhook.id, delivery.id])),
    ]


@pytest.mark.parametrize("role", ["", "viewer", "reviewer", "operator"])
def test_who_may_not_train_finds_nothing(role: str, webhook: Webhook) -> None:
    stranger = client_of(person(role))
    places = addresses(webhook)
    assert {getattr(stranger, method)(address, WISH).status_code for method, address in places} == {404}
    assert Webhook.objects.count() == 1
    assert LIST not in stranger.get("/tokens/").content.decode()


def test_people_who_may_find_the_page_from_the_tokens(client: Client) -> None:
    assert f'href="{LIST}"' in client.get("/tokens/").content.decode()


def test_visitors_are_sent_to_the_login(webhook: Webhook) -> None:
    answers = [getattr(Client(), method)(address, WISH) for method, address in addresses(webhook)]
    assert {(answer.status_code, answer["Location"].partition("?")[0]) for answer in answers} == {(302, "/login/")}


def test_unknown_ones_and_wrong_methods(client: Client, webhook: Webhook) -> None:
    assert client.get("/webhooks/nonsense/").status_code == 404
    assert client.get("/webhooks/01a1fbed-5e5c-7c2d-854c-dd29f039aa02/").status_code == 404
    assert client.get(reverse("webhook-act", args=[webhook.id])).status_code == 405
    assert client.put(page_of(webhook)).status_code == 405
