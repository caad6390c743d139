"""One round for every failpoint: the part meets it, another goes on, then all is as if nothing had happened."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable

import httpx

from tests.dataset_makers import write_folders
from tests.faults.failpoint_site import FailpointSite
from tests.faults.history import ORPHANS, History
from tests.faults.version_changes import ASK, REGISTER, STANDING
from tests.row_makers import png_bytes
from tests.stack import ROOT, await_that

LIMIT = 60
"""Seconds for a part to start on a busy machine and do what is left."""

Round = Callable[[FailpointSite, History, str, str], None]

ROWS = "from classifier.models import Image; result = Image.objects.count()"
RECORDS = "from classifier.models import Deletion; result = [row.state for row in Deletion.objects.all()]"
KEYS = """
from classifier.models import Dataset
from classifier.object_storage import object_exists
result = [object_exists(entry['key']) for row in Dataset.objects.all() for entry in row.shards]
"""
DATASETS = "from classifier.models import Dataset; result = list(Dataset.objects.values_list('name', flat=True))"
FINDINGS = """
import time
time.sleep(0.3)
from classifier.reconciling import Search, reconcile
from webapp.management.commands.reconcile import CHECKS
found = reconcile(Search(deep=True, repair={repair}), CHECKS)
result = [[each.kind, each.subject] for each in found if each.kind != "model_missing"]  # the stub model has no files
"""


def stop_gpu_worker(site: FailpointSite, history: History, point: str, action: str) -> None:
    """16 pictures wait; the worker that takes them meets the failpoint, then another one comes."""
    site.stack.kill("worker")
    with site.stack.client() as client:
        for _ in range(16):
            assert history.send(client, next(site.seeds)) == 201
    site.stack.start_worker("doomed", **site.arm(point, action))
    site.await_told(point, action)
    site.stack.start_worker()
    history.await_quiet(LIMIT)
    site.end_doomed(point, action)


def stop_web(site: FailpointSite, history: History, point: str, action: str) -> None:
    """The first of three uploads meets the failpoint; all are sent again under their keys and are there once."""
    stack, seeds = site.stack, [next(site.seeds) for _ in range(3)]
    before = stack.query(ROWS)
    stack.kill("web")
    stack.start_web(**site.arm(point, action))
    stack.await_web()
    with stack.client() as client:
        client.get("/api/v1/images")
        outcomes = [history.send(client, seed, key=f"key-{seed}") for seed in seeds]
        site.await_told(point, action)
        assert set(outcomes) <= {201, 500, 0}, outcomes
        assert (action == "exit") or 0 not in outcomes
        _start_plain_web(site)
        assert [history.send(client, seed, key=f"key-{seed}") for seed in seeds] == [201] * 3
    history.await_quiet(LIMIT)
    assert stack.query(ROWS) == before + 3
    stack.query(ORPHANS)
    assert stack.query(ORPHANS) == 0


def _start_plain_web(site: FailpointSite) -> None:
    site.stack.kill("web")
    site.stack.start_web()
    site.stack.await_web()


def stop_web_that_deletes(site: FailpointSite, history: History, point: str, action: str) -> None:
    """All of the picture goes, or nothing; asked again, all."""
    stack = site.stack
    site.start_default()
    with stack.client() as client:
        identifier = site.upload_answered(client, next(site.seeds))
        stack.kill("web")
        stack.start_web(**site.arm(point, action))
        stack.await_web()
        try:
            assert client.delete(f"/api/v1/images/{identifier}").status_code in (204, 500)
        except httpx.HTTPError:
            assert action == "exit"
        site.await_told(point, action)
        _start_plain_web(site)
        assert client.delete(f"/api/v1/images/{identifier}").status_code in (204, 404)
        assert client.get(f"/api/v1/images/{identifier}").status_code == 404
    _await_deletions(site)


def stop_deleting_worker(site: FailpointSite, history: History, point: str, action: str) -> None:
    """The picture leaves the dataset however the worker ends, and the dataset's files are there all the time."""
    stack = site.stack
    with stack.client() as client:
        identifier = site.upload_answered(client, next(site.of_dataset))
        site.start_default("doomed", **site.arm(point, action))
        assert client.delete(f"/api/v1/images/{identifier}").status_code == 204
    site.await_told(point, action)
    assert all(stack.query(KEYS))
    site.start_default()
    _await_deletions(site)
    site.end_doomed(point, action)
    stack.query(FINDINGS.format(repair=True))
    assert stack.query(FINDINGS.format(repair=False)) == []


def _await_deletions(site: FailpointSite) -> None:
    await_that(lambda: set(site.stack.query(RECORDS)) == {"done"}, LIMIT, "every deletion has ended")
    site.stack.kill("default", 15)
    assert all(site.stack.query(KEYS))


def stop_import(site: FailpointSite, history: History, point: str, action: str) -> None:
    """Asked for again, even while the first is paused, the dataset is there once and whole."""
    name, seed = f"set-{action}", 50_000 + 100 * len(site.stack.query(DATASETS))
    folder = write_folders(site.folder / name.replace(":", "-"), {"cat": 4, "dog": 4}, first_seed=seed)
    command = [sys.executable, "manage.py", "import_images", name, str(folder), "--classifier", "pets"]
    environment = {**site.stack.environment, "DJANGO_SETTINGS_MODULE": "classifier.settings"}
    armed = {**environment, **site.arm(point, action)}
    with subprocess.Popen(command, cwd=ROOT, env=armed, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as first:
        site.await_told(point, action)
        if not action.startswith("sleep"):
            first.wait(LIMIT)
        again = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        first.wait(LIMIT)
    assert again.returncode == 0, again.stderr
    assert site.stack.query(DATASETS).count(name) == 1
    assert all(site.stack.query(KEYS))
    site.stack.query(FINDINGS.format(repair=True))
    assert site.stack.query(FINDINGS.format(repair=False)) == []


def stop_promotion(site: FailpointSite, history: History, point: str, action: str) -> None:
    """Exactly one version is live, the new one or, where its trial was broken, the one before."""
    stack = site.stack
    before = stack.query(STANDING)["live"]
    stack.query(REGISTER.format(offset=next(site.seeds)))
    number = stack.query("from classifier.models import ModelVersion; result = ModelVersion.objects.count()")
    stack.kill("worker")
    stack.start_worker("doomed", **site.arm(point, action))
    stack.query(ASK.format(number=number))
    site.await_told(point, action)
    stack.start_worker()
    await_that(lambda: stack.query(STANDING)["request"][0] != "waiting", LIMIT, "the promotion has ended")
    if point != "during-model-load":
        site.end_doomed(point, action)
    else:  # what met it was the trial, a child
        stack.kill("doomed", 15)
    standing = stack.query(STANDING)
    broken = point == "during-model-load" and not action.startswith("sleep")
    assert standing["request"][0] == ("refused" if broken else "done"), standing
    assert standing["stages"] == [standing["live"]] == [before if broken else number]


def stop_gateway(site: FailpointSite, history: History, point: str, action: str) -> None:
    """Every request is answered, and every answer to one request is the same."""
    from tests.broker_servers.nats_server import NatsServer
    from tests.flows.test_nats_gateway import Gateways, converse

    folder = site.folder / f"nats-{action.replace(':', '-')}"
    folder.mkdir()
    for name in ("doomed", "gateway"):  # what an earlier round wrote says nothing about this one
        (site.stack.folder / f"{name}.out").unlink(missing_ok=True)
    requests = {f"{action}-{number}": png_bytes(next(site.seeds)) for number in range(20)}
    with NatsServer(folder) as server:
        gateways = Gateways(site.stack, server)
        gateways.start("doomed", **site.arm(point, action))

        async def send_and_stop() -> dict[str, list[bytes]]:
            waiting = asyncio.create_task(converse(server.url, requests, answers=len(requests)))
            await asyncio.to_thread(site.await_told, point, action)
            await asyncio.to_thread(gateways.start, "gateway")
            return await waiting

        found = asyncio.run(send_and_stop())
        site.end_doomed(point, action)
        site.stack.kill("gateway", 15)
    assert set(found) == set(requests)
    assert all(len(set(bodies)) == 1 for bodies in found.values())


ROUNDS: dict[str, Round] = {
    "after-claim": stop_gpu_worker,
    "mid-batch": stop_gpu_worker,
    "after-infer": stop_gpu_worker,
    "before-result-commit": stop_gpu_worker,
    "after-result-commit": stop_gpu_worker,
    "before-push": stop_gpu_worker,
    "after-bytes-stored": stop_web,
    "before-commit": stop_web,
    "after-commit": stop_web,
    "before-publish": stop_web,
    "deletion-before-commit": stop_web_that_deletes,
    "deletion-after-commit": stop_web_that_deletes,
    "deletion-objects-removed": stop_deleting_worker,
    "after-rewrite-stored": stop_deleting_worker,
    "after-rewrite-switched": stop_deleting_worker,
    "deletion-before-done": stop_deleting_worker,
    "after-dataset-stored": stop_import,
}
PROMOTION_POINTS = ["after-promotion-claim", "during-model-load", "before-promote-commit"]
"""On a stack of their own: images are answered again there."""
GATEWAY_POINTS = ["after-answers-published"]
ROUNDS |= dict.fromkeys(PROMOTION_POINTS, stop_promotion) | dict.fromkeys(GATEWAY_POINTS, stop_gateway)
