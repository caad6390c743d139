"""Deleting images: a record and no rows after one transaction, no object after it, and nothing half done between."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from classifier import deletions
from classifier.deletions import Asker, delete_image, delete_images, remove_objects
from classifier.derivatives import derivative_key
from classifier.errors import NotFound, StorageUnavailable
from classifier.failpoints import FailpointReached
from classifier.model_registry import register_version
from classifier.models import (
    AuditDraw,
    Classifier,
    Deletion,
    Image,
    Prediction,
    Review,
    Suggestion,
    TrainingExample,
    TrainingRun,
)
from classifier.object_storage import object_exists, write_verified
from classifier.prediction_results import AnswerRow, complete_batch
from classifier.predictions import Failure, claim_batch, fail_predictions, find_work, release_predictions
from classifier.reviews import ReviewWish, record_review
from classifier.suggestions import suggest_label
from tests.review_makers import answer_all, reviewer
from tests.row_makers import LABELS, VISITOR, MakeImages, upload

pytestmark = pytest.mark.django_db
OWNER = Asker(Deletion.Asker.VISITOR)


@pytest.fixture(autouse=True)
def bells(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    heard: list[str] = []
    monkeypatch.setattr(deletions, "ring_by_name", lambda task, arguments: heard.append(task))
    return heard


def busy_image(pets: Classifier) -> Image:
    """With an answer drawn for the audit, a suggestion, a review, and a training run that learned from it."""
    Classifier.objects.filter(id=pets.id).update(audit_share_sure=1.0)
    image = upload(1).images[0]
    answer_all([0.8, 0.1, 0.1])
    image.refresh_from_db()
    dog = pets.labels.get(name="dog")
    suggest_label(image=image, owner_key=VISITOR.key, label_name="dog")
    record_review(image_id=image.id, user=reviewer("ann"), wish=ReviewWish("correct", "dog"))
    run = TrainingRun.objects.create(classifier=pets, state=TrainingRun.State.DONE)
    register_version(classifier=pets, digest="2" * 64, manifest={"labels": LABELS}, metrics={}, training_run=run)
    TrainingExample.objects.create(training_run=run, image=image, label=dog, part=TrainingExample.Part.TRAIN)
    return image


def test_nothing_of_the_image_is_left_but_its_record(pets: Classifier, bells: list[str]) -> None:
    image = busy_image(pets)
    other = upload(2).images[0]
    write_verified(derivative_key(image.id, "heatmap.png"), b"warm")
    record = delete_image(image=image, asked_by=OWNER, reason="Asked on its page.")
    for model in (Prediction, Review, Suggestion, AuditDraw, TrainingExample):
        assert not model._default_manager.filter(image=image.id).exists(), model
    assert list(Image.objects.values_list("id", flat=True)) == [other.id]
    assert not object_exists(image.storage_key)
    assert not object_exists(derivative_key(image.id, "heatmap.png"))
    assert object_exists(other.storage_key)
    assert record.state == Deletion.State.PENDING
    assert bells == [deletions.TASK]


def test_the_record_says_what_went_and_what_had_seen_it(pets: Classifier) -> None:
    image = busy_image(pets)
    record = delete_image(image=image, asked_by=Asker(Deletion.Asker.USER, reviewer("ann")), reason="Left the shop.")
    assert record.removed == {"prediction": 1, "review": 1, "suggestion": 1, "auditdraw": 1, "trainingexample": 1}
    [seen] = record.seen_by
    assert (seen["number"], seen["part"], seen["through"]) == (2, "train", "review")
    assert (record.content, record.sha256, record.image) == (image.content, image.sha256, image.id)
    assert (record.user, record.reason) == (reviewer("ann"), "Left the shop.")


def test_the_record_holds_nothing_personal(pets: Classifier) -> None:
    image = upload(1).images[0]
    Image.objects.filter(id=image.id).update(name="Ann at the beach.png")
    image.refresh_from_db()
    delete_image(image=image, asked_by=OWNER)
    values = Deletion.objects.values().get()
    assert not any(secret in str(values) for secret in (image.name, VISITOR.identifier))


def test_the_same_picture_of_another_owner_stays(pets: Classifier) -> None:
    mine = upload(1).images[0]
    theirs = upload(1, owner=type(VISITOR)("visitor", "somebody-else")).images[0]
    assert mine.content == theirs.content
    delete_image(image=mine, asked_by=OWNER)
    assert Image.objects.get() == theirs
    assert object_exists(theirs.storage_key)


def test_a_second_deletion_finds_nothing(pets: Classifier) -> None:
    image = upload(1).images[0]
    delete_image(image=image, asked_by=OWNER)
    with pytest.raises(NotFound):
        delete_image(image=image, asked_by=OWNER)
    assert Deletion.objects.count() == 1


def test_the_picture_may_be_sent_again(pets: Classifier) -> None:
    image = upload(1).images[0]
    delete_image(image=image, asked_by=OWNER)
    again = upload(1).images[0]
    assert again.id != image.id
    assert object_exists(again.storage_key)


def test_a_store_that_is_away_leaves_the_record_pending(pets: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    image = upload(1).images[0]

    def away(key: str) -> None:
        raise StorageUnavailable

    monkeypatch.setattr(deletions, "delete_object", away)
    record = delete_image(image=image, asked_by=OWNER)
    assert not Image.objects.exists()
    assert (record.state, record.storage_key) == (Deletion.State.PENDING, image.storage_key)


@pytest.mark.django_db(transaction=True)
def test_a_crash_before_the_commit_leaves_everything(pets: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    image = upload(1).images[0]
    reach(monkeypatch, "deletion-before-commit")
    with pytest.raises(FailpointReached):
        delete_image(image=image, asked_by=OWNER)
    assert Image.objects.get() == image
    assert Prediction.objects.count() == 1
    assert not Deletion.objects.exists()
    assert object_exists(image.storage_key)


@pytest.mark.django_db(transaction=True)
def test_a_crash_after_the_commit_leaves_a_pending_record(pets: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    image = upload(1).images[0]
    reach(monkeypatch, "deletion-after-commit")
    with pytest.raises(FailpointReached):
        delete_image(image=image, asked_by=OWNER)
    assert not Image.objects.exists()
    assert Deletion.objects.get().storage_key == image.storage_key
    assert object_exists(image.storage_key)


def reach(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    def failpoint(passed: str) -> None:
        if passed == name:
            raise FailpointReached(name)

    monkeypatch.setattr(deletions, "failpoint", failpoint)


@pytest.mark.parametrize("ending", ["answered", "failed", "released"])
def test_a_prediction_under_way_ends_in_nothing(make_images: MakeImages, ending: str) -> None:
    gone, stays = make_images(2)
    work = find_work()
    assert work is not None
    claim = claim_batch(work=work, worker="test", limit=64)
    assert len(claim.items) == 2
    delete_image(image=gone, asked_by=OWNER)
    if ending == "answered":
        rows = [AnswerRow(item, 0, 0.9, [0.9, 0.05, 0.05], False, False) for item in claim.items]
        completion = complete_batch(version_id=work.version_id, answers=rows)
        assert (completion.image_ids, completion.fenced) == ([stays.id], 1)
    elif ending == "failed":
        fail_predictions([(item, Failure("unreadable", "no")) for item in claim.items])
    else:
        assert release_predictions(claim.items, delay_seconds=0) == 1
    assert list(Prediction.objects.values_list("image", flat=True)) == [stays.id]
    assert AuditDraw.objects.filter(image=gone.id).count() == 0


def test_many_are_deleted_in_slices(pets: Classifier, make_images: MakeImages, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deletions, "SLICE", 3)
    images = make_images(7)
    assert delete_images(image_ids=[image.id for image in images], asked_by=OWNER) == 7
    assert delete_images(image_ids=[image.id for image in images], asked_by=OWNER) == 0
    assert Deletion.objects.count() == 7


def test_the_questions_do_not_grow_with_the_images(pets: Classifier, make_images: MakeImages) -> None:
    images = make_images(25)
    counts: list[int] = []
    for part in (images[:5], images[5:]):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            delete_images(image_ids=[image.id for image in part], asked_by=OWNER)
        counts.append(len(queries))
    assert counts[1] <= counts[0] + 1


def test_removing_objects_twice_is_fine(pets: Classifier) -> None:
    image = upload(1).images[0]
    trace = deletions.StoredTraces(image.id, image.storage_key)
    remove_objects([trace])
    remove_objects([trace, trace])
    assert not object_exists(image.storage_key)


def test_who_reaches_datasets(settings: Any) -> None:
    asked = {kind: Asker(kind).reaches_datasets for kind in Deletion.Asker}
    assert asked[Deletion.Asker.USER]
    assert asked[Deletion.Asker.VISITOR]
    assert not asked[Deletion.Asker.RETENTION]
    settings.VISITOR_DELETIONS_REACH_DATASETS = False
    assert not Asker(Deletion.Asker.VISITOR).reaches_datasets


def test_a_deleted_user_leaves_the_record(pets: Classifier) -> None:
    user = User.objects.create_user("bo")
    delete_image(image=upload(1).images[0], asked_by=Asker(Deletion.Asker.USER, user))
    user.delete()
    assert Deletion.objects.get().user is None
