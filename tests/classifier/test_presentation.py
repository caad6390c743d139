"""The public form of images and predictions, the same for every reader."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from classifier.models import Classifier, Image, Prediction
from classifier.prediction_results import AnswerRow, complete_batch
from classifier.predictions import claim_batch, find_work
from classifier.presentation import describable, describe_image, describe_images, describe_prediction, read_describable
from tests.row_makers import MakeImages, upload

pytestmark = pytest.mark.django_db


def answer(scores: list[float], *, unsure: bool = False) -> None:
    """Everything that waits gets these scores."""
    work = find_work()
    assert work is not None
    best = scores.index(max(scores))
    items = claim_batch(work=work, worker="w", limit=64).items
    rows = [AnswerRow(item, best, scores[best], scores, unsure=unsure, unfamiliar=False) for item in items]
    complete_batch(version_id=work.version_id, answers=rows)


def described() -> Any:
    return describe_image(describable(Image.objects.all()).get())


def test_a_waiting_image_has_no_answer_yet(pets: Classifier) -> None:
    image = upload(1).images[0]
    item = described()
    assert (item["id"], item["name"], item["classifier"], item["state"]) == (str(image.id), "1.png", "pets", "queued")
    prediction = item["prediction"]
    assert (prediction["label"], prediction["confidence"], prediction["model"], prediction["scores"]) == (
        None,
        None,
        None,
        [],
    )
    assert prediction["done_at"] is None


def test_an_answer_names_label_model_and_scores_best_first(pets: Classifier) -> None:
    upload(1)
    answer([0.2, 0.1, 0.7])
    item = described()
    prediction = item["prediction"]
    assert (item["state"], prediction["label"], prediction["confidence"]) == ("done", "bird", 0.7)
    assert [score["label"] for score in prediction["scores"]] == ["bird", "cat", "dog"]
    assert sum(score["score"] for score in prediction["scores"]) == pytest.approx(1)
    assert prediction["model"] == {"id": str(pets.live_version_id), "version": 1}


def test_an_unsure_answer_says_so(pets: Classifier) -> None:
    upload(1)
    answer([0.4, 0.3, 0.3], unsure=True)
    assert described()["prediction"]["unsure"] is True


def test_a_failed_prediction_carries_code_and_sentence(pets: Classifier) -> None:
    upload(1)
    Prediction.objects.update(state="failed", failure_code="unreadable", failure_reason="The picture is torn.")
    item = described()
    assert item["state"] == "failed"
    assert item["prediction"]["failure"] == {"code": "unreadable", "message": "The picture is torn."}


def test_a_failure_that_was_only_counted_is_not_shown(pets: Classifier) -> None:
    upload(1)
    Prediction.objects.update(state="queued", failures=1, failure_code="unreadable", failure_reason="Once.")
    assert described()["prediction"]["failure"] is None


def test_a_duplicate_is_marked_by_whoever_knows(pets: Classifier) -> None:
    image = describable(Image.objects.filter(id=upload(1).images[0].id)).get()
    assert describe_image(image)["duplicate"] is False
    assert describe_image(image, duplicate=True)["duplicate"] is True


def test_an_image_whose_prediction_is_gone_is_still_described(pets: Classifier) -> None:
    upload(1)
    Image.objects.update(current_prediction=None)
    item = described()
    assert (item["state"], item["prediction"]) == ("queued", None)


def test_moments_are_utc_with_milliseconds(pets: Classifier) -> None:
    upload(1)
    answer([1.0, 0.0, 0.0])
    item = described()
    for moment in (item["created_at"], item["prediction"]["queued_at"], item["prediction"]["done_at"]):
        assert len(moment) == len("2026-01-31T12:00:00.000Z")
        assert moment.endswith("Z")


def test_many_images_cost_one_query(make_images: MakeImages, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    make_images(5)
    answer([1.0, 0.0, 0.0])
    describe_images(describable(Image.objects.all()))  # number and labels of a version are read once a process
    with django_assert_num_queries(1):
        assert len(describe_images(describable(Image.objects.all()))) == 5


def test_scores_stay_with_the_labels_of_the_version_that_gave_them(pets: Classifier) -> None:
    upload(1)
    answer([0.2, 0.1, 0.7])
    pets.labels.filter(name="bird").update(name="finch")
    prediction = Prediction.objects.get()
    assert describe_prediction(prediction)["label"] == "bird"


def test_the_fast_way_of_reading_describes_the_same(pets: Classifier, make_images: MakeImages) -> None:
    images = make_images(3)
    Prediction.objects.filter(image=images[0]).update(state="failed", failure_code="x", done_at=timezone.now())
    Image.objects.filter(id=images[1].id).update(current_prediction=None, name="„ü“")
    ids = [image.id for image in images]
    expected = {image.id: describe_image(image) for image in describable(Image.objects.filter(id__in=ids))}
    assert {image.id: describe_image(image) for image in read_describable(ids)} == expected
    assert read_describable([]) == []
