"""Taking pictures home: CSV, JSON, ZIP by label; of a selection or of all that the filters leave; nothing of others."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from classifier.classifiers import ensure_labels
from classifier.image_files import open_image_file
from classifier.models import Classifier, Image, Label
from classifier.object_storage import delete_object
from tests.row_makers import MakeImages
from tests.webapp.admin_site import answer_waiting
from tests.webapp.api_calls import send
from tests.webapp.people import client_of, person
from webapp.image_exports import COLUMNS, MISSING, plain_cell, plain_name

pytestmark = pytest.mark.django_db
EXPORT = "/images/export"


@pytest.fixture
def viewer_client(db: None) -> Client:
    return client_of(person("viewer"))


def body(answer: Any) -> bytes:
    assert answer.status_code == 200, answer
    assert answer.streaming
    return b"".join(answer.streaming_content)


def rows(client: Client, query: str = "") -> list[dict[str, str]]:
    text = body(client.get(f"{EXPORT}?format=csv{query}")).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def open_zip(client: Client, query: str = "") -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(body(client.get(f"{EXPORT}?format=zip{query}"))))


def test_a_csv_has_a_row_for_each_picture(make_images: MakeImages, viewer_client: Client) -> None:
    make_images(2)
    answer_waiting(index=1, confidence=0.8)
    found = rows(viewer_client)
    assert [row["name"] for row in found] == ["1.png", "0.png"]
    assert tuple(found[0]) == COLUMNS
    expected = {"classifier": "pets", "state": "done", "label": "dog", "confidence": "0.8", "model_version": "1"}
    assert {key: found[0][key] for key in expected} == expected


@pytest.mark.parametrize("name", ["=1+1.png", "+1", "-1", "@SUM(A1)", "＝1"])  # noqa: RUF001 - a wide sign is one too
def test_no_cell_of_a_csv_is_a_formula(make_images: MakeImages, viewer_client: Client, name: str) -> None:
    make_images(1)
    answer_waiting(index=1)
    Image.objects.update(name=name)
    Label.objects.filter(name="dog").update(name="=cmd()")
    (row,) = rows(viewer_client)
    assert row["name"] == f"'{name}"


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("a;=1+1", "a;'=1+1"),
        ('a;"=1+1', "a;\"'=1+1"),
        ("a; @SUM(A1);-1", "a; '@SUM(A1);'-1"),
        ("a\t=1\n+1", "a\t'=1\n'+1"),
        ("=1;=2", "'=1;'=2"),
        ("\t=1", "'\t'=1"),
        ("\r1", "'\r1"),
        ("a=1+1; b-c, -1", "a=1+1; b-c, -1"),
    ],
)
def test_asvs_v1_2_10_no_cell_is_a_formula_where_columns_end_at_semicolons(text: str, cell: str) -> None:
    assert plain_cell(text) == cell


def test_a_json_is_what_rest_says_with_the_review(make_images: MakeImages, viewer_client: Client) -> None:
    image = make_images(1)[0]
    answer_waiting(index=1)
    Image.objects.update(name="=1+1;=2", review_state="settled", settled_label=Label.objects.get(name="bird"))
    (item,) = json.loads(body(viewer_client.get(f"{EXPORT}?format=json")))
    assert (item["id"], item["name"], item["prediction"]["label"]) == (str(image.id), "=1+1;=2", "dog")
    assert item["review"] == {"state": "settled", "label": "bird"}


def test_nothing_to_export_is_still_a_whole_file(pets: Classifier, viewer_client: Client) -> None:
    assert rows(viewer_client) == []
    assert json.loads(body(viewer_client.get(f"{EXPORT}?format=json"))) == []
    assert open_zip(viewer_client).namelist() == []


def test_a_zip_has_a_folder_for_each_label(make_images: MakeImages, viewer_client: Client) -> None:
    first, second, third = make_images(3)
    answer_waiting(index=1)
    Image.objects.filter(id=first.id).update(settled_label=Label.objects.get(name="bird"), name="../../evil.png")
    Image.objects.filter(id=third.id).update(current_prediction=None)
    with open_zip(viewer_client) as made:
        assert made.testzip() is None
        assert sorted(made.namelist()) == [
            f"bird/_.._evil-{first.id.hex}.png",
            f"dog/1-{second.id.hex}.png",
            f"not answered/2-{third.id.hex}.png",
        ]
        assert made.read(f"dog/1-{second.id.hex}.png") == open_image_file(second)


def test_labels_that_are_no_folder_names_become_some(make_images: MakeImages, viewer_client: Client) -> None:
    make_images(1)
    answer_waiting(index=1)
    ensure_labels(Classifier.objects.get(), ["a/b"])
    Image.objects.update(settled_label=Label.objects.get(name="a/b"))
    assert open_zip(viewer_client).namelist()[0].startswith("a_b/")


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("../../x", "_.._x"),
        ("a\\b:c", "a_b_c"),
        (" .hidden. ", "hidden"),
        ("CON", "_CON"),
        ("com1.png", "_com1.png"),
        ("\x00\n", "__"),
        ("...", ""),
        ("x" * 100, "x" * 60),
    ],
)
def test_names_are_plain_on_every_system(text: str, plain: str) -> None:
    assert plain_name(text) == plain


def test_a_picture_whose_file_is_gone_is_listed_and_the_rest_is_there(
    make_images: MakeImages, viewer_client: Client
) -> None:
    gone, kept = make_images(2)
    delete_object(gone.storage_key)
    with open_zip(viewer_client) as made:
        assert len(made.namelist()) == 2
        assert made.read(MISSING).decode().startswith(str(gone.id))
        assert any(kept.id.hex in name for name in made.namelist())


def test_the_filters_of_the_address_count(make_images: MakeImages, viewer_client: Client) -> None:
    make_images(2)
    Image.objects.filter(name="0.png").update(source="page")
    assert [row["name"] for row in rows(viewer_client, "&source=page")] == ["0.png"]


def test_a_selection_is_exported_alone(make_images: MakeImages, viewer_client: Client) -> None:
    images = make_images(3)
    chosen = {"image": [f"{images[0].id}:1", f"{images[2].id}:9"], "format": "csv"}
    text = body(viewer_client.post(EXPORT, chosen)).decode("utf-8-sig")
    assert [row["name"] for row in csv.DictReader(io.StringIO(text))] == ["2.png", "0.png"]
    everything = body(viewer_client.post(EXPORT, {**chosen, "all": "1"})).decode()
    assert everything.count(".png") == 3


def test_nobody_gets_pictures_of_others(pets: Classifier, client: Client, viewer_client: Client) -> None:
    send(client, 1)
    send(Client(), 2)
    assert [row["name"] for row in rows(client)] == ["1.png"]
    stranger = Image.objects.get(name="2.png")
    text = body(client.post(EXPORT, {"image": [f"{stranger.id}:1"], "format": "csv"})).decode()
    assert "2.png" not in text
    assert len(rows(viewer_client)) == 2


def test_what_cannot_be_exported_is_said_before_the_file_begins(pets: Classifier, viewer_client: Client) -> None:
    for query in ("format=exe", "state=nonsense"):
        answer = viewer_client.get(f"{EXPORT}?{query}", follow=True)
        assert answer.redirect_chain[-1][1] == 303
        assert '<ul class="messages">' in answer.content.decode()
    assert viewer_client.post(EXPORT, {"format": "csv"}, follow=True).redirect_chain == [("/images/?", 303)]


def test_the_whole_list_is_read_page_by_page(
    monkeypatch: pytest.MonkeyPatch, make_images: MakeImages, viewer_client: Client
) -> None:
    monkeypatch.setattr("webapp.views.gallery.PAGE", 2)
    make_images(5)
    answer_waiting(index=1)
    rows(viewer_client)
    with CaptureQueriesContext(connection) as queries:
        assert len(rows(viewer_client)) == 5
    pages = [entry["sql"] for entry in queries if "LIMIT 3" in entry["sql"] and '"classifier_image"' in entry["sql"]]
    assert len(pages) == 3
    assert not any("OFFSET" in sql for sql in pages)
