"""What was measured, stored with its pictures: the pack first, the row last, nothing left behind."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from classifier.errors import StorageUnavailable
from classifier.evaluation_requests import request_evaluation
from classifier.evaluations import PREFIX, remove_orphan_packs, store_evaluation
from classifier.models import Classifier, Dataset, EvaluationRequest, ModelVersion
from classifier.object_storage import list_objects, read_object, write_verified

pytestmark = pytest.mark.django_db
FIGURES = {"count": 10, "accuracy": 0.5}


@pytest.fixture
def version(pets: Classifier, monkeypatch: pytest.MonkeyPatch) -> ModelVersion:
    monkeypatch.setattr("classifier.evaluations.live_sender.send", heard.append)
    heard.clear()
    assert pets.live_version
    return pets.live_version


heard: list[dict[str, Any]] = []


def packs() -> list[str]:
    return [found.key for found in list_objects(PREFIX)]


def test_the_row_names_the_pack_that_was_stored_before(version: ModelVersion) -> None:
    stored = store_evaluation(version_id=version.id, figures=FIGURES, pack=b"zip")
    version.refresh_from_db()
    assert stored == version.evaluation
    assert version.evaluation["accuracy"] == 0.5
    assert version.evaluation["moment"]
    assert read_object(version.evaluation["pack"]) == b"zip"


def test_everybody_hears_of_it_after_the_commit(version: ModelVersion, django_capture_on_commit_callbacks: Any) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        store_evaluation(version_id=version.id, figures=FIGURES, pack=b"zip")
        assert heard == []
    [[(group, [event])]] = [list(events.items()) for events in heard]
    assert group == "everybody"
    assert event == {"type": "evaluation", "version": str(version.id), "state": "done", "outcome": ""}


def test_a_new_evaluation_replaces_the_old_pack(version: ModelVersion, django_capture_on_commit_callbacks: Any) -> None:
    for pack in (b"first", b"second"):
        with django_capture_on_commit_callbacks(execute=True):
            stored = store_evaluation(version_id=version.id, figures=FIGURES, pack=pack)
    assert stored
    assert packs() == [stored["pack"]]
    assert read_object(stored["pack"]) == b"second"


def test_figures_are_kept_where_the_store_is_away(version: ModelVersion, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(key: str, data: bytes) -> None:
        raise StorageUnavailable

    monkeypatch.setattr("classifier.evaluations.write_verified", refuse)
    stored = store_evaluation(version_id=version.id, figures=FIGURES, pack=b"zip")
    assert stored
    assert stored["pack"] == ""
    assert ModelVersion.objects.get(pk=version.pk).evaluation["count"] == 10


def test_a_version_deleted_meanwhile_leaves_no_pack(version: ModelVersion) -> None:
    assert store_evaluation(version_id=uuid4(), figures=FIGURES, pack=b"zip") is None
    assert packs() == []


def test_it_answers_whoever_asked(version: ModelVersion, pets: Classifier) -> None:
    Dataset.objects.create(classifier=pets, name="d", digest="0" * 64)
    request = request_evaluation(version=version, user=None)
    store_evaluation(version_id=version.id, figures=FIGURES, pack=None)
    request.refresh_from_db()
    assert request.state == EvaluationRequest.State.DONE
    assert request.ended_at is not None


def test_the_pack_of_a_deleted_version_is_an_orphan(version: ModelVersion, settings: Any) -> None:
    stored = store_evaluation(version_id=version.id, figures=FIGURES, pack=b"zip")
    lost = f"{PREFIX}{'0' * 32}/{'1' * 16}/cells.zip"
    write_verified(lost, b"zip")
    assert remove_orphan_packs() == 0, "it may still get its row"
    assert remove_orphan_packs(older_than_seconds=0) == 1
    assert stored
    assert packs() == [stored["pack"]]
    assert remove_orphan_packs(older_than_seconds=0) == 0
