"""The starter model: shipped with the code, installed at the first start as the live version of `fashion`."""

from __future__ import annotations

import json
from collections.abc import Sequence

import structlog

from classifier.artifact_storage import save_artifact_folder
from classifier.classifiers import create_classifier
from classifier.model_registry import promote, register_version
from classifier.models import Classifier, ModelVersion
from ml.artifact import MANIFEST, digest_file, read_manifest
from ml.starter import starter_folder

logger = structlog.get_logger(__name__)

SLUG = "fashion"


def install_starter_model() -> ModelVersion | None:
    """Make classifier `fashion` answer at once, unless somebody has made it theirs; then None. Safe to run twice.

    Theirs: it answers already, its labels are others than the starter's, or it has another model version.
    """
    folder = starter_folder()
    manifest = read_manifest(folder)
    if _is_somebodys(manifest.labels, digest_file(folder / MANIFEST)):
        return None
    digest = save_artifact_folder(folder)
    classifier = create_classifier(slug=SLUG, name="Fashion", labels=manifest.labels)
    version = register_version(
        classifier=classifier, digest=digest, manifest=json.loads(manifest.to_json()), metrics=manifest.metrics
    )
    promote(version=version, reason="starter model")
    logger.info("starter_model_installed", version=version.number)
    return version


def _is_somebodys(labels: Sequence[str], digest: str) -> bool:
    classifier = Classifier.objects.filter(slug=SLUG).first()
    if classifier is None:
        return False
    if classifier.live_version_id or set(classifier.labels.values_list("name", flat=True)) != set(labels):
        return True
    # The starter's own version without a promotion: an installation that was cut off.
    return classifier.versions.exclude(digest=digest).exists()
