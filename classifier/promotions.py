"""What follows from the gate's verdict: a version goes live, is kept out, or waits. And finding versions by number."""

from __future__ import annotations

from enum import StrEnum

from django.contrib.auth.models import User

from classifier.errors import NotFound
from classifier.identifiers import parse_id
from classifier.model_registry import promote, reject
from classifier.models import Classifier, ModelVersion
from classifier.promotion_gate import Verdict


class PromotionMode(StrEnum):
    """auto: as the gate says; never: the version stays a candidate; force: live whatever the gate says."""

    AUTO = "auto"
    NEVER = "never"
    FORCE = "force"


def apply_verdict(
    *, version: ModelVersion, verdict: Verdict, mode: PromotionMode, user: User | None = None
) -> ModelVersion.Stage:
    """Store the verdict and act on it; returns the stage the version is in now. Doing it twice changes nothing more."""
    ModelVersion.objects.filter(pk=version.pk).update(verdict=verdict.to_dict())
    if mode is PromotionMode.FORCE:
        promote(version=version, reason="forced, whatever the gate says", user=user)
        return ModelVersion.Stage.LIVE
    if mode is PromotionMode.NEVER:
        return ModelVersion.Stage.CANDIDATE
    if verdict.passed:
        promote(version=version, reason=" ".join(verdict.reasons), user=user)
        return ModelVersion.Stage.LIVE
    reject(version=version, verdict=verdict.to_dict())
    return ModelVersion.Stage.REJECTED


def find_model_version(*, classifier: Classifier, name: str | None) -> ModelVersion:
    """By id or number (`3`, `v3`); the live version for None. Raises NotFound."""
    if not name:
        if classifier.live_version is None:
            raise NotFound(f"Classifier {classifier.slug} has no live version yet. Train one: manage.py train.")
        return classifier.live_version
    versions = ModelVersion.objects.filter(classifier=classifier)
    digits = name.lower().removeprefix("v")
    identifier = parse_id(name)
    if identifier is None and not (digits.isascii() and digits.isdigit()):
        raise NotFound(f"“{name}” is no version of classifier {classifier.slug}: give its number or id.")
    found = versions.filter(id=identifier).first() if identifier else versions.filter(number=int(digits)).first()
    if found is None:
        raise NotFound(f"Classifier {classifier.slug} has no version {name}.")
    return found
