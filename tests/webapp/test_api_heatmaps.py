"""GET /api/v1/images/{id}/heatmap: made when first asked for, then a picture; nothing for strangers."""

from __future__ import annotations

import pytest
from django.test import Client

from classifier.explanations import claim_explanation, complete_explanation, fail_explanation
from classifier.models import Classifier, Explanation, Image
from tests.row_makers import png_bytes
from tests.webapp.admin_site import answer_waiting
from tests.webapp.api_calls import IMAGES, UNKNOWN, error_of, first_id, send
from tests.webapp.people import client_of, person

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def quiet_bell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("classifier.explanations.ring_by_name", lambda *arguments, **options: None)


@pytest.fixture
def address(pets: Classifier, client: Client) -> str:
    address = f"{IMAGES}/{first_id(send(client, 1))}/heatmap"
    answer_waiting(index=1)
    return address


def make() -> None:
    claimed = claim_explanation(worker="w")
    assert claimed
    complete_explanation(claimed, png_bytes(9))


def test_it_is_made_after_the_first_call_and_given_afterwards(client: Client, address: str) -> None:
    waiting = client.get(address)
    assert (waiting.status_code, waiting["Retry-After"], waiting.json()) == (202, "2", {"state": "waiting"})
    assert client.get(address).status_code == 202
    make()
    made = client.get(address)
    assert (made.status_code, made["Content-Type"], made.content) == (200, "image/png", png_bytes(9))
    assert made["Cache-Control"].startswith("private")
    assert "sandbox" in made["Content-Security-Policy"]
    assert Explanation.objects.count() == 1


def test_a_version_that_answered_can_be_named(client: Client, address: str) -> None:
    version = Image.objects.get().classifier.live_version_id
    assert client.get(f"{address}?model={version}").status_code == 202
    assert error_of(client.get(f"{address}?model={UNKNOWN[0]}")) == (404, "not_found")


def test_strangers_and_unknown_images_are_not_found(client: Client, address: str) -> None:
    assert error_of(Client().get(address)) == (404, "not_found")
    assert error_of(client_of(person()).get(address)) == (404, "not_found")
    for identifier in UNKNOWN:
        assert error_of(client.get(f"{IMAGES}/{identifier}/heatmap")) == (404, "not_found")
    assert not Explanation.objects.exists()


def test_people_who_see_everybodys_images_may_ask(address: str) -> None:
    assert client_of(person("viewer")).get(address).status_code == 202


def test_an_image_without_an_answer_is_told_so(pets: Classifier, client: Client) -> None:
    answer = client.get(f"{IMAGES}/{first_id(send(client, 1))}/heatmap")
    assert error_of(answer) == (422, "malformed_request")
    assert "no answer to explain" in answer.json()["error"]["message"]
    assert not Explanation.objects.exists()


def test_what_cannot_be_explained_says_why(client: Client, address: str) -> None:
    client.get(address)
    claimed = claim_explanation(worker="w")
    assert claimed
    fail_explanation(claimed, reason="This model version cannot say why.")
    answer = client.get(address)
    assert error_of(answer) == (422, "malformed_request")
    assert answer.json()["error"]["message"] == "This model version cannot say why."


def test_it_is_only_read(client: Client, address: str) -> None:
    assert client.post(address).status_code == 405
