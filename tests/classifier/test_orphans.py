"""Orphans: objects that an interrupted upload left behind are removed, everything with a row stays."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from classifier.derivatives import derivative_key
from classifier.identifiers import new_id
from classifier.models import Classifier, Image
from classifier.object_storage import object_exists, write_verified
from classifier.orphans import remove_orphan_derivatives, remove_orphans
from tests.row_makers import upload

pytestmark = pytest.mark.django_db


def orphan(*, days_ago: int = 0, name: str = "lost.png") -> str:
    day = timezone.now() - timedelta(days=days_ago)
    key = f"images/{day:%Y/%m/%d}/{name}"
    write_verified(key, b"lost")
    return key


@pytest.mark.parametrize("days_ago", [0, 1, 2])
def test_an_object_without_a_row_is_removed(days_ago: int) -> None:
    key = orphan(days_ago=days_ago)
    assert remove_orphans(older_than_seconds=0) == 1
    assert not object_exists(key)


def test_the_file_of_an_image_stays(pets: Classifier) -> None:
    image = upload(1).images[0]
    assert remove_orphans(older_than_seconds=0) == 0
    assert object_exists(image.storage_key)


def test_an_object_that_may_still_get_its_row_stays(settings: Any) -> None:
    key = orphan()
    assert remove_orphans() == 0
    assert object_exists(key)
    settings.ORPHAN_OBJECT_SECONDS = 0
    assert remove_orphans() == 1


def test_objects_of_other_kinds_stay() -> None:
    write_verified("models/abc/manifest.json", b"{}")
    remove_orphans(older_than_seconds=0)
    assert object_exists("models/abc/manifest.json")


def test_more_objects_than_one_question_holds_are_all_judged(pets: Classifier) -> None:
    image = upload(1).images[0]
    for number in range(501):
        orphan(name=f"lost-{number}.png")
    assert remove_orphans(older_than_seconds=0) == 501
    assert object_exists(image.storage_key)


def test_a_second_round_removes_nothing() -> None:
    orphan()
    remove_orphans(older_than_seconds=0)
    assert remove_orphans(older_than_seconds=0) == 0
    assert not Image.objects.exists()


def test_what_was_made_of_a_deleted_image_goes_and_the_rest_stays(pets: Classifier, settings: Any) -> None:
    kept = derivative_key(upload(1).images[0].id, "heatmap.png")
    lost = derivative_key(new_id(), "heatmap.png")
    for key in (kept, lost):
        write_verified(key, b"warm")
    assert remove_orphan_derivatives() == 0
    settings.ORPHAN_OBJECT_SECONDS = 0
    assert remove_orphan_derivatives() == 1
    assert (object_exists(kept), object_exists(lost)) == (True, False)
