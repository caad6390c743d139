"""The starter model: shipped with the code, installed at the first start as the live version of `fashion`."""

from __future__ import annotations

import json

import structlog

from classifier.artifact_storage import save_artifact_folder
from classifier.classifiers import create_classifier
from classifier.model_registry import promote, register_version
from classifier.models import Classifier, ModelVersion
from ml.artifact import read_manifest
from ml.starter import starter_folder

logger = structlog.get_logger(__name__)

SLUG = "fashion"


def install_starter_model() -> ModelVersion | None:
    """Make classifier `fashion` answer at once; None when it has a live version already. Safe to run twice."""
    if Classifier.objects.filter(slug=SLUG, live_version__isnull=False).exists():
        return None
    folder = starter_folder()
    manifest = read_manifest(folder)
    digest = save_artifact_folder(folder)
    classifier = create_classifier(slug=SLUG, name="Fashion", labels=manifest.labels)
    version = register_version(
        classifier=classifier, digest=digest, manifest=json.loads(manifest.to_json()), metrics=manifest.metrics
    )
    promote(version=version, reason="starter model")
    logger.info("starter_model_installed", version=version.number)
    return version
