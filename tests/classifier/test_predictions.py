"""Claims, leases, fencing, failures and priorities: the rules every worker relies on."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from django.utils import timezone

from classifier.models import Classifier, Image, Prediction
from classifier.prediction_requests import queue_repredictions, request_prediction
from classifier.prediction_results import AnswerRow, complete_batch
from classifier.predictions import (
    Claim,
    ClaimedPrediction,
    Failure,
    claim_batch,
    fail_predictions,
    find_answered,
    find_work,
    oldest_open_age_seconds,
    release_predictions,
)
from tests.row_makers import MakeImages, make_version, upload

pytestmark = pytest.mark.django_db


def claim(limit: int = 64, worker: str = "w1") -> Claim:
    work = find_work()
    assert work is not None
    return claim_batch(work=work, worker=worker, limit=limit)


def answer(item: ClaimedPrediction, index: int = 0) -> AnswerRow:
    scores = [0.1, 0.1, 0.1]
    scores[index] = 0.8
    return AnswerRow(item, index, 0.8, scores, unsure=False, unfamiliar=False)


def run_out_lease(*ids: UUID) -> None:
    Prediction.objects.filter(id__in=ids).update(lease_until=timezone.now() - timedelta(seconds=1))


def promote_silently(classifier: Classifier) -> UUID:
    second = make_version(classifier, "2" * 64)
    Classifier.objects.filter(id=classifier.id).update(live_version=second)
    classifier.refresh_from_db()
    return second.id


def test_a_claim_takes_rows_in_order_of_priority_then_age(make_images: MakeImages) -> None:
    make_images(2)
    urgent = upload(50, priority=Prediction.PERSON_WAITS).images[0]
    assert [item.image_id for item in claim(limit=1).items] == [urgent.id]


def test_a_claimed_row_is_not_claimed_again(make_images: MakeImages) -> None:
    make_images(3)
    first = claim(limit=2)
    second = claim(limit=5, worker="w2")
    assert len(first.items) == 2
    assert len(second.items) == 1
    assert find_work() is None


def test_a_row_whose_lease_ran_out_is_claimed_again_and_counts_a_failure(make_images: MakeImages) -> None:
    make_images(1)
    [item] = claim().items
    run_out_lease(item.id)
    [again] = claim(worker="w2").items
    assert (again.id, again.claim, again.failures) == (item.id, 2, 1)


def test_a_late_result_of_an_old_claim_is_fenced_out(make_images: MakeImages, pets: Classifier) -> None:
    make_images(1)
    [zombie] = claim().items
    run_out_lease(zombie.id)
    [item] = claim(worker="w2").items
    assert pets.live_version_id
    late = complete_batch(version_id=pets.live_version_id, answers=[answer(zombie, 1)])
    assert (late.fenced, late.image_ids) == (1, [])
    on_time = complete_batch(version_id=pets.live_version_id, answers=[answer(item, 2)])
    assert on_time.image_ids == [item.image_id]
    row = Prediction.objects.get(id=item.id)
    assert (row.state, row.label and row.label.name, row.model_version_id) == ("done", "bird", pets.live_version_id)


def test_a_result_written_twice_changes_nothing_the_second_time(make_images: MakeImages, pets: Classifier) -> None:
    make_images(1)
    [item] = claim().items
    assert pets.live_version_id
    complete_batch(version_id=pets.live_version_id, answers=[answer(item)])
    again = complete_batch(version_id=pets.live_version_id, answers=[answer(item, 1)])
    assert again.fenced == 1
    assert Prediction.objects.get(id=item.id).label.name == "cat"  # type: ignore[union-attr]


def test_a_row_that_failed_before_is_claimed_alone(make_images: MakeImages) -> None:
    make_images(4)
    batch = claim(limit=4).items
    run_out_lease(*(item.id for item in batch))
    assert len(claim(limit=4).items) == 1


def test_healthy_neighbours_are_claimed_without_the_one_that_failed(make_images: MakeImages) -> None:
    images = make_images(4)
    second = images[1].current_prediction
    assert second is not None
    Prediction.objects.filter(id=second.id).update(failures=1)
    claimed = {item.image_id for item in claim(limit=4).items}
    assert claimed == {images[0].id, images[2].id, images[3].id}


def test_the_third_lost_lease_fails_the_row_with_a_reason(make_images: MakeImages) -> None:
    [image] = make_images(1)
    for _ in range(3):
        [item] = claim().items
        run_out_lease(item.id)
    ended = claim()
    assert (ended.items, ended.given_up) == ([], [image.id])
    row = Prediction.objects.get(image=image)
    assert (row.state, row.failures, row.failure_code) == ("failed", 3, "worker_stopped")


def test_an_images_own_failure_is_final_at_the_third_time(make_images: MakeImages) -> None:
    [image] = make_images(1)
    damaged = Failure("stored_file_damaged", "The stored file is damaged.")
    outcomes = [fail_predictions([(claim().items[0], damaged)]) for _ in range(3)]
    assert outcomes == [[], [], [image.id]]
    row = Prediction.objects.get(image=image)
    assert (row.state, row.failure_reason) == ("failed", "The stored file is damaged.")


def test_our_own_trouble_releases_the_row_with_a_delay_and_counts_nothing(make_images: MakeImages) -> None:
    [image] = make_images(1)
    assert release_predictions(claim().items, delay_seconds=30) == 1
    assert find_work() is None
    Prediction.objects.update(available_at=timezone.now() - timedelta(seconds=1))
    [item] = claim().items
    assert (item.image_id, item.failures, item.claim) == (image.id, 0, 2)


def test_asking_again_after_a_failure_forgets_the_failures_but_not_the_claim(make_images: MakeImages) -> None:
    [image] = make_images(1)
    for _ in range(3):
        fail_predictions([(claim().items[0], Failure("unreadable", "…"))])
    image.refresh_from_db()
    prediction = request_prediction(image=image, wished_version=None, priority=0)
    assert (prediction.state, prediction.failures, prediction.claim) == ("queued", 0, 3)


def test_asking_twice_makes_one_open_prediction(make_images: MakeImages, pets: Classifier) -> None:
    [image] = make_images(1)
    second = make_version(pets, "2" * 64)
    ids = {request_prediction(image=image, wished_version=second, priority=5).id for _ in range(3)}
    assert len(ids) == 1
    assert Prediction.objects.filter(image=image).count() == 2


def test_a_wished_version_answers_and_is_stored(make_images: MakeImages, pets: Classifier) -> None:
    [image] = make_images(1)
    complete_batch(version_id=pets.live_version_id, answers=[answer(claim().items[0])])  # type: ignore[arg-type]
    second = make_version(pets, "2" * 64)
    request_prediction(image=image, wished_version=second, priority=5)
    work = find_work()
    assert work is not None
    assert work.version_id == second.id


def test_a_second_answer_of_the_same_version_is_dropped_quietly(make_images: MakeImages, pets: Classifier) -> None:
    [image] = make_images(1)
    live = pets.live_version
    assert live is not None
    request_prediction(image=image, wished_version=live, priority=5)
    first = claim(limit=1).items
    complete_batch(version_id=live.id, answers=[answer(first[0])])
    other = claim(limit=1).items
    done = complete_batch(version_id=live.id, answers=[answer(other[0], 1)])
    assert done.repeats == 1
    image.refresh_from_db()
    assert image.current_prediction is not None
    assert image.current_prediction.label.name == "cat"  # type: ignore[union-attr]
    assert Prediction.objects.filter(image=image).count() == 1


def test_a_batch_holds_one_classifier_and_one_version_only(make_images: MakeImages, pets: Classifier) -> None:
    images = make_images(3)
    second = make_version(pets, "2" * 64)
    request_prediction(image=images[0], wished_version=second, priority=Prediction.PROGRAM)
    assert len(claim(limit=10).items) == 3
    assert len(claim(limit=10).items) == 1


def test_work_of_a_classifier_without_a_live_version_waits(pets: Classifier, make_images: MakeImages) -> None:
    Classifier.objects.update(live_version=None)
    make_images(1)
    assert find_work() is None
    assert oldest_open_age_seconds() == 0


def test_excluded_work_lets_the_next_through(make_images: MakeImages, pets: Classifier) -> None:
    images = make_images(1)
    second = make_version(pets, "2" * 64)
    request_prediction(image=images[0], wished_version=second, priority=Prediction.BULK)
    work = find_work(excluding=[(pets.id, None)])
    assert work is not None
    assert work.wished_version_id == second.id


def test_every_visible_change_raises_the_images_version(make_images: MakeImages, pets: Classifier) -> None:
    [image] = make_images(1)
    complete_batch(version_id=pets.live_version_id, answers=[answer(claim().items[0])])  # type: ignore[arg-type]
    assert Image.objects.get(id=image.id).version == image.version + 1


def test_answered_images_are_found_in_one_look(make_images: MakeImages, pets: Classifier) -> None:
    first, second = make_images(2)
    complete_batch(version_id=pets.live_version_id, answers=[answer(claim(limit=1).items[0])])  # type: ignore[arg-type]
    assert find_answered({str(first.id), str(second.id)}) == {str(first.id)}


def test_a_promotion_queues_old_images_again_once(make_images: MakeImages, pets: Classifier) -> None:
    make_images(3)
    complete_batch(version_id=pets.live_version_id, answers=[answer(item) for item in claim().items])  # type: ignore[arg-type]
    Classifier.objects.filter(id=pets.id).update(live_version=make_version(pets, "2" * 64))
    pets.refresh_from_db()
    for _ in range(2):
        last = queue_repredictions(classifier=pets, after=None, limit=10)
        assert queue_repredictions(classifier=pets, after=last, limit=10) is None
    waiting = Prediction.objects.filter(state="queued")
    assert waiting.count() == 3
    assert set(waiting.values_list("priority", flat=True)) == {Prediction.BULK}


def test_the_answer_after_a_promotion_takes_the_place_of_the_older_one(
    make_images: MakeImages, pets: Classifier
) -> None:
    [image] = make_images(1)
    complete_batch(version_id=pets.live_version_id, answers=[answer(claim().items[0])])  # type: ignore[arg-type]
    second = promote_silently(pets)
    queue_repredictions(classifier=pets, after=None, limit=10)
    complete_batch(version_id=second, answers=[answer(claim().items[0], 1)])
    image.refresh_from_db()
    assert image.current_prediction is not None
    assert image.current_prediction.model_version_id == second


def test_an_answer_that_was_asked_for_later_stays_in_its_place(make_images: MakeImages, pets: Classifier) -> None:
    [image] = make_images(1)
    complete_batch(version_id=pets.live_version_id, answers=[answer(claim().items[0])])  # type: ignore[arg-type]
    second = promote_silently(pets)
    queue_repredictions(classifier=pets, after=None, limit=10)
    wished = request_prediction(image=image, wished_version=make_version(pets, "3" * 64), priority=0)
    complete_batch(version_id=wished.wished_version_id, answers=[answer(claim().items[0])])  # type: ignore[arg-type]
    complete_batch(version_id=second, answers=[answer(claim().items[0], 1)])
    assert Image.objects.get(id=image.id).current_prediction_id == wished.id
