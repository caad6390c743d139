"""What was measured of a version: pictures in a pack in object storage, then figures in its row that name the pack."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from classifier.errors import StorageUnavailable
from classifier.live_updates import EVERYBODY, live_sender
from classifier.models import EvaluationRequest, ModelVersion
from classifier.models.evaluation_request import OPEN
from classifier.object_storage import delete_object, list_objects, write_verified
from classifier.write_transactions import write_transaction

logger = structlog.get_logger(__name__)

PREFIX: Final = "evaluations/"
PACK: Final = "cells.zip"


def store_evaluation(*, version_id: UUID, figures: Mapping[str, Any], pack: bytes | None) -> dict[str, Any] | None:
    """Store the pictures, then the figures that name them; returns what the row holds now.

    Each pack has a key of its own, so nobody ever sees new pictures beside old figures; the old pack is removed
    afterwards. Whoever asked for this version to be measured is answered. Where the store cannot be reached the
    figures are kept alone (`pack` is empty). None where the version was deleted meanwhile.
    """
    key = store_pack(version_id, pack) if pack is not None else ""
    evaluation = {**figures, "moment": timezone.now().isoformat(timespec="seconds"), "pack": key}
    with write_transaction():
        row = ModelVersion.objects.select_for_update().only("id", "evaluation").filter(pk=version_id).first()
        if row is None:
            delete_pack(key)
            return None
        before = str(row.evaluation.get("pack") or "")
        ModelVersion.objects.filter(pk=version_id).update(evaluation=evaluation)
        EvaluationRequest.objects.filter(OPEN, version_id=version_id).update(
            state=EvaluationRequest.State.DONE, outcome="", ended_at=Now(), lease_until=None
        )
        transaction.on_commit(lambda: delete_pack(before))
        transaction.on_commit(lambda: live_sender.send(evaluation_event(version_id, "done", "")))
    return evaluation


def evaluation_event(version_id: UUID, state: str, outcome: str) -> dict[str, list[dict[str, Any]]]:
    """Everybody hears that a version was measured, or that it could not be."""
    event = {"type": "evaluation", "version": str(version_id), "state": state, "outcome": outcome}
    return {EVERYBODY: [event]}


def remove_orphan_packs(*, older_than_seconds: float | None = None) -> int:
    """Remove packs that no version names: of deleted versions, and of evaluations that died; returns how many."""
    age = settings.ORPHAN_OBJECT_SECONDS if older_than_seconds is None else older_than_seconds
    limit = timezone.now() - timedelta(seconds=age)
    old = [found.key for found in list_objects(PREFIX) if found.modified <= limit]
    known = set(ModelVersion.objects.values_list("evaluation__pack", flat=True)) if old else set()
    orphans = [key for key in old if key not in known]
    for key in orphans:
        delete_object(key)
    if orphans:
        logger.info("orphan_evaluation_packs_removed", objects=len(orphans))
    return len(orphans)


def store_pack(version_id: UUID, pack: bytes) -> str:
    """Under a key of its own, which is returned; empty where the store cannot be reached."""
    key = f"{PREFIX}{version_id.hex}/{secrets.token_hex(8)}/{PACK}"
    try:
        write_verified(key, pack)
    except StorageUnavailable:
        logger.warning("evaluation_pictures_not_stored", version=str(version_id))
        return ""
    return key


def delete_pack(key: str) -> None:
    """Once no row names it. What cannot be removed now is an orphan that housekeeping finds."""
    if not key:
        return
    try:
        delete_object(key)
    except StorageUnavailable:
        logger.warning("evaluation_pictures_left", key=key)
