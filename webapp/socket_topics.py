"""What a socket is about: images, one image, imports, or one training run. Groups, snapshot and rights of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import parse_qs
from uuid import UUID

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser

from classifier.identifiers import parse_id
from classifier.import_jobs import active_imports, describe_import
from classifier.live_updates import EVERYBODY, IMPORTS, training_group
from classifier.models import Image, TrainingRun
from classifier.owners import Owner, live_group
from classifier.presentation import describable, describe_image
from classifier.run_presentation import describe_run, presentable
from webapp.access import may_see_all_images, may_see_work

SNAPSHOT_IMAGES = 50
Viewer = AbstractBaseUser | AnonymousUser


class Topic(Protocol):
    """Asked from threads that may read the database, except for `groups` and `concerns`."""

    @property
    def groups(self) -> Sequence[str]:
        """What to join before the snapshot is read."""
        ...

    def read_snapshot(self) -> dict[str, Any]:
        """The first frame, and the answer to each refresh, without its type."""
        ...

    def concerns(self, event: dict[str, Any]) -> bool:
        """Is this event of our groups for this socket?"""
        ...

    def may_be_seen_by(self, viewer: Viewer) -> bool:
        """Asked at the start and again while the socket lives."""
        ...


@dataclass(frozen=True, slots=True)
class ImagesTopic:
    """The newest images of one owner; `only` narrows it to one of them. `asker` is who opened the socket."""

    asker: Owner
    owner_key: str
    only: UUID | None = None
    groups: Sequence[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "groups", (live_group(self.owner_key), EVERYBODY))

    def read_snapshot(self) -> dict[str, Any]:
        images = Image.objects.filter(owner=self.owner_key)
        if self.only is not None:
            images = images.filter(id=self.only)
        return {"items": [describe_image(image) for image in describable(images).order_by("-id")[:SNAPSHOT_IMAGES]]}

    def concerns(self, event: dict[str, Any]) -> bool:
        return self.only is None or event.get("item", {}).get("id") == str(self.only)

    def may_be_seen_by(self, viewer: Viewer) -> bool:
        if isinstance(viewer, AnonymousUser):
            return bool(settings.ANONYMOUS_UPLOADS) and self.owner_key == self.asker.key
        return self.owner_key == self.asker.key or may_see_all_images(viewer)


@dataclass(frozen=True, slots=True)
class TrainingTopic:
    """One training run, for people who work on classifiers."""

    run_id: UUID
    groups: Sequence[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "groups", (training_group(str(self.run_id)), EVERYBODY))

    def read_snapshot(self) -> dict[str, Any]:
        return {"items": [describe_run(run) for run in presentable(TrainingRun.objects.filter(id=self.run_id))]}

    def concerns(self, event: dict[str, Any]) -> bool:
        return True

    def may_be_seen_by(self, viewer: Viewer) -> bool:
        return may_see_work(viewer)


class ImportsTopic:
    """The imports under way, for people who work on classifiers."""

    groups = (IMPORTS, EVERYBODY)

    def read_snapshot(self) -> dict[str, Any]:
        return {"imports": [describe_import(job) for job in active_imports()]}

    def concerns(self, event: dict[str, Any]) -> bool:
        return True

    def may_be_seen_by(self, viewer: Viewer) -> bool:
        return may_see_work(viewer)


def find_topic(query: str, owner: Owner, viewer: Viewer) -> Topic | None:
    """By the socket's query string; None for what is unknown or not for this viewer."""
    wanted = parse_qs(query)
    topic: Topic | None
    if "training" in wanted:
        topic = _training_topic(wanted["training"][0])
    elif "image" in wanted:
        topic = _image_topic(wanted["image"][0], owner)
    elif "imports" in wanted:
        topic = ImportsTopic()
    else:
        topic = ImagesTopic(owner, owner.key)
    return topic if topic is not None and topic.may_be_seen_by(viewer) else None


def _training_topic(text: str) -> TrainingTopic | None:
    run_id = parse_id(text)
    known = run_id is not None and TrainingRun.objects.filter(id=run_id).exists()
    return TrainingTopic(run_id) if known and run_id is not None else None


def _image_topic(text: str, owner: Owner) -> ImagesTopic | None:
    image_id = parse_id(text)
    key = Image.objects.filter(id=image_id).values_list("owner", flat=True).first() if image_id else None
    return ImagesTopic(owner, key, image_id) if key is not None else None
