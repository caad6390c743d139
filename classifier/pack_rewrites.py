"""Evaluation packs without deleted pictures: thumbnails of mistakes are derivatives of the pictures they show."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Collection
from typing import Any
from uuid import UUID

import structlog

from classifier.errors import StorageUnavailable
from classifier.evaluations import delete_pack, store_pack
from classifier.models import ModelVersion
from classifier.object_storage import ObjectMissing, read_object
from classifier.picture_packs import INDEX
from classifier.write_transactions import write_transaction

logger = structlog.get_logger(__name__)


def rewrite_packs(classifier_slug: str, contents: Collection[str]) -> int:
    """Every pack of the classifier's versions gives up the pictures of these contents (hex); returns how many did.

    The figures stay: they were measured. Repeating it is harmless. Raises StorageUnavailable.
    """
    rows = ModelVersion.objects.filter(classifier__slug=classifier_slug).values_list("id", "evaluation__pack")
    return sum(_rewrite(version_id, key, contents) for version_id, key in list(rows) if key)


def _rewrite(version_id: UUID, key: str, contents: Collection[str]) -> bool:
    try:
        data = read_object(key)
    except ObjectMissing:
        return False  # another evaluation has replaced it, or it is lost: it shows nothing
    rewritten = pack_without(data, contents)
    if rewritten is None:
        return False
    new_key = store_pack(version_id, rewritten)
    if not new_key:
        raise StorageUnavailable
    switched = _switch(version_id, key, new_key)
    delete_pack(key if switched else new_key)
    if switched:
        logger.info("evaluation_pack_rewritten", version=str(version_id))
    return switched


def _switch(version_id: UUID, key: str, new_key: str) -> bool:
    with write_transaction():
        row = ModelVersion.objects.select_for_update().only("id", "evaluation").filter(pk=version_id).first()
        if row is None or row.evaluation.get("pack") != key:
            return False
        ModelVersion.objects.filter(pk=version_id).update(evaluation={**row.evaluation, "pack": new_key})
        return True


def pack_without(data: bytes, contents: Collection[str]) -> bytes | None:
    """The pack without these pictures, the others numbered anew; None where it shows none of them.

    A pack whose index cannot be read gives up all its pictures, since nobody can say what they show.
    """
    out = io.BytesIO()
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as old:
            index: dict[str, list[dict[str, Any]]] = json.loads(old.read(INDEX))
            if not any(facts.get("content") in contents for entries in index.values() for facts in entries):
                return None
            with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as new:
                _copy(old, new, index, contents)
    except (KeyError, ValueError, AttributeError, zipfile.BadZipFile):
        logger.warning("evaluation_pack_emptied")
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as new:
            new.writestr(INDEX, "{}")
    return out.getvalue()


def _copy(
    old: zipfile.ZipFile, new: zipfile.ZipFile, index: dict[str, list[dict[str, Any]]], contents: Collection[str]
) -> None:
    kept: dict[str, list[dict[str, Any]]] = {}
    for folder, entries in index.items():
        for number, facts in enumerate(entries):
            if facts.get("content") in contents:
                continue
            place = kept.setdefault(folder, [])
            new.writestr(f"{folder}/{len(place)}.png", old.read(f"{folder}/{number}.png"))
            place.append(facts)
    new.writestr(INDEX, json.dumps(kept, ensure_ascii=False), zipfile.ZIP_DEFLATED)
