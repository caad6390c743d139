"""Rows written by a prepared statement are the rows that Django would have written."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.forms.models import model_to_dict
from django.utils import timezone

from classifier.identifiers import new_id
from classifier.models import Classifier, Image, Prediction
from classifier.prepared_inserts import ROWS_A_STATEMENT, insert_rows
from tests.row_makers import upload

pytestmark = pytest.mark.django_db


def copy_of(image: Image, number: int) -> Image:
    """An equal row under another id, key and content."""
    values = {field.attname: getattr(image, field.attname) for field in Image._meta.concrete_fields}
    values |= {"id": new_id(), "storage_key": f"k/{number}", "content": f"{number:064}", "current_prediction_id": None}
    del values["created_at"]
    return Image(**values)


def test_every_column_reads_back_as_django_itself_writes_it(pets: Classifier) -> None:
    [image] = upload(1).images
    ours, djangos = copy_of(image, 1), copy_of(image, 2)
    ours.notes = djangos.notes = ["first_frame_used", "„ü“"]
    insert_rows([ours])
    djangos.save(force_insert=True)
    read, expected = Image.objects.get(id=ours.id), Image.objects.get(id=djangos.id)
    different = {"id", "storage_key", "content"}
    assert {k: v for k, v in model_to_dict(read).items() if k not in different} == {
        k: v for k, v in model_to_dict(expected).items() if k not in different
    }
    assert bytes(read.difference_hash) == bytes(image.difference_hash)


def test_a_row_is_found_again_by_its_moments_and_its_relations(pets: Classifier) -> None:
    [image] = upload(1).images
    earlier = timezone.now() - timedelta(hours=1)
    second = Prediction(
        image=image, classifier=pets, wished_version=pets.live_version, queued_at=earlier, scores=[0.25, 0.75]
    )
    insert_rows([second])
    read = Prediction.objects.get(queued_at=earlier, wished_version=pets.live_version)
    assert (read.id, read.scores, read.done_at, read.state) == (second.id, [0.25, 0.75], None, "queued")


def test_the_moment_of_making_is_filled_in_and_known_to_the_caller(pets: Classifier) -> None:
    [image] = upload(1).images
    before = timezone.now()
    copied = copy_of(image, 1)
    insert_rows([copied])
    assert before <= copied.created_at <= timezone.now()
    assert Image.objects.get(id=copied.id).created_at == copied.created_at


def test_an_inserted_row_can_be_saved_again(pets: Classifier) -> None:
    [image] = upload(1).images
    copied = copy_of(image, 1)
    insert_rows([copied])
    copied.name = "renamed"
    copied.save(update_fields=["name"])
    assert Image.objects.get(id=copied.id).name == "renamed"


def test_more_rows_than_one_statement_takes_are_all_written(pets: Classifier) -> None:
    [image] = upload(1).images
    insert_rows([copy_of(image, number) for number in range(2 * ROWS_A_STATEMENT + 1)])
    assert Image.objects.count() == 2 * ROWS_A_STATEMENT + 2


def test_a_row_that_exists_is_refused(pets: Classifier) -> None:
    [image] = upload(1).images
    with pytest.raises(IntegrityError), transaction.atomic():
        insert_rows([image])


def test_no_rows_ask_nothing(pets: Classifier) -> None:
    insert_rows([])
