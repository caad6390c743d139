"""Datasets, models, evaluations, uploads and checkpoints against what object storage holds for them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any
from uuid import UUID

from classifier import evaluations, import_uploads, training_checkpoints
from classifier.artifact_storage import MANIFEST, stored_key
from classifier.artifact_storage import PREFIX as MODELS
from classifier.dataset_leftovers import find_orphan_files
from classifier.import_jobs import active_imports
from classifier.models import Dataset, ImportJob, ModelVersion, TrainingRun
from classifier.object_storage import ObjectMissing, StoredObject, list_objects, object_exists, read_object, stat_object
from classifier.reconcile_images import grace_limit, orphan
from classifier.reconciling import Finding, Search


def check_datasets(search: Search) -> Iterator[Finding]:
    """Every file of every dataset, and files that no dataset names."""
    for count, identifier in enumerate(list(Dataset.objects.values_list("id", flat=True)), 1):
        search.on_progress("datasets", count)
        yield from _check_dataset(identifier, search)
    for key, size in find_orphan_files():
        yield orphan("dataset_orphan", key, search, f"{size:,} bytes")


def _check_dataset(identifier: UUID, search: Search) -> Iterator[Finding]:
    dataset = Dataset.objects.filter(id=identifier).first()
    for entry in dataset.shards if dataset else ():
        assert dataset is not None
        problem = _examine(entry["key"], entry["size_bytes"], entry["sha256"], search)
        if problem and Dataset.objects.filter(id=identifier, digest=dataset.digest).exists():  # not rewritten since
            kind, details = problem
            yield Finding(f"dataset_{kind}", entry["key"], f"dataset “{dataset.name}”{details}")


def check_models(search: Search) -> Iterator[Finding]:
    """Every file that a version's manifest lists, and folders of models that no version names."""
    rows = ModelVersion.objects.select_related("classifier").defer("metrics", "verdict", "evaluation")
    for count, version in enumerate(rows.order_by("id").iterator(chunk_size=100), 1):
        search.on_progress("model versions", count)
        where = f"{version.classifier.slug} v{version.number}"
        for name, sha256 in _files_of(version).items():
            if problem := _examine(stored_key(version.digest, name), None, sha256, search):
                kind, details = problem
                yield Finding(f"model_{kind}", stored_key(version.digest, name), f"{where}{details}")
    yield from _check_nameless_models(search)


def _files_of(version: ModelVersion) -> Mapping[str, str]:
    """The manifest itself, and what it lists where it can be read."""
    try:
        manifest = read_object(stored_key(version.digest, MANIFEST))
        files = json.loads(manifest)["files"]
        return {MANIFEST: version.digest, **{str(name): str(sha256) for name, sha256 in files.items()}}
    except (ObjectMissing, ValueError, KeyError, TypeError, AttributeError):
        return {MANIFEST: version.digest, **version.manifest.get("files", {})}


def _check_nameless_models(search: Search) -> Iterator[Finding]:
    limit = grace_limit()
    for digest, files in groupby(list_objects(MODELS), key=lambda found: found.key.split("/")[1]):
        found = list(files)
        if _is_young(found, limit) or ModelVersion.objects.filter(digest=digest).exists():
            continue
        for file in found:
            yield orphan("model_orphan", file.key, search, f"{file.size:,} bytes")


def check_evaluations(search: Search) -> Iterator[Finding]:
    """The pack that each version's evaluation names, and packs that none names."""
    for version_id, key in ModelVersion.objects.values_list("id", "evaluation__pack").order_by("id"):
        if not key or object_exists(key):
            continue
        if ModelVersion.objects.filter(id=version_id, evaluation__pack=key).exists():
            yield Finding("pack_missing", key, f"version {version_id}")
    limit = grace_limit()
    for file in list_objects(evaluations.PREFIX):
        if file.modified <= limit and not ModelVersion.objects.filter(evaluation__pack=file.key).exists():
            yield orphan("pack_orphan", file.key, search)


def check_uploads(search: Search) -> Iterator[Finding]:
    """Parts of imports that are not over, and parts that no import names."""
    for job_id, name, folder in active_imports().exclude(storage_key="").values_list("id", "name", "storage_key"):
        if next(iter(list_objects(f"{folder}/")), None) is None and active_imports().filter(id=job_id).exists():
            yield Finding("upload_missing", folder, f"import “{name}”")
    limit = grace_limit()
    for folder, files in groupby(list_objects(import_uploads.PREFIX), key=lambda found: found.key.rpartition("/")[0]):
        found = list(files)
        if _is_young(found, limit) or ImportJob.objects.filter(storage_key=folder).exists():
            continue
        for file in found:
            yield orphan("upload_orphan", file.key, search, f"{file.size:,} bytes")


def check_checkpoints(search: Search) -> Iterator[Finding]:
    """Checkpoints of runs that are neither queued nor running."""
    limit = grace_limit()
    active = {
        run_id.hex
        for run_id in TrainingRun.objects.filter(state__in=["queued", "running"]).values_list("id", flat=True)
    }
    for file in list_objects(training_checkpoints.PREFIX):
        if file.modified <= limit and file.key.split("/")[1] not in active:
            yield orphan("checkpoint_orphan", file.key, search)


def _examine(key: str, size: int | None, sha256: str, search: Search) -> tuple[str, str] | None:
    """`(missing or altered, more in words)`; None where all is well."""
    try:
        if search.deep:
            found: Any = hashlib.sha256(read_object(key)).hexdigest()
            return None if found == sha256 else ("altered", f": its SHA-256 is {found[:12]}…, not {sha256[:12]}…")
        found = stat_object(key).size
    except ObjectMissing:
        return "missing", ""
    return None if size in (None, found) else ("altered", f": {found:,} bytes, {size:,} were stored")


def _is_young(files: list[StoredObject], limit: Any) -> bool:
    return any(file.modified > limit for file in files)
