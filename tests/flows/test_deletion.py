"""Deleting in real processes: during prediction, through kills at every point, out of datasets; reconcile agrees."""

from __future__ import annotations

import shutil
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.dataset_makers import write_folders
from tests.row_makers import png_bytes
from tests.stack import Stack, await_that

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(
        not (shutil.which("redis-server") or shutil.which("valkey-server")), reason="needs redis-server"
    ),
]
TIMES = {
    "DELETION_POLL_SECONDS": "0.5",
    "DELETION_RETRY_SECONDS": "0.5",
    "DELETION_LEASE_SECONDS": "2",
    "ORPHAN_OBJECT_SECONDS": "0.2",
    "STUB_IMAGE_SECONDS": "0.02",
}
WORKER_POINTS = ["deletion-objects-removed", "after-rewrite-stored", "after-rewrite-switched", "deletion-before-done"]
WEB_POINTS = {"deletion-before-commit": 1, "deletion-after-commit": 0}
"""Failpoint → how many images it leaves."""
RECORDS = """
from classifier.models import Deletion
result = [[row.state, len(row.datasets), row.content, row.trouble] for row in Deletion.objects.order_by("id")]
"""
DATASET = """
from classifier.models import Dataset
row = Dataset.objects.get()
result = [row.image_count, row.digest, [entry["key"] for entry in row.shards]]
"""
OPEN = "from classifier.models import Prediction; result = Prediction.objects.exclude(state='done').count()"
IMAGES = "from classifier.models import Image; result = [str(row.id) for row in Image.objects.all()]"
FINDINGS = """
import time
time.sleep(0.3)
from classifier.reconciling import Search, reconcile
from webapp.management.commands.reconcile import CHECKS
# The stub model has no files.
found = reconcile(Search(deep=True, repair={repair}), CHECKS)
result = [[each.kind, each.subject] for each in found if each.kind != "model_missing"]
"""


@pytest.fixture
def site(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Iterator[Stack]:
    """With a dataset of the pictures of seeds 0 to 19."""
    with Stack(tmp_path_factory.mktemp("stack"), environment=TIMES) as running:
        running.await_worker()
        folder = write_folders(tmp_path / "garden", {"cat": 10, "dog": 10})
        slug = running.query("from classifier.models import Classifier; result = Classifier.objects.get().slug")
        running.manage("import_images", "garden", str(folder), "--classifier", slug)
        yield running


def start_default_worker(stack: Stack, **extra: str) -> None:
    options = ["-Q", "default", "-P", "threads", "-c", "2", "-n", "default@x", "-l", "WARNING"]
    quiet = ["--without-mingle", "--without-gossip", "--without-heartbeat"]
    stack.start("default", [sys.executable, "-m", "celery", "-A", "tasks", "worker", *options, *quiet], **extra)


def send(client: httpx.Client, seed: int, **query: Any) -> str:
    answer = client.post("/api/v1/images", files={"file": (f"{seed}.png", png_bytes(seed))}, params=query)
    assert answer.status_code == 201
    return str(answer.json()["images"][0]["id"])


def await_done(stack: Stack, count: int) -> list[Any]:
    await_that(lambda: [row[0] for row in stack.query(RECORDS)] == ["done"] * count, 120, f"{count} deletions are done")
    return list(stack.query(RECORDS))


def holders(stack: Stack, content: str) -> list[str]:
    """Files anywhere below var/, caches included, that hold the content's bytes."""
    raw = bytes.fromhex(content)
    files = (path for path in stack.folder.rglob("*") if path.is_file() and not path.name.startswith("db.sqlite3"))
    return [str(path) for path in files if raw in path.read_bytes()]


def test_killed_anywhere_a_deletion_comes_to_its_end(site: Stack) -> None:
    with site.client() as client:
        for seed, point in enumerate(WORKER_POINTS):
            identifier = send(client, seed, wait=30)
            start_default_worker(site, FAILPOINTS=f"{point}=exit")
            assert client.delete(f"/api/v1/images/{identifier}").status_code == 204
            doomed = site.processes["default"]
            await_that(lambda process=doomed: process.poll() is not None, 120, f"the worker dies at {point}")  # type: ignore[misc]
            assert all((site.folder / "media" / key).exists() for key in site.query(DATASET)[2])
        start_default_worker(site)
        records = await_done(site, len(WORKER_POINTS))
        assert [row[1] for row in records] == [1] * len(WORKER_POINTS)
        assert site.query(DATASET)[0] == 20 - len(WORKER_POINTS)
        kinds = {kind for kind, _ in site.query(FINDINGS.format(repair=True))}
        assert kinds <= {"dataset_orphan"}  # what the kill between storing and naming left
        assert site.query(FINDINGS.format(repair=False)) == []
        site.kill("default", 15)
        for row in records:
            assert holders(site, row[2]) == []


def test_a_web_process_killed_while_it_deletes_leaves_all_or_nothing(site: Stack) -> None:
    start_default_worker(site)
    with site.client() as client:
        for seed, (point, left) in enumerate(WEB_POINTS.items(), 100):
            identifier = send(client, seed, wait=30)
            site.kill("web")
            site.start_web(FAILPOINTS=f"{point}=exit")
            site.await_web()
            with pytest.raises(httpx.HTTPError):
                client.delete(f"/api/v1/images/{identifier}")
            site.start_web()
            site.await_web()
            assert client.get(f"/api/v1/images/{identifier}").status_code == (200 if left else 404)
            await_done(site, seed - 100)
            assert site.query(FINDINGS.format(repair=False)) == []


def test_deleting_what_is_being_predicted_harms_nobody(site: Stack) -> None:
    """Of 80 pictures sent while a worker predicts, every other one is deleted at once."""
    start_default_worker(site)
    kept: list[str] = []
    problems: list[object] = []

    def send_and_delete(first: int) -> None:
        with site.client() as client:
            for seed in range(first, first + 40):
                identifier = send(client, seed)
                if seed % 2:
                    kept.append(identifier)
                elif (status := client.delete(f"/api/v1/images/{identifier}").status_code) != 204:
                    problems.append((seed, status))

    threads = [threading.Thread(target=send_and_delete, args=(first,)) for first in (1000, 2000)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems
    await_that(lambda: site.query(OPEN) == 0, 120, "all others are answered")
    assert set(site.query(IMAGES)) == set(kept)
    await_done(site, 40)
    assert site.query(FINDINGS.format(repair=False)) == []
    assert site.processes["worker"].poll() is None
