"""Proving that a version may answer: fetched, loaded, warmed up, asked about noise and its golden answers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import cast

import numpy as np
from django.conf import settings
from django.utils.module_loading import import_string

from classifier.artifact_storage import ArtifactDamaged, fetch_artifact
from classifier.errors import Refused
from classifier.failpoints import failpoint
from classifier.models import ModelVersion
from ml.data_types import Predictor
from ml.errors import MlError
from ml.golden import check_golden

WITHOUT_GOLDEN = "It has no stored test pictures, so it was only tried that it loads and answers."
_SUM_TOLERANCE = 1e-3


def check_answers(predictor: Predictor, folder: Path) -> int:
    """Ask about noise, then about the golden pictures; returns how many of those there were. Raises MlError."""
    noise = np.random.default_rng(0).integers(0, 256, (2, *predictor.preprocessing.shape), dtype=np.uint8)
    for answer in predictor.predict(noise):
        if not abs(sum(answer.scores) - 1) <= _SUM_TOLERANCE:
            raise MlError("The model's scores do not sum to 1.")
    return check_golden(predictor, folder)


def prove_version(version: ModelVersion) -> str:
    """Load a version as a worker would and check its answers; returns what was proved, as a sentence.

    Raises Refused with the reason in words and without places on this machine, StorageUnavailable.
    """
    try:
        folder = fetch_artifact(version.digest, settings.MODEL_CACHE_DIR)
        failpoint("during-model-load")
        load = cast("Callable[[Path], Predictor]", import_string(settings.PREDICTOR).load)
        predictor = load(folder)
        if list(predictor.labels) != version.labels:
            raise MlError("Its labels are not those it was registered with.")
        predictor.warm_up(max_batch=settings.PREDICTION_BATCH_MAX)
        pictures = check_answers(predictor, folder)
    except (ArtifactDamaged, MlError, MemoryError) as problem:
        reason = "It needs more memory than there is." if isinstance(problem, MemoryError) else str(problem)
        words = reason.replace(str(settings.MODEL_CACHE_DIR / version.digest), "its folder")
        raise Refused("malformed_request", f"{version} cannot go live: {words}") from problem
    return describe_proof(pictures)


def describe_proof(pictures: int) -> str:
    """What a passed check is worth."""
    return f"It answered its {pictures} test pictures as in training." if pictures else WITHOUT_GOLDEN
