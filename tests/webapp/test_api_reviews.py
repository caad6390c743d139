"""POST /api/v1/images/{id}/reviews: whose word is a review, whose a suggestion, and who has none."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from classifier.audit import forget_shares
from classifier.models import AuditDraw, Classifier, Image, Review, Suggestion
from tests.review_makers import answer_all
from tests.row_makers import upload
from tests.webapp.api_calls import IMAGES, UNKNOWN, Answered, error_of, first_id, send
from tests.webapp.people import client_of, person

pytestmark = pytest.mark.django_db
KINDS = ("visitor", "", "viewer", "operator", "reviewer", "owner", "admin")
REVIEWING = {"reviewer", "owner", "admin"}


def client_for(kind: str) -> Client:
    return Client() if kind == "visitor" else client_of(person(kind))


def say(client: Client, image_id: object, verdict: str = "correct", label: str | None = "dog", **more: Any) -> Answered:
    body = {"verdict": verdict, "label": label, **more}
    answer: Answered = client.post(f"{IMAGES}/{image_id}/reviews", body, content_type="application/json")
    return answer


@pytest.fixture
def image(pets: Classifier) -> Image:
    """Somebody else's, answered “cat”."""
    made = upload(1).images[0]
    answer_all([0.5, 0.4, 0.1])
    made.refresh_from_db()
    return made


@pytest.mark.parametrize("kind", KINDS)
def test_on_anybodys_image_reviewers_review_and_others_find_nothing(kind: str, image: Image) -> None:
    answer = say(client_for(kind), image.id)
    if kind in REVIEWING:
        assert (answer.status_code, answer.json()["kind"]) == (201, "review")
        assert Review.objects.get().label.name == "dog"  # type: ignore[union-attr]
    else:
        assert error_of(answer) == (404, "not_found")
        assert not Review.objects.exists()
    assert not Suggestion.objects.exists()


@pytest.mark.parametrize("kind", KINDS)
def test_on_ones_own_image_a_reviewer_reviews_and_anybody_else_suggests(kind: str, pets: Classifier) -> None:
    client = client_for(kind)
    mine = first_id(send(client, 1))
    answer = say(client, mine)
    if kind in REVIEWING:
        assert (answer.status_code, Review.objects.count(), Suggestion.objects.count()) == (201, 1, 0)
    else:
        assert (answer.status_code, answer.json()["kind"]) == (202, "suggestion")
        assert (Review.objects.count(), Suggestion.objects.get().label.name) == (0, "dog")


def test_the_answer_is_the_image_as_it_stands_now(image: Image) -> None:
    body = say(client_of(person("reviewer")), image.id, version=image.version).json()
    assert body["id"] == str(image.id)
    assert body["version"] == image.version + 1
    assert body["prediction"]["label"] == "cat"


def test_a_lost_update_is_409_and_says_what_the_other_said(image: Image) -> None:
    say(client_of(person("reviewer", name="ann")), image.id, version=image.version)
    answer = say(client_of(person("reviewer", name="bob")), image.id, label="bird", version=image.version)
    assert error_of(answer) == (409, "in_progress")
    problem = answer.json()["error"]
    assert "ann reviewed this picture as “dog”" in problem["message"]
    assert problem["details"] == {"image": str(image.id), "version": image.version + 1, "state": "settled"}
    assert Review.objects.count() == 1


def test_a_word_sent_twice_is_stored_once(image: Image) -> None:
    client = client_of(person("reviewer"))
    answers = [say(client, image.id, version=image.version) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert Review.objects.count() == 1


def test_a_word_is_taken_back_by_withdraw(image: Image) -> None:
    client = client_of(person("reviewer"))
    say(client, image.id)
    assert say(client, image.id, "withdraw", None).status_code == 201
    image.refresh_from_db()
    assert image.review_state == ""
    assert image.usefulness == pytest.approx(0.9)
    assert error_of(say(client, image.id, "withdraw", None)) == (409, "in_progress")


def test_a_blind_word_answers_the_audit_and_cannot_be_a_confirmation(pets: Classifier) -> None:
    Classifier.objects.update(audit_share_sure=1.0)
    forget_shares()
    image = upload(2).images[0]
    answer_all([0.9, 0.1, 0.0])
    draw = AuditDraw.objects.filter(image=image)
    client = client_of(person("reviewer"))
    assert error_of(say(client, image.id, "confirm", "cat", blind=True)) == (400, "malformed_request")
    assert say(client, image.id, "correct", "cat", blind=True, place="queue").status_code == 201
    assert draw.get().answer.name == "cat"  # type: ignore[union-attr]
    assert (Review.objects.get().is_blind, Review.objects.get().place) == (True, "queue")


def test_only_an_owner_ends_a_disagreement(image: Image) -> None:
    ann, bob = client_of(person("reviewer", name="ann")), client_of(person("reviewer", name="bob"))
    say(ann, image.id, label="dog")
    say(bob, image.id, label="bird")
    assert error_of(say(ann, image.id, label="dog", decides=True)) == (403, "not_allowed")
    assert say(client_of(person("owner")), image.id, label="bird", decides=True).status_code == 201
    image.refresh_from_db()
    assert (image.review_state, str(image.settled_label)) == ("settled", "bird")


@pytest.mark.parametrize(
    "body",
    [{"verdict": "maybe"}, {"verdict": "correct"}, {"verdict": "correct", "label": "horse"}, {"label": "dog"}, []],
)
def test_what_is_no_review_is_refused_with_a_sentence(body: Any, image: Image) -> None:
    client = client_of(person("reviewer"))
    answer = client.post(f"{IMAGES}/{image.id}/reviews", body, content_type="application/json")
    assert error_of(answer) == (400, "malformed_request")


@pytest.mark.parametrize("identifier", UNKNOWN)
def test_unknown_images_are_not_found(identifier: str, pets: Classifier) -> None:
    assert error_of(say(client_of(person("reviewer")), identifier)) == (404, "not_found")


def test_a_visitors_tick_suggests_the_answer_and_a_skip_suggests_nothing(pets: Classifier, client: Client) -> None:
    mine = first_id(send(client, 1))
    assert error_of(say(client, mine, "confirm", None)) == (400, "malformed_request")
    answer_all([0.1, 0.1, 0.8])
    assert say(client, mine, "confirm", None).status_code == 202
    assert Suggestion.objects.get().label.name == "bird"
    assert error_of(say(client, mine, "skip", None)) == (400, "malformed_request")
    assert error_of(say(client, mine, "correct", "horse")) == (400, "malformed_request")


def test_a_login_needs_its_csrf_token(image: Image) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(person("reviewer"))
    assert error_of(say(client, image.id)) == (403, "not_allowed")
    assert not Review.objects.exists()


def test_the_document_describes_the_calls(client: Client, db: None) -> None:
    paths = client.get("/api/v1/openapi.json").json()["paths"]
    assert set(paths["/api/v1/images/{image_id}/reviews"]["post"]["responses"]) >= {"201", "202", "404", "409"}
    assert {"/api/v1/review-queue", "/api/v1/review-queue/release", "/api/v1/review-queue/renew"} <= set(paths)
