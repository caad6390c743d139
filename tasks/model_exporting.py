"""A registered version written for other programs, compared on pictures of its classifier's holdout."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from django.conf import settings

from classifier.artifact_storage import ArtifactDamaged, fetch_artifact
from classifier.errors import Refused
from classifier.models import Dataset, ModelVersion
from ml.artifact import read_manifest
from ml.data_types import Pixels, Split
from ml.errors import MlError
from ml.export import ExportReport, OnProgress, export_model
from ml.export_formats import ExportFormat
from ml.preprocessing import Preprocessing
from ml.training_examples import LEFT_OUT, ORDER, Selection, iterate_pictures
from tasks.judging import select_holdout

MOST_PICTURES: Final = 256


def export_version(
    *, version: ModelVersion, kind: str, folder: Path, on_progress: OnProgress = lambda done, total: None
) -> ExportReport:
    """Write the version into `folder`, which must be new. Raises Refused, StorageUnavailable; then nothing is there."""
    try:
        artifact = fetch_artifact(version.digest, settings.MODEL_CACHE_DIR)
        pictures = choose_pictures(version, read_manifest(artifact).preprocessing)
        return export_model(
            artifact, ExportFormat(kind), folder, pictures, about=describe(version), on_progress=on_progress
        )
    except (ArtifactDamaged, MlError) as problem:
        raise Refused("malformed_request", str(problem)) from problem


def choose_pictures(version: ModelVersion, preprocessing: Preprocessing) -> Pixels | None:
    """Up to MOST_PICTURES of the holdout, spread over all of it; None for a classifier without any."""
    if not Dataset.objects.filter(classifier=version.classifier).exists():
        return None
    selection = thin_out(select_holdout(classifier=version.classifier))
    chosen = [pixels for _, _, pixels in iterate_pictures(selection, preprocessing, [Split.HOLDOUT])]
    return np.stack(chosen) if chosen else None


def thin_out(selection: Selection) -> Selection:
    """The same with every n-th picture of the holdout only, so that MOST_PICTURES are left at the most."""
    holdout = ORDER.index(Split.HOLDOUT)
    step = max(1, -(-selection.count(Split.HOLDOUT) // MOST_PICTURES))
    seen, shards = 0, []
    for shard in selection.shards:
        parts = shard.parts.copy()
        places = np.flatnonzero(parts == holdout)
        parts[places[(np.arange(len(places)) + seen) % step > 0]] = LEFT_OUT
        seen += len(places)
        shards.append(replace(shard, parts=parts))
    return replace(selection, shards=shards)


def describe(version: ModelVersion) -> dict[str, Any]:
    """Whose model it is, for model.json."""
    return {
        "classifier": version.classifier.slug,
        "version": version.number,
        "model_id": str(version.id),
        "digest": version.digest,
    }
