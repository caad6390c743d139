"""Batches in rows: one for the same arguments, in one process' hands, listed whole or not at all, forgotten in time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone

from classifier import batch_jobs
from classifier.batch_jobs import (
    ClaimedBatch,
    FoundFile,
    SentItem,
    claim_batch,
    find_or_create_batch,
    finish_batch,
    forget_old_batches,
    keep_batch,
    list_files,
    record_sent,
    release_batch,
)
from classifier.errors import Conflict
from classifier.models import BatchItem, BatchJob, Classifier
from tests.row_makers import make_version, upload

pytestmark = pytest.mark.django_db


def make(pets: Classifier, *places: str) -> UUID:
    return find_or_create_batch(classifier=pets, wished_version=None, places=list(places) or ["/p"])


def claimed(batch_id: UUID) -> ClaimedBatch:
    batch = claim_batch(batch_id=batch_id, worker="test")
    assert batch
    return batch


def files(count: int) -> Iterator[FoundFile]:
    return (FoundFile(0, f"/p/{number}.png") for number in range(count))


def listed(pets: Classifier, count: int) -> ClaimedBatch:
    return list_files(claimed(make(pets)), files(count), on_listed=lambda count: None)


def age(batch_id: UUID, days: float) -> None:
    moment = timezone.now() - timedelta(days=days)
    BatchJob.objects.filter(id=batch_id).update(created_at=moment, done_at=moment)
    BatchJob.objects.filter(id=batch_id, state="running").update(done_at=None, lease_until=moment)


def test_the_same_arguments_find_the_running_batch_and_others_do_not(pets: Classifier) -> None:
    first = make(pets, "/a", "/b")
    assert make(pets, "/a", "/b") == first
    version = make_version(pets, "2" * 64)
    others = {make(pets, "/a"), find_or_create_batch(classifier=pets, wished_version=version, places=["/a", "/b"])}
    assert first not in others
    assert len(others) == 2


def test_an_ended_batch_is_not_found_again(pets: Classifier) -> None:
    first = make(pets)
    finish_batch(claimed(first))
    assert make(pets) != first


def test_it_is_in_one_process_hands_until_released_or_its_lease_is_over(pets: Classifier) -> None:
    batch = claimed(make(pets))
    assert claim_batch(batch_id=batch.id, worker="other") is None
    release_batch(batch)
    again = claimed(batch.id)
    BatchJob.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert claimed(batch.id).claim == again.claim + 1


@pytest.mark.parametrize("move", [keep_batch, finish_batch, lambda batch: record_sent(batch, [SentItem(0)])])
def test_who_lost_it_changes_nothing_more(move: Any, pets: Classifier) -> None:
    late = listed(pets, 1)
    BatchJob.objects.update(lease_until=None)
    claimed(late.id)
    with pytest.raises(Conflict, match="Another process has taken this batch over"):
        move(late)
    job = BatchJob.objects.get()
    assert (job.state, job.sent_count) == ("running", 0)


def test_an_interrupted_list_begins_anew(pets: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_jobs, "LISTED_AT_ONCE", 10)
    monkeypatch.setattr(batch_jobs, "FORGOTTEN_AT_ONCE", 7)

    def broken() -> Iterator[FoundFile]:
        yield from files(25)
        raise KeyboardInterrupt

    batch = claimed(make(pets))
    with pytest.raises(KeyboardInterrupt):
        list_files(batch, broken(), on_listed=lambda count: None)
    assert not BatchJob.objects.get().listed_at
    again = list_files(batch, files(12), on_listed=lambda count: None)
    assert (again.item_count, BatchItem.objects.count()) == (12, 12)
    assert list(BatchItem.objects.values_list("number", flat=True)) == list(range(12))


def test_a_name_that_is_no_text_is_refused_when_it_is_listed(pets: Classifier) -> None:
    found = iter([FoundFile(0, "/p/\udcff.png"), FoundFile(0, "/p/a\0b.png"), FoundFile(0, "/p/ok.png")])
    list_files(claimed(make(pets)), found, on_listed=lambda count: None)
    assert list(BatchItem.objects.values_list("place", "refusal_code")) == [
        ("/p/\\udcff.png", "not_found"),
        ("/p/a\\0b.png", "not_found"),
        ("/p/ok.png", ""),
    ]


def test_an_image_deleted_before_it_was_recorded_leaves_its_item_without(pets: Classifier) -> None:
    batch = listed(pets, 2)
    image = upload(1).images[0]
    gone = UUID(int=7)
    record_sent(batch, [SentItem(0, image.id, image.current_prediction_id), SentItem(1, gone, gone)])
    assert list(BatchItem.objects.values_list("image", flat=True)) == [image.id, None]


def test_old_batches_are_forgotten_slice_by_slice_and_their_images_stay(
    pets: Classifier, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_jobs, "FORGOTTEN_AT_ONCE", 2)
    settings.BATCH_KEEP_DAYS = 30
    old = listed(pets, 5)
    image = upload(1).images[0]
    record_sent(old, [SentItem(0, image.id, image.current_prediction_id)])
    finish_batch(old)
    age(old.id, 31)
    recent = make(pets, "/recent")
    assert forget_old_batches() == 1
    assert list(BatchJob.objects.values_list("id", flat=True)) == [recent]
    assert BatchItem.objects.count() == 0
    image.refresh_from_db()


def test_an_interrupted_batch_is_kept_while_somebody_touched_it_of_late(pets: Classifier) -> None:
    batch_id = make(pets)
    age(batch_id, 31)
    release_batch(claimed(batch_id))
    assert forget_old_batches() == 0
    age(batch_id, 31)
    assert forget_old_batches() == 1


def test_forgetting_stops_at_its_time(pets: Classifier) -> None:
    batch = listed(pets, 3)
    finish_batch(batch)
    age(batch.id, 31)
    assert forget_old_batches(seconds=0) == 0
    assert forget_old_batches() == 1
