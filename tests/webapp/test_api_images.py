"""POST and GET /api/v1/images…: what is accepted, what is refused and how, and who sees what."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import OperationalError
from django.test import Client

from classifier.errors import StorageUnavailable
from classifier.models import Classifier, IdempotencyKey, Image, Prediction
from tests.row_makers import make_version, png_bytes
from tests.webapp.admin_site import answer_waiting
from tests.webapp.api_calls import IMAGES, UNKNOWN, error_of, first_id, part, send, send_parts

pytestmark = pytest.mark.django_db
ITEM = {
    "id", "name", "classifier", "sha256", "state", "duplicate", "version", "width", "height", "notes", "created_at",
    "prediction",
}  # fmt: skip


@pytest.fixture
def person(db: None) -> Client:
    """Logged in, without any right."""
    client = Client()
    client.force_login(User.objects.create_user("person"))
    return client


def test_accepted_pictures_are_answered_in_order_with_201(pets: Classifier, client: Client) -> None:
    answer = send(client, 3, 1, 2)
    assert answer.status_code == 201
    images = answer.json()["images"]
    assert [image["name"] for image in images] == ["3.png", "1.png", "2.png"]
    assert set(images[0]) == ITEM
    assert images[0]["sha256"] == hashlib.sha256(png_bytes(3)).hexdigest()
    assert (images[0]["state"], images[0]["duplicate"], images[0]["prediction"]["label"]) == ("queued", False, None)


def test_a_refused_part_is_listed_at_its_place(pets: Classifier, client: Client) -> None:
    answer = send_parts(client, (b"%PDF-1.7", "notes.pdf"), (png_bytes(1), "1.png"), (b"", "empty.png"))
    assert answer.status_code == 201
    body = answer.json()
    assert [image["name"] for image in body["images"]] == ["1.png"]
    assert [(entry["index"], entry["name"], entry["code"]) for entry in body["rejected"]] == [
        (0, "notes.pdf", "type_not_allowed"),
        (2, "empty.png", "empty_file"),
    ]
    assert all(entry["message"].endswith(".") for entry in body["rejected"])


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (b"", 422, "empty_file"),
        (b"hello", 415, "type_not_allowed"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", 415, "type_not_allowed"),
        (png_bytes(1)[:200], 422, "truncated_or_damaged"),
    ],
)
def test_when_nothing_is_accepted_the_status_says_why(
    data: bytes, status: int, code: str, pets: Classifier, client: Client
) -> None:
    answer = send_parts(client, (data, "a.png"))
    assert error_of(answer) == (status, code)
    assert answer.json()["error"]["details"]["rejected"][0]["name"] == "a.png"
    assert not Image.objects.exists()


def test_a_file_over_the_limit_is_413(pets: Classifier, client: Client, settings: Any) -> None:
    settings.UPLOAD_MAX_BYTES = 500
    assert error_of(send(client, 1)) == (413, "file_too_large")


def test_a_request_without_a_file_is_malformed(pets: Classifier, client: Client) -> None:
    assert error_of(client.post(IMAGES, {"classifier": "pets"})) == (400, "malformed_request")


def test_a_body_that_is_no_form_is_malformed(pets: Classifier, client: Client) -> None:
    answer: Any = client.post(IMAGES, b"{}", content_type="application/json")
    assert error_of(answer) == (400, "malformed_request")


def test_too_many_files_are_malformed(pets: Classifier, client: Client, settings: Any) -> None:
    settings.UPLOAD_MAX_FILES = 2
    assert error_of(send(client, 1, 2, 3)) == (400, "malformed_request")


@pytest.mark.parametrize("query", ["?wait=-1", "?wait=31", "?wait=soon", "?wait=nan"])
def test_a_wait_outside_its_bounds_is_malformed(query: str, pets: Classifier, client: Client) -> None:
    answer = send(client, 1, query=query)
    assert error_of(answer) == (400, "malformed_request")
    assert "wait" in answer.json()["error"]["message"]


def test_an_unknown_classifier_is_404(pets: Classifier, client: Client) -> None:
    assert error_of(send(client, 1, classifier="cars")) == (404, "not_found")


@pytest.mark.parametrize("version", UNKNOWN)
def test_an_unknown_model_is_404(version: str, pets: Classifier, client: Client) -> None:
    assert error_of(send(client, 1, query=f"?model={version}")) == (404, "not_found")


def test_a_picture_sent_again_is_a_duplicate(pets: Classifier, client: Client) -> None:
    first = first_id(send(client, 1))
    again = send(client, 1).json()["images"][0]
    assert (again["id"], again["duplicate"]) == (first, True)


def test_the_second_of_two_equal_parts_is_a_duplicate(pets: Classifier, client: Client) -> None:
    images = send(client, 1, 1).json()["images"]
    assert [image["duplicate"] for image in images] == [False, True]


def test_a_repeat_with_its_key_gets_the_same_answer(pets: Classifier, client: Client) -> None:
    first, again = (send(client, 1, 2, key="k") for _ in range(2))
    assert (again.status_code, again.json()) == (201, first.json())
    assert (Image.objects.count(), IdempotencyKey.objects.count()) == (2, 1)


def test_the_key_of_other_pictures_is_422(pets: Classifier, client: Client) -> None:
    send(client, 1, key="k")
    assert error_of(send(client, 2, key="k")) == (422, "idempotency_mismatch")


def test_one_image_is_read_with_its_answer(pets: Classifier, client: Client) -> None:
    identifier = first_id(send(client, 1))
    answer_waiting(index=1)
    item = client.get(f"{IMAGES}/{identifier}").json()
    assert (item["state"], item["prediction"]["label"], item["prediction"]["model"]["version"]) == ("done", "dog", 1)


def test_the_stored_file_and_its_thumbnail_are_served_safely(pets: Classifier, client: Client) -> None:
    identifier = first_id(send_parts(client, (png_bytes(1, side=600), "large.png")))
    for view in ("file", "thumbnail"):
        answer = client.get(f"{IMAGES}/{identifier}/{view}")
        assert (answer.status_code, answer["Content-Type"]) == (200, "image/png")
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in answer["Content-Security-Policy"]
        assert answer["Cache-Control"].startswith("private")


def test_a_file_missing_from_storage_is_404(pets: Classifier, client: Client) -> None:
    identifier = first_id(send(client, 1))
    Image.objects.update(storage_key="images/2026/01/01/gone.png")
    assert error_of(client.get(f"{IMAGES}/{identifier}/file")) == (404, "not_found")


VIEWS = [("get", ""), ("get", "/file"), ("get", "/thumbnail"), ("post", "/predictions")]


def call(client: Client, method: str, identifier: str, view: str) -> Any:
    options: dict[str, Any] = {"data": "{}", "content_type": "application/json"} if method == "post" else {}
    return getattr(client, method)(f"{IMAGES}/{identifier}{view}", **options)


@pytest.mark.parametrize(("method", "view"), VIEWS)
@pytest.mark.parametrize("identifier", UNKNOWN)
def test_an_unknown_image_is_404(identifier: str, method: str, view: str, pets: Classifier, client: Client) -> None:
    assert error_of(call(client, method, identifier, view)) == (404, "not_found")


@pytest.mark.parametrize(("method", "view"), VIEWS)
def test_another_visitors_image_is_404(method: str, view: str, pets: Classifier, client: Client) -> None:
    identifier = first_id(send(client, 1))
    stranger = Client()
    send(stranger, 2)
    assert error_of(call(stranger, method, identifier, view)) == (404, "not_found")
    assert call(client, method, identifier, view).status_code in {200, 202}


def test_a_forged_visitor_cookie_opens_nothing(pets: Classifier, client: Client) -> None:
    identifier = first_id(send(client, 1))
    real = client.cookies["whatsit_visitor"].value
    thief = Client()
    thief.cookies["whatsit_visitor"] = real.rpartition(":")[0] + ":forged"
    assert thief.get(f"{IMAGES}/{identifier}").status_code == 404


def test_the_visitor_cookie_is_set_once_and_well_kept(pets: Classifier, client: Client) -> None:
    first = send(client, 1)
    cookie = first.cookies["whatsit_visitor"]  # type: ignore[attr-defined]
    assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")
    assert "whatsit_visitor" not in send(client, 2).cookies  # type: ignore[attr-defined]


def test_a_logged_in_person_does_not_see_a_visitors_image(pets: Classifier, client: Client, person: Client) -> None:
    identifier = first_id(send(client, 1))
    assert person.get(f"{IMAGES}/{identifier}").status_code == 404


def test_staff_who_may_look_sees_every_image(pets: Classifier, client: Client) -> None:
    identifier = first_id(send(client, 1))
    user = User.objects.create_user("staff", is_staff=True)
    staff = Client()
    staff.force_login(user)
    assert staff.get(f"{IMAGES}/{identifier}").status_code == 404
    user.user_permissions.set(Permission.objects.filter(codename="view_image"))
    assert staff.get(f"{IMAGES}/{identifier}").status_code == 200


@pytest.mark.parametrize(("method", "view"), [("get", ""), *VIEWS])
def test_visitors_are_401_where_they_are_not_wanted(
    method: str, view: str, pets: Classifier, client: Client, settings: Any
) -> None:
    identifier = first_id(send(client, 1))
    settings.ANONYMOUS_UPLOADS = False
    assert error_of(call(client, method, identifier, view)) == (401, "not_allowed")
    assert error_of(send(client, 2)) == (401, "not_allowed")


@pytest.mark.parametrize(
    ("method", "address"),
    [("put", IMAGES), ("delete", IMAGES), ("post", f"{IMAGES}/x/file"), ("get", f"{IMAGES}/x/predictions")],
)
def test_a_wrong_method_is_405(method: str, address: str, pets: Classifier, client: Client) -> None:
    answer = getattr(client, method)(address)
    assert answer.status_code == 405
    assert "Allow" in answer


def test_asking_again_puts_a_failed_picture_back(pets: Classifier, client: Client) -> None:
    identifier = first_id(send(client, 1))
    Prediction.objects.update(state="failed", failures=3)
    answer = call(client, "post", identifier, "/predictions")
    assert (answer.status_code, answer.json()["state"]) == (202, "queued")


def test_asking_another_version_shows_that_it_is_awaited(pets: Classifier, client: Client) -> None:
    identifier = first_id(send(client, 1))
    answer_waiting()
    version = make_version(pets, "2" * 64)
    body = {"model": str(version.id)}
    answer: Any = client.post(f"{IMAGES}/{identifier}/predictions", body, content_type="application/json")
    assert (answer.status_code, answer.json()["state"]) == (202, "queued")


def test_a_login_without_its_csrf_token_may_read_but_not_send(pets: Classifier, person: Client) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = person.cookies
    assert error_of(send(strict, 1)) == (403, "not_allowed")
    assert strict.get(IMAGES).status_code == 200


def test_a_login_with_its_csrf_token_may_send(pets: Classifier, person: Client) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = person.cookies
    token = "a" * 32
    strict.cookies["csrftoken"] = token
    answer: Any = strict.post(IMAGES, {"file": part(png_bytes(1), "1.png")}, headers={"X-CSRFToken": token})
    assert answer.status_code == 201


def test_a_visitor_needs_no_csrf_token(pets: Classifier) -> None:
    assert send(Client(enforce_csrf_checks=True), 1).status_code == 201


def test_storage_trouble_is_503_with_a_time_to_come_back_and_no_rows(
    pets: Classifier, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(key: str, data: bytes) -> None:
        raise StorageUnavailable

    monkeypatch.setattr("classifier.arriving_images.write_verified", fail)
    answer = send(client, 1, key="k")
    assert error_of(answer) == (503, "try_later")
    assert int(answer["Retry-After"]) > 0
    assert not Image.objects.exists()
    assert not IdempotencyKey.objects.exists()


@pytest.mark.parametrize("place", ["classifier.uploads.find_classifier", "classifier.uploads.open_predictions"])
def test_database_trouble_is_503_with_a_time_to_come_back(
    place: str, pets: Classifier, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(place, fail)
    answer = send(client, 1)
    assert error_of(answer) == (503, "try_later")
    assert int(answer["Retry-After"]) > 0
    assert "server closed" not in answer.content.decode()


def test_database_trouble_while_the_login_is_read_is_503(
    person: Client, pets: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: object) -> None:
        raise OperationalError

    monkeypatch.setattr("django.contrib.sessions.backends.db.SessionStore.load", fail)
    assert error_of(send(person, 1)) == (503, "try_later")


def test_storage_trouble_while_reading_a_file_is_503(
    pets: Classifier, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    identifier = first_id(send(client, 1))

    def fail(key: str) -> bytes:
        raise StorageUnavailable

    monkeypatch.setattr("classifier.image_files.read_object", fail)
    answer: Any = client.get(f"{IMAGES}/{identifier}/thumbnail")
    assert error_of(answer) == (503, "try_later")
