"""Two people roll back at the same moment, on a database that really is shared."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Any

import pytest

from classifier import model_registry
from classifier.classifiers import create_classifier
from classifier.model_registry import promote, roll_back
from classifier.models import Classifier, ModelVersion
from tests.row_makers import LABELS, make_version
from tests.shared_database import in_parallel, shared_database  # noqa: F401 - a fixture, used by its name

pytestmark = pytest.mark.usefixtures("shared_database", "rings")


def test_each_of_two_roll_backs_starts_from_the_version_that_is_live_then(monkeypatch: pytest.MonkeyPatch) -> None:
    pets = create_classifier(slug="pets", labels=LABELS)
    for digest in ("1", "2", "3"):
        promote(version=make_version(pets, digest * 64), reason="better")
    both_have_chosen = threading.Barrier(2)

    def promote_late(**options: Any) -> ModelVersion | None:
        """The worst moment: the other one has read what is live, too. Under the row's lock it cannot have."""
        with suppress(threading.BrokenBarrierError):
            both_have_chosen.wait(0.5)
        return promote(**options)

    monkeypatch.setattr(model_registry, "promote", promote_late)
    numbers = in_parallel(2, lambda number: roll_back(classifier=pets).number)
    assert sorted(numbers) == [1, 2]
    live = Classifier.objects.get().live_version
    assert live is not None
    assert live.number == 1
