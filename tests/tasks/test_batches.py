"""One claimed batch: whose fault a failure is, and that nobody pays for another's."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from django.utils import timezone
from numpy.typing import NDArray

from classifier.models import Classifier, Image, Prediction
from classifier.object_storage import delete_object, read_object, write_verified
from classifier.predictions import ClaimedPrediction, claim_batch, find_work
from ml.data_types import Answer
from tasks.batches import predict_claimed
from tasks.counters import Counters
from tasks.loaded_models import HeldModel
from tests.row_makers import MakeImages
from tests.stub_predictor import StubPredictor

pytestmark = pytest.mark.django_db


def claim() -> list[ClaimedPrediction]:
    work = find_work()
    assert work is not None
    return claim_batch(work=work, worker="w1", limit=64).items


def hold(pets: Classifier, predictor: Any) -> HeldModel:
    assert pets.live_version_id
    return HeldModel(pets.live_version_id, pets.id, predictor, 64)


def states() -> dict[str, int]:
    """How many predictions are in each state."""
    found = list(Prediction.objects.values_list("state", flat=True))
    return {state: found.count(state) for state in set(found)}


class Choosy(StubPredictor):
    """Fails on pictures whose first grey value is in `refused`."""

    def __init__(self, *refused: int) -> None:
        super().__init__(0)
        self.refused = refused

    def predict(self, batch: NDArray[np.uint8]) -> Sequence[Answer]:
        if {int(picture[0, 0, 0]) for picture in batch} & set(self.refused):
            raise RuntimeError("not this one")
        return super().predict(batch)


class Careless(StubPredictor):
    """Raises something nobody foresaw while it prepares the first picture."""

    def __init__(self) -> None:
        super().__init__(0)
        self.prepared = 0

    def prepare(self, data: bytes) -> NDArray[np.uint8]:
        self.prepared += 1
        if self.prepared == 1:
            raise IndexError("unforeseen")
        return super().prepare(data)


class Broken(StubPredictor):
    """Answers nothing any more."""

    def predict(self, batch: NDArray[np.uint8]) -> Sequence[Answer]:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")


def first_grey(image: Image) -> int:
    return int(StubPredictor(0).prepare(read_object(image.storage_key))[0, 0, 0])


def test_a_healthy_batch_is_answered_whole(make_images: MakeImages, pets: Classifier) -> None:
    images = make_images(3)
    assert set(predict_claimed(claim(), hold(pets, StubPredictor(0)))) == {image.id for image in images}
    assert states() == {"done": 3}


def test_the_picture_the_model_fails_on_fails_alone(make_images: MakeImages, pets: Classifier) -> None:
    images = make_images(3)
    predict_claimed(claim(), hold(pets, Choosy(first_grey(images[1]))))
    guilty = Prediction.objects.get(image=images[1])
    assert (guilty.state, guilty.failures, guilty.failure_code) == ("queued", 1, "prediction_failed")
    assert states() == {"queued": 1, "done": 2}


def test_an_unforeseen_error_while_preparing_one_picture_costs_its_neighbours_nothing(
    make_images: MakeImages, pets: Classifier
) -> None:
    make_images(3)
    predict_claimed(claim(), hold(pets, Careless()))
    assert states() == {"queued": 1, "done": 2}
    assert list(Prediction.objects.filter(state="queued").values_list("failures", "failure_code")) == [
        (1, "unreadable")
    ]


@pytest.mark.parametrize("count", [1, 3])
def test_a_model_that_answers_nothing_any_more_counts_against_no_picture(
    count: int, make_images: MakeImages, pets: Classifier
) -> None:
    make_images(count)
    with pytest.raises(RuntimeError, match="CUDA"):
        predict_claimed(claim(), hold(pets, Broken(0)))
    assert states() == {"queued": count}
    assert set(Prediction.objects.values_list("failures", flat=True)) == {0}


def test_an_altered_stored_file_is_that_pictures_fault(make_images: MakeImages, pets: Classifier) -> None:
    images = make_images(2)
    delete_object(images[0].storage_key)
    write_verified(images[0].storage_key, b"something else")
    predict_claimed(claim(), hold(pets, StubPredictor(0)))
    assert Prediction.objects.get(image=images[0]).failure_code == "stored_file_damaged"
    assert states() == {"queued": 1, "done": 1}


def test_a_store_that_has_gone_mute_holds_a_batch_only_for_a_while(
    make_images: MakeImages, pets: Classifier, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.PREDICTION_BATCH_SECONDS = 0.4
    [mute, well] = make_images(2)
    heal = threading.Event()

    def read(key: str) -> bytes:
        if key == mute.storage_key:
            heal.wait(30)
        return read_object(key)

    monkeypatch.setattr("tasks.batches.read_object", read)
    monkeypatch.setattr("tasks.batches.default_storage", object())
    try:
        predict_claimed(claim(), hold(pets, StubPredictor(0)))
    finally:
        heal.set()
    waiting = Prediction.objects.get(image=mute)
    assert (waiting.state, waiting.failures) == ("queued", 0)
    assert waiting.available_at is not None
    assert Prediction.objects.get(image=well).state == "done"


def test_the_seconds_since_the_wish_are_counted(
    pets: Classifier, make_images: MakeImages, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Counters()
    monkeypatch.setattr("tasks.batches.counters", kept)
    make_images(3)
    Prediction.objects.update(queued_at=timezone.now() - timedelta(seconds=20))
    predict_claimed(claim(), hold(pets, StubPredictor(0)))
    sums = kept.snapshot()
    assert sums["wait.5:30"] == 3
    assert 60 <= sums["wait.5:sum"] < 90


def test_answers_that_came_too_late_are_counted_as_that_and_not_as_done(
    make_images: MakeImages, pets: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Counters()
    monkeypatch.setattr("tasks.batches.counters", kept)
    make_images(3)
    late = claim()
    Prediction.objects.filter(id=late[0].id).update(claim=2)
    predict_claimed(late, hold(pets, StubPredictor(0)))
    found = kept.snapshot()
    assert (found["predictions.done"], found["predictions.fenced"]) == (2, 1)
