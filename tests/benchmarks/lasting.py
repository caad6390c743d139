"""What grows with use: the memory of web process and worker (P6), and the cost of a picture among many rows (P8)."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

from tests.benchmarks.load import run_load
from tests.benchmarks.machine import has_mapped, resident_megabytes
from tests.benchmarks.site import Site

IMAGES_A_REQUEST = 50
TENSORFLOW_FILE = "tensorflow"
MANY_ROWS = """
import datetime, secrets
from django.db import connection
from django.utils import timezone
from classifier.identifiers import new_id
from classifier.models import Classifier, Image, Prediction
from classifier.prepared_inserts import insert_rows
from classifier.write_transactions import write_transaction
classifier = Classifier.objects.get(slug='fashion')
moment = timezone.now() - datetime.timedelta(days=1)
for _ in range({count} // 5000):
    images, predictions = [], []
    for _ in range(5000):
        key = secrets.token_hex(32)
        image = Image(id=new_id(), classifier=classifier, owner='visitor:%s' % key[:2], name='row', sha256=key,
            file_sha256=key, content=key, difference_hash=bytes.fromhex(key), storage_key='images/none/' + key,
            format='PNG', width=28, height=28, original_width=28, original_height=28, size_bytes=400, source='command')
        prediction = Prediction(image=image, classifier=classifier, state='done', queued_at=moment, done_at=moment,
            model_version_id=classifier.live_version_id, scores=[0.1] * 10, confidence=0.1)
        image.current_prediction = prediction
        images.append(image)
        predictions.append(prediction)
    with write_transaction():
        insert_rows(images)
        insert_rows(predictions)
if connection.vendor != 'sqlite':
    with connection.cursor() as cursor:
        cursor.execute('ANALYZE')
result = Image.objects.count()
"""


def measure_memory(site: Site, pictures: Path, *, images: int) -> dict[str, Any]:
    """Resident MB of both processes after a warm-up and after `images` more."""
    _send(site, pictures, 2000)
    before = {part: round(resident_megabytes(site.pid_of(part)), 1) for part in ("web", "gpu")}
    sent = _send(site, pictures, images)
    after = {part: round(resident_megabytes(site.pid_of(part)), 1) for part in ("web", "gpu")}
    return {
        "images": sent,
        "web_before_mb": before["web"],
        "web_mb": after["web"],
        "web_has_tensorflow": has_mapped(site.pid_of("web"), TENSORFLOW_FILE),
        "worker_before_mb": before["gpu"],
        "worker_mb": after["gpu"],
    }


def _send(site: Site, pictures: Path, images: int) -> int:
    sent = 0
    while sent < images:
        sent += run_load(site, pictures, seconds=4, connections=4, images_a_request=IMAGES_A_REQUEST).done
    return sent


def measure_many_rows(site: Site, pictures: Path, *, rows: int, seconds: float, rounds: int = 3) -> dict[str, Any]:
    """Processor milliseconds of all our processes a picture, with few rows and with `rows` more."""
    few = _cost(site, pictures, seconds, rounds)
    held = site.query(MANY_ROWS.format(count=rows))
    many = _cost(site, pictures, seconds, rounds)
    return {"rows": held, "ms_few": few, "ms_many": many, "ratio": round(many / few, 2)}


def _cost(site: Site, pictures: Path, seconds: float, rounds: int) -> float:
    results = [run_load(site, pictures, seconds=seconds, connections=16, first=3000 * n) for n in range(rounds)]
    return round(statistics.median(sum(result.cpu_ms_per_image.values()) for result in results), 3)
