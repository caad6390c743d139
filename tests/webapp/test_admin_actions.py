"""The admin's actions: each calls one domain verb and says what happened."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.contrib.messages import get_messages
from django.test import Client

from classifier.model_registry import promote, reject
from classifier.models import Classifier, Image, LiveVersionChange, Prediction, PromotionRequest
from tests.row_makers import make_version, upload
from tests.webapp.admin_site import answer_waiting, list_address

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin_user(db: None) -> User:
    """As pytest-django's, without a password: hashing one takes longer than most of these tests."""
    return User.objects.create_superuser("admin")


def act(client: Client, kind: str, action: str, *keys: object) -> str:
    """Run an action on the chosen rows; returns what the page said."""
    answer = client.post(list_address(kind), {"action": action, "_selected_action": [str(key) for key in keys]})
    assert answer.status_code == 302
    return " ".join(str(message) for message in get_messages(answer.wsgi_request))


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


def test_promoting_asks_a_worker_and_names_who_did_it(pets: Classifier, admin_client: Client) -> None:
    version = make_version(pets, "2" * 64)
    assert "v2 is being checked by a worker; it goes live when" in act(
        admin_client, "modelversion", "promote", version.id
    )
    request = PromotionRequest.objects.get()
    assert (request.version, request.user) == (version, User.objects.get(username="admin"))
    assert Classifier.objects.get().live_version == pets.live_version


def test_a_second_promotion_waits_for_the_first(pets: Classifier, admin_client: Client) -> None:
    act(admin_client, "modelversion", "promote", make_version(pets, "2" * 64).id)
    answer = act(admin_client, "modelversion", "promote", make_version(pets, "3" * 64).id)
    assert "v2 is being checked by a worker; wait until that has ended. Nothing changed." in answer
    assert PromotionRequest.objects.count() == 1


def test_a_rejected_version_is_not_promoted(pets: Classifier, admin_client: Client) -> None:
    version = make_version(pets, "2" * 64)
    reject(version=version, verdict={"accuracy": "too low"})
    assert "v2 was rejected" in act(admin_client, "modelversion", "promote", version.id)
    assert not PromotionRequest.objects.exists()


def test_promoting_the_live_version_changes_nothing(pets: Classifier, admin_client: Client) -> None:
    assert "live already" in act(admin_client, "modelversion", "promote", pets.live_version_id)
    assert not PromotionRequest.objects.exists()


def test_two_versions_are_not_promoted_at_once(pets: Classifier, admin_client: Client) -> None:
    versions = [make_version(pets, digest * 64) for digest in "23"]
    answer = act(admin_client, "modelversion", "promote", *(version.id for version in versions))
    assert "Choose one version" in answer
    assert not PromotionRequest.objects.exists()


def test_rolling_back_brings_the_version_before(pets: Classifier, admin_client: Client) -> None:
    first = pets.live_version
    promote(version=make_version(pets, "2" * 64), reason="test")
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
