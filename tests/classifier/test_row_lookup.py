"""Unknown and malformed ids are answered alike."""

from __future__ import annotations

import pytest

from classifier.classifiers import create_classifier
from classifier.errors import NotFound
from classifier.identifiers import new_id
from classifier.models import Classifier
from classifier.row_lookup import find_row

pytestmark = pytest.mark.django_db


def test_a_row_is_found_by_its_id_among_those_asked_for() -> None:
    pets = create_classifier(slug="pets", labels=["cat"])
    assert find_row(Classifier.objects.all(), str(pets.id)) == pets
    with pytest.raises(NotFound):
        find_row(Classifier.objects.exclude(slug="pets"), str(pets.id))


@pytest.mark.parametrize("identifier", [str(new_id()), "nonsense", ""], ids=["unknown", "malformed", "empty"])
def test_what_is_not_there_is_said_in_the_given_sentence(identifier: str) -> None:
    with pytest.raises(NotFound, match="There are no pets"):
        find_row(Classifier.objects.all(), identifier, missing="There are no pets.")
