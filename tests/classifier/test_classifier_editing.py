"""Making a classifier and changing one, as page and API do."""

from __future__ import annotations

from typing import Any

import pytest

from classifier.classifier_editing import clean_labels, edit_classifier, make_classifier
from classifier.errors import Conflict, Refused
from classifier.models import Classifier

pytestmark = pytest.mark.django_db


def test_the_first_classifier_is_the_default_and_keeps_its_labels_in_order() -> None:
    first, second = make_classifier(name="Wild Birds", labels=["owl", "crane"]), make_classifier(name="Cars")
    assert (first.slug, first.name, first.is_default) == ("wild-birds", "Wild Birds", True)
    assert [label.name for label in first.labels.all()] == ["owl", "crane"]
    assert not second.is_default


def test_a_taken_address_is_a_conflict_even_when_it_was_free_a_moment_ago(monkeypatch: pytest.MonkeyPatch) -> None:
    make_classifier(name="Pets", labels=["cat"])
    with pytest.raises(Conflict):
        make_classifier(name="pets")
    monkeypatch.setattr("classifier.classifier_editing.slug_of_new_classifier", lambda name: "pets")
    with pytest.raises(Conflict):
        make_classifier(name="pets", labels=["dog"])
    assert [label.name for label in Classifier.objects.get().labels.all()] == ["cat"]


@pytest.mark.parametrize("labels", [["a", "A"], ["a", " a "], [""], ["\t"], ["x" * 121]])
def test_labels_that_cannot_be_told_apart_or_seen_are_refused(labels: list[str]) -> None:
    with pytest.raises(Refused):
        clean_labels(labels)


def test_what_is_named_changes_and_the_rest_stays() -> None:
    classifier = make_classifier(name="Pets")
    edit_classifier(classifier, changes={"train_after_examples": 50, "gate_policy": "better"})
    edit_classifier(Classifier.objects.get(), changes={"train_every_hours": 24, "gate_margin": 0.02, "name": None})
    changed = Classifier.objects.get()
    assert (changed.name, changed.train_every_hours, changed.train_after_examples) == ("Pets", 24, 50)
    assert (changed.gate_policy, changed.gate_margin) == ("better", 0.02)


@pytest.mark.parametrize("wrong", [{"target_precision": 0.1}, {"gate_margin": 0.9}, {"train_every_hours": 0}])
def test_a_refused_change_leaves_all_as_it_was(wrong: dict[str, Any]) -> None:
    classifier = make_classifier(name="Pets")
    with pytest.raises(Refused):
        edit_classifier(classifier, changes={"name": "Animals", **wrong})
    assert Classifier.objects.get().name == "Pets"
