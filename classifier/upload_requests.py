"""What an upload request brings and what it is told: files, refusals, the answer and its stored form."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from classifier.errors import WhatsitError
from classifier.models import Image
from classifier.presentation import describable


@dataclass(frozen=True, slots=True)
class SentFile:
    """One file as it came: the name is only ever shown, never used as a path.

    `data` may be a function that reads the bytes, so that a request of a hundred files holds one at a time in memory.
    """

    name: str
    data: bytes | Callable[[], bytes]

    def read(self) -> bytes:
        """The file's bytes, from the start at each call."""
        return self.data if isinstance(self.data, bytes) else self.data()


@dataclass(frozen=True, slots=True)
class RefusedFile:
    """Why one file was not taken; `index` is its place in the request."""

    index: int
    name: str
    code: str
    message: str

    def as_json(self) -> dict[str, object]:
        return {"index": self.index, "name": self.name, "code": self.code, "message": self.message}


@dataclass(frozen=True, slots=True)
class UploadAnswer:
    """What became of a request, in sending order; `duplicates` are ids that existed before it."""

    images: list[Image]
    rejected: list[RefusedFile]
    duplicates: frozenset[UUID]
    repeated: bool = False


class CompanionRow(Protocol):
    """A row of the caller's that is written with the images, in their transaction; unique, so that of two equal
    requests only one gets in."""

    def write(self, answer: UploadAnswer) -> None:
        """Insert it; may run again after a rollback, and in another thread. An IntegrityError: it exists."""

    def is_written(self) -> bool:
        """Whether an equal request was faster."""


class CompanionExists(Exception):  # noqa: N818 - reads as what happened
    """An equal request was faster: nothing was stored for this one; look for the companion row."""


class NothingAccepted(WhatsitError):  # noqa: N818 - reads as what happened
    """Every file of the request was refused; code and status are those of the first refusal."""

    def __init__(self, rejected: Sequence[RefusedFile]) -> None:
        first = rejected[0]
        super().__init__(first.code, first.message, details={"rejected": [entry.as_json() for entry in rejected]})
        self.rejected = list(rejected)


def answer_as_json(answer: UploadAnswer) -> dict[str, Any]:
    """What is kept under an Idempotency-Key."""
    return {
        "images": [str(image.id) for image in answer.images],
        "rejected": [entry.as_json() for entry in answer.rejected],
        "duplicates": [str(identifier) for identifier in answer.duplicates],
    }


def repeat_answer(kept: dict[str, Any]) -> UploadAnswer:
    """The earlier answer with today's rows; an image deleted since then is left out."""
    found = {str(image.id): image for image in describable(Image.objects.filter(id__in=kept["images"]))}
    return UploadAnswer(
        images=[found[identifier] for identifier in kept["images"] if identifier in found],
        rejected=[RefusedFile(**entry) for entry in kept["rejected"]],
        duplicates=frozenset(UUID(identifier) for identifier in kept["duplicates"]),
        repeated=True,
    )
