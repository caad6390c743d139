"""Rewriting datasets without deleted pictures."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Final
from uuid import UUID

import structlog
from django.conf import settings

from classifier.dataset_rewrites import RewrittenDataset, switch_dataset
from classifier.datasets import DatasetDamaged, dataset_cache_dir, fetch_dataset
from classifier.errors import StorageUnavailable
from classifier.models import Dataset
from ml.datasets import DatasetError
from ml.shard_rewriting import rewrite_without
from tasks.dataset_contents import find_held
from tasks.dataset_packing import read_facts, write_preview
from tasks.side_folders import side_folder

logger = structlog.get_logger(__name__)

_ATTEMPTS: Final = 3


def rewriting_folder() -> Path:
    """Where this machine puts rewritten files together."""
    return Path(settings.VAR_DIR) / "rewriting"


def rewrite_datasets(contents: Collection[str], *, is_stopping: Callable[[], bool] = lambda: False) -> int:
    """Every dataset that holds one of these contents (hex) gives it up; returns how many did.

    Repeating it is harmless. Raises DatasetDamaged, StorageUnavailable.
    """
    rewritten = 0
    for identifier in list(Dataset.objects.values_list("id", flat=True)):
        if is_stopping():
            break
        rewritten += _rewrite_one(identifier, contents)
    return rewritten


def _rewrite_one(identifier: UUID, contents: Collection[str]) -> bool:
    """Anew from the row wherever somebody else, another worker mostly, has rewritten the dataset meanwhile."""
    for _ in range(_ATTEMPTS):
        dataset = Dataset.objects.select_related("classifier").filter(pk=identifier).first()
        if dataset is None:
            return False
        try:
            held = find_held(dataset, contents)
            if not held:
                return False
            if _switch(dataset, held):
                return True
        except DatasetDamaged:
            if Dataset.objects.filter(id=dataset.id, digest=dataset.digest).exists():
                raise
        except OSError as problem:
            raise StorageUnavailable(f"A dataset cannot be rewritten on this machine: {problem.strerror}.") from problem
    raise StorageUnavailable(f"Dataset {identifier} is being changed by somebody else just now.")


def _switch(dataset: Dataset, held: set[str]) -> bool:
    digest = dataset.digest
    folder = fetch_dataset(dataset, dataset_cache_dir())
    if dataset.digest != digest:  # rewritten while it was fetched
        return False
    with side_folder(rewriting_folder()) as side:
        target = side / "packed"
        try:
            left_out = rewrite_without(folder, target, held)
            if not left_out:
                return True
            facts = read_facts(target)
            write_preview(target)
        except DatasetError as problem:
            raise DatasetDamaged(str(problem)) from problem
        rewritten = RewrittenDataset(target, facts.digest, facts.counts, facts.image_count, left_out)
        return switch_dataset(dataset, rewritten)
