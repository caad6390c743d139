"""Several threads send at once; what they bring is recorded in the order of the files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from classifier.batch_jobs import claim_batch, find_or_create_batch, list_files
from classifier.batch_places import open_place
from classifier.batch_running import find_files
from classifier.batch_sending import BatchSender, Wish
from classifier.classifiers import create_classifier
from classifier.models import BatchItem
from tests.batch_makers import write_pictures
from tests.row_makers import LABELS
from tests.shared_database import shared_database  # noqa: F401 - a fixture, used by its name

pytestmark = pytest.mark.usefixtures("shared_database")


def test_each_file_keeps_its_own_image(tmp_path: Path, rings: Any) -> None:
    classifier = create_classifier(slug="pets", name="Pets", labels=LABELS)
    folder = write_pictures(tmp_path / "p", 100)
    places = [open_place(str(folder))]
    batch = claim_batch(
        batch_id=find_or_create_batch(classifier=classifier, wished_version=None, places=[str(folder)]), worker="test"
    )
    assert batch
    batch = list_files(batch, find_files(places), on_listed=lambda count: None)
    with BatchSender(batch, Wish("pets", None, places), threads=2) as sender:
        while sender.sent < 100:
            sender.send_until(100)
            sender.settle()
    sent = list(BatchItem.objects.order_by("number").values_list("place", "image__name"))
    assert [place.rpartition("/")[2] for place, _ in sent] == [name for _, name in sent]
    assert len(sent) == 100
