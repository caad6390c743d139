"""Deleting through the API, the page and the admin: one's own or with the right; to all others it does not exist."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.contrib.messages import get_messages
from django.test import Client

from classifier import deletions
from classifier.models import Classifier, Deletion, Image
from classifier.object_storage import object_exists
from tests.row_makers import upload
from tests.webapp.admin_site import list_address
from tests.webapp.api_calls import IMAGES, UNKNOWN, error_of, first_id, send

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def bells(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    heard: list[str] = []
    monkeypatch.setattr(deletions, "ring_by_name", lambda task, arguments: heard.append(task))
    return heard


def staff(*codenames: str) -> Client:
    user = User.objects.create_user("staff", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client = Client()
    client.force_login(user)
    return client


def test_a_visitor_deletes_a_picture_of_their_own(pets: Classifier, client: Client, bells: list[str]) -> None:
    identifier = first_id(send(client, 1))
    key = Image.objects.get().storage_key
    answer = client.delete(f"{IMAGES}/{identifier}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert client.get(f"{IMAGES}/{identifier}").status_code == 404
    assert client.delete(f"{IMAGES}/{identifier}").status_code == 404
    assert not object_exists(key)
    assert Deletion.objects.get().asker == Deletion.Asker.VISITOR
    assert bells == [deletions.TASK]


def test_a_picture_of_somebody_else_does_not_exist(pets: Classifier, client: Client) -> None:
    identifier = str(upload(1).images[0].id)
    for unknown in (identifier, *UNKNOWN):
        assert error_of(client.delete(f"{IMAGES}/{unknown}")) == (404, "not_found")
    assert Image.objects.count() == 1


def test_who_may_only_look_may_not_delete(pets: Classifier) -> None:
    image = upload(1).images[0]
    client = staff("view_image")
    assert client.get(f"{IMAGES}/{image.id}").status_code == 200
    assert client.delete(f"{IMAGES}/{image.id}").status_code == 404
    assert client.post(f"/images/{image.id}/delete").status_code == 404
    assert Image.objects.exists()


def test_who_has_the_right_deletes_anybodys(pets: Classifier) -> None:
    image = upload(1).images[0]
    assert staff("view_image", "delete_image").delete(f"{IMAGES}/{image.id}").status_code == 204
    record = Deletion.objects.get()
    assert (record.asker, record.user) == (Deletion.Asker.USER, User.objects.get())


def test_a_login_needs_its_csrf_token(pets: Classifier) -> None:
    image = upload(1).images[0]
    careful = Client(enforce_csrf_checks=True)
    careful.force_login(User.objects.create_superuser("root"))
    assert careful.delete(f"{IMAGES}/{image.id}").status_code == 403
    assert careful.post(f"/images/{image.id}/delete").status_code == 403
    assert Image.objects.exists()


def test_the_page_asks_and_a_post_deletes(pets: Classifier, client: Client) -> None:
    identifier = first_id(send(client, 1))
    page = client.get(f"/images/{identifier}/delete")
    assert page.status_code == 200
    assert "Delete it everywhere" in page.content.decode()
    assert Image.objects.exists()
    answer = client.post(f"/images/{identifier}/delete")
    assert answer.status_code == 303
    assert not Image.objects.exists()
    assert [str(message) for message in get_messages(answer.wsgi_request)] == ["“1.png” is deleted."]
    assert client.get(answer["Location"]).status_code == 200


def test_the_page_of_a_strangers_picture_does_not_exist(pets: Classifier, client: Client) -> None:
    image = upload(1).images[0]
    for identifier in (image.id, *UNKNOWN):
        assert client.get(f"/images/{identifier}/delete").status_code == 404
        assert client.post(f"/images/{identifier}/delete").status_code == 404
    assert client.put(f"/images/{image.id}/delete").status_code == 405


def test_without_visitors_the_page_asks_for_a_login(pets: Classifier, client: Client, settings: Any) -> None:
    settings.ANONYMOUS_UPLOADS = False
    image = upload(1).images[0]
    answer = client.get(f"/images/{image.id}/delete")
    assert (answer.status_code, answer["Location"].partition("?")[0]) == (302, settings.LOGIN_URL)


def test_the_admin_asks_before_it_deletes_the_chosen(pets: Classifier) -> None:
    images = [upload(seed).images[0] for seed in range(3)]
    chosen = {"action": "delete_everywhere", "_selected_action": [str(image.id) for image in images[:2]]}
    client = staff("view_image", "delete_image")
    page = client.post(list_address("image"), chosen)
    assert page.status_code == 200
    assert "2 pictures" in page.content.decode()
    assert Image.objects.count() == 3
    answer = client.post(list_address("image"), {**chosen, "confirmed": "yes"})
    assert answer.status_code == 302
    assert Image.objects.get() == images[2]
    assert Deletion.objects.filter(asker=Deletion.Asker.USER, reason="Asked in the admin.").count() == 2


def test_the_admin_offers_it_only_with_the_right(pets: Classifier) -> None:
    image = upload(1).images[0]
    client = staff("view_image", "change_image")
    assert "delete_everywhere" not in client.get(list_address("image")).content.decode()
    client.post(
        list_address("image"), {"action": "delete_everywhere", "_selected_action": [str(image.id)], "confirmed": "yes"}
    )
    assert Image.objects.exists()


def test_too_many_at_once_are_refused(pets: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webapp.admin.deleting.MOST_AT_ONCE", 1)
    images = [upload(seed).images[0] for seed in range(2)]
    chosen = {"action": "delete_everywhere", "_selected_action": [str(image.id) for image in images], "confirmed": "y"}
    staff("view_image", "delete_image").post(list_address("image"), chosen)
    assert Image.objects.count() == 2


def test_the_admin_shows_the_record(pets: Classifier, admin_client: Client) -> None:
    image = upload(1).images[0]
    admin_client.delete(f"{IMAGES}/{image.id}")
    record = Deletion.objects.get()
    assert str(image.id) in admin_client.get(list_address("deletion")).content.decode()
    page = admin_client.get(f"/admin/classifier/deletion/{record.id}/change/").content.decode()
    assert "prediction: 1" in page
    assert admin_client.post(f"/admin/classifier/deletion/{record.id}/delete/", {"post": "yes"}).status_code == 403
