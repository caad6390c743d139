"""GET /api/v1/images: only one's own, newest first, by pages and filters; and the small resources beside it."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from jsonschema import Draft202012Validator  # its stubs are a package of their own
from openapi_spec_validator import validate

from classifier.classifiers import create_classifier
from classifier.models import Classifier, Prediction
from tests.row_makers import LABELS
from tests.webapp.admin_site import answer_waiting
from tests.webapp.api_calls import IMAGES, error_of, first_id, send

pytestmark = pytest.mark.django_db


def listed(client: Client, query: str = "") -> list[str]:
    """The names on the first page."""
    answer = client.get(f"{IMAGES}{query}")
    assert answer.status_code == 200
    return [image["name"] for image in answer.json()["images"]]


def test_a_visitor_without_pictures_has_an_empty_list(pets: Classifier, client: Client) -> None:
    assert client.get(IMAGES).json() == {"images": [], "next_cursor": None}


def test_the_list_holds_ones_own_pictures_newest_first(pets: Classifier, client: Client) -> None:
    for seed in (1, 2, 3):
        send(client, seed)
    send(Client(), 4)
    assert listed(client) == ["3.png", "2.png", "1.png"]


def test_a_cursor_continues_where_the_page_ended(pets: Classifier, client: Client) -> None:
    for seed in range(5):
        send(client, seed)
    names: list[str] = []
    sizes: list[int] = []
    cursor: str | None = ""
    while cursor is not None:
        page = client.get(f"{IMAGES}?limit=2&cursor={cursor}").json()
        sizes.append(len(page["images"]))
        names += [image["name"] for image in page["images"]]
        cursor = page["next_cursor"]
    assert names == ["4.png", "3.png", "2.png", "1.png", "0.png"]
    assert sizes == [2, 2, 1]


def test_a_page_that_is_just_full_is_the_last(pets: Classifier, client: Client) -> None:
    send(client, 1, 2)
    assert client.get(f"{IMAGES}?limit=2").json()["next_cursor"] is None


def test_what_arrives_meanwhile_does_not_shift_the_pages(pets: Classifier, client: Client) -> None:
    for seed in range(3):
        send(client, seed)
    page = client.get(f"{IMAGES}?limit=2").json()
    send(client, 9)
    assert listed(client, f"?limit=2&cursor={page['next_cursor']}") == ["0.png"]


@pytest.mark.parametrize(
    "query",
    [
        "?cursor=nonsense",
        "?cursor=%F0%9F%91%9F",
        "?limit=0",
        "?label=%00",
        "?limit=201",
        "?state=lost",
        "?min_confidence=2",
    ],
)
def test_a_value_that_cannot_be_is_malformed(query: str, pets: Classifier, client: Client) -> None:
    answer: Any = client.get(f"{IMAGES}{query}")
    assert error_of(answer) == (400, "malformed_request")


@pytest.fixture
def answered(pets: Classifier, client: Client) -> None:
    """A cat at 80 %, a dog at 50 %, one that waits; and one of another classifier."""
    send(client, 1)
    answer_waiting(index=0)
    send(client, 2)
    answer_waiting(index=1, confidence=0.5)
    send(client, 3)
    create_classifier(slug="other", labels=LABELS)
    send(client, 4, classifier="other")


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("?classifier=pets", ["3.png", "2.png", "1.png"]),
        ("?classifier=other", ["4.png"]),
        ("?state=done", ["2.png", "1.png"]),
        ("?state=queued&classifier=pets", ["3.png"]),
        ("?label=dog", ["2.png"]),
        ("?label=horse", []),
        ("?min_confidence=0.6", ["1.png"]),
        ("?model=VERSION", ["2.png", "1.png"]),
        ("?model=nonsense", []),
        ("?state=done&label=cat&min_confidence=0.1", ["1.png"]),
    ],
)
def test_filters_narrow_the_list(
    query: str, names: list[str], answered: None, pets: Classifier, client: Client
) -> None:
    assert listed(client, query.replace("VERSION", str(pets.live_version_id))) == names


def test_an_unknown_classifier_in_a_filter_is_404(pets: Classifier, client: Client) -> None:
    answer: Any = client.get(f"{IMAGES}?classifier=cars")
    assert error_of(answer) == (404, "not_found")


def test_a_longer_list_costs_no_more_queries(pets: Classifier, client: Client) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            listed(client)
        return len(queries)

    send(client, 1)
    answer_waiting()
    listed(client)
    few = count()
    send(client, *range(2, 12))
    answer_waiting()
    assert count() == few == 1


def test_classifiers_are_listed_with_their_labels(pets: Classifier, client: Client) -> None:
    [listed] = client.get("/api/v1/classifiers").json()["classifiers"]
    assert (listed["slug"], listed["name"], listed["labels"], listed["live_version"]) == ("pets", "Pets", LABELS, 1)
    assert client.get("/api/v1/classifiers/pets").json()["labels"] == LABELS


def test_an_unknown_classifier_is_404(pets: Classifier, client: Client) -> None:
    answer: Any = client.get("/api/v1/classifiers/cars")
    assert error_of(answer) == (404, "not_found")


def test_the_openapi_document_is_valid(client: Client) -> None:
    validate(client.get("/api/v1/openapi.json").json())


def test_the_openapi_document_names_every_call_and_its_errors(client: Client) -> None:
    document = client.get("/api/v1/openapi.json").json()
    calls = {(path, method) for path, methods in document["paths"].items() for method in methods}
    assert calls >= {
        ("/api/v1/images", "post"),
        ("/api/v1/images", "get"),
        ("/api/v1/images/{image_id}", "get"),
        ("/api/v1/images/{image_id}/file", "get"),
        ("/api/v1/images/{image_id}/thumbnail", "get"),
        ("/api/v1/images/{image_id}/predictions", "post"),
        ("/api/v1/classifiers", "get"),
    }
    assert {"201", "413", "415", "422", "503"} <= set(document["paths"]["/api/v1/images"]["post"]["responses"])


def test_the_documentation_page_loads_nothing_from_outside(client: Client) -> None:
    page = client.get("/api/docs")
    assert page.status_code == 200
    text = page.content.decode()
    assert "/static/ninja/" in text
    assert 'src="http' not in text
    assert 'href="http' not in text


def test_a_real_answer_has_the_shape_that_the_document_promises(pets: Classifier, client: Client) -> None:
    document = client.get("/api/v1/openapi.json").json()
    identifier = first_id(send(client, 1))
    answer_waiting()
    schema = {"$ref": "#/components/schemas/ImageOut", "components": document["components"]}
    Draft202012Validator(schema).validate(client.get(f"{IMAGES}/{identifier}").json())
    Prediction.objects.update(state="failed", scores=None, model_version=None)
    Draft202012Validator(schema).validate(client.get(f"{IMAGES}/{identifier}").json())
