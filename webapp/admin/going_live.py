"""What the actions "Promote" and "Roll back" do with one chosen row: call the domain verb, say what happened."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest

from classifier.errors import WhatsitError
from classifier.model_registry import roll_back
from classifier.models import Classifier, ModelVersion
from classifier.promotion_requests import request_promotion


def promote_version(request: HttpRequest, version: ModelVersion) -> None:
    """Ask for this version to answer; a worker tries it first."""
    try:
        request_promotion(version=version, user=_person(request), reason="promoted in the admin")
    except WhatsitError as problem:
        messages.error(request, f"{problem.message} Nothing changed.")
    else:
        answered = "it goes live when it has answered its test pictures rightly"
        messages.success(request, f"{version} is being checked by a worker; {answered}.")


def roll_back_classifier(request: HttpRequest, classifier: Classifier) -> None:
    """Make the version answer that was live before the present one."""
    try:
        version = roll_back(classifier=classifier, user=_person(request))
    except WhatsitError as problem:
        messages.error(request, problem.message)
    else:
        messages.success(request, f"{classifier.name} is back at {version}.")


def _person(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # the admin lets nobody else in
    return request.user
