"""Carrying on what deletions leave to a worker: objects, datasets and evaluation packs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import structlog

from classifier.datasets import DatasetDamaged
from classifier.deletion_work import (
    WAITS_FOR_IMPORT,
    ClaimedDeletion,
    claim_deletions,
    finish_deletions,
    list_shown,
    postpone_deletions,
    release_deletions,
    split_by_imports,
)
from classifier.deletions import remove_objects
from classifier.errors import StorageUnavailable
from classifier.failpoints import failpoint
from classifier.pack_rewrites import rewrite_packs
from tasks.dataset_rewriting import rewrite_datasets
from tasks.picture_caches import forget_cached_pictures

logger = structlog.get_logger(__name__)


def carry_on_deletions(*, worker: str, is_stopping: Callable[[], bool] = lambda: False) -> int:
    """Everything that is pending and can be done now; returns how many deletions were ended."""
    ended = 0
    while not is_stopping() and (items := claim_deletions(worker=worker)):
        try:
            ended += _carry_on(items, is_stopping)
        except (StorageUnavailable, DatasetDamaged) as problem:
            postpone_deletions(
                items, reason=problem.message if isinstance(problem, StorageUnavailable) else str(problem)
            )
        except BaseException:
            release_deletions(items)
            raise
    if ended:
        forget_cached_pictures()
    return ended


def _carry_on(items: Sequence[ClaimedDeletion], is_stopping: Callable[[], bool]) -> int:
    remove_objects([item.traces for item in items])
    failpoint("deletion-objects-removed")
    contents = {item.content for item in items if item.reaches_datasets}
    if contents:
        rewrite_datasets(contents, is_stopping=is_stopping)
    for slug, shown in list_shown(items).items():
        rewrite_packs(slug, shown)
    if is_stopping():
        release_deletions(items)
        return 0
    ready, waiting = split_by_imports(items)
    if waiting:
        postpone_deletions(waiting, reason=WAITS_FOR_IMPORT)
    failpoint("deletion-before-done")
    return finish_deletions(ready)
