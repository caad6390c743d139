"""Queries compiled once give what the ORM gives, whatever values they are asked with."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.db.models import F

from classifier.identifiers import new_id
from classifier.models import Classifier, Image, Prediction
from classifier.prepared_queries import PreparedQuery, PreparedUpdate
from tests.row_makers import MakeImages

pytestmark = pytest.mark.django_db


class Counted:
    """Builds a query and counts how often it was asked to."""

    def __init__(self) -> None:
        self.built = 0

    def __call__(self, ids: list[UUID], version_id: UUID | None) -> Any:
        self.built += 1
        rows = Prediction.objects.filter(image_id__in=ids, wished_version_id=version_id, state="queued")
        return rows.order_by("id").values_list("image_id", "queued_at", "scores", "unsure")


def test_the_rows_are_those_of_the_orm_with_its_types(make_images: MakeImages) -> None:
    build = Counted()
    ids = [image.id for image in make_images(3)]
    assert PreparedQuery(build).rows(ids, None) == list(build(ids, None))


def test_it_is_compiled_once_for_each_number_of_values(make_images: MakeImages) -> None:
    build = Counted()
    query = PreparedQuery(build)
    first, second, third = (image.id for image in make_images(3))
    assert [row[0] for row in query.rows([first, second], None)] == [first, second]
    assert [row[0] for row in query.rows([third, new_id()], None)] == [third]
    assert build.built == 1
    assert [row[0] for row in query.rows([third], None)] == [third]
    assert build.built == 2


def test_nothing_and_something_are_different_questions(pets: Classifier, make_images: MakeImages) -> None:
    [image] = make_images(1)
    query = PreparedQuery(Counted())
    assert query.rows([image.id], None)
    assert query.rows([image.id], pets.live_version_id) == []
    Prediction.objects.update(wished_version=pets.live_version)
    assert query.rows([image.id], pets.live_version_id)
    assert query.rows([image.id], None) == []


def test_a_value_equal_to_a_word_of_the_query_stays_apart(make_images: MakeImages) -> None:
    [image] = make_images(1)
    query = PreparedQuery(
        lambda worker: Prediction.objects.filter(state="queued", worker=worker).values_list("image_id")
    )
    assert query.rows("") == [(image.id,)]
    Prediction.objects.update(worker="queued")
    assert query.rows("queued") == [(image.id,)]
    assert query.rows("") == []


def test_an_update_changes_what_it_names_and_says_how_many(make_images: MakeImages) -> None:
    first, second, third = (image.id for image in make_images(3))
    update = PreparedUpdate(lambda ids: (Image.objects.filter(id__in=ids), {"version": F("version") + 1}))
    assert update.run([first, second]) == 2
    assert update.run([second, new_id()]) == 1
    assert dict(Image.objects.values_list("id", "version")) == {first: 2, second: 3, third: 1}


def test_no_rows_are_no_trouble() -> None:
    assert PreparedQuery(lambda: Image.objects.values_list("id", "created_at")).rows() == []


def test_the_engine_belongs_to_the_plan() -> None:
    query = PreparedQuery(lambda: Image.objects.values_list("id"))
    query.rows()
    assert [plan[0] for plan in query._plans] == [connection.vendor]
