"""From a reviewer's word to a model that knows it: what a run takes in, leaves out, and says afterwards."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from PIL import Image as Pillow

from classifier.audit import forget_shares
from classifier.models import AuditDraw, Classifier, Image, ModelVersion, TrainingExample, TrainingRun
from classifier.object_storage import delete_object, read_object
from classifier.reviewed_examples import count_unlearned, frozen_examples, settled_examples
from classifier.reviews import ReviewWish, record_review
from classifier.training_runs import UnchangedError
from classifier.upload_requests import SentFile
from classifier.uploads import accept_upload
from ml.datasets import read_idx
from tasks.evaluating import evaluate_version, load_version
from tests.review_makers import answer_all, reviewer
from tests.row_makers import VISITOR, upload
from tests.tasks.test_training_jobs import halves, private_state, train  # noqa: F401 - fixtures and the maker

pytestmark = pytest.mark.django_db


def settle(classifier: Classifier, seeds: range, label: str) -> list[Image]:
    """Uploaded pictures that a reviewer gave this label."""
    images = [upload(seed, classifier_slug=classifier.slug).images[0] for seed in seeds]
    for image in images:
        record_review(image_id=image.id, user=reviewer("ann"), wish=ReviewWish("correct", label))
    return images


def parts(run: TrainingRun) -> list[str]:
    return sorted(TrainingExample.objects.filter(training_run=run).values_list("part", flat=True))


def test_reviewed_images_are_trained_on_and_each_says_in_which_part(halves: Classifier) -> None:  # noqa: F811
    settle(halves, range(40), "1")
    assert count_unlearned(halves, None) == 40
    report = train(halves)
    run = TrainingRun.objects.get()
    told = parts(run)
    assert set(told) == {"train", "validation", "holdout"}
    assert told.count("train") >= 24
    assert run.snapshot["reviews"][0] == 40
    assert sum(sum(counts.values()) for counts in run.snapshot["counts"].values()) >= 40
    assert report.version.training_run == run
    assert count_unlearned(halves, run) == 0


def test_a_new_review_makes_the_data_new_and_the_same_reviews_do_not(halves: Classifier) -> None:  # noqa: F811
    images = settle(halves, range(12), "1")
    train(halves)
    with pytest.raises(UnchangedError):
        train(halves)
    record_review(image_id=images[0].id, user=reviewer("ann"), wish=ReviewWish("correct", "0"))
    with CaptureQueriesContext(connection) as queries:
        assert count_unlearned(halves, TrainingRun.objects.get()) == 1
    assert len(queries) == 2, "one to find the run, one that counts"
    train(halves)
    assert TrainingRun.objects.count() == 2


def test_a_review_stands_against_the_datasets_word_on_the_same_picture(halves: Classifier, tmp_path: Path) -> None:  # noqa: F811
    pixels = read_idx(tmp_path / "halves" / "train-images-idx3-ubyte.gz")[0]
    out = io.BytesIO()
    Pillow.fromarray(pixels).save(out, "PNG")
    sent = accept_upload(
        files=[SentFile("known.png", out.getvalue())],
        owner=VISITOR,
        source=Image.Source.API,
        priority=5,
        classifier_slug=halves.slug,
    )
    record_review(image_id=sent.images[0].id, user=reviewer("ann"), wish=ReviewWish("correct", "1"))
    train(halves)
    run = TrainingRun.objects.get()
    assert run.snapshot["left_out"]["reviewed_since"] == 1
    assert parts(run) in (["train"], ["validation"], ["holdout"])


def test_the_same_picture_settled_differently_by_two_people_is_left_to_them(halves: Classifier) -> None:  # noqa: F811
    first, second = settle(halves, range(2), "1")
    Image.objects.filter(id=second.id).update(content=first.content, owner="visitor:other")
    record_review(image_id=second.id, user=reviewer("bob"), wish=ReviewWish("skip"))
    record_review(image_id=second.id, user=reviewer("ann"), wish=ReviewWish("correct", "0"))
    assert settled_examples(halves) == []


def test_an_image_deleted_after_the_request_is_left_out_and_the_run_goes_on(halves: Classifier) -> None:  # noqa: F811
    images = settle(halves, range(20), "1")
    delete_object(images[0].storage_key)
    report = train(halves)
    run = TrainingRun.objects.get()
    assert report.version.number == 1
    assert "left_out" in parts(run)
    assert len(frozen_examples(run.id)) == 20


def test_reviewed_holdout_images_are_measured_on(halves: Classifier) -> None:  # noqa: F811
    version = train(halves).version
    before = evaluate_version(version=version).metrics["count"]
    settle(halves, range(60), "1")
    after = evaluate_version(version=version).metrics["count"]
    kept_aside = sum(int(image.content[:8], 16) / 2**32 >= 0.9 for image in Image.objects.all())
    assert kept_aside
    assert after == before + kept_aside


def test_a_classifier_without_datasets_learns_from_reviews_alone(pets: Classifier) -> None:
    settle(pets, range(60), "cat")
    settle(pets, range(100, 160), "dog")
    report = train(pets, promote="never")
    assert report.version.labels == ["cat", "dog"]


def test_what_was_corrected_is_answered_rightly_after_the_training(halves: Classifier) -> None:  # noqa: F811
    first = train(halves).version
    images = settle(halves, range(200, 260), "1")
    second = train(halves, epochs=16).version
    learned = set(TrainingExample.objects.filter(part="train").values_list("image_id", flat=True))
    pictures = [read_object(image.storage_key) for image in images if image.id in learned]
    assert len(pictures) >= 40
    assert share_of_ones(first, pictures) < 0.9
    assert share_of_ones(second, pictures) == 1.0


def share_of_ones(version: ModelVersion, pictures: list[bytes]) -> float:
    predictor = load_version(version)
    answers = predictor.predict(np.stack([predictor.prepare(picture) for picture in pictures]))
    return float(np.mean([version.labels[answer.label_index] == "1" for answer in answers]))


def test_answers_of_reviewed_images_are_not_drawn_for_the_audit(pets: Classifier) -> None:
    Classifier.objects.update(audit_share_sure=1.0)
    forget_shares()
    settle(pets, range(3), "dog")
    upload(50)
    answer_all([0.9, 0.1, 0.0])
    forget_shares()
    assert AuditDraw.objects.count() == 1
