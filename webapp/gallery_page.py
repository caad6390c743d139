"""What the gallery shows: tiles of images, the filters as a form and as chips, and who may label at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from django.db.models import Q
from django.http import HttpRequest
from django.urls import reverse

from classifier.classifiers import find_classifier
from classifier.errors import NotFound
from classifier.models import Classifier, Image, Label, ModelVersion
from classifier.presentation import describe_image
from classifier.run_sentences import certainty
from webapp.access import may_review, may_see_all_images, may_see_work
from webapp.image_lists import ImagePage, ImageWish

MOST_LABELS: Final = 500
MOST_VERSIONS: Final = 50
STATES: Final = (
    ("done", "Answered"),
    ("unsure", "Not sure"),
    ("waiting", "Waiting for an answer"),
    ("failed", "Failed"),
)
REVIEWED: Final = (
    ("no", "Not reviewed"),
    ("yes", "Reviewed"),
    ("disputed", "Reviewers disagree"),
    ("skipped", "Nobody could tell"),
)
CONFIDENCES: Final = (("0.5", "50\u00a0% or more"), ("0.8", "80\u00a0% or more"), ("0.95", "95\u00a0% or more"))
SOURCES: Final = (
    ("page", "The upload page"),
    ("api", "The API"),
    ("command", "The command line"),
    ("broker", "A broker"),
)
NOT_A_REVIEWER: Final = "Only reviewers can label pictures."
CHOOSE_ONE: Final = "Choose one classifier above first: its labels are needed."
NO_CLASSIFIER: Final = "There is no classifier yet."


@dataclass(frozen=True, slots=True)
class Tile:
    """One image of the grid; `value` goes back with the form: the id and the version that was seen."""

    id: str
    value: str
    name: str
    label: str
    doubt: str
    detail: str
    review: str
    review_kind: str


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter that is on, and the address without it."""

    words: str
    address: str


@dataclass(frozen=True, slots=True)
class Choice:
    value: str
    words: str
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class Filter:
    """One select of the filter form."""

    name: str
    words: str
    anything: str
    choices: Sequence[Choice]


def describe_tile(image: Image) -> Tile:
    """No query beyond what `read_page` has brought."""
    described = describe_image(image)
    answer, state = described["prediction"], described["state"]
    label = (answer["label"] if answer else None) or ""
    detail, doubt = "", ""
    if answer and label and answer["confidence"] is not None:
        detail = certainty(answer["confidence"])
        if answer["unfamiliar"]:
            doubt = "Unlike what it learned from"
        elif answer["unsure"]:
            doubt = "Not sure"
    elif state == "failed":
        doubt = "No answer: it failed"
    else:
        doubt = "Waiting for an answer"
    return Tile(
        id=described["id"],
        value=f"{described['id']}:{image.version}",
        name=image.name or "picture",
        label=label,
        doubt=doubt,
        detail=detail,
        review=_review_words(image, label),
        review_kind=image.review_state,
    )


def describe_page(page: ImagePage, wish: ImageWish) -> dict[str, Any]:
    """The tiles, and where the older ones are."""
    older = page.next_cursor and f"{reverse('gallery')}?{urlencode({**wish.as_query(), 'cursor': page.next_cursor})}"
    return {"tiles": [describe_tile(image) for image in page.images], "older": older}


def describe_filters(request: HttpRequest, wish: ImageWish) -> dict[str, Any]:
    """The form, the chips, and the labels that can be given at once with the reason where none can."""
    classifiers = list(Classifier.objects.order_by("-is_default", "created_at"))
    chosen = _choose(classifiers, wish)
    labels = _labels_of(chosen)
    filters = [
        _filter("classifier", "Classifier", "All", [(each.slug, each.name) for each in classifiers], wish),
        _filter("label", "Answer", "Any", [(name, name) for name in dict.fromkeys(labels)], wish),
        _filter("state", "State", "Any", STATES, wish),
        _filter("reviewed", "Review", "Any", REVIEWED, wish),
        _filter("min_confidence", "Confidence", "Any", CONFIDENCES, wish),
        _filter("source", "Sent by", "Any", SOURCES, wish),
    ]
    if chosen and may_see_work(request.user):
        filters.insert(5, _filter("model", "Model version", "Any", _versions_of(chosen), wish))
    filters = [each for each in filters if each.choices and (each.name != "classifier" or len(each.choices) > 1)]
    return {
        "filters": filters,
        "chips": _chips(filters, wish),
        "classifier": chosen,
        "labels": labels if chosen else [],
        "label_hindrance": _why_no_labels(request, classifiers, chosen),
        "may_review": may_review(request.user),
        "sees_everybody": may_see_all_images(request.user),
    }


def _choose(classifiers: Sequence[Classifier], wish: ImageWish) -> Classifier | None:
    if wish.classifier:
        try:
            return find_classifier(wish.classifier)
        except NotFound:
            return None
    return classifiers[0] if len(classifiers) == 1 else None


def _labels_of(classifier: Classifier | None) -> list[str]:
    labels = Label.objects.filter(classifier=classifier) if classifier else Label.objects.order_by("name")
    return list(labels.values_list("name", flat=True)[:MOST_LABELS])


def _versions_of(classifier: Classifier) -> list[tuple[str, str]]:
    rows = ModelVersion.objects.filter(Q(classifier=classifier)).order_by("-number")
    return [(str(row_id), f"v{number}") for row_id, number in rows.values_list("id", "number")[:MOST_VERSIONS]]


def _filter(name: str, words: str, anything: str, options: Sequence[tuple[str, str]], wish: ImageWish) -> Filter:
    value = getattr(wish, name)
    offered = list(options)
    if value and offered and value not in dict(offered):
        offered.append((value, value))
    return Filter(name, words, anything, [Choice(key, shown, key == value) for key, shown in offered])


def _chips(filters: Sequence[Filter], wish: ImageWish) -> list[Chip]:
    shown = {
        each.name: f"{each.words}: {choice.words}" for each in filters for choice in each.choices if choice.is_chosen
    }
    shown |= {"name": f"Name: {wish.name}"} if wish.name else {}
    chips = []
    for name in wish.as_query():
        others = {key: value for key, value in wish.as_query().items() if key != name}
        chips.append(Chip(shown.get(name, name), f"{reverse('gallery')}?{urlencode(others)}"))
    return chips


def _why_no_labels(request: HttpRequest, classifiers: Sequence[Classifier], chosen: Classifier | None) -> str:
    if not may_review(request.user):
        return NOT_A_REVIEWER
    if not classifiers:
        return NO_CLASSIFIER
    return "" if chosen else CHOOSE_ONE


def _review_words(image: Image, label: str) -> str:
    if image.review_state == Image.ReviewState.SETTLED and image.settled_label is not None:
        return "Confirmed" if image.settled_label.name == label else f"It is: {image.settled_label.name}"
    if image.review_state == Image.ReviewState.DISPUTED:
        return "Reviewers disagree"
    return "Nobody could tell" if image.review_state == Image.ReviewState.SKIPPED else ""
