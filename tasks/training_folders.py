"""Folders of this machine that a training run works with."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

from django.conf import settings

from classifier.training_queue import is_active


@contextmanager
def work_folder(run_id: UUID) -> Iterator[Path]:
    """Below var/, removed at the end; what killed trainers of ended runs left goes at the next start."""
    root = Path(settings.VAR_DIR) / "training"
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    for left in root.iterdir():
        if left.name == run_id.hex or not is_active(UUID(left.name)):
            shutil.rmtree(left, ignore_errors=True)
    folder = root / run_id.hex
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def weights_folder() -> Path | None:
    """Where the operator put weights of backbones, beside Keras' own cache."""
    return Path(settings.BACKBONE_WEIGHTS_DIR) if settings.BACKBONE_WEIGHTS_DIR else None
