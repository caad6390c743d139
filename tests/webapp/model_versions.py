"""A classifier with measured versions, whose figures and pictures are small enough to count."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from classifier.classifiers import create_classifier
from classifier.evaluations import store_evaluation
from classifier.model_registry import promote, register_version
from classifier.models import Classifier, Dataset, ModelVersion
from tests.row_makers import png_bytes

LABELS = ["cat", "dog", "bird"]
MATRIX = [[8, 2, 0], [1, 9, 0], [0, 0, 10]]
RIGHTS = ("view_trainingrun", "add_trainingrun", "change_modelversion")


def make_worker(name: str = "worker", rights: tuple[str, ...] = RIGHTS) -> User:
    """Somebody who works on the site, with these rights only."""
    user = User.objects.create_user(name, is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=rights))
    return user


def make_measured_classifier(*, slug: str = "pets", labels: list[str] | None = None) -> Classifier:
    """v1 is live, v2 a candidate; both are measured, and v2's pack tells what changed against v1."""
    names = labels or LABELS
    classifier = create_classifier(slug=slug, name=slug.title(), labels=names)
    Dataset.objects.create(classifier=classifier, name="album", digest="0" * 64)
    first = make_candidate(classifier, "1" * 64, names)
    promote(version=first, reason="It is clearly better than chance.")
    second = make_candidate(classifier, "2" * 64, names)
    figures = make_figures(names)
    store_evaluation(version_id=first.id, figures={**figures, "accuracy": 0.8}, pack=make_pack())
    against = {"id": str(first.id), "number": 1, "newly_right": 4, "newly_wrong": 1}
    store_evaluation(version_id=second.id, figures={**figures, "against": against}, pack=make_pack())
    return Classifier.objects.get(pk=classifier.pk)


def make_candidate(classifier: Classifier, digest: str, labels: list[str]) -> ModelVersion:
    """A version with thresholds of which the first is not yet proven."""
    thresholds = {"per_label": [0.9] * len(labels), "not_yet_proven": [27] + [0] * (len(labels) - 1)}
    manifest = {
        "labels": labels,
        "thresholds": thresholds,
        "recipe": {"recipe": "small", "network": "small_residual", "epochs": 10},
        "preprocessing": {"name": "grey_bright_on_dark", "width": 28, "height": 28, "channels": 1},
    }
    version = register_version(classifier=classifier, digest=digest, manifest=manifest, metrics={})
    verdict = {"passed": True, "sentences": ["Nothing shows that it is worse."], "numbers": {"newly_right": 4}}
    ModelVersion.objects.filter(pk=version.pk).update(verdict=verdict)
    return version


def make_figures(labels: list[str]) -> dict[str, Any]:
    """Thirty pictures; with more labels than the table shows, pairs only."""
    small = labels == LABELS
    per_label = [
        {"label": name, "support": 10, "answered": 10, "precision": 0.9, "recall": 0.9, "f1": 0.9} for name in labels
    ]
    return {
        "count": 30,
        "accuracy": 0.9,
        "accuracy_low": 0.744,
        "accuracy_high": 0.965,
        "top_3": 1.0,
        "calibration_error": 0.012,
        "calibration_error_before": 0.075,
        "sure_share": 0.8,
        "sure_accuracy": 0.95,
        "confusion": MATRIX if small else None,
        "confused_pairs": [[0, 1, 2], [1, 0, 1]],
        "per_label": per_label,
        "target_curve": [{"target": 0.9, "sure_share": 0.8, "sure_accuracy": 0.95}],
        "target_curve_from": "validation",
        "datasets": ["album"],
        "holdout_digest": "a" * 64,
    }


def make_pack() -> bytes:
    """Two cats taken for dogs, and what changed."""
    fact = {"confidence": 0.987, "content": "ab" * 32}
    change = {**fact, "truth": "cat", "now": "dog", "before": "cat"}
    index = {"0/1": [fact, {**fact, "confidence": 0.51}], "changes/wrong": [change], "changes/right": [change]}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for folder, facts in index.items():
            for number in range(len(facts)):
                archive.writestr(f"{folder}/{number}.png", png_bytes(number))
        archive.writestr("cells.json", json.dumps(index))
    return out.getvalue()


def version_of(classifier: Classifier, number: int) -> ModelVersion:
    """The version as its row is now."""
    return ModelVersion.objects.get(classifier=classifier, number=number)


def client_with(*rights: str) -> Client:
    """Somebody who may look, and do what is named."""
    client = Client()
    client.force_login(make_worker(rights=("view_trainingrun", *rights)))
    return client


def page(client: Client, version: ModelVersion, query: str = "") -> str:
    """The version's page with plain spaces."""
    answer = client.get(reverse("model", args=[version.id]) + query)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().replace("\u00a0", " ").split())


@pytest.fixture
def quiet_site(monkeypatch: pytest.MonkeyPatch, rings: list[str], settings: Any, tmp_path: Any) -> None:
    """No message leaves, and fetched packs stay in a folder of the test's own."""
    settings.VAR_DIR = tmp_path
    for place in ("evaluations", "evaluation_requests", "promotion_requests"):
        monkeypatch.setattr(f"classifier.{place}.live_sender.send", lambda events: None)
    for place in ("evaluation_requests", "promotion_requests"):
        monkeypatch.setattr(f"classifier.{place}.ring_by_name", lambda *arguments, **options: None)


@pytest.fixture
def measured(quiet_site: None) -> Classifier:
    """v1 live, v2 a candidate."""
    return make_measured_classifier()
