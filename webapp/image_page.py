"""What the page of one image shows: answers by version, what people said, what it taught, and what may be done."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

from classifier.models import Image, Label, ModelVersion, Prediction, Review, Suggestion, TrainingExample
from classifier.presentation import Score, describe_image, describe_prediction
from webapp.access import (
    asking_owner,
    may_decide,
    may_delete_images,
    may_review,
    may_see_all_images,
    may_see_work,
    owns_image,
    working_user,
)

MOST_SCORES: Final = 10
MOST_SHOWN: Final = 50
MOST_VERSIONS: Final = 20
Part = TrainingExample.Part


@dataclass(frozen=True, slots=True)
class Answer:
    """One finished prediction."""

    version: str
    address: str
    label: str
    confidence: float | None
    doubt: str
    done_at: datetime | None
    is_newest: bool


@dataclass(frozen=True, slots=True)
class Word:
    """One review in words."""

    who: str
    said: str
    detail: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Taught:
    """One training run that had the image."""

    words: str
    label: str
    address: str
    run: str


def describe_image_page(request: HttpRequest, image: Image) -> dict[str, Any]:
    """Everything the template needs; a fixed number of queries."""
    described = describe_image(image)
    answer = described["prediction"]
    scores: list[Score] = answer["scores"] if answer else []
    shows_work = may_see_work(request.user)
    is_reviewer = may_review(request.user)
    labels = list(Label.objects.filter(classifier=image.classifier).values_list("name", flat=True))
    return {
        "image": image,
        "described": described,
        "answer": answer if answer and answer["label"] else None,
        "failure": answer["failure"] if answer else None,
        "is_waiting": described["state"] in ("queued", "claimed"),
        "scores": scores[:MOST_SCORES],
        "more_scores": scores[MOST_SCORES:],
        "answers": list_answers(image, links=shows_work),
        "labels": labels,
        "words": list_words(image) if shows_work or is_reviewer else [],
        "suggestion": _suggestion(request, image),
        "suggestions": list_suggestions(image) if is_reviewer else [],
        "taught": list_taught(image, links=shows_work),
        "standing": standing_sentence(image, knows_people=shows_work or is_reviewer),
        "may_review": is_reviewer,
        "may_decide": may_decide(request.user) and image.review_state == Image.ReviewState.DISPUTED,
        "has_own_word": is_reviewer and _has_own_word(request, image),
        "may_suggest": not is_reviewer and owns_image(request, image),
        "shows_work": shows_work,
        "versions": list_versions(image) if shows_work else [],
        "ask_hindrance": why_not_ask(image),
        "delete_address": _delete_address(request, image),
    }


def list_answers(image: Image, *, links: bool) -> list[Answer]:
    """Finished predictions, the newest version first."""
    rows = Prediction.objects.filter(image=image, state=Prediction.State.DONE).select_related("model_version")
    answers = []
    for row in rows.order_by("-model_version__number")[:MOST_SHOWN]:
        described = describe_prediction(row)
        doubt = "Unlike what it learned from" if row.unfamiliar else "Not sure" if row.unsure else ""
        answers.append(
            Answer(
                version=str(row.model_version),
                address=reverse("model", args=[row.model_version_id]) if links else "",
                label=described["label"] or "",
                confidence=described["confidence"],
                doubt=doubt,
                done_at=row.done_at,
                is_newest=row.id == image.current_prediction_id,
            )
        )
    return answers


def list_words(image: Image) -> list[Word]:
    """Reviews, the newest first, with who and when."""
    rows = Review.objects.filter(image=image).select_related("user", "label", "shown_label", "model_version")
    return [_describe_word(row) for row in rows.order_by("-id")[:MOST_SHOWN]]


def list_suggestions(image: Image) -> list[str]:
    """The labels that visitors suggest and nobody has looked at yet."""
    rows = Suggestion.objects.filter(image=image, handled_at__isnull=True)
    return list(rows.values_list("label__name", flat=True)[:MOST_SHOWN])


def list_taught(image: Image, *, links: bool) -> list[Taught]:
    """The training runs that had the image, the newest first."""
    rows = TrainingExample.objects.filter(image=image).select_related(
        "label", "training_run", "training_run__model_version"
    )
    return [_describe_taught(row, links=links) for row in rows.order_by("-id")[:MOST_SHOWN]]


def list_versions(image: Image) -> list[ModelVersion]:
    """Other versions that can be asked, the newest first."""
    versions = ModelVersion.objects.filter(classifier=image.classifier).exclude(stage=ModelVersion.Stage.LIVE)
    return list(versions.only("id", "number", "stage").order_by("-number")[:MOST_VERSIONS])


def standing_sentence(image: Image, *, knows_people: bool) -> str:
    """What reviewers say it is, for everybody who may see the image."""
    if image.review_state == Image.ReviewState.SETTLED and image.settled_label is not None:
        return f"A reviewer says: {image.settled_label.name}."
    if not knows_people:
        return ""
    if image.review_state == Image.ReviewState.DISPUTED:
        return "Reviewers disagree. It teaches nothing until that is settled."
    if image.review_state == Image.ReviewState.SKIPPED:
        return "A reviewer could not tell what it is."
    return "Nobody has reviewed it yet."


def why_not_ask(image: Image) -> str:
    """The sentence beside “Ask again” where asking the live version would change nothing."""
    current = image.current_prediction
    if image.classifier.live_version_id is None:
        return "This classifier has no live model yet: its first training makes one."
    if current is None or current.state == Prediction.State.FAILED:
        return ""
    if current.state != Prediction.State.DONE:
        return "It is being answered just now."
    is_live = current.model_version_id == image.classifier.live_version_id
    return "The live version has answered it already." if is_live else ""


def _describe_word(row: Review) -> Word:
    name = row.label.name if row.label else ""
    said = {
        Review.Verdict.CONFIRM: f"Confirmed: {name}",
        Review.Verdict.CORRECT: f"It is: {name}",
        Review.Verdict.SKIP: "Could not tell",
        Review.Verdict.WITHDRAW: "Took the word before back",
    }[Review.Verdict(row.verdict)]
    details = []
    if row.verdict == Review.Verdict.CORRECT and row.shown_label and row.shown_label_id != row.label_id:
        details.append(f"{row.model_version or 'the model'} had said {row.shown_label.name}")
    if row.is_blind:
        details.append("without sight of the answer")
    if row.decides:
        details.append("this decides")
    details.append(f"in {row.get_place_display()}" if row.place in ("queue", "grid", "admin") else f"on {_place(row)}")
    return Word(row.user.get_username() if row.user else "Somebody", said, ", ".join(details), row.created_at)


def _place(row: Review) -> str:
    return "this page" if row.place == Review.Place.PAGE else "the API"


def _describe_taught(row: TrainingExample, *, links: bool) -> Taught:
    run = row.training_run
    version = getattr(run, "model_version", None)
    address = reverse("model", args=[version.id]) if version else reverse("training", args=[run.id])
    if row.part == Part.TRAIN:
        words = f"Used in model {version}" if version else "Used in a training that made no model"
        if version is None and run.state in ("queued", "running"):
            words = "Used in the training that runs now"
    else:
        words = row.get_part_display().capitalize()
        words = f"{words} (model {version})" if version else words
    return Taught(words, row.label.name, address if links else "", run.name or "")


def _suggestion(request: HttpRequest, image: Image) -> Suggestion | None:
    """The asker's own newest one."""
    if may_see_all_images(request.user):
        return None
    own = Suggestion.objects.filter(image=image, owner=asking_owner(request).key).select_related("label")
    return own.order_by("-id").first()


def _has_own_word(request: HttpRequest, image: Image) -> bool:
    newest = Review.objects.filter(image=image, user=working_user(request)).order_by("-id").first()
    return newest is not None and newest.verdict != Review.Verdict.WITHDRAW


def _delete_address(request: HttpRequest, image: Image) -> str:
    """Empty where this asker may not delete it."""
    if not owns_image(request, image) and not may_delete_images(request.user):
        return ""
    try:
        return reverse("image-delete", args=[image.id])
    except NoReverseMatch:
        return ""
