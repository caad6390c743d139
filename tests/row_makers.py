"""Makers of rows and pictures that many tests need."""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image as Pillow

from classifier.classifiers import create_classifier
from classifier.model_registry import promote, register_version
from classifier.models import Classifier, Image, ModelVersion, Prediction
from classifier.owners import Owner
from classifier.upload_requests import SentFile, UploadAnswer
from classifier.uploads import accept_upload

LABELS = ["cat", "dog", "bird"]
VISITOR = Owner("visitor", "test-visitor")


def png_bytes(seed: int, *, side: int = 28) -> bytes:
    """A grey PNG whose pixels follow from the seed."""
    pixels = random.Random(seed).randbytes(side * side)
    out = io.BytesIO()
    Pillow.frombytes("L", (side, side), pixels).save(out, format="PNG")
    return out.getvalue()


def make_version(classifier: Classifier, digest: str) -> ModelVersion:
    """A candidate with the test labels and no artifact behind it."""
    return register_version(classifier=classifier, digest=digest, manifest={"labels": LABELS}, metrics={})


def upload(seed: int, *, owner: Owner = VISITOR, priority: int = Prediction.PROGRAM, **options: Any) -> UploadAnswer:
    """One accepted picture."""
    files = [SentFile(f"{seed}.png", png_bytes(seed))]
    return accept_upload(files=files, owner=owner, source=Image.Source.API, priority=priority, **options)


@pytest.fixture
def rings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The doorbell's rings, kept instead of sent."""
    heard: list[str] = []
    monkeypatch.setattr("classifier.doorbell.doorbell.ring", lambda: heard.append("ring"))
    monkeypatch.setattr("classifier.model_registry.ring_by_name", lambda task, arguments: heard.append(task))
    monkeypatch.setattr("classifier.promotion_requests.ring_by_name", lambda task, arguments, queue: heard.append(task))
    monkeypatch.setattr("classifier.webhook_events.webhook_bell.ring", lambda: heard.append("webhooks"))
    monkeypatch.setattr("classifier.model_registry.live_sender.send", lambda events: None)
    return heard


@pytest.fixture
def rung(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The train worker's bell, and no messages."""
    heard: list[Any] = []
    monkeypatch.setattr("tasks.training_requests.ring_by_name", lambda task, ids, queue: heard.append((queue, ids)))
    monkeypatch.setattr("classifier.training_news.live_sender.send", lambda events: None)
    return heard


@pytest.fixture
def pets(db: None, rings: list[str]) -> Classifier:
    """A classifier with a live version."""
    classifier = create_classifier(slug="pets", name="Pets", labels=LABELS)
    promote(version=make_version(classifier, "1" * 64), reason="test")
    classifier.refresh_from_db()
    return classifier


MakeImages = Callable[[int], list[Image]]


@pytest.fixture
def make_images(pets: Classifier) -> MakeImages:
    """Uploads that many different pictures."""
    return lambda count: [upload(seed).images[0] for seed in range(count)]
