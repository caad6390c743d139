"""The page of a version: who sees it, and what its buttons do."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse

from classifier.model_registry import promote
from classifier.models import Classifier, EvaluationRequest, ModelVersion, PromotionRequest
from tests.webapp.model_versions import client_with, make_worker, measured, page, quiet_site, version_of

__all__ = ["measured", "quiet_site"]

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("quiet_site")]


def addresses(version: ModelVersion) -> list[tuple[str, str]]:
    return [
        ("get", reverse("model", args=[version.id])),
        ("get", reverse("model-cell", args=[version.id, 0, 1])),
        ("get", reverse("model-picture", args=[version.id, "a", "0/1", 0])),
        ("post", reverse("promote-model", args=[version.id])),
        ("post", reverse("roll-back-model", args=[version.id])),
        ("post", reverse("evaluate-model", args=[version.id])),
    ]


def test_visitors_log_in_first_and_others_find_nothing(measured: Classifier, client: Client) -> None:
    stranger = Client()
    stranger.force_login(make_worker("stranger", rights=("view_image",)))
    for method, address in addresses(version_of(measured, 2)):
        assert getattr(client, method)(address).status_code == 302
        assert getattr(stranger, method)(address).status_code == 404


def test_whoever_may_only_look_changes_nothing(measured: Classifier) -> None:
    version = version_of(measured, 2)
    looker = client_with()
    text = page(looker, version)
    assert text.count("You may look, but not do this.") == 2
    for method, address in addresses(version):
        if method == "post":
            assert looker.post(address).status_code == 404
    assert not PromotionRequest.objects.exists()
    assert not EvaluationRequest.objects.exists()


def test_an_unknown_version_is_not_found(measured: Classifier) -> None:
    client = client_with("change_modelversion", "add_trainingrun")
    for identifier in ("nonsense", uuid4()):
        assert client.get(reverse("model", args=[identifier])).status_code == 404
        assert client.post(reverse("promote-model", args=[identifier])).status_code == 404


def test_what_changes_things_is_not_done_by_following_a_link(measured: Classifier) -> None:
    client = client_with("change_modelversion", "add_trainingrun")
    for method, address in addresses(version_of(measured, 2)):
        if method == "post":
            assert client.get(address).status_code == 405


def test_promote_asks_a_worker_and_the_page_says_so(measured: Classifier) -> None:
    version = version_of(measured, 2)
    client = client_with("change_modelversion")
    assert "it takes the place of v1" in page(client, version)
    answer = client.post(reverse("promote-model", args=[version.id]))
    assert answer["Location"] == reverse("model", args=[version.id])
    assert PromotionRequest.objects.get().version == version
    text = page(client, version)
    assert "A worker loads v2 and tries it" in text
    assert 'id="promote"' not in text


def test_a_refused_promotion_is_told_with_its_reason(measured: Classifier) -> None:
    version = version_of(measured, 2)
    PromotionRequest.objects.create(
        classifier=measured, version=version, state="refused", outcome="It did not load.", reason="x"
    )
    assert "it stayed as it is: It did not load." in page(client_with("change_modelversion"), version)


def test_a_rejected_version_cannot_be_promoted_and_the_page_says_why(measured: Classifier) -> None:
    version = version_of(measured, 2)
    ModelVersion.objects.filter(pk=version.pk).update(stage="rejected")
    client = client_with("change_modelversion")
    assert "v2 was rejected" in page(client, version)
    client.post(reverse("promote-model", args=[version.id]))
    assert not PromotionRequest.objects.exists()


def test_the_first_version_has_nothing_to_roll_back_to(measured: Classifier) -> None:
    text = page(client_with("change_modelversion"), version_of(measured, 1))
    assert "There is no earlier live version to go back to." in text


def test_roll_back_is_one_click(measured: Classifier) -> None:
    first, second = version_of(measured, 1), version_of(measured, 2)
    promote(version=second, reason="test")
    client = client_with("change_modelversion")
    assert "Roll back to v1" in page(client, second)
    answer = client.post(reverse("roll-back-model", args=[second.id]))
    assert answer["Location"] == reverse("model", args=[first.id])
    assert Classifier.objects.get(pk=measured.pk).live_version == first
    client.post(reverse("roll-back-model", args=[second.id]))
    assert Classifier.objects.get(pk=measured.pk).live_version == first, "a late second click changes nothing"


def test_evaluate_again_asks_a_worker_once(measured: Classifier) -> None:
    version = version_of(measured, 2)
    client = client_with("add_trainingrun")
    for _ in range(2):
        client.post(reverse("evaluate-model", args=[version.id]))
    assert EvaluationRequest.objects.get().version == version
    assert "A train worker measures it" in page(client, version)


def test_an_evaluation_that_failed_says_why(measured: Classifier) -> None:
    version = version_of(measured, 2)
    EvaluationRequest.objects.create(version=version, state="failed", outcome="v2 cannot be loaded.")
    assert "The last measuring failed: v2 cannot be loaded." in page(client_with("add_trainingrun"), version)
