"""The admin's actions: each calls one domain verb and says what happened."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.contrib.messages import get_messages
from django.test import Client

from classifier.artifact_storage import save_artifact_folder
from classifier.model_registry import reject
from classifier.models import Classifier, Image, LiveVersionChange, ModelVersion, Prediction
from tests.row_makers import make_version, upload
from tests.webapp.admin_site import answer_waiting, list_address

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin_user(db: None) -> User:
    """As pytest-django's, without a password: hashing one takes longer than most of these tests."""
    return User.objects.create_superuser("admin")


@pytest.fixture(autouse=True)
def own_model_cache(settings: Any, tmp_path: Path) -> None:
    settings.MODEL_CACHE_DIR = tmp_path / "cache"


def act(client: Client, kind: str, action: str, *keys: object) -> str:
    """Run an action on the chosen rows; returns what the page said."""
    answer = client.post(list_address(kind), {"action": action, "_selected_action": [str(key) for key in keys]})
    assert answer.status_code == 302
    return " ".join(str(message) for message in get_messages(answer.wsgi_request))


def store_version(classifier: Classifier, folder: Path, stage: str = "candidate") -> ModelVersion:
    """A version whose (meaningless) files are in storage."""
    folder.mkdir()
    (folder / "weights").write_bytes(folder.name.encode())
    files = {"weights": hashlib.sha256(folder.name.encode()).hexdigest()}
    (folder / "manifest.json").write_text(json.dumps({"files": files}))
    version = make_version(classifier, save_artifact_folder(folder))
    ModelVersion.objects.filter(id=version.id).update(stage=stage)
    return version


def test_asking_again_queues_a_failed_picture(pets: Classifier, admin_client: Client) -> None:
    image = upload(1).images[0]
    Prediction.objects.update(state="failed", failures=3, failure_code="unreadable")
    assert "Asked again: 1 picture." in act(admin_client, "image", "ask_again", image.id)
    prediction = Prediction.objects.get(image=image)
    assert (prediction.state, prediction.failures, prediction.priority) == ("queued", 0, Prediction.PERSON_WAITS)


def test_asking_again_keeps_an_answer_of_the_live_version(pets: Classifier, admin_client: Client) -> None:
    image = upload(1).images[0]
    answer_waiting()
    assert "answered already: 1 picture." in act(admin_client, "image", "ask_again", image.id)
    assert Prediction.objects.get(image=image).state == "done"


def test_a_prediction_is_asked_again_from_the_version_it_wished_for(pets: Classifier, admin_client: Client) -> None:
    version = make_version(pets, "2" * 64)
    upload(1, wished_version=str(version.id))
    Prediction.objects.update(state="failed")
    act(admin_client, "prediction", "ask_again", Prediction.objects.get().id)
    prediction = Prediction.objects.get()
    assert (prediction.state, prediction.wished_version) == ("queued", version)


def test_too_many_pictures_at_once_are_refused(
    pets: Classifier, admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webapp.admin.asking.MOST_AT_ONCE", 1)
    images = [upload(seed).images[0] for seed in range(2)]
    Prediction.objects.update(state="failed")
    assert "at most 1 rows" in act(admin_client, "image", "ask_again", *(image.id for image in images))
    assert not Prediction.objects.filter(state="queued").exists()


def test_promoting_makes_a_version_live_and_names_who_did_it(
    pets: Classifier, admin_client: Client, tmp_path: Path
) -> None:
    version = store_version(pets, tmp_path / "second")
    assert "v2 answers for Pets now, v1 no longer does." in act(admin_client, "modelversion", "promote", version.id)
    pets.refresh_from_db()
    change = LiveVersionChange.objects.first()
    assert pets.live_version == version
    assert change is not None
    assert (change.version, change.user) == (version, User.objects.get(username="admin"))


def test_a_version_whose_files_are_not_in_storage_is_not_promoted(pets: Classifier, admin_client: Client) -> None:
    version = make_version(pets, "2" * 64)
    assert "cannot be used, so nothing changed." in act(admin_client, "modelversion", "promote", version.id)
    assert Classifier.objects.get().live_version == pets.live_version


def test_a_rejected_version_is_not_promoted(pets: Classifier, admin_client: Client, tmp_path: Path) -> None:
    version = store_version(pets, tmp_path / "second")
    reject(version=version, verdict={"accuracy": "too low"})
    assert "v2 was rejected" in act(admin_client, "modelversion", "promote", version.id)
    assert Classifier.objects.get().live_version == pets.live_version


def test_promoting_the_live_version_changes_nothing(pets: Classifier, admin_client: Client) -> None:
    assert "live already" in act(admin_client, "modelversion", "promote", pets.live_version_id)
    assert LiveVersionChange.objects.count() == 1


def test_two_versions_are_not_promoted_at_once(pets: Classifier, admin_client: Client, tmp_path: Path) -> None:
    versions = [store_version(pets, tmp_path / name) for name in ("second", "third")]
    answer = act(admin_client, "modelversion", "promote", *(version.id for version in versions))
    assert "Choose one version" in answer
    assert Classifier.objects.get().live_version == pets.live_version


def test_rolling_back_brings_the_version_before(pets: Classifier, admin_client: Client, tmp_path: Path) -> None:
    first = pets.live_version
    act(admin_client, "modelversion", "promote", store_version(pets, tmp_path / "second").id)
    assert "Pets is back at v1." in act(admin_client, "classifier", "roll_back", pets.id)
    assert Classifier.objects.get().live_version == first


def test_without_an_earlier_version_nothing_is_rolled_back(pets: Classifier, admin_client: Client) -> None:
    assert "There is no earlier live version" in act(admin_client, "classifier", "roll_back", pets.id)
    assert LiveVersionChange.objects.count() == 1


def test_an_action_without_its_permission_does_nothing(pets: Classifier, client: Client) -> None:
    image = upload(1).images[0]
    Prediction.objects.update(state="failed")
    user = User.objects.create_user("looker", is_staff=True)
    user.user_permissions.set(_permissions("view_image"))
    client.force_login(user)
    client.post(list_address("image"), {"action": "ask_again", "_selected_action": [str(image.id)]})
    assert Prediction.objects.get(image=image).state == "failed"
    user.user_permissions.set(_permissions("view_image", "change_image"))
    act(client, "image", "ask_again", image.id)
    assert Prediction.objects.get(image=image).state == "queued"
    assert Image.objects.count() == 1


def _permissions(*codenames: str) -> Any:
    return Permission.objects.filter(codename__in=codenames)
