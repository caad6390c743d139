"""The action "Ask again": calls the domain verb for each chosen picture and says what became of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest

from classifier.models import Image, ModelVersion, Prediction
from classifier.prediction_requests import request_prediction

MOST_AT_ONCE = 200
_OPEN = {Prediction.State.QUEUED, Prediction.State.CLAIMED}


def ask_for(request: HttpRequest, wishes: Iterable[tuple[Image, ModelVersion | None]]) -> None:
    """Ask for each (picture, version or the live one); a person waits for the answers."""
    outcomes = [
        request_prediction(image=image, wished_version=version, priority=Prediction.PERSON_WAITS).state in _OPEN
        for image, version in wishes
    ]
    asked, kept = outcomes.count(True), outcomes.count(False)
    if asked:
        messages.success(request, f"Asked again: {_pictures(asked)}. Reload to see the answers.")
    if kept:
        messages.info(request, f"Not asked again, as that version has answered already: {_pictures(kept)}.")


def too_many(request: HttpRequest, rows: QuerySet[Any]) -> bool:
    """Refuses, with a message, more rows than a person can wait for; promotions ask for all pictures by themselves."""
    if rows.order_by()[: MOST_AT_ONCE + 1].count() <= MOST_AT_ONCE:
        return False
    messages.error(request, f"Choose at most {MOST_AT_ONCE} rows at once. Nothing was asked.")
    return True


def _pictures(count: int) -> str:
    return "1 picture" if count == 1 else f"{count} pictures"
