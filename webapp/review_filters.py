"""The review queue's filters as an address carries them: for the page and the REST call alike."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from django.utils.dateparse import parse_date

from classifier.errors import Refused
from classifier.identifiers import parse_id
from classifier.models import Image
from classifier.queue_filters import QueueFilter
from webapp.query_values import read_share

NAMES: Final = ("label", "max_confidence", "since", "model", "source")


def read_filter(values: Mapping[str, str]) -> QueueFilter:
    """`max_confidence` is a share, `since` a day, `model` a version's id. Raises Refused for what is none of these."""
    given = {name: values.get(name, "").strip() for name in NAMES}
    if given["source"] and given["source"] not in Image.Source.values:
        raise Refused("malformed_request", "The source is one of " + ", ".join(Image.Source.values) + ".")
    version = parse_id(given["model"]) if given["model"] else None
    if given["model"] and version is None:
        raise Refused("malformed_request", "The model is the id of a model version.")
    return QueueFilter(
        label=given["label"].replace("\x00", ""),
        most_confidence=read_share(given["max_confidence"], what="highest confidence", such_as="0.7"),
        since=_read_day(given["since"]),
        version=version,
        source=given["source"],
    )


def _read_day(text: str) -> datetime | None:
    if not text:
        return None
    try:
        day = parse_date(text)
    except ValueError:
        day = None
    if day is None:
        raise Refused("malformed_request", "The first day is written as 2026-11-21.")
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
