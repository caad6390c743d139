"""`/images/<id>/`: what each person sees of a picture and may say about it."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from classifier.explanations import claim_explanation, complete_explanation, fail_explanation
from classifier.model_registry import promote
from classifier.models import (
    Classifier,
    Explanation,
    Image,
    Label,
    ModelVersion,
    Prediction,
    Review,
    Suggestion,
    TrainingExample,
    TrainingRun,
)
from classifier.reviews import ReviewWish, record_review
from tests.row_makers import make_version, png_bytes
from tests.webapp.admin_site import answer_waiting
from tests.webapp.api_calls import UNKNOWN, first_id, send
from tests.webapp.people import client_of, person

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def quiet_bell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("classifier.explanations.ring_by_name", lambda *arguments, **options: None)


@pytest.fixture
def image(pets: Classifier, client: Client) -> Image:
    """A visitor's picture, taken for a dog."""
    identifier = first_id(send(client, 1))
    answer_waiting(index=1, confidence=0.8)
    return Image.objects.get(id=identifier)


@pytest.fixture
def reviewer_client(db: None) -> Client:
    return client_of(person("reviewer"))


def page(client: Client, image: Image, query: str = "") -> str:
    answer = client.get(f"/images/{image.id}/{query}")
    assert answer.status_code == 200
    return answer.content.decode()


def say(client: Client, image: Image, **body: Any) -> str:
    """What the page shows after a word."""
    given = {"version": Image.objects.get(id=image.id).version, **body}
    answer = client.post(f"/images/{image.id}/review", given, follow=True)
    assert answer.redirect_chain == [(f"/images/{image.id}/", 303)]
    return answer.content.decode()


def test_the_owner_sees_answer_and_scores(client: Client, image: Image) -> None:
    shown = page(client, image)
    assert '<h2 id="answer-title">dog</h2>' in shown
    assert "80\u00a0%" in shown
    assert f'src="/api/v1/images/{image.id}/file"' in shown


def test_strangers_and_unknown_ids_find_nothing(image: Image) -> None:
    for stranger in (Client(), client_of(person())):
        assert stranger.get(f"/images/{image.id}/").status_code == 404
        assert stranger.post(f"/images/{image.id}/review", {"label": "cat"}).status_code == 404
        assert stranger.post(f"/images/{image.id}/ask").status_code == 404
    for identifier in UNKNOWN:
        assert client_of(person("owner")).get(f"/images/{identifier}/").status_code == 404


@override_settings(ANONYMOUS_UPLOADS=False)
def test_where_visitors_may_not_be_they_are_led_to_the_login(image: Image) -> None:
    answer = Client().get(f"/images/{image.id}/")
    assert answer["Location"] == f"/login/?next=/images/{image.id}/"


def test_looking_never_changes_anything(client: Client, image: Image) -> None:
    assert client.post(f"/images/{image.id}/").status_code == 405
    assert client.get(f"/images/{image.id}/review").status_code == 405
    assert client.get(f"/images/{image.id}/ask").status_code == 405


def test_a_waiting_and_a_failed_picture_say_so(client: Client, image: Image) -> None:
    Prediction.objects.update(state="queued", done_at=None, scores=None, label=None, model_version=None)
    assert "Waiting for an answer." in page(client, image)
    assert "Show why" not in page(client, image)
    Prediction.objects.update(state="failed", failure_reason="It is damaged.", done_at=timezone.now())
    assert "It is damaged." in page(client, image)


def test_a_reviewer_confirms_corrects_and_takes_it_back(reviewer_client: Client, image: Image) -> None:
    assert "A reviewer says: dog." in say(reviewer_client, image, verdict="confirm", label="dog")
    corrected = say(reviewer_client, image, verdict="correct", label="cat")
    assert "A reviewer says: cat." in corrected
    assert "v1 had said dog" in corrected
    assert "Took the word before back" in say(reviewer_client, image, verdict="withdraw")
    assert [review.verdict for review in Review.objects.order_by("id")] == ["confirm", "correct", "withdraw"]
    assert "A reviewer could not tell" in say(reviewer_client, image, verdict="skip")


def test_a_lost_update_is_told_and_not_stored(reviewer_client: Client, image: Image) -> None:
    seen = image.version
    anna = person("reviewer", name="anna")
    record_review(image_id=image.id, user=anna, wish=ReviewWish("correct", "bird"))
    shown = say(reviewer_client, image, verdict="correct", label="cat", version=seen)
    assert "anna reviewed this picture as “bird” since you opened it." in shown
    assert Review.objects.count() == 1


def test_words_that_mean_nothing_are_refused_in_a_sentence(reviewer_client: Client, image: Image) -> None:
    assert "The verdict must be" in say(reviewer_client, image, verdict="shout")
    assert "no label “cow”" in say(reviewer_client, image, verdict="correct", label="cow")
    assert "no word of yours" in say(reviewer_client, image, verdict="withdraw")
    assert not Review.objects.exists()


def test_the_owner_only_suggests_and_sees_no_names(client: Client, image: Image) -> None:
    record_review(image_id=image.id, user=person("reviewer", name="anna"), wish=ReviewWish("correct", "bird"))
    shown = say(client, image, verdict="correct", label="cat")
    assert "You suggested “cat”." in shown
    assert "anna" not in shown
    assert "A reviewer says: bird." in shown
    assert (Suggestion.objects.get().label.name, Review.objects.count()) == ("cat", 1)
    assert "Choose the right label first." in say(client, image, verdict="correct")


def test_a_reviewer_sees_what_was_suggested(client: Client, reviewer_client: Client, image: Image) -> None:
    say(client, image, verdict="correct", label="cat")
    assert "Suggested by who sent it: “cat”." in page(reviewer_client, image)


def test_a_viewer_looks_and_says_nothing(image: Image) -> None:
    viewer = client_of(person("viewer"))
    assert "You may look, but not review." in page(viewer, image)
    assert viewer.post(f"/images/{image.id}/review", {"verdict": "confirm"}).status_code == 404
    assert not Review.objects.exists()


def test_only_an_owner_ends_a_disagreement(reviewer_client: Client, image: Image) -> None:
    record_review(image_id=image.id, user=person("reviewer", name="anna"), wish=ReviewWish("correct", "bird"))
    assert "Reviewers disagree." in say(reviewer_client, image, verdict="correct", label="cat", decides="1")
    owner = client_of(person("owner"))
    assert "This ends the disagreement" in page(owner, image)
    assert "A reviewer says: cat." in say(owner, image, verdict="correct", label="cat", decides="1")


def test_asking_again_needs_a_new_version(client: Client, image: Image) -> None:
    assert "The live version has answered it already." in page(client, image)
    promote(version=make_version(image.classifier, "2" * 64), reason="test")
    assert "The live version has answered it already." not in page(client, image)
    assert client.post(f"/images/{image.id}/ask", follow=True).status_code == 200
    assert Image.objects.get().current_prediction.state == "queued"  # type: ignore[union-attr]
    answer_waiting(index=2)
    shown = page(client, image)
    assert shown.index(">v2 ") < shown.index(">v1<")


def test_people_who_see_versions_may_ask_another_one(client: Client, image: Image) -> None:
    other = make_version(image.classifier, "2" * 64)
    owner = client_of(person("owner"))
    assert f'<option value="{other.id}">v2, candidate</option>' in page(owner, image)
    owner.post(f"/images/{image.id}/ask", {"model": str(other.id)})
    assert Prediction.objects.get(state="queued").wished_version_id == other.id
    assert f'<option value="{other.id}"' not in page(client, image)


def make_run(version: ModelVersion | None, **facts: Any) -> TrainingRun:
    classifier = Classifier.objects.get()
    run = TrainingRun.objects.create(classifier=classifier, state="done", **facts)
    if version:
        ModelVersion.objects.filter(pk=version.pk).update(training_run=run)
    return run


def test_what_it_taught_is_listed(client: Client, reviewer_client: Client, image: Image) -> None:
    dog = Label.objects.get(name="dog")
    assert "No training has used it." in page(client, image)
    for digest, part in (("2", "train"), ("3", "holdout"), ("4", "left_out")):
        run = make_run(make_version(image.classifier, digest * 64), name=f"run {digest}")
        TrainingExample.objects.create(training_run=run, image=image, label=dog, part=part)
    for shown in (page(client, image), page(reviewer_client, image)):
        assert "Used in model v2" in shown
        assert "Kept aside to measure (model v3)" in shown
        assert "Left out: nearly the same picture is kept aside to measure (model v4)" in shown
    version = ModelVersion.objects.get(number=2)
    assert f'<a href="/models/{version.id}/">Used in model v2</a>' in page(client_of(person("owner")), image)


def test_why_asks_for_a_heat_map_and_shows_it_when_it_is_made(client: Client, image: Image) -> None:
    assert not Explanation.objects.exists()
    page(client, image)
    assert not Explanation.objects.exists()
    assert "The heat map is being made" in page(client, image, "?why=1")
    claimed = claim_explanation(worker="w")
    assert claimed
    complete_explanation(claimed, png_bytes(5))
    shown = page(client, image, "?why=1")
    assert f'id="heat" src="/api/v1/images/{image.id}/heatmap?model={claimed.version_id}"' in shown
    assert "Hide why" in shown


def test_why_says_when_it_cannot(client: Client, image: Image) -> None:
    page(client, image, "?why=1")
    claimed = claim_explanation(worker="w")
    assert claimed
    fail_explanation(claimed, reason="It cannot say why.")
    assert "No heat map: It cannot say why." in page(client, image, "?why=1")


def test_who_may_delete_is_led_there(client: Client, reviewer_client: Client, image: Image) -> None:
    link = f'href="/images/{image.id}/delete"'
    assert link in page(client, image)
    assert link not in page(reviewer_client, image)
    assert link in page(client_of(person("owner")), image)


def test_names_are_shown_as_text(client: Client, image: Image) -> None:
    Image.objects.update(name='"><script>alert(1)</script>')
    assert "<script>alert" not in page(client, image)


def test_the_number_of_queries_does_not_follow_the_history(image: Image) -> None:
    owner = client_of(person("owner"))

    def count() -> int:
        page(owner, image)
        with CaptureQueriesContext(connection) as queries:
            page(owner, image)
        return len(queries)

    def add(number: int) -> None:
        promote(version=make_version(image.classifier, f"{number:064d}"), reason="test")
        owner.post(f"/images/{image.id}/ask")
        answer_waiting(index=1)
        user = person("reviewer", name=f"reviewer {number}")
        record_review(image_id=image.id, user=user, wish=ReviewWish("correct", "dog"))
        run = make_run(ModelVersion.objects.get(digest=f"{number:064d}"))
        TrainingExample.objects.create(training_run=run, image=image, label=Label.objects.get(name="dog"), part="train")

    add(100)
    few = count()
    for number in range(101, 106):
        add(number)
    assert count() == few <= 25
