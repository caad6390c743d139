"""What the actions "Promote" and "Roll back" do with one chosen row: check, call the domain verb, say what happened."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest

from classifier.artifact_storage import ArtifactDamaged, fetch_artifact
from classifier.errors import WhatsitError
from classifier.model_registry import promote, roll_back
from classifier.models import Classifier, ModelVersion


def promote_version(request: HttpRequest, version: ModelVersion) -> None:
    """Make this version answer, unless the gate kept it out or its files are not whole in storage."""
    if version.stage == ModelVersion.Stage.LIVE:
        messages.info(request, f"{version} of {version.classifier.name} is live already.")
    elif version.stage == ModelVersion.Stage.REJECTED:
        messages.error(
            request, f"{version} was rejected, see its verdict. Nothing changed; {_forced(version)} would force it."
        )
    elif _has_whole_files(request, version):
        replaced = promote(version=version, reason="promoted in the admin", user=_person(request))
        words = f", {replaced} no longer does" if replaced else ""
        messages.success(request, f"{version} answers for {version.classifier.name} now{words}.")


def _forced(version: ModelVersion) -> str:
    return f"manage.py promote {version.classifier.slug} {version.number}"


def roll_back_classifier(request: HttpRequest, classifier: Classifier) -> None:
    """Make the version answer that was live before the present one."""
    try:
        version = roll_back(classifier=classifier, user=_person(request))
    except WhatsitError as problem:
        messages.error(request, problem.message)
    else:
        messages.success(request, f"{classifier.name} is back at {version}.")


def _has_whole_files(request: HttpRequest, version: ModelVersion) -> bool:
    """Every file in storage, and as its digest says. Workers keep the old version until this one has loaded."""
    try:
        fetch_artifact(version.digest, settings.MODEL_CACHE_DIR)
    except (ArtifactDamaged, WhatsitError) as problem:
        messages.error(request, f"The files of {version} cannot be used, so nothing changed. {problem}")
        return False
    return True


def _person(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # the admin lets nobody else in
    return request.user
