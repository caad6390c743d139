"""The page of a version: what it tells, and the pictures behind its mistakes."""

from __future__ import annotations

import pytest
from django.urls import reverse

from classifier.models import Classifier, ModelVersion
from tests.row_makers import png_bytes
from tests.webapp.model_versions import client_with, make_measured_classifier, measured, page, quiet_site, version_of

__all__ = ["measured", "quiet_site"]

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("quiet_site")]


def test_it_tells_how_good_the_version_is(measured: Classifier) -> None:
    text = page(client_with(), version_of(measured, 2))
    assert "90.0 %</span> of 30 holdout pictures are right" in text
    assert "between 74.4 % and 96.5 %" in text
    assert "0.012 (0.075 before its temperature was set)" in text
    assert "80.0 %, and 95.0 % of these rightly" in text
    assert "on album" in text


def test_it_tells_what_the_gate_said_and_what_the_version_is(measured: Classifier) -> None:
    text = page(client_with(), version_of(measured, 2))
    assert "Nothing shows that it is worse." in text
    assert "small, small residual, 10 epochs" in text
    assert "222222222222" in text
    assert "manage.py export_model pets" in text


def test_each_label_has_its_figures_and_what_is_missing(measured: Classifier) -> None:
    text = page(client_with(), version_of(measured, 2))
    assert text.count('class="bar"') == 6
    assert "not yet proven: 27 more pictures" in text


def test_the_fields_of_the_confusion_table_lead_to_their_pictures(measured: Classifier) -> None:
    version = version_of(measured, 2)
    text = page(client_with(), version)
    assert '<td class="wrong shade-4"><a href="cells/0/1/" aria-label="2: cat taken for dog"' in text
    assert text.count('class="right shade-') == 3
    assert "cells/0/2/" not in text


def test_many_labels_have_a_list_instead_of_a_table() -> None:
    classifier = make_measured_classifier(slug="many", labels=[f"label {place}" for place in range(31)])
    version = version_of(classifier, 1)
    text = page(client_with(), version)
    assert '<table class="confusion">' not in text
    assert "label 0 taken for label 1" in text
    assert "cells/1/0/" in text


def test_of_very_many_labels_the_worst_are_shown() -> None:
    names = [f"label {place}" for place in range(200)]
    version = version_of(make_measured_classifier(slug="many", labels=names), 2)
    version.evaluation["per_label"][180]["f1"] = 0.1
    version.save(update_fields=["evaluation"])
    text = page(client_with(), version)
    assert "The 150 of 200 labels that are recognised worst." in text
    rows = text[text.index('<table class="table labels">') :].split('<th scope="row">')
    assert rows[1].startswith("label 180<")


def test_many_labels_have_a_page_for_each_field_all_the_same() -> None:
    version = version_of(make_measured_classifier(slug="many", labels=[f"label {place}" for place in range(31)]), 1)
    client = client_with()
    right = client.get(reverse("model-cell", args=[version.id, 5, 5])).content.decode()
    assert "9 holdout pictures" in right
    assert "label 5, rightly answered" in right
    version.evaluation["confused_pairs"] = []
    version.save(update_fields=["evaluation"])
    assert "2 holdout pictures" in client.get(reverse("model-cell", args=[version.id, 0, 1])).content.decode()


def test_a_version_never_measured_says_what_to_do(pets: Classifier) -> None:
    version = version_of(pets, 1)
    client = client_with("add_trainingrun")
    text = page(client, version)
    assert "It has not been measured yet." in text
    assert "Its classifier has no pictures to measure it on." in text
    assert "What is taken for what" not in text
    ModelVersion.objects.filter(pk=version.pk).update(metrics={"holdout": {"accuracy": 0.75, "count": 400}})
    assert "After its training 75.0 % of 400 holdout pictures were right." in page(client, version)


def test_the_pictures_of_a_field_are_shown_surest_first(measured: Classifier) -> None:
    version = version_of(measured, 2)
    client = client_with()
    answer = client.get(reverse("model-cell", args=[version.id, 0, 1]))
    text = answer.content.decode().replace("\u00a0", " ")
    assert "cat taken for dog" in text
    assert text.index("99 % sure") < text.index("51 % sure")
    assert "dog taken for cat" in text, "the way to the mirrored field"
    address = text.split('<figure><img src="')[1].split('"')[0]
    picture = client.get(address)
    assert picture.content == png_bytes(0)
    assert picture["Content-Type"] == "image/png"
    assert "immutable" in picture["Cache-Control"]


def test_a_field_whose_pictures_were_not_kept_says_so(measured: Classifier) -> None:
    version = version_of(measured, 2)
    text = client_with().get(reverse("model-cell", args=[version.id, 2, 2])).content.decode()
    assert "were not kept" in text


def test_a_field_without_mistakes_says_so(measured: Classifier) -> None:
    text = client_with().get(reverse("model-cell", args=[version_of(measured, 2).id, 0, 2])).content.decode()
    assert "v2 does not err this way" in text


@pytest.mark.parametrize(("truth", "answer"), [(3, 0), (0, 3), (99999999999, 0)])
def test_there_are_no_other_fields(measured: Classifier, truth: int, answer: int) -> None:
    address = reverse("model-cell", args=[version_of(measured, 2).id, truth, answer])
    assert client_with().get(address).status_code == 404


@pytest.mark.parametrize("folder", ["0/1/../..", "../0", "0/2", "changes/none", "cells"])
def test_there_are_no_other_pictures(measured: Classifier, folder: str) -> None:
    version = version_of(measured, 2)
    mark = version.evaluation["pack"].split("/")[-2]
    client = client_with()
    shown = client.get(reverse("model-picture", args=[version.id, mark, "0/1", 0]))
    assert (shown.status_code, shown["Content-Type"]) == (200, "image/png")
    assert shown["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert client.get(reverse("model-picture", args=[version.id, mark, folder, 0])).status_code == 404
    assert client.get(reverse("model-picture", args=[version.id, "0" * 16, "0/1", 0])).status_code == 404


def test_it_is_compared_with_the_version_it_was_judged_against(measured: Classifier) -> None:
    text = page(client_with(), version_of(measured, 2))
    assert "Compare with v1" in text
    assert '<td class="number better">+10.0<span class="unit"> points</span>' in text
    assert "4 pictures became right, 1 became wrong." in text
    assert text.count('alt="A picture of cat"') == 2


def test_it_is_compared_with_the_version_asked_for(measured: Classifier) -> None:
    first, second = version_of(measured, 1), version_of(measured, 2)
    text = page(client_with(), first, f"?with={second.id}")
    assert "Compare with v2" in text
    assert '<td class="number worse">\u221210.0<span class="unit"> points</span>' in text
    assert "became right" not in text


def test_figures_of_different_pictures_are_not_compared_silently(measured: Classifier) -> None:
    first = version_of(measured, 1)
    ModelVersion.objects.filter(pk=first.pk).update(evaluation={**first.evaluation, "holdout_digest": "b" * 64})
    assert "They were measured on different pictures (30 and 30)." in page(client_with(), version_of(measured, 2))


@pytest.mark.parametrize("other", ["nonsense", "0d139d4c-cae8-4516-8d9c-137b187c08ad"])
def test_there_is_nothing_else_to_compare_with(measured: Classifier, other: str) -> None:
    address = reverse("model", args=[version_of(measured, 2).id]) + f"?with={other}"
    assert client_with().get(address).status_code == 404


def test_names_of_labels_are_shown_as_text(measured: Classifier) -> None:
    version = version_of(measured, 2)
    version.evaluation["per_label"][0]["label"] = "<script>"
    version.save(update_fields=["evaluation"])
    assert "<script> taken" not in page(client_with(), version)
