"""Imports over the web: who may, in parts or in one piece, and every refusal a sentence."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from classifier.classifiers import create_classifier
from classifier.errors import StorageUnavailable
from classifier.import_jobs import claim_import, describe_import, request_import
from classifier.models import Dataset, ImportJob
from classifier.object_storage import list_objects
from tests.import_jobs import make_owner, zip_bytes

pytestmark = pytest.mark.django_db
JSON: dict[str, Any] = {"HTTP_ACCEPT": "application/json"}


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("classifier.import_jobs.ring_by_name", lambda task, arguments: None)
    monkeypatch.setattr("classifier.import_jobs.live_sender.send", lambda events: None)


@pytest.fixture
def owner(db: None) -> User:
    return make_owner()


@pytest.fixture
def owners_client(owner: User) -> Client:
    client = Client()
    client.force_login(owner)
    return client


def put_part(client: Client, upload: uuid.UUID, number: int, data: bytes) -> Any:
    return client.put(f"/imports/parts/{upload}/{number}/", data, content_type="application/octet-stream")


def stored() -> list[str]:
    return [found.key for found in list_objects("imports/")]


def test_parts_and_a_form_make_an_import(owners_client: Client, owner: User) -> None:
    upload = uuid.uuid4()
    for number, data in ((1, b"abc"), (2, b"de")):
        assert put_part(owners_client, upload, number, data).status_code == 204
    fields = {"classifier_name": "Is it a cat?", "upload": upload, "size": 5, "file_name": "pets.zip", "folder": "pets"}
    answer = owners_client.post("/imports/", fields, **JSON)
    assert answer.status_code == 201
    job = ImportJob.objects.get()
    assert answer.json() == {"job": str(job.id), "address": "/classifiers/is-it-a-cat/"}
    assert (job.classifier_slug, job.classifier_name, job.name) == ("is-it-a-cat", "Is it a cat?", "pets")
    assert (job.file_name, job.requested_by) == ("pets.zip", owner)
    assert len(stored()) == 2


def test_a_plain_form_brings_the_zip_in_one_piece(owners_client: Client, tmp_path: Path) -> None:
    create_classifier(slug="pets")
    archive = SimpleUploadedFile("More pets.zip", zip_bytes(tmp_path, {"cats": 1}))
    answer = owners_client.post("/imports/", {"classifier": "pets", "archive": archive})
    assert (answer.status_code, answer["Location"]) == (303, "/classifiers/pets/")
    job = ImportJob.objects.get()
    assert (job.name, job.file_name) == ("More pets", "More pets.zip")
    assert stored() == [f"{job.storage_key}/000001"]


def test_a_storage_url_needs_no_upload(owners_client: Client) -> None:
    create_classifier(slug="pets")
    owners_client.post("/imports/", {"classifier": "pets", "place": " s3://pictures/cats/ ", "name": "Cats"})
    job = ImportJob.objects.get()
    assert (job.place, job.name, job.storage_key) == ("s3://pictures/cats/", "Cats", "")


def test_a_name_that_is_taken_gets_a_number(owners_client: Client) -> None:
    classifier = create_classifier(slug="pets")
    Dataset.objects.create(classifier=classifier, name="cats", digest="1")
    for _ in range(2):
        owners_client.post("/imports/", {"classifier": "pets", "place": "s3://pictures/cats"})
    assert set(ImportJob.objects.values_list("name", flat=True)) == {"cats 2", "cats 3"}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"classifier": "pets"}, "Choose a folder or a ZIP file"),
        ({"classifier": "pets", "upload": "nonsense", "size": "5"}, "Choose a folder or a ZIP file"),
        ({"classifier": "pets", "upload": str(uuid.uuid4()), "size": "5"}, "did not arrive whole"),
        ({"classifier": "pets", "place": "/etc"}, "Folders of the server"),
        ({"classifier": "none", "place": "s3://pictures"}, "There is no classifier “none”."),
        ({"classifier": "a\x00b", "place": "s3://pictures"}, "There is no classifier"),
        ({"classifier_name": "", "place": "s3://pictures"}, "1 to 120 visible characters"),
        ({"classifier_name": "猫", "place": "s3://pictures"}, "letters a-z or digits"),
        ({"classifier_name": "Pets", "place": "s3://pictures"}, "at the address “pets” already"),
        ({"classifier": "pets", "place": "s3://pictures", "name": "x" * 121}, "1 to 120 visible characters"),
    ],
)
def test_every_refusal_is_a_sentence_with_and_without_scripts(
    owners_client: Client, fields: dict[str, str], words: str
) -> None:
    create_classifier(slug="pets")
    answer = owners_client.post("/imports/", fields, **JSON)
    assert 400 <= answer.status_code < 500
    assert words in answer.json()["error"]["message"]
    plain = owners_client.post("/imports/", fields)
    assert plain.status_code == 303
    assert plain["Location"].startswith("/classifiers/")
    assert words in owners_client.get("/classifiers/").content.decode()
    assert not ImportJob.objects.exists()


def test_a_refused_plain_upload_leaves_nothing(owners_client: Client, tmp_path: Path) -> None:
    Dataset.objects.create(classifier=create_classifier(slug="pets"), name="first", digest="1")
    archive = SimpleUploadedFile("pets.zip", zip_bytes(tmp_path, {"cats": 1}))
    owners_client.post("/imports/", {"classifier": "pets", "archive": archive, "name": "first"})
    assert stored() == []


def test_a_storage_that_is_away_is_said(owners_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**options: Any) -> None:
        raise StorageUnavailable

    monkeypatch.setattr("webapp.views.imports.store_part", fail)
    assert put_part(owners_client, uuid.uuid4(), 1, b"abc").status_code == 503


def test_a_part_is_no_larger_than_a_part(owners_client: Client, settings: Any) -> None:
    settings.IMPORT_PART_BYTES = 1000
    answer = put_part(owners_client, uuid.uuid4(), 1, bytes(5000))
    assert answer.status_code == 400
    assert "1 to 1000 bytes" in answer.json()["error"]["message"]


def test_a_part_may_be_larger_than_django_takes_forms(owners_client: Client, settings: Any) -> None:
    assert settings.DATA_UPLOAD_MAX_MEMORY_SIZE < settings.IMPORT_PART_BYTES
    data = bytes(settings.IMPORT_PART_BYTES)
    assert put_part(owners_client, uuid.uuid4(), 1, data).status_code == 204


def test_a_page_may_ask_how_an_import_is(owners_client: Client, owner: User) -> None:
    job = request_import(classifier_slug="pets", name="first", user=owner, place="s3://bucket")
    assert owners_client.get(f"/imports/{job.id}/").json() == describe_import(job)
    assert owners_client.get("/imports/nonsense/").status_code == 404


def test_an_import_can_be_cancelled(owners_client: Client, owner: User) -> None:
    job = request_import(classifier_slug="pets", name="first", user=owner, place="s3://bucket")
    claim_import(job_id=job.id, worker="test")
    answer = owners_client.post(f"/imports/{job.id}/cancel/")
    assert (answer.status_code, answer["Location"]) == (303, "/classifiers/pets/")
    job.refresh_from_db()
    assert job.cancel_requested


def test_cancelling_an_ended_import_says_so(owners_client: Client, owner: User) -> None:
    job = request_import(classifier_slug="pets", name="first", user=owner, place="s3://bucket")
    for _ in range(2):
        answer = owners_client.post(f"/imports/{job.id}/cancel/", follow=True)
    assert "has ended already" in answer.content.decode()


CALLS = [
    ("put", "/imports/parts/00000000-0000-4000-8000-000000000000/1/"),
    ("post", "/imports/"),
    ("post", "/imports/00000000-0000-4000-8000-000000000000/cancel/"),
]


@pytest.mark.parametrize(("method", "address"), CALLS)
def test_only_people_who_may_train_import(method: str, address: str) -> None:
    client = Client()
    anonymous = getattr(client, method)(address)
    assert (anonymous.status_code, anonymous["Location"][:7]) == (302, "/login/")
    client.force_login(make_owner("reader", rights=("view_trainingrun",)))
    assert getattr(client, method)(address).status_code == 404
    assert stored() == []


@pytest.mark.parametrize(("method", "address"), CALLS)
def test_another_method_is_refused(owners_client: Client, method: str, address: str) -> None:
    assert owners_client.delete(address).status_code == 405


@pytest.mark.parametrize(("method", "address"), CALLS)
def test_a_call_from_another_site_is_refused(owner: User, method: str, address: str) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(owner)
    assert getattr(client, method)(address).status_code == 403
