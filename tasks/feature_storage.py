"""Where features of pictures are kept on this machine, so that a second training on them takes seconds."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings

from ml.feature_cache import FolderStore


def feature_store() -> FolderStore | None:
    """Below var/, as large as the operator allows; None where they allow nothing."""
    most_bytes = settings.FEATURE_CACHE_BYTES
    return FolderStore(Path(settings.VAR_DIR) / "features", most_bytes) if most_bytes else None
