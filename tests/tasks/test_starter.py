"""The starter answers on a fresh site, and never meddles with a classifier somebody made under its name."""

from __future__ import annotations

from typing import Any

import pytest

from classifier.classifiers import create_classifier
from classifier.model_registry import register_version, reject
from classifier.models import Classifier, ModelVersion
from classifier.object_storage import list_objects
from ml.artifact import read_manifest
from ml.starter import starter_folder
from tasks import starter
from tasks.starter import install_starter_model
from tests.row_makers import LABELS, make_version

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rings")]


def starter_labels() -> list[str]:
    return read_manifest(starter_folder()).labels


def labels_of(classifier: Classifier) -> set[str]:
    return set(classifier.labels.values_list("name", flat=True))


def test_on_a_fresh_site_it_is_the_live_version_of_fashion() -> None:
    version = install_starter_model()
    fashion = Classifier.objects.get(slug="fashion")
    assert fashion.live_version == version
    assert labels_of(fashion) == set(starter_labels())


def test_installing_twice_changes_nothing() -> None:
    install_starter_model()
    assert install_starter_model() is None
    assert ModelVersion.objects.count() == 1


def test_pictures_that_were_imported_first_get_the_starter_as_their_model() -> None:
    fashion = create_classifier(slug="fashion", labels=starter_labels())
    version = install_starter_model()
    fashion.refresh_from_db()
    assert fashion.live_version == version


def test_a_classifier_of_that_name_with_labels_of_its_own_is_left_alone() -> None:
    mine = create_classifier(slug="fashion", labels=LABELS)
    assert install_starter_model() is None
    mine.refresh_from_db()
    assert mine.live_version is None
    assert labels_of(mine) == set(LABELS)
    assert not list(list_objects("models/"))


def test_a_classifier_of_that_name_with_a_version_of_its_own_is_left_alone() -> None:
    mine = create_classifier(slug="fashion", labels=starter_labels())
    manifest = {"labels": starter_labels()}
    reject(version=register_version(classifier=mine, digest="7" * 64, manifest=manifest, metrics={}), verdict={})
    assert install_starter_model() is None
    assert ModelVersion.objects.count() == 1


def test_an_installation_that_was_cut_off_is_completed_at_the_next_start(monkeypatch: pytest.MonkeyPatch) -> None:
    def be_killed(**options: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as killed:
        killed.setattr(starter, "promote", be_killed)
        with pytest.raises(KeyboardInterrupt):
            install_starter_model()
    version = install_starter_model()
    assert Classifier.objects.get(slug="fashion").live_version == version
    assert ModelVersion.objects.count() == 1


def test_the_starter_is_installed_beside_other_classifiers(pets: Classifier) -> None:
    make_version(pets, "2" * 64)
    assert install_starter_model() is not None
