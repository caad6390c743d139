"""What the templates of `/review/` are filled with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, TypedDict
from urllib.parse import urlencode

from django.contrib.auth.models import User
from django.urls import reverse

from classifier.models import Classifier, Image
from classifier.presentation import Score
from classifier.review_presentation import ReviewItem
from classifier.review_queue import count_waiting, count_wished
from classifier.run_sentences import certainty
from webapp.review_place import ReviewPlace

LABEL_KEYS: Final = "123456789abcdefghijklmnopqrstuvwxyz"
_SHARES: Final = (("0.5", "under 50\u00a0%"), ("0.7", "under 70\u00a0%"), ("0.9", "under 90\u00a0%"))
_VERSIONS_OFFERED: Final = 30
_ELSEWHERE_LOOKED_AT: Final = 20
_ELSEWHERE_COUNTED: Final = 1000


class LabelRow(TypedDict):
    name: str
    key: str
    share: str
    is_guess: bool
    is_suggested: bool


def describe_place(place: ReviewPlace) -> dict[str, Any]:
    """What both modes show: the filters, the labels with their keys, how much waits."""
    classifiers = list(Classifier.objects.order_by("-is_default", "name").values("slug", "name"))
    versions = place.classifier.versions.order_by("-number").values("id", "number")[:_VERSIONS_OFFERED]
    return {
        "place": place,
        "classifiers": classifiers if len(classifiers) > 1 else [],
        "versions": [{"value": str(row["id"]), "words": f"v{row['number']}"} for row in versions],
        "shares": [{"value": value, "words": words} for value, words in _SHARES],
        "sources": [{"value": value, "words": words} for value, words in Image.Source.choices],
        "waiting": count_wished(place.classifier, wish=place.wish),
    }


def describe_one(place: ReviewPlace, item: ReviewItem | None, *, user: User) -> dict[str, Any]:
    """One picture and its labels; without a picture, why there is none."""
    labels = list(place.classifier.labels.order_by("position").values_list("name", flat=True))
    context = describe_place(place)
    rows = label_rows(labels, item)
    return {
        **context,
        "item": item,
        "guess_words": guess_words(item),
        "labels": rows,
        "has_search": len(labels) > len(LABEL_KEYS),
        "skip_key": skip_key(len(labels)),
        "empty_words": "" if item else empty_words(place),
        "elsewhere": [] if item else find_elsewhere(place),
        "page_data": {
            "images_url": reverse("api-v1:send_images"),
            "queue_url": reverse("api-v1:read_queue"),
            "renew_url": reverse("api-v1:renew"),
            "release_url": reverse("api-v1:release"),
            "query": {"classifier": place.classifier.slug, **place.given},
            "grid_url": place.other_mode,
            "labels": [{"name": row["name"], "key": row["key"]} for row in rows],
            "waiting": context["waiting"],
            "first": item,
            "user": user.pk,
        },
    }


def label_rows(labels: Sequence[str], item: ReviewItem | None = None) -> list[LabelRow]:
    """In the classifier's order always, so that a key means the same label for ever."""
    scores: list[Score] = item["scores"] if item else []
    shares = {score["label"]: certainty(score["score"]) for score in scores}
    guess = item["guess"]["label"] if item and item["guess"] else None
    suggested = set(item["suggested"]) if item else set()
    keys = LABEL_KEYS if len(labels) <= len(LABEL_KEYS) else ""
    return [
        {
            "name": name,
            "key": keys[place : place + 1],
            "share": shares.get(name, ""),
            "is_guess": name == guess,
            "is_suggested": name in suggested,
        }
        for place, name in enumerate(labels)
    ]


def skip_key(label_count: int) -> str:
    """S, unless it stands for a label or begins a search."""
    return "S" if label_count <= LABEL_KEYS.index("s") else "0"


def guess_words(item: ReviewItem | None) -> str:
    """The model's guess with its share, as the button says it; empty where it must not be known or is not."""
    guess = item["guess"] if item else None
    return f"{guess['label']} {certainty(guess['confidence'])}" if guess else ""


def guess_share(item: ReviewItem) -> str:
    """“97 %” of the guess."""
    return certainty(item["guess"]["confidence"]) if item["guess"] else ""


def find_elsewhere(place: ReviewPlace) -> list[dict[str, Any]]:
    """Other classifiers whose pictures wait, and how many, for a page on which nothing does."""
    others = Classifier.objects.exclude(pk=place.classifier.pk).order_by("name")[:_ELSEWHERE_LOOKED_AT]
    counted = [(each, count_waiting(each, at_most=_ELSEWHERE_COUNTED)) for each in others]
    return [
        {
            "name": each.name,
            "address": f"{reverse('review')}?{urlencode({'classifier': each.slug})}",
            "count": count,
            "is_more": count >= _ELSEWHERE_COUNTED,
        }
        for each, count in counted
        if count
    ]


def empty_words(place: ReviewPlace) -> str:
    """Why nothing is shown and what to do next."""
    waiting = count_waiting(place.classifier, at_most=1000)
    if not waiting:
        return "Nothing waits for review. Pictures come here as soon as they have an answer; send some."
    if place.given:
        return "None of the pictures that wait passes these filters, or other reviewers have them in hand."
    return "The pictures that wait are in the hands of other reviewers. Look again in two minutes."
