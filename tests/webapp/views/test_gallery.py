"""`/images/`: whose pictures, in pages and by filters; labelling many at once; nothing in it grows with the rows."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext

from classifier.classifiers import create_classifier
from classifier.models import Classifier, Image, Prediction, Review
from tests.row_makers import LABELS, MakeImages, upload
from tests.webapp.admin_site import answer_waiting
from tests.webapp.api_calls import send
from tests.webapp.people import client_of, person
from webapp.views.gallery import TILES

pytestmark = pytest.mark.django_db

GALLERY = "/images/"


@pytest.fixture
def reviewer_client(db: None) -> Client:
    return client_of(person("reviewer"))


def names(client: Client, query: str = "") -> list[str]:
    """What the tiles are called, in order."""
    answer = client.get(GALLERY + query)
    assert answer.status_code == 200, answer
    return re.findall(r'<img src="/api/v1/images/[^"]+" alt="([^"]+)"', answer.content.decode())


def values(client: Client, query: str = "") -> list[str]:
    """What the checkboxes of the tiles send."""
    return re.findall(r'name="image" value="([^"]+)"', client.get(GALLERY + query).content.decode())


def label(client: Client, images: list[str], name: str = "dog", **options: Any) -> Any:
    body = {"image": images, "label": name, "classifier": "pets"}
    return client.post("/images/label", body, headers={"Accept": "application/json"}, **options)


def test_a_visitor_sees_only_their_own_pictures(pets: Classifier, client: Client) -> None:
    send(client, 1)
    send(Client(), 2)
    assert names(client) == ["1.png"]
    assert "Your pictures" in client.get(GALLERY).content.decode()


def test_reviewers_and_viewers_see_everybodys_pictures(make_images: MakeImages, reviewer_client: Client) -> None:
    make_images(2)
    assert names(reviewer_client) == ["1.png", "0.png"]
    assert names(client_of(person("viewer"))) == ["1.png", "0.png"]


def test_an_account_without_rights_sees_only_its_own(make_images: MakeImages) -> None:
    make_images(1)
    assert names(client_of(person())) == []


@override_settings(ANONYMOUS_UPLOADS=False)
def test_where_visitors_may_not_send_they_are_led_to_the_login(client: Client) -> None:
    answer = client.get(GALLERY)
    assert answer.status_code == 302
    assert answer["Location"] == "/login/?next=/images/"


def test_an_empty_gallery_says_what_to_do_next(pets: Classifier, client: Client) -> None:
    assert "No pictures yet." in client.get(GALLERY).content.decode()
    assert "No picture fits these filters." in client.get(f"{GALLERY}?state=failed").content.decode()


def test_the_header_leads_to_it(pets: Classifier, client: Client) -> None:
    assert '<a href="/images/" aria-current="page">Images</a>' in client.get(GALLERY).content.decode()


def test_older_pictures_are_behind_a_link_that_keeps_the_filters(
    monkeypatch: pytest.MonkeyPatch, make_images: MakeImages, reviewer_client: Client
) -> None:
    monkeypatch.setattr("webapp.views.gallery.TILES", 2)
    make_images(5)
    address, found, pages = f"{GALLERY}?classifier=pets", [], 0
    while address:
        page = reviewer_client.get(address).content.decode()
        found += re.findall(r'alt="(\d\.png)"', page)
        link = re.search(r'<a class="button" href="([^"]+)" rel="next">Older', page)
        address = link[1].replace("&amp;", "&") if link else ""
        assert not address or "classifier=pets" in address
        pages += 1
    assert found == ["4.png", "3.png", "2.png", "1.png", "0.png"]
    assert pages == 3


def test_the_script_gets_the_tiles_alone(make_images: MakeImages, reviewer_client: Client) -> None:
    make_images(1)
    part = reviewer_client.get(f"{GALLERY}?part=tiles").content.decode()
    assert part.startswith('<ol class="tiles"')
    assert "<html" not in part


def test_a_strange_cursor_or_filter_leads_back_with_a_sentence(pets: Classifier, reviewer_client: Client) -> None:
    for query in ("cursor=%21", "state=nonsense", "reviewed=x", "source=x", "min_confidence=7", "name=%00"):
        answer = reviewer_client.get(f"{GALLERY}?{query}", follow=True)
        assert answer.redirect_chain == [(GALLERY, 303)], query
        assert '<ul class="messages">' in answer.content.decode(), query


def test_an_unknown_classifier_is_not_found(pets: Classifier, reviewer_client: Client) -> None:
    assert reviewer_client.get(f"{GALLERY}?classifier=none").status_code == 404


def test_filters_narrow_the_grid(make_images: MakeImages, reviewer_client: Client) -> None:
    images = make_images(2)
    answer_waiting(index=1, confidence=0.9)
    upload(2)
    answer_waiting(index=0, confidence=0.6, unsure=True)
    upload(3)
    Image.objects.filter(id=images[0].id).update(review_state="disputed", source="page")
    version = str(Prediction.objects.filter(state="done").values_list("model_version_id", flat=True)[0])
    expected = {
        "label=dog": ["1.png", "0.png"],
        "label=dog&classifier=pets": ["1.png", "0.png"],
        "label=bird": [],
        "label=nothing": [],
        "state=done": ["2.png", "1.png", "0.png"],
        "state=unsure": ["2.png"],
        "state=waiting": ["3.png"],
        "state=failed": [],
        "reviewed=disputed": ["0.png"],
        "reviewed=no": ["3.png", "2.png", "1.png"],
        f"model={version}": ["2.png", "1.png", "0.png"],
        "model=nonsense": [],
        "min_confidence=0.8": ["1.png", "0.png"],
        "source=page": ["0.png"],
        "name=2.P": ["2.png"],
        "label=dog&reviewed=no&name=png&source=api&min_confidence=0.5": ["1.png"],
    }
    assert {query: names(reviewer_client, f"?{query}") for query in expected} == expected


def test_a_filter_finds_only_what_the_newest_answer_says(make_images: MakeImages, reviewer_client: Client) -> None:
    image = make_images(1)[0]
    answer_waiting(index=1)
    Image.objects.filter(id=image.id).update(current_prediction=None)
    assert names(reviewer_client, "?label=dog") == []


def test_a_visitor_filters_their_own(pets: Classifier, client: Client) -> None:
    send(client, 1)
    send(Client(), 2)
    answer_waiting(index=1)
    assert names(client, "?label=dog") == ["1.png"]


def test_each_filter_that_is_on_can_be_taken_off(make_images: MakeImages, reviewer_client: Client) -> None:
    make_images(1)
    page = reviewer_client.get(f"{GALLERY}?state=waiting&name=png").content.decode()
    assert 'href="/images/?name=png" aria-label="Remove the filter State: Waiting for an answer"' in page
    assert 'href="/images/?state=waiting" aria-label="Remove the filter Name: png"' in page


def test_names_are_shown_as_text(pets: Classifier, client: Client) -> None:
    send(client, 1)
    Image.objects.update(name='"><script>alert(1)</script>')
    page = client.get(GALLERY).content.decode()
    assert "<script>alert" not in page


def count_queries(client: Client, query: str = "") -> list[str]:
    client.get(GALLERY + query)  # what is read once a process
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert client.get(GALLERY + query).status_code == 200
    return [entry["sql"] for entry in queries]


@pytest.mark.parametrize("query", ["", "?label=dog", "?classifier=pets&reviewed=no"])
def test_the_number_of_queries_does_not_follow_the_number_of_rows(
    make_images: MakeImages, reviewer_client: Client, query: str
) -> None:
    make_images(3)
    answer_waiting(index=1)
    few = count_queries(reviewer_client, query)
    for seed in range(100, 130):
        upload(seed)
    answer_waiting(index=1)
    many = count_queries(reviewer_client, query)
    assert len(many) == len(few) <= 12
    counting = [sql for sql in many if "COUNT(" in sql and "LIMIT" not in sql]
    assert counting == []


@pytest.mark.skipif(connection.vendor != "sqlite", reason="reads SQLite's own words about its plan")
@pytest.mark.parametrize(
    ("query", "index"),
    [
        ("?classifier=pets", "image_classifier_newest"),
        ("?label=dog", "prediction_label"),
        ("?classifier=pets&label=dog", "prediction_label"),
        ("?model=01a1fbed-5e5c-7c2d-854c-dd29f039aa02", "prediction_version"),
    ],
)
def test_the_page_is_read_along_its_index_without_sorting(
    make_images: MakeImages, reviewer_client: Client, query: str, index: str
) -> None:
    make_images(1)
    answer_waiting(index=1)
    (sql,) = [sql for sql in count_queries(reviewer_client, query) if f"LIMIT {TILES + 1}" in sql]
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
        plan = "\n".join(row[3] for row in cursor.fetchall())
    assert index in plan
    assert "TEMP B-TREE" not in plan


@pytest.mark.skipif(connection.vendor != "sqlite", reason="reads SQLite's own words about its plan")
def test_a_visitors_page_is_read_along_the_owners_index(pets: Classifier, client: Client) -> None:
    send(client, 1)
    (sql,) = [sql for sql in count_queries(client) if f"LIMIT {TILES + 1}" in sql]
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
        plan = "\n".join(row[3] for row in cursor.fetchall())
    assert "image_owner_newest" in plan
    assert "TEMP B-TREE" not in plan


def test_a_reviewer_labels_many_at_once(make_images: MakeImages, reviewer_client: Client) -> None:
    make_images(3)
    answer_waiting(index=0)
    chosen = values(reviewer_client)
    answer = label(reviewer_client, chosen[:2])
    assert answer.json()["message"] == "2 pictures labelled “dog”."
    assert answer.json()["tiles"].count("It is: dog") == 2
    assert Review.objects.filter(label__name="dog", place="grid").count() == 2
    assert names(reviewer_client, "?reviewed=yes") == ["2.png", "1.png"]


def test_without_scripts_the_label_leads_back_to_the_same_filters(
    make_images: MakeImages, reviewer_client: Client
) -> None:
    make_images(1)
    body = {"image": values(reviewer_client), "label": "dog", "classifier": "pets"}
    answer = reviewer_client.post("/images/label?state=waiting", body, follow=True)
    assert answer.redirect_chain == [("/images/?state=waiting", 303)]
    assert "1 picture labelled “dog”." in answer.content.decode()


def test_what_somebody_else_reviewed_meanwhile_is_told_and_kept(
    make_images: MakeImages, reviewer_client: Client
) -> None:
    make_images(2)
    chosen = values(reviewer_client)
    label(client_of(person("reviewer", name="anna")), chosen[:1], "bird")
    message = label(reviewer_client, chosen).json()["message"]
    assert message.startswith("1 picture labelled “dog”. 1 not: anna reviewed this picture as “bird”")
    assert set(Image.objects.values_list("settled_label__name", flat=True)) == {"dog", "bird"}


def test_only_reviewers_label(make_images: MakeImages, client: Client) -> None:
    make_images(1)
    image = f"{Image.objects.get().id}:1"
    assert label(client, [image]).status_code == 302
    for role in ("", "viewer"):
        assert label(client_of(person(role)), [image]).status_code == 404
    assert not Review.objects.exists()
    page = client_of(person("viewer")).get(GALLERY).content.decode()
    assert "Label them" not in page


def test_a_label_needs_a_selection_a_label_and_one_classifier(make_images: MakeImages, reviewer_client: Client) -> None:
    make_images(1)
    chosen = values(reviewer_client)
    assert label(reviewer_client, []).json()["message"] == "Select at least one picture first."
    assert label(reviewer_client, chosen, "").json()["message"] == "Choose the label first."
    assert "could not be read" in label(reviewer_client, ["nonsense"]).json()["message"]
    assert "no label “cow”" in label(reviewer_client, chosen, "cow").json()["message"]
    assert "at most 500" in label(reviewer_client, [f"{number:032x}:1" for number in range(501)]).json()["message"]
    create_classifier(slug="cars", name="Cars", labels=LABELS)
    body = {"image": chosen, "label": "dog", "classifier": "cars"}
    answer = reviewer_client.post("/images/label", body, headers={"Accept": "application/json"})
    assert answer.json()["message"].startswith("Some of these pictures are not of Cars.")
    assert not Review.objects.exists()


def test_with_several_classifiers_one_must_be_chosen_first(make_images: MakeImages, reviewer_client: Client) -> None:
    make_images(1)
    create_classifier(slug="cars", name="Cars", labels=["van"])
    assert "Choose one classifier above first" in reviewer_client.get(GALLERY).content.decode()
    page = reviewer_client.get(f"{GALLERY}?classifier=pets").content.decode()
    assert "Choose one classifier above first" not in page
    assert "<option>bird</option>" in page


def test_looking_does_not_change_and_changing_needs_a_post(make_images: MakeImages, reviewer_client: Client) -> None:
    assert reviewer_client.post(GALLERY).status_code == 405
    assert reviewer_client.get("/images/label").status_code == 405
