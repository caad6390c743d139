"""What this machine's disk keeps of pictures, looked through after deletions: every worker's own business."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import structlog

from classifier.dataset_leftovers import forget_cached_datasets
from classifier.datasets import dataset_cache_dir
from classifier.models import Dataset, Deletion, ModelVersion, TrainingRun
from classifier.picture_packs import forget_cached_packs
from tasks.dataset_rewriting import rewriting_folder
from tasks.feature_storage import feature_store
from tasks.side_folders import remove_dead_folders

logger = structlog.get_logger(__name__)

LOOKED_THROUGH: Final = ".looked-through"


def forget_cached_pictures() -> None:
    """Remove packed files, previews, thumbnails and features that no row stands behind (any more)."""
    remove_dead_folders(rewriting_folder())
    forget_cached_datasets(dataset_cache_dir())
    previews = [entry["key"] for shards in Dataset.objects.values_list("shards", flat=True) for entry in shards]
    packs = ModelVersion.objects.values_list("evaluation__pack", flat=True)
    forget_cached_packs([*previews, *(key for key in packs if key)])
    store = feature_store()
    if store is not None:
        forget_features(store.folder)


def forget_features(folder: Path) -> int:
    """Remove all cached features where a picture that had trained was deleted since the last look; returns how many.

    They are known by prepared pixels, not by content, so nobody can tell which are the deleted picture's. While a
    training runs, which may still be writing some, the next look starts from the same moment.
    """
    packs = list(folder.glob("*/*.npz"))
    if not packs:
        return 0
    mark = folder / LOOKED_THROUGH
    since = datetime.fromtimestamp(mark.stat().st_mtime if mark.exists() else 0.0, tz=UTC)
    now = datetime.now(UTC).timestamp()
    taught = Deletion.objects.filter(done_at__gt=since).exclude(seen_by=[])
    removed = 0
    if taught.exists():
        for path in packs:
            path.unlink(missing_ok=True)
        removed = len(packs)
        logger.info("cached_features_removed", packs=removed)
    if not TrainingRun.objects.filter(state=TrainingRun.State.RUNNING).exists():
        _set_mark(mark, now)
    return removed


def _set_mark(mark: Path, moment: float) -> None:
    mark.touch()
    os.utime(mark, (moment, moment))
