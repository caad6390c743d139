"""The models this process holds: by version, fetched from object storage by digest, least recently used dropped."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast
from uuid import UUID

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError
from django.utils.module_loading import import_string

from classifier.artifact_storage import ArtifactDamaged, fetch_artifact
from classifier.errors import StorageUnavailable
from classifier.models import ModelVersion
from ml.artifact import ArtifactError
from ml.errors import MlError
from ml.golden import check_golden

if TYPE_CHECKING:
    from ml.data_types import Predictor

logger = structlog.get_logger(__name__)


class ModelUnavailable(Exception):  # noqa: N818 - reads as what happened
    """This version cannot answer just now: its artifact is out of reach, damaged or does not load."""


@dataclass(slots=True)
class HeldModel:
    """A warmed-up model and how many images it does in a second (its batch size)."""

    version_id: UUID
    classifier_id: UUID
    predictor: Predictor
    batch_size: int


class LoadedModels:
    """Used by the drain thread alone, outside any claim: loading and warming up may take many seconds."""

    def __init__(self, cache_dir: Path, memory_bytes: int) -> None:
        self._cache_dir = cache_dir
        self._memory_bytes = memory_bytes
        self._held: OrderedDict[UUID, HeldModel] = OrderedDict()
        self._refused_until: dict[UUID, float] = {}

    def get(self, version_id: UUID) -> HeldModel:
        """The warmed-up model of a version; raises ModelUnavailable, at once while a recent try has failed."""
        held = self._held.get(version_id)
        if held is not None:
            self._held.move_to_end(version_id)
            return held
        if self._refused_until.get(version_id, 0.0) > time.monotonic():
            raise ModelUnavailable(f"version {version_id} failed to load a moment ago")
        try:
            held = self._load(version_id)
        except (DatabaseError, InterfaceError):
            raise
        except (ArtifactDamaged, MlError, StorageUnavailable, ModelVersion.DoesNotExist) as problem:
            raise self._refuse(version_id, str(problem)) from problem
        except Exception as problem:
            # Memory, the graphics card, whatever the framework raises: the old version must go on answering.
            logger.exception("model_failed_to_load", version=str(version_id))
            raise self._refuse(version_id, repr(problem)) from problem
        self._refused_until.pop(version_id, None)
        self._held[version_id] = held
        self._drop_least_recently_used()
        return held

    def _refuse(self, version_id: UUID, reason: str) -> ModelUnavailable:
        self._refused_until[version_id] = time.monotonic() + settings.PREDICTION_RETRY_SECONDS
        logger.error("model_not_loadable", version=str(version_id), error=reason)
        return ModelUnavailable(reason)

    def find(self, version_id: UUID | None) -> HeldModel | None:
        """The model of a version if it is held; loads nothing."""
        return self._held.get(version_id) if version_id else None

    def version_ids(self) -> list[str]:
        """What is held now, most recently used last."""
        return [str(version_id) for version_id in self._held]

    def batch_size(self) -> int:
        """The batch size of the model used last."""
        return next(reversed(self._held.values())).batch_size if self._held else 0

    def _load(self, version_id: UUID) -> HeldModel:
        started = time.monotonic()
        version = ModelVersion.objects.get(id=version_id)
        folder = fetch_artifact(version.digest, self._cache_dir)
        load = cast("Callable[[Path], Predictor]", import_string(settings.PREDICTOR).load)
        predictor = load(folder)
        if list(predictor.labels) != version.labels:
            raise ArtifactError("the artifact's labels are not those the version was registered with")
        batch_size = max(1, predictor.warm_up(max_batch=settings.PREDICTION_BATCH_MAX))
        check_golden(predictor, folder)
        seconds = round(time.monotonic() - started, 2)
        logger.info("model_loaded", version=version.number, seconds=seconds, batch_size=batch_size)
        return HeldModel(version_id, version.classifier_id, predictor, min(batch_size, settings.PREDICTION_BATCH_MAX))

    def _drop_least_recently_used(self) -> None:
        while len(self._held) > 1 and self._memory_used() > self._memory_bytes:
            version_id, _ = self._held.popitem(last=False)
            logger.info("model_dropped", version=str(version_id))

    def _memory_used(self) -> int:
        return sum(held.predictor.memory_bytes for held in self._held.values())
