"""The page of a dataset and the pictures on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from classifier.models import Dataset
from tasks.importing import import_pictures
from tests.dataset_makers import write_folders
from tests.import_jobs import make_owner

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(db: None) -> Client:
    client = Client()
    client.force_login(make_owner(rights=("view_trainingrun",)))
    return client


@pytest.fixture
def dataset(db: None, settings: Any, tmp_path: Path) -> Dataset:
    settings.VAR_DIR = tmp_path / "var"
    return import_pictures(name="pets", place=str(write_folders(tmp_path / "pets", {"cats": 14, "dogs": 3}))).dataset


def test_the_page_shows_facts_and_some_pictures_of_each_label(client: Client, dataset: Dataset) -> None:
    html = client.get(f"/datasets/{dataset.id}/").content.decode()
    assert "<dt>Pictures</dt><dd>17</dd>" in html
    assert html.count('<img src="/datasets/') == 12 + 3
    assert 'loading="lazy"' in html


def test_a_picture_is_kept_by_the_browser_for_ever_and_by_nobody_between(client: Client, dataset: Dataset) -> None:
    answer = client.get(f"/datasets/{dataset.id}/pictures/1/2.png")
    assert answer.status_code == 200
    assert answer.content.startswith(b"\x89PNG")
    assert answer["Content-Type"] == "image/png"
    assert answer["Cache-Control"] == "private, max-age=31536000, immutable"


@pytest.mark.parametrize(
    "member", ["1/3.png", "9/0.png", "../secret-key", "..%2f..%2fdb", "0/0.gif", "0/0.png/x", "%00"]
)
def test_other_members_are_not_found(client: Client, dataset: Dataset, member: str) -> None:
    assert client.get(f"/datasets/{dataset.id}/pictures/{member}").status_code == 404


def test_the_classifier_page_shows_pictures_that_exist(client: Client, dataset: Dataset) -> None:
    html = client.get("/classifiers/pets/").content.decode()
    address = f"/datasets/{dataset.id}/pictures/0/0.png"
    assert address in html
    assert client.get(address).status_code == 200


@pytest.mark.parametrize("identifier", ["pets", "00000000-0000-4000-8000-000000000000", "nonsense"])
def test_an_unknown_dataset_is_not_found(client: Client, dataset: Dataset, identifier: str) -> None:
    assert client.get(f"/datasets/{identifier}/").status_code == 404
    assert client.get(f"/datasets/{identifier}/pictures/0/0.png").status_code == 404


def test_strangers_see_nothing(dataset: Dataset) -> None:
    for address in (f"/datasets/{dataset.id}/", f"/datasets/{dataset.id}/pictures/0/0.png"):
        assert Client().get(address).status_code == 302
        stranger = Client()
        stranger.force_login(make_owner(f"stranger-{len(address)}", rights=()))
        assert stranger.get(address).status_code == 404
