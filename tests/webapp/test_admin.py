"""The admin: every page works, stays quick, runs under the strict CSP, and lets nobody break an invariant."""

from __future__ import annotations

import re

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from classifier.models import Classifier, IdempotencyKey, Image, Prediction
from tests.row_makers import upload
from tests.webapp.admin_site import KINDS, answer_waiting, list_address, make_rows, newest, row_address

pytestmark = pytest.mark.django_db
# What `script-src 'self'; style-src 'self'` would refuse.
INLINE = re.compile(r"<style|\sstyle=|<script(?![^>]*(\ssrc=|type=\"application/json\"))|\son[a-z]+=|javascript:")


@pytest.fixture
def admin_user(db: None) -> User:
    """As pytest-django's, without a password: hashing one takes longer than most of these tests."""
    return User.objects.create_superuser("admin")


@pytest.fixture
def client_of_staff(client: Client, db: None) -> Client:
    """Logged in, staff, with no permission at all."""
    client.force_login(User.objects.create_user("staff", is_staff=True))
    return client


def allow(client: Client, *codenames: str) -> None:
    user = User.objects.get(username="staff")
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))


@pytest.mark.parametrize("kind", KINDS)
def test_each_list_shows_its_rows(kind: str, pets: Classifier, admin_client: Client) -> None:
    make_rows(pets, 2)
    page = admin_client.get(list_address(kind))
    assert page.status_code == 200
    assert row_address(kind, newest(kind)) in page.content.decode()


@pytest.mark.parametrize("kind", KINDS)
def test_each_row_has_a_page(kind: str, pets: Classifier, admin_client: Client) -> None:
    make_rows(pets, 1)
    page = admin_client.get(row_address(kind, newest(kind)))
    assert page.status_code == 200
    assert ('name="_save"' in page.content.decode()) is (kind == "classifier")  # see test_admin_schedules.py


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_list_is_no_error(kind: str, admin_client: Client) -> None:
    assert admin_client.get(list_address(kind)).status_code == 200


@pytest.mark.parametrize("kind", KINDS)
def test_an_unknown_row_leads_back_to_the_start(kind: str, admin_client: Client) -> None:
    answers = [admin_client.get(row_address(kind, key)) for key in ("00000000-0000-7000-8000-000000000000", "nonsense")]
    assert [answer.status_code for answer in answers] == [302, 302]


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_added_changed_or_deleted_by_hand(kind: str, pets: Classifier, admin_client: Client) -> None:
    make_rows(pets, 1)
    key = newest(kind)
    statuses = [
        admin_client.post(reverse(f"admin:classifier_{kind}_add"), {"name": "x"}).status_code,
        admin_client.post(row_address(kind, key), {"name": "x"}).status_code,
        admin_client.post(row_address(kind, key, "delete"), {"post": "yes"}).status_code,
    ]
    assert statuses == [403, 200 if kind == "classifier" else 403, 403]  # its schedule alone, see that test
    assert not (kind == "classifier" and Classifier.objects.filter(name="x").exists())
    assert newest(kind) == key


@pytest.mark.parametrize("kind", KINDS)
def test_deleting_many_is_not_offered(kind: str, pets: Classifier, admin_client: Client) -> None:
    make_rows(pets, 1)
    key = newest(kind)
    admin_client.post(list_address(kind), {"action": "delete_selected", "_selected_action": [str(key)], "post": "yes"})
    assert newest(kind) == key


def test_idempotency_keys_are_hidden() -> None:
    assert not admin.site.is_registered(IdempotencyKey)


def test_a_visitor_is_sent_to_the_login(client: Client) -> None:
    answer = client.get(list_address("image"))
    assert (answer.status_code, answer["Location"].partition("?")[0]) == (302, reverse("admin:login"))


def test_staff_without_permission_sees_no_images(client_of_staff: Client) -> None:
    assert client_of_staff.get(list_address("image")).status_code == 403


def test_staff_who_may_only_look_is_offered_no_action_but_to_take_the_list_home(
    client_of_staff: Client, pets: Classifier
) -> None:
    make_rows(pets, 1)
    allow(client_of_staff, "view_image", "view_modelversion", "view_classifier", "view_prediction")
    for kind in ("prediction", "modelversion", "classifier", "review"):
        assert '<select name="action"' not in client_of_staff.get(list_address(kind)).content.decode()
    offered = re.findall(r'<option value="(\w+)">', client_of_staff.get(list_address("image")).content.decode())
    assert offered == ["export_csv"]


def test_the_header_says_whose_admin_this_is(admin_client: Client) -> None:
    page = admin_client.get(reverse("admin:index")).content.decode()
    assert "Whatsit</a>" in page
    assert "whatsit/css/admin.css" in page
    assert "Django administration" not in page


def test_thumbnails_are_served_to_the_staff_session(pets: Classifier, admin_client: Client) -> None:
    make_rows(pets, 1)
    page = admin_client.get(list_address("image")).content.decode()
    source = re.search(r'<img class="thumbnail" src="([^"]+)"', page)
    assert source is not None
    answer = admin_client.get(source[1])
    assert (answer.status_code, answer["Content-Type"]) == (200, "image/png")


def test_the_name_of_a_file_is_shown_as_text(pets: Classifier, admin_client: Client) -> None:
    image = upload(1).images[0]
    Image.objects.filter(id=image.id).update(name='"><script>alert(1)</script>')
    for address in (list_address("image"), row_address("image", image.id), list_address("prediction")):
        assert "<script>alert" not in admin_client.get(address).content.decode()


@pytest.mark.parametrize("kind", KINDS)
def test_no_page_needs_inline_script_or_style(kind: str, pets: Classifier, admin_client: Client) -> None:
    make_rows(pets, 2)
    for address in (list_address(kind), row_address(kind, newest(kind)), reverse("admin:index")):
        page = admin_client.get(address)
        assert "script-src 'self'" in page["Content-Security-Policy"]
        assert INLINE.search(page.content.decode()) is None


@pytest.mark.parametrize("kind", KINDS)
def test_a_longer_list_asks_the_database_no_more_often(kind: str, pets: Classifier, admin_client: Client) -> None:
    make_rows(pets, 2)
    few = count_queries(admin_client, list_address(kind))
    make_rows(pets, 8, first=10)
    assert count_queries(admin_client, list_address(kind)) == few


def count_queries(client: Client, address: str) -> int:
    client.get(address)  # the first look also fills what is read once a process
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert client.get(address).status_code == 200
    return len(queries)


@pytest.mark.parametrize(
    ("kind", "query"),
    [
        *(("prediction", query) for query in ("", "?state=done", "?unsure=no", "?age=day", "?q=visitor:test-visitor")),
        *(("image", query) for query in ("", "?age=day", "?q=visitor:test-visitor", "?q=png", "?state=done&unsure=no")),
    ],
)
def test_a_long_list_is_never_counted_to_its_end(kind: str, query: str, pets: Classifier, admin_client: Client) -> None:
    make_rows(pets, 2)
    with CaptureQueriesContext(connection) as queries:
        admin_client.get(list_address(kind, query))
    counts = [entry["sql"] for entry in queries if "COUNT(*)" in entry["sql"]]
    assert counts
    assert all(re.search(r"LIMIT \d+\) ", sql) for sql in counts)


def test_a_cut_list_says_so(pets: Classifier, admin_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webapp.admin.long_lists.LONGEST_LIST", 2)
    for seed in range(2):
        upload(seed)
    assert "There are more." not in admin_client.get(list_address("image")).content.decode()
    upload(3)
    page = admin_client.get(list_address("image")).content.decode()
    assert "There are more." in page
    assert "2 images" in page


def shown(client: Client, kind: str, query: str) -> set[str]:
    """The ids of the listed rows."""
    rows = client.get(list_address(kind, query)).context["cl"].result_list
    return {str(row.pk) for row in rows}


@pytest.fixture
def three_answers(pets: Classifier) -> list[Image]:
    """A cat for certain, an unsure dog, and one that waits."""
    cat = upload(1).images[0]
    answer_waiting(index=0)
    dog = upload(2).images[0]
    answer_waiting(index=1, confidence=0.4, unsure=True)
    return [cat, dog, upload(3).images[0]]


@pytest.mark.parametrize(
    ("query", "places"),
    [
        ("?state=done", {0, 1}),
        ("?state=queued", {2}),
        ("?state=failed", set()),
        ("?unsure=yes", {1}),
        ("?unsure=no", {0}),
        ("?answer=LABEL", {1}),
        ("?version=VERSION", {0, 1}),
        ("?age=hour", {0, 1, 2}),
        ("?answer=nonsense", {0, 1, 2}),
        ("?q=visitor:test-visitor", {0, 1, 2}),
        ("?q=visitor:other", set()),
        ("?q=nonsense", set()),
        ("?q=SHA", {1}),
        ("?q=ID", {1}),
    ],
)
def test_filters_and_search_narrow_the_predictions(
    query: str, places: set[int], three_answers: list[Image], pets: Classifier, admin_client: Client
) -> None:
    wanted = {str(three_answers[place].current_prediction_id) for place in places}
    assert shown(admin_client, "prediction", fill_in(query, pets, three_answers[1])) == wanted


@pytest.mark.parametrize(
    ("query", "places"),
    [
        ("?state=done", {0, 1}),
        ("?state=queued", {2}),
        ("?state=failed", set()),
        ("?unsure=yes", {1}),
        ("?unsure=no&state=done", {0}),
        ("?unsure=yes&state=queued", set()),
        ("?answer=LABEL", {1}),
        ("?answer=LABEL&version=VERSION&state=done", {1}),
        ("?answer=nonsense", {0, 1, 2}),
        ("?reviewed=no", {0, 1, 2}),
        ("?reviewed=settled", set()),
        ("?reviewed=no&unsure=yes", {1}),
        ("?reviewed=settled&unsure=yes", set()),
        ("?age=hour", {0, 1, 2}),
        ("?q=visitor:other", set()),
        ("?q=SHA", {1}),
        ("?q=START", {1}),
        ("?q=2.pn", {1}),
        ("?q=2.pn&unsure=no", set()),
        ("?q=.PNG&state=done", {0, 1}),
        ("?q=ID", {1}),
    ],
)
def test_filters_and_search_narrow_the_images(
    query: str, places: set[int], three_answers: list[Image], pets: Classifier, admin_client: Client
) -> None:
    wanted = {str(three_answers[place].id) for place in places}
    assert shown(admin_client, "image", fill_in(query, pets, three_answers[1])) == wanted


def fill_in(query: str, pets: Classifier, image: Image) -> str:
    """The query with real values for its words in capitals."""
    values = {
        "LABEL": pets.labels.get(name="dog").id,
        "VERSION": pets.live_version_id,
        "SHA": image.sha256,
        "START": image.sha256[:9].upper(),
        "ID": image.id,
    }
    for word, value in values.items():
        query = query.replace(word, str(value))
    return query


def test_rows_older_than_the_period_are_left_out(three_answers: list[Image], admin_client: Client) -> None:
    old = "018f0000-0000-7000-8000-000000000000"
    image = three_answers[0]
    Prediction.objects.create(id=old, image=image, classifier=image.classifier, queued_at=timezone.now())
    assert old in shown(admin_client, "prediction", "")
    assert old not in shown(admin_client, "prediction", "?age=month")


def test_the_scores_of_an_answer_are_shown_best_first(three_answers: list[Image], admin_client: Client) -> None:
    page = admin_client.get(row_address("image", three_answers[1].id)).content.decode()
    assert "Not sure: dog, 40.0 %" in page
    assert re.search(r"dog.*40\.0 %.*(cat|bird).*30\.0 %", page, re.DOTALL)


def test_a_failed_prediction_says_why(three_answers: list[Image], admin_client: Client) -> None:
    Prediction.objects.filter(image=three_answers[2]).update(
        state="failed", failure_code="unreadable", failure_reason="Torn."
    )
    assert "Failed: Torn." in admin_client.get(list_address("prediction")).content.decode()
