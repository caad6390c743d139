"""A run's last checkpoint in object storage, so that any machine can go on from it."""

from __future__ import annotations

from pathlib import Path
from typing import Final
from uuid import UUID

import structlog

from classifier.errors import StorageUnavailable
from classifier.models import TrainingRun
from classifier.object_storage import ObjectMissing, delete_object, list_objects, read_object, write_verified

logger = structlog.get_logger(__name__)

PREFIX: Final = "training/"


def save_checkpoint(run_id: UUID, path: Path) -> None:
    """Replace the stored one. Trouble with the storage costs a resumed run some epochs, not this one its life."""
    try:
        write_verified(_key(run_id), path.read_bytes())
    except StorageUnavailable:
        logger.warning("checkpoint_not_stored", run=str(run_id))


def fetch_checkpoint(run_id: UUID, path: Path) -> bool:
    """Bring the stored checkpoint to `path`; False where there is none. Raises StorageUnavailable."""
    try:
        data = read_object(_key(run_id))
    except ObjectMissing:
        return False
    path.write_bytes(data)
    return True


def forget_checkpoint(run_id: UUID) -> None:
    """The run has ended. What cannot be removed now is an orphan that housekeeping finds."""
    try:
        delete_object(_key(run_id))
    except StorageUnavailable:
        logger.warning("checkpoint_left", run=str(run_id))


def remove_orphan_checkpoints() -> int:
    """Remove the checkpoints of runs that are neither queued nor running; returns how many."""
    active = {
        identifier.hex
        for identifier in TrainingRun.objects.filter(state__in=["queued", "running"]).values_list("id", flat=True)
    }
    orphans = [found.key for found in list_objects(PREFIX) if found.key.split("/")[1] not in active]
    for key in orphans:
        delete_object(key)
    return len(orphans)


def _key(run_id: UUID) -> str:
    return f"{PREFIX}{run_id.hex}/checkpoint.npz"
