"""Errors that Django or the API framework makes before one of our verbs is asked: they have the API's shape too."""

from __future__ import annotations

import pytest
from django.test import Client

from classifier.models import Classifier
from tests.row_makers import png_bytes
from tests.webapp.api_calls import IMAGES, UNKNOWN, error_of, send_parts

pytestmark = pytest.mark.django_db


def test_an_unknown_address_of_the_api_is_answered_in_its_shape(client: Client) -> None:
    assert error_of(client.get("/api/v1/nothing")) == (404, "not_found")


def test_a_wrong_method_is_answered_in_its_shape_and_says_what_is_allowed(client: Client) -> None:
    answer = client.delete(IMAGES)
    assert error_of(answer) == (405, "malformed_request")
    assert answer["Allow"] == "GET, HEAD, OPTIONS, POST"


def test_more_parts_than_are_ever_read_are_malformed(pets: Classifier, client: Client) -> None:
    parts = [(png_bytes(1), f"{number}.png") for number in range(102)]
    assert error_of(send_parts(client, *parts)) == (400, "malformed_request")


def test_a_form_without_its_boundary_is_malformed(client: Client) -> None:
    assert error_of(client.post(IMAGES, data=b"--x", content_type="multipart/form-data")) == (400, "malformed_request")


def test_a_huge_form_field_is_too_large(client: Client) -> None:
    assert error_of(client.post(IMAGES, {"classifier": "a" * 3_000_000})) == (413, "file_too_large")


def test_a_body_that_is_no_json_is_malformed(pets: Classifier, client: Client) -> None:
    answer = client.post(f"{IMAGES}/{UNKNOWN[0]}/predictions", data=b"{", content_type="application/json")
    assert error_of(answer) == (400, "malformed_request")


def test_a_failure_of_ours_has_the_shape_and_no_details(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr("webapp.api.images.visible_images", fail)
    client.raise_request_exception = False
    answer = client.get(IMAGES)
    assert error_of(answer) == (500, "try_later")
    assert b"secret" not in answer.content
