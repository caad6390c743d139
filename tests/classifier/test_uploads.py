"""Accepting pictures: order, duplicates, idempotency, and never an answer without durable bytes and rows."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, OperationalError

from classifier import object_storage
from classifier.classifiers import create_classifier
from classifier.errors import NotFound, Refused, StorageUnavailable
from classifier.model_registry import promote
from classifier.models import Classifier, IdempotencyKey, Image, Prediction
from classifier.object_storage import list_objects, read_object
from classifier.owners import Owner
from classifier.upload_requests import NothingAccepted, SentFile, UploadAnswer
from classifier.uploads import accept_upload
from tests.row_makers import LABELS, VISITOR, make_version, png_bytes, upload

pytestmark = pytest.mark.django_db
OTHER = Owner("visitor", "somebody-else")


def send(*files: SentFile, owner: Owner = VISITOR, **options: Any) -> UploadAnswer:
    return accept_upload(**{"files": files, "owner": owner, "source": "api", "priority": Prediction.PROGRAM, **options})


def picture(seed: int, name: str = "") -> SentFile:
    return SentFile(name or f"{seed}.png", png_bytes(seed))


def stored_keys() -> set[str]:
    return {found.key for found in list_objects("images/")}


def end_predictions(version: Any) -> None:
    Prediction.objects.update(state="done", model_version=version, done_at="2026-01-01T00:00:00Z")


def test_an_accepted_picture_has_row_file_and_open_prediction(pets: Classifier) -> None:
    sent = picture(1, "shirt.png")
    image = send(sent).images[0]
    row = Image.objects.get(id=image.id)
    assert (row.name, row.owner, row.classifier, row.sha256) == (
        "shirt.png", VISITOR.key, pets, hashlib.sha256(sent.read()).hexdigest()
    )  # fmt: skip
    assert hashlib.sha256(read_object(row.storage_key)).hexdigest() == row.file_sha256
    assert row.current_prediction is not None
    assert (row.current_prediction.state, row.current_prediction.wished_version) == ("queued", None)


def test_the_worker_is_rung_after_the_commit(
    pets: Classifier, rings: list[str], django_capture_on_commit_callbacks: Any
) -> None:
    rings.clear()
    with django_capture_on_commit_callbacks(execute=True):
        send(picture(1))
        assert rings == []
    assert rings == ["ring"]


def test_the_answer_keeps_the_order_and_names_each_refused_part(pets: Classifier) -> None:
    answer = send(picture(1), SentFile("notes.pdf", b"%PDF-1.7 x"), picture(2), SentFile("empty.png", b""))
    assert [image.name for image in answer.images] == ["1.png", "2.png"]
    assert [(entry.index, entry.name, entry.code) for entry in answer.rejected] == [
        (1, "notes.pdf", "type_not_allowed"),
        (3, "empty.png", "empty_file"),
    ]


def test_nothing_acceptable_is_an_error_and_leaves_nothing(pets: Classifier) -> None:
    with pytest.raises(NothingAccepted) as refusal:
        send(SentFile("a.txt", b"hello"), SentFile("b.png", b""))
    assert (refusal.value.status, refusal.value.code, len(refusal.value.rejected)) == (415, "type_not_allowed", 2)
    assert not Image.objects.exists()
    assert stored_keys() == set()


def test_an_upload_without_files_is_refused(pets: Classifier) -> None:
    with pytest.raises(Refused) as refusal:
        send()
    assert refusal.value.code == "malformed_request"


def test_too_many_files_are_refused_before_any_is_opened(pets: Classifier, settings: Any) -> None:
    settings.UPLOAD_MAX_FILES = 2
    with pytest.raises(Refused, match="at most 2"):
        send(picture(1), picture(2), picture(3))
    assert not Image.objects.exists()


def test_an_unknown_classifier_is_not_found(pets: Classifier) -> None:
    with pytest.raises(NotFound):
        send(picture(1), classifier_slug="cars")


@pytest.mark.parametrize("version", ["nonsense", "01a1fbed-5e5c-7c2d-854c-dd29f039aa02"])
def test_an_unknown_version_is_not_found(version: str, pets: Classifier) -> None:
    with pytest.raises(NotFound):
        send(picture(1), wished_version=version)


def test_another_classifiers_version_is_not_found(pets: Classifier) -> None:
    other = create_classifier(slug="other", labels=LABELS)
    with pytest.raises(NotFound):
        send(picture(1), wished_version=str(make_version(other, "9" * 64).id))


def test_a_wished_version_stands_on_the_prediction(pets: Classifier) -> None:
    version = make_version(pets, "2" * 64)
    send(picture(1), wished_version=str(version.id))
    assert Prediction.objects.get().wished_version == version


def test_a_picture_sent_again_is_the_same_image(pets: Classifier) -> None:
    first = send(picture(1)).images[0]
    answer = send(picture(1, "again.png"))
    assert answer.images[0].id == first.id
    assert answer.duplicates == {first.id}
    assert (Image.objects.count(), Prediction.objects.count(), len(stored_keys())) == (1, 1, 1)


def test_a_picture_twice_in_one_request_is_one_image_in_two_places(pets: Classifier) -> None:
    answer = send(picture(1, "a.png"), picture(2), picture(1, "b.png"))
    assert answer.images[0].id == answer.images[2].id != answer.images[1].id
    assert Image.objects.count() == 2


def test_equal_pictures_of_two_people_stay_apart(pets: Classifier) -> None:
    mine, theirs = send(picture(1)).images[0], send(picture(1), owner=OTHER)
    assert theirs.images[0].id != mine.id
    assert theirs.duplicates == frozenset()


def test_equal_pictures_for_two_classifiers_stay_apart(pets: Classifier) -> None:
    create_classifier(slug="other", labels=LABELS)
    assert send(picture(1)).images[0].id != send(picture(1), classifier_slug="other").images[0].id


def test_a_duplicate_answered_by_the_live_version_is_not_asked_again(pets: Classifier) -> None:
    send(picture(1))
    end_predictions(pets.live_version)
    send(picture(1))
    assert Prediction.objects.count() == 1


def test_a_duplicate_answered_by_an_older_version_is_asked_again(pets: Classifier) -> None:
    send(picture(1))
    end_predictions(pets.live_version)
    promote(version=make_version(pets, "2" * 64), reason="better")
    image = send(picture(1)).images[0]
    assert image.current_prediction is not None
    assert image.current_prediction.state == "queued"
    assert Prediction.objects.count() == 2


def test_a_duplicate_whose_prediction_failed_is_tried_again(pets: Classifier) -> None:
    send(picture(1))
    Prediction.objects.update(state="failed", failures=3)
    send(picture(1))
    assert Prediction.objects.get().state == "queued"


def test_a_storage_that_fails_is_told_and_leaves_no_rows(pets: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(key: str, data: bytes) -> None:
        raise StorageUnavailable

    monkeypatch.setattr("classifier.arriving_images.write_verified", fail)
    with pytest.raises(StorageUnavailable):
        send(picture(1), idempotency_key="k")
    assert not Image.objects.exists()
    assert not IdempotencyKey.objects.exists()


def test_a_storage_that_fails_at_the_second_picture_keeps_nothing_of_the_first(
    pets: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = object_storage.write_verified, iter((True, False))

    def fail_second(key: str, data: bytes) -> None:
        if not next(calls):
            raise StorageUnavailable
        real(key, data)

    monkeypatch.setattr("classifier.arriving_images.write_verified", fail_second)
    with pytest.raises(StorageUnavailable):
        send(picture(1), picture(2))
    assert not Image.objects.exists()
    assert stored_keys() == set()


def test_a_lost_commit_gives_no_answer_and_keeps_the_bytes_for_housekeeping(
    pets: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether such a commit happened is unknown: removing the bytes could leave a row without its file."""

    def lose(*arguments: object, **options: object) -> None:
        raise OperationalError("server closed the connection")

    monkeypatch.setattr("classifier.uploads.open_predictions", lose)
    with pytest.raises(OperationalError):
        send(picture(1))
    assert not Image.objects.exists()
    assert len(stored_keys()) == 1


def test_an_equal_picture_that_was_faster_wins_and_our_file_goes(
    pets: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, others = object_storage.write_verified, [1]

    def write(key: str, data: bytes) -> None:
        real(key, data)
        if others:
            upload(others.pop())

    monkeypatch.setattr("classifier.arriving_images.write_verified", write)
    answer = send(picture(1))
    image = Image.objects.get()
    assert (answer.images[0].id, answer.duplicates) == (image.id, frozenset({image.id}))
    assert stored_keys() == {image.storage_key}


def test_a_race_that_never_ends_is_told_as_trouble_of_ours(pets: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    def lose(*arguments: object, **options: object) -> None:
        raise IntegrityError

    monkeypatch.setattr("classifier.uploads.open_predictions", lose)
    with pytest.raises(StorageUnavailable):
        send(picture(1))
    assert stored_keys() == set()


def test_a_repeat_gets_the_first_answer_with_todays_rows(pets: Classifier) -> None:
    files = [picture(1), SentFile("x.txt", b"text"), picture(1, "same.png")]
    first = send(*files, idempotency_key="k")
    end_predictions(pets.live_version)
    again = send(*files, idempotency_key="k")
    assert again.repeated
    assert [image.id for image in again.images] == [image.id for image in first.images]
    assert (again.rejected, again.duplicates) == (first.rejected, first.duplicates)
    assert again.images[0].current_prediction is not None
    assert again.images[0].current_prediction.state == "done"


def test_a_key_for_other_pictures_is_refused(pets: Classifier) -> None:
    send(picture(1), idempotency_key="k")
    with pytest.raises(Refused) as refusal:
        send(picture(2), idempotency_key="k")
    assert refusal.value.code == "idempotency_mismatch"
    assert Image.objects.count() == 1


def test_two_people_may_use_the_same_key(pets: Classifier) -> None:
    send(picture(1), idempotency_key="k")
    assert not send(picture(2), owner=OTHER, idempotency_key="k").repeated


def test_a_refused_request_leaves_its_key_free(pets: Classifier) -> None:
    with pytest.raises(NothingAccepted):
        send(SentFile("a.txt", b"text"), idempotency_key="k")
    assert send(picture(1), idempotency_key="k").images


@pytest.mark.parametrize("key", ["x" * 201, "line\nbreak", "null\x00"])
def test_a_key_that_cannot_be_kept_is_refused(key: str, pets: Classifier) -> None:
    with pytest.raises(Refused, match="200 printable"):
        send(picture(1), idempotency_key=key)


def test_an_image_deleted_since_is_left_out_of_a_repeat(pets: Classifier) -> None:
    first = send(picture(1), picture(2), idempotency_key="k")
    Image.objects.filter(id=first.images[0].id).delete()
    again = send(picture(1), picture(2), idempotency_key="k")
    assert [image.id for image in again.images] == [first.images[1].id]


def test_a_file_is_stored_before_the_next_is_read(pets: Classifier) -> None:
    stored_when_read: list[int] = []

    def reader(seed: int) -> Callable[[], bytes]:
        def read() -> bytes:
            stored_when_read.append(sum(1 for _ in list_objects("images/")))
            return png_bytes(seed)

        return read

    send(*(SentFile(f"{seed}.png", reader(seed)) for seed in range(3)))
    assert stored_when_read == [0, 1, 2]


def test_a_picture_that_waits_in_bulk_is_raised_when_a_person_sends_it(pets: Classifier) -> None:
    send(picture(1), priority=Prediction.BULK)
    send(picture(1), priority=Prediction.PERSON_WAITS)
    assert list(Prediction.objects.values_list("priority", flat=True)) == [Prediction.PERSON_WAITS]
