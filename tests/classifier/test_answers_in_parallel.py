"""Workers answer for the same images at the same moment, on a database that really is shared."""

from __future__ import annotations

import threading

import pytest
from django.db import connection, connections, transaction

from classifier.classifiers import create_classifier
from classifier.model_registry import promote
from classifier.models import Image, Prediction
from classifier.prediction_results import AnswerRow, complete_batch
from classifier.predictions import claim_batch, find_work
from tests.row_makers import LABELS, make_version, upload
from tests.shared_database import shared_database  # noqa: F401 - a fixture, used by its name
from tests.stack import await_that

pytestmark = [
    pytest.mark.usefixtures("shared_database", "rings"),
    pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has one writer at a time: make test-postgres"),
]


def waits_for_a_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
        return bool(cursor.fetchone()[0])


def test_a_batch_that_waits_for_one_image_holds_no_later_one() -> None:
    """All take images in the order of their ids, so two batches never wait for each other in a circle."""
    pets = create_classifier(slug="pets", labels=LABELS)
    live = make_version(pets, "1" * 64)
    promote(version=live, reason="test")
    images = sorted((upload(number).images[0] for number in range(4)), key=lambda image: image.id)
    work = find_work()
    assert work is not None
    items = sorted(claim_batch(work=work, worker="w1", limit=4).items, key=lambda item: item.image_id, reverse=True)
    rows = [AnswerRow(item, 0, 0.8, [0.8, 0.1, 0.1], unsure=False, unfamiliar=False) for item in items]

    def complete() -> None:
        try:
            complete_batch(version_id=live.id, answers=rows)
        finally:
            connections.close_all()

    worker = threading.Thread(target=complete)
    with transaction.atomic():
        Image.objects.select_for_update().get(id=images[0].id)
        worker.start()
        await_that(waits_for_a_lock, 10, "the batch waits for the first image")
        Image.objects.select_for_update(nowait=True).get(id=images[-1].id)
    worker.join(10)
    assert Prediction.objects.filter(state="done").count() == 4
