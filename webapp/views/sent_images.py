"""Answers as the server draws them, for browsers without scripts; the live cards are drawn by `static/whatsit/js`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, TypedDict

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

from classifier.errors import NotAllowed
from classifier.identifiers import parse_id
from classifier.presentation import ImageItem, PredictionItem, describable, describe_image
from classifier.run_sentences import certainty
from webapp.access import visible_images
from webapp.own_words import read_own_words

_SHOWN_LABELS = 3
_RIVAL_SHARE = 0.1


class ShownScore(TypedDict):
    label: str
    share: str
    value: float


class ShownImage(TypedDict):
    look: Literal["answer", "unsure", "waiting", "trouble"]
    words: str
    details: str
    thumbnail: str
    scores: list[ShownScore]
    is_waiting: bool
    word_address: str
    answer: str
    labels: Sequence[str]
    said: str


def describe_sent_images(
    request: HttpRequest, ids: Sequence[str], labels: Mapping[str, Sequence[str]]
) -> list[ShownImage]:
    """The asker's own images among these ids, in the order of the ids; others are left out.

    `labels` by the classifier's slug: what can be said of an answer.
    """
    wanted = [identifier for text in ids[: settings.UPLOAD_MAX_FILES] if (identifier := parse_id(text))]
    if not wanted:
        return []
    try:
        rows = visible_images(request).filter(id__in=wanted)
    except NotAllowed:
        return []
    images = {image.id: image for image in describable(rows)}
    said = read_own_words(request, rows)
    found = [describe_image(images[identifier]) for identifier in wanted if identifier in images]
    return [_show(image, labels, said.get(image["id"], "")) for image in found]


def _show(image: ImageItem, labels: Mapping[str, Sequence[str]], said: str) -> ShownImage:
    prediction = image["prediction"]
    shown: ShownImage = {
        "look": "waiting",
        "words": "Waiting for its answer…",
        "details": image["name"],
        "thumbnail": reverse("api-v1:read_thumbnail", args=[image["id"]]),
        "scores": [],
        "is_waiting": image["state"] in {"queued", "claimed"},
        "word_address": reverse("say-label", args=[image["id"]]),
        "answer": "",
        "labels": [],
        "said": said,
    }
    if prediction and image["state"] == "failed":
        reason = (prediction["failure"] or {}).get("message", "")
        shown |= {"look": "trouble", "words": image["name"], "details": reason or "No answer came. Send it again."}
    elif prediction and prediction["scores"]:
        _add_answer(shown, prediction)
        shown |= {"answer": prediction["label"] or "", "labels": labels.get(image["classifier"], [])}
    return shown


def _add_answer(shown: ShownImage, prediction: PredictionItem) -> None:
    is_unsure = prediction["unsure"] or prediction["unfamiliar"]
    shown["look"] = "unsure" if is_unsure else "answer"
    shown["words"] = _unsure_sentence(prediction) if is_unsure else ""
    shown["scores"] = [
        {"label": score["label"], "share": certainty(score["score"]), "value": score["score"]}
        for score in prediction["scores"][:_SHOWN_LABELS]
    ]
    if prediction["model"]:
        shown["details"] += f" · model v{prediction['model']['version']}"


def _unsure_sentence(prediction: PredictionItem) -> str:
    first, *others = prediction["scores"]
    guess = f"{first['label']} {certainty(first['score'])}"
    if prediction["unfamiliar"]:
        return f"Not sure: unlike the pictures it learned from. Perhaps {guess}"
    if others and others[0]["score"] >= _RIVAL_SHARE:
        return f"Not sure: {guess} or {others[0]['label']} {certainty(others[0]['score'])}"
    return f"Not sure: perhaps {guess}"
