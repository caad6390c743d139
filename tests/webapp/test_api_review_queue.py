"""/api/v1/review-queue…: pictures handed out, kept and handed back, for reviewers alone."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from classifier.audit import forget_shares
from classifier.models import Classifier, Image
from classifier.suggestions import suggest_label
from tests.review_makers import answer_all
from tests.row_makers import upload
from tests.webapp.api_calls import UNKNOWN, error_of
from tests.webapp.people import client_of, person

pytestmark = pytest.mark.django_db
QUEUE = "/api/v1/review-queue"


@pytest.fixture(autouse=True)
def no_audit(pets: Classifier) -> None:
    """Nothing is drawn unless a test says so."""
    Classifier.objects.update(audit_share_sure=0.0, audit_share_unsure=0.0)
    forget_shares()


@pytest.fixture
def ann(db: None) -> Client:
    return client_of(person("reviewer", name="ann"))


@pytest.fixture
def bob(db: None) -> Client:
    return client_of(person("reviewer", name="bob"))


def answered(seed: int, scores: list[float] | None = None) -> Image:
    image = upload(seed).images[0]
    answer_all(scores or [0.6, 0.4, 0.0])
    image.refresh_from_db()
    return image


def take(client: Client, query: str = "") -> Any:
    answer = client.get(QUEUE + query)
    assert answer.status_code == 200, answer.content
    return answer.json()


def post(client: Client, what: str, images: list[Any]) -> Any:
    body = {"images": [str(each) for each in images]}
    return client.post(f"{QUEUE}/{what}", body, content_type="application/json").json()


@pytest.mark.parametrize("kind", ["", "viewer", "operator"])
def test_who_may_not_review_finds_no_queue(kind: str) -> None:
    client = client_of(person(kind))
    image = answered(1)
    assert error_of(client.get(QUEUE)) == (404, "not_found")
    assert error_of(client.get(f"{QUEUE}/{image.id}")) == (404, "not_found")
    for what in ("renew", "release"):
        answer = client.post(f"{QUEUE}/{what}", {"images": []}, content_type="application/json")
        assert error_of(answer) == (404, "not_found")


def test_a_visitor_is_told_to_log_in(client: Client) -> None:
    assert error_of(client.get(QUEUE)) == (401, "not_allowed")


def test_an_entry_says_the_guess_the_scores_and_what_visitors_say(ann: Client) -> None:
    image = answered(1)
    suggest_label(image=image, owner_key=image.owner, label_name="bird")
    body = take(ann)
    assert body["waiting"] == 1
    [entry] = body["entries"]
    assert (entry["id"], entry["version"], entry["blind"]) == (str(image.id), image.version, False)
    assert entry["guess"] == {"label": "cat", "confidence": 0.6, "unsure": False, "unfamiliar": False, "model": 1}
    assert [score["label"] for score in entry["scores"]] == ["cat", "dog", "bird"]
    assert entry["suggested"] == ["bird"]


def test_of_a_blind_entry_nothing_tells_the_guess(ann: Client) -> None:
    Classifier.objects.update(audit_share_sure=1.0)
    forget_shares()
    image = answered(1)
    suggest_label(image=image, owner_key=image.owner, label_name="cat")
    for entry in (take(ann)["entries"][0], take(ann, f"/{image.id}")):
        assert (entry["blind"], entry["guess"], entry["scores"], entry["suggested"]) == (True, None, [], [])
        assert "cat" not in str(entry)


def test_two_reviewers_get_different_pictures_until_one_hands_back(ann: Client, bob: Client) -> None:
    images = {str(answered(seed).id) for seed in range(3)}
    mine = [entry["id"] for entry in take(ann, "?count=2")["entries"]]
    yours = [entry["id"] for entry in take(bob, "?count=3")["entries"]]
    assert (len(mine), len(yours), {*mine, *yours}) == (2, 1, images)
    assert post(bob, "release", mine) == {"released": 0}
    assert post(ann, "release", mine[:1]) == {"released": 1}
    assert [entry["id"] for entry in take(bob)["entries"]] == mine[:1]


def test_what_is_renewed_is_kept_and_what_another_took_is_named(ann: Client, bob: Client) -> None:
    first, second = answered(1), answered(2)
    take(ann, "?count=2")
    Image.objects.filter(id=second.id).update(review_lease_until=first.created_at)
    assert [entry["id"] for entry in take(bob)["entries"]] == [str(second.id)]
    assert post(ann, "renew", [first.id, second.id, "nonsense"]) == {"lost": [str(second.id)]}


def test_a_picture_in_somebody_elses_hands_cannot_be_looked_at_again(ann: Client, bob: Client) -> None:
    image = answered(1)
    take(ann)
    assert take(ann, f"/{image.id}")["id"] == str(image.id)
    assert error_of(bob.get(f"{QUEUE}/{image.id}")) == (409, "in_progress")


def test_filters_narrow_what_is_handed_out_and_counted(ann: Client) -> None:
    cat, dog = answered(1), answered(2, [0.2, 0.8, 0.0])
    version = cat.current_prediction.model_version_id  # type: ignore[union-attr]
    for query, expected in (
        ("?label=dog", dog),
        ("?max_confidence=0.7", cat),
        (f"?model={version}&since=2020-01-01&source=api&label=cat", cat),
    ):
        body = take(ann, query)
        assert (body["waiting"], [entry["id"] for entry in body["entries"]]) == (1, [str(expected.id)])
        post(ann, "release", [expected.id])
    assert take(ann, "?source=broker") == {"entries": [], "waiting": 0}


@pytest.mark.parametrize(
    "query", ["?max_confidence=2", "?since=soon", "?since=2026-02-31", "?model=7", "?source=moon", "?count=0"]
)
def test_filters_that_say_nothing_are_refused_with_a_sentence(query: str, ann: Client) -> None:
    assert error_of(ann.get(QUEUE + query)) == (400, "malformed_request")


@pytest.mark.parametrize("identifier", UNKNOWN)
def test_unknown_pictures_and_classifiers_are_not_found(identifier: str, ann: Client) -> None:
    assert error_of(ann.get(f"{QUEUE}/{identifier}")) == (404, "not_found")
    assert error_of(ann.get(f"{QUEUE}?classifier={identifier}")) == (404, "not_found")
