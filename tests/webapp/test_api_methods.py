"""HEAD, OPTIONS and calls that an address does not take; addresses that do not exist."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from classifier.models import Classifier
from tests.row_makers import upload
from tests.webapp.api_calls import IMAGES, error_of, first_id, send
from tests.webapp.people import client_of, person

pytestmark = pytest.mark.django_db


def test_head_is_answered_as_get_without_a_body(pets: Classifier, client: Client) -> None:
    address = f"{IMAGES}/{first_id(send(client, 1))}"
    for path in (address, f"{address}/file", IMAGES, "/api/v1/classifiers/pets"):
        full, head = client.get(path), client.head(path)
        assert (head.status_code, head.content) == (200, b"")
        assert head["Content-Type"] == full["Content-Type"]
        assert head["Content-Length"] == str(len(full.content))
    assert client.head(f"{IMAGES}/nothing").status_code == 404


def test_head_of_what_takes_no_get_is_refused(client: Client) -> None:
    assert client.head("/api/v1/review-queue/renew").status_code == 405


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("images", "GET, HEAD, OPTIONS, POST"),
        ("images/x", "DELETE, GET, HEAD, OPTIONS"),
        ("classifiers/pets", "GET, HEAD, OPTIONS, PATCH"),
        ("models/x/promote", "OPTIONS, POST"),
    ],
)
def test_options_names_what_an_address_takes(path: str, allowed: str, client: Client) -> None:
    answer = client.options(f"/api/v1/{path}")
    assert (answer.status_code, answer["Allow"], answer.content) == (204, allowed, b"")
    refused = client.put(f"/api/v1/{path}")
    assert (error_of(refused), refused["Allow"]) == ((405, "malformed_request"), allowed)


@pytest.mark.parametrize(
    "path", ["/api/", "/api/v1", "/api/v1/", "/api/v2/images", "/api/v1/images/x/y", "/api/nothing"]
)
@pytest.mark.parametrize("method", ["get", "post", "delete", "options"])
def test_an_unknown_address_under_api_answers_in_json(path: str, method: str, client: Client) -> None:
    answer = getattr(client, method)(path)
    if answer.status_code in {301, 302, 308}:  # Django adds the slash
        answer = getattr(client, method)(answer["Location"])
    assert error_of(answer) == (404, "not_found")


@pytest.mark.parametrize(
    "body", [b"{", b"[null]", b"7", b"\xff", b'{"model": NaN}', b'{"model": "\\u0000"}', b'{"n": 1e999}', b"[" * 9999]
)
def test_a_body_that_cannot_be_read_is_malformed(body: bytes, pets: Classifier) -> None:
    image = upload(1).images[0]
    answer: Any = client_of(person("owner")).post(f"{IMAGES}/{image.id}/predictions", body, "application/json")
    assert error_of(answer) == (400, "malformed_request")
    assert "JSON" in answer.json()["error"]["message"]


def test_a_body_beyond_all_bounds_is_too_large(client: Client) -> None:
    answer = client.post(f"{IMAGES}/x/reviews", b'"' + b"a" * 3_000_000 + b'"', "application/json")
    assert error_of(answer) == (413, "file_too_large")


def test_a_whole_number_written_with_a_point_is_a_whole_number(pets: Classifier) -> None:
    body = b'{"train_after_examples": 500.0}'
    answer: Any = client_of(person("owner")).patch("/api/v1/classifiers/pets", body, "application/json")
    assert answer.json()["work"]["schedule"]["after_examples"] == 500


def test_the_sentence_names_the_value_that_cannot_be_used(pets: Classifier, client: Client) -> None:
    assert "limit: Input should" in client.get(f"{IMAGES}?limit=0").json()["error"]["message"]
    assert "file: Field required" in client.post(IMAGES).json()["error"]["message"]
    owner = client_of(person("owner"))
    answer: Any = owner.patch("/api/v1/classifiers/pets", {"gate_margin": 9}, "application/json")
    assert answer.json()["error"]["message"].startswith("Some values cannot be used: gate_margin: ")
