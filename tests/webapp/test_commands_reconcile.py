"""`manage.py reconcile`: silent on a site where all is well, and it names each kind of mismatch that was planted."""

from __future__ import annotations

import hashlib
import io
import json
import os
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone

from classifier import deletions, reconcile_images
from classifier.deletions import Asker, delete_rows
from classifier.derivatives import derivative_key
from classifier.model_registry import register_version
from classifier.models import (
    Classifier,
    Dataset,
    Deletion,
    EvaluationRequest,
    Image,
    ImportJob,
    ModelVersion,
    Prediction,
    PromotionRequest,
    TrainingRun,
)
from classifier.object_storage import delete_object, list_objects, object_exists, write_verified
from classifier.reconciling import KINDS
from tasks.importing import import_pictures
from tests.dataset_makers import write_folders
from tests.review_makers import answer_all
from tests.row_makers import LABELS, upload
from webapp.management.commands.reconcile import ALL_REPAIRED, LISTED_OF_EACH

pytestmark = pytest.mark.django_db
LONG_AGO = timedelta(days=2)
LONE = "ab" * 16


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, settings: Any) -> None:
    monkeypatch.setattr(deletions, "ring_by_name", lambda task, arguments: None)
    settings.VAR_DIR = tmp_path / "var"


@pytest.fixture
def site(pets: Classifier, tmp_path: Path) -> Classifier:
    """Something of every kind, and nothing wrong."""
    for seed in range(5):
        write_verified(derivative_key(upload(seed).images[0].id, "heatmap.png"), b"warm")
    answer_all([0.8, 0.1, 0.1])
    import_pictures(
        name="garden", place=str(write_folders(tmp_path / "g", {"cat": 3, "dog": 3})), classifier_slug="pets"
    )
    version = store_model(ModelVersion.objects.get())
    pack = f"evaluations/{version.id.hex}/0/cells.zip"
    write_verified(pack, b"pack")
    ModelVersion.objects.update(evaluation={"pack": pack})
    run = TrainingRun.objects.create(classifier=pets, state="running", lease_until=timezone.now())
    write_verified(f"training/{run.id.hex}/checkpoint.npz", b"checkpoint")
    ImportJob.objects.create(classifier_slug="pets", name="shed", storage_key="imports/1-ab", state="queued")
    write_verified("imports/1-ab/000001", b"part")
    write_verified("somebodys/own/pictures.png", b"not ours")
    age_all()
    return pets


def store_model(version: ModelVersion) -> ModelVersion:
    """Give the version an artifact of two files, as a trainer would have."""
    manifest = json.dumps({"labels": LABELS, "files": {"weights.h5": hashlib.sha256(b"weights").hexdigest()}}).encode()
    digest = hashlib.sha256(manifest).hexdigest()
    write_verified(f"models/{digest}/weights.h5", b"weights")
    write_verified(f"models/{digest}/manifest.json", manifest)
    ModelVersion.objects.filter(id=version.id).update(digest=digest)
    version.refresh_from_db()
    return version


def age_all() -> None:
    """Every stored object is older than any grace."""
    moment = time.time() - 10 * django_settings.ORPHAN_OBJECT_SECONDS
    for path in Path(default_storage.location).rglob("*"):  # type: ignore[attr-defined]
        if path.is_file():
            os.utime(path, (moment, moment))


def run(*options: str) -> tuple[int, dict[str, list[dict[str, Any]]]]:
    """Exit code and findings by kind."""
    out = io.StringIO()
    code = 0
    try:
        call_command("reconcile", "--json", *options, stdout=out, stderr=io.StringIO())
    except CommandError as problem:
        code = problem.returncode
    *lines, summary = [json.loads(line) for line in out.getvalue().splitlines()]
    found: dict[str, list[dict[str, Any]]] = {}
    for line in lines:
        found.setdefault(line["kind"], []).append(line)
    assert {kind: len(entries) for kind, entries in found.items()} == summary["summary"]
    return code, found


def orphan(key: str) -> str:
    write_verified(key, b"nobody's")
    age_all()
    return key


def stuck(model: Any, **values: Any) -> str:
    row = model.objects.create(**values)
    return str(row.id)


def lost(key: str) -> str:
    delete_object(key)
    return key


def changed(key: str, data: bytes = b"changed") -> str:
    write_verified(key, data)
    return key


def shard_key() -> str:
    return str(next(entry["key"] for entry in Dataset.objects.get().shards if entry["key"].endswith(".npz")))


def old_deletion() -> str:
    image = Image.objects.earliest("id")
    [record] = delete_rows(image_ids=[image.id], asked_by=Asker(Deletion.Asker.VISITOR), reason="")
    delete_object(derivative_key(image.id, "heatmap.png"))
    Deletion.objects.update(requested_at=timezone.now() - LONG_AGO)
    return str(record.id)


def stuck_prediction() -> str:
    prediction = Prediction.objects.earliest("id")
    Prediction.objects.filter(id=prediction.id).update(
        state="claimed", model_version=None, done_at=None, worker="gone", lease_until=timezone.now() - LONG_AGO
    )
    return str(prediction.id)


def stuck_training() -> str:
    TrainingRun.objects.update(lease_until=timezone.now() - LONG_AGO)
    return str(TrainingRun.objects.get().id)


def stuck_promotion() -> str:
    version = ModelVersion.objects.get()
    identifier = stuck(PromotionRequest, classifier=version.classifier, version=version, reason="x")
    PromotionRequest.objects.update(created_at=timezone.now() - LONG_AGO)
    return identifier


def long_silent(**values: Any) -> dict[str, Any]:
    return {"state": "running", "worker": "gone", "lease_until": timezone.now() - LONG_AGO, **values}


PLANTED: dict[str, tuple[Callable[[], str], bool]] = {
    "image_missing": (lambda: lost(Image.objects.earliest("id").storage_key), False),
    "image_altered": (lambda: changed(Image.objects.earliest("id").storage_key), False),
    "image_orphan": (lambda: orphan(f"images/2020/01/01/{LONE}.png"), True),
    "derivative_orphan": (lambda: orphan(f"derived/{LONE}/heatmap.png"), True),
    "dataset_missing": (lambda: lost(shard_key()), False),
    "dataset_altered": (lambda: changed(shard_key()), False),
    "dataset_orphan": (lambda: orphan(f"datasets/{Dataset.objects.get().id.hex}/shard-00009.npz"), True),
    "model_missing": (lambda: lost(f"models/{ModelVersion.objects.get().digest}/weights.h5"), False),
    "model_altered": (lambda: changed(f"models/{ModelVersion.objects.get().digest}/weights.h5"), False),
    "model_orphan": (lambda: orphan(f"models/{'c' * 64}/weights.h5"), True),
    "pack_missing": (lambda: lost(ModelVersion.objects.get().evaluation["pack"]), False),
    "pack_orphan": (lambda: orphan(f"evaluations/{LONE}/1/cells.zip"), True),
    "upload_missing": (lambda: lost("imports/1-ab/000001").rpartition("/")[0], False),
    "upload_orphan": (lambda: orphan("imports/2-cd/000001"), True),
    "checkpoint_orphan": (lambda: orphan(f"training/{LONE}/checkpoint.npz"), True),
    "stuck_prediction": (stuck_prediction, True),
    "stuck_training": (stuck_training, False),
    "stuck_import": (
        lambda: stuck(ImportJob, classifier_slug="pets", name="barn", **long_silent()),
        True,
    ),
    "stuck_evaluation": (
        lambda: stuck(EvaluationRequest, version=ModelVersion.objects.get(), **long_silent()),
        True,
    ),
    "stuck_promotion": (stuck_promotion, True),
    "stuck_deletion": (old_deletion, True),
}
DEEP = {"model_altered"}


def test_every_kind_is_planted_below() -> None:
    assert PLANTED.keys() == KINDS.keys()


@pytest.mark.parametrize("options", [(), ("--deep",), ("--deep", "--repair")])
def test_a_site_where_all_is_well(site: Classifier, options: tuple[str, ...]) -> None:
    assert run(*options) == (0, {})
    assert object_exists("somebodys/own/pictures.png")


@pytest.mark.parametrize("kind", list(PLANTED))
def test_it_names_what_is_wrong_and_changes_nothing(site: Classifier, kind: str) -> None:
    subject = PLANTED[kind][0]()
    options = ("--deep",) if kind in DEEP else ()
    for _ in range(2):
        code, found = run(*options)
        assert code == 1
        assert [entry["subject"] for entry in found.pop(kind)] == [subject]
        assert not found


@pytest.mark.parametrize("kind", [kind for kind in PLANTED if KINDS[kind].is_repairable])
def test_what_can_be_repaired_is_repaired(site: Classifier, kind: str) -> None:
    PLANTED[kind][0]()
    code, found = run("--repair")
    assert code == ALL_REPAIRED
    assert [entry["repaired"] for entry in found[kind]] == [True]
    again = run()
    if kind == "stuck_training":  # the run ended, so its checkpoint is nobody's now
        assert set(again[1]) == {"checkpoint_orphan"}
    else:
        assert again == (0, {})


@pytest.mark.parametrize("kind", [kind for kind in PLANTED if not KINDS[kind].is_repairable])
def test_what_cannot_be_repaired_is_still_said_and_no_row_goes(site: Classifier, kind: str) -> None:
    PLANTED[kind][0]()
    kept = Image.objects.count(), Dataset.objects.count(), ModelVersion.objects.count()
    code, found = run("--repair", "--deep")
    assert code == 1
    assert [entry["repaired"] for entry in found[kind]] == [False]
    assert (Image.objects.count(), Dataset.objects.count(), ModelVersion.objects.count()) == kept


def test_same_size_other_bytes_are_found_by_looking_deep(site: Classifier) -> None:
    image = Image.objects.earliest("id")
    changed(image.storage_key, b"x" * image.size_bytes)
    assert run() == (0, {})
    assert set(run("--deep")[1]) == {"image_altered"}


def test_young_objects_may_still_get_their_row(site: Classifier) -> None:
    for key in (f"images/2020/01/01/{LONE}.png", f"models/{'c' * 64}/w", "imports/2-cd/1", f"derived/{LONE}/h.png"):
        write_verified(key, b"young")
    assert run("--repair") == (0, {})
    assert object_exists(f"images/2020/01/01/{LONE}.png")


def test_an_image_that_is_deleted_meanwhile_is_no_finding(site: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    """The listing still had its object and the rows did not; or the other way round."""
    image, other = Image.objects.order_by("id")[:2]
    listed = list(list_objects("images/"))
    rows = list(reconcile_images._rows_by_key())
    for each in (image, other):
        delete_object(derivative_key(each.id, "heatmap.png"))
    delete_rows(image_ids=[image.id], asked_by=Asker(Deletion.Asker.VISITOR), reason="")
    monkeypatch.setattr(reconcile_images, "list_objects", lambda prefix: iter(listed if prefix == "images/" else []))
    assert run("--repair") == (0, {})
    assert object_exists(image.storage_key)
    Deletion.objects.update(state="done", done_at=timezone.now())
    delete_object(image.storage_key)
    assert run("--repair") == (0, {})
    monkeypatch.setattr(reconcile_images, "_rows_by_key", lambda: iter(rows))
    assert run("--repair") == (0, {})


def test_many_rows_and_objects_are_matched_page_by_page(site: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconcile_images, "_PAGE", 2)
    monkeypatch.setattr(reconcile_images, "_SLICE", 2)
    keys = [orphan(f"images/20{year}/01/01/{LONE}.png") for year in (10, 20, 60, 70, 80)]
    missing = Image.objects.order_by("id")[2]
    delete_object(missing.storage_key)
    code, found = run()
    assert [entry["subject"] for entry in found["image_orphan"]] == keys
    assert [entry["subject"] for entry in found["image_missing"]] == [missing.storage_key]
    assert code == 1


def test_a_person_reads_a_table_with_advice(site: Classifier, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(LISTED_OF_EACH + 2):
        orphan(f"images/2020/01/01/{number:032x}.png")
    with pytest.raises(CommandError, match="22 mismatches left"):
        call_command("reconcile")
    text = capsys.readouterr().out
    assert "A stored file that no image names." in text
    assert "… more of them; --json lists all." in text
    assert "image_orphan         22          0  --repair deletes it." in text


def test_a_clean_site_is_said_in_a_sentence(site: Classifier, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("reconcile")
    assert capsys.readouterr().out == "Rows, objects and states agree.\n"


def test_a_version_whose_manifest_is_gone_is_named(site: Classifier) -> None:
    register_version(classifier=site, digest="9" * 64, manifest={"labels": LABELS}, metrics={})
    assert [entry["subject"] for entry in run()[1]["model_missing"]] == [f"models/{'9' * 64}/manifest.json"]
