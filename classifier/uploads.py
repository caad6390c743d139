"""Accepting pictures: gate, store, rows in one commit, ring. The only way an image comes to be."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError
from django.utils import timezone

from classifier.classifiers import find_classifier
from classifier.doorbell import ring_after_commit
from classifier.errors import NotFound, Refused, StorageUnavailable, WhatsitError
from classifier.failpoints import failpoint
from classifier.idempotency import KeyedRequest, find_answer, fingerprint_request, remember_answer
from classifier.identifiers import new_id, parse_id
from classifier.image_gate import AcceptedPicture, admit_picture
from classifier.image_names import clean_name
from classifier.models import Classifier, Image, ModelVersion, Prediction
from classifier.object_storage import delete_object, write_verified
from classifier.owners import Owner
from classifier.prediction_requests import open_predictions
from classifier.presentation import describable
from classifier.shared_commits import commit_together
from classifier.write_transactions import write_transaction

_ATTEMPTS = 4


@dataclass(frozen=True, slots=True)
class SentFile:
    """One file as it came: the name is only ever shown, never used as a path."""

    name: str
    data: bytes


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


class NothingAccepted(WhatsitError):  # noqa: N818 - reads as what happened
    """Every file of the request was refused; code and status are those of the first refusal."""

    def __init__(self, rejected: Sequence[RefusedFile]) -> None:
        first = rejected[0]
        super().__init__(first.code, first.message, details={"rejected": [entry.as_json() for entry in rejected]})
        self.rejected = list(rejected)


@dataclass(frozen=True, slots=True)
class _Admitted:
    index: int
    name: str
    picture: AcceptedPicture


@dataclass(frozen=True, slots=True)
class _Request:
    classifier: Classifier
    wished: ModelVersion | None
    owner: Owner
    source: str
    priority: int
    keyed: KeyedRequest | None


def accept_upload(
    *,
    files: Sequence[SentFile],
    owner: Owner,
    source: str,
    priority: int,
    classifier_slug: str | None = None,
    idempotency_key: str | None = None,
    wished_version: str | None = None,
) -> UploadAnswer:
    """Take what the gate admits; a returned answer means bytes durable and rows committed.

    Raises NothingAccepted, Refused (malformed_request, idempotency_mismatch), NotFound, StorageUnavailable.
    """
    if not files:
        raise Refused("malformed_request")
    if len(files) > settings.UPLOAD_MAX_FILES:
        raise Refused("malformed_request", f"Send at most {settings.UPLOAD_MAX_FILES} pictures in one request.")
    classifier = find_classifier(classifier_slug)
    request = _Request(
        classifier=classifier,
        wished=find_version(classifier, wished_version),
        owner=owner,
        source=source,
        priority=priority,
        keyed=_key_request(classifier, wished_version, owner, idempotency_key, files),
    )
    if request.keyed and (answer := find_answer(request.keyed)):
        return _repeat(answer)
    admitted, rejected = _admit(files)
    if not admitted:
        raise NothingAccepted(rejected)
    return _keep(request, admitted, rejected)


def find_version(classifier: Classifier, wished: str | None) -> ModelVersion | None:
    """The classifier's version of that id; None for none. Raises NotFound."""
    if not wished:
        return None
    identifier = parse_id(wished)
    version = ModelVersion.objects.filter(classifier=classifier, id=identifier).first() if identifier else None
    if version is None:
        raise NotFound("This classifier has no such model version.")
    return version


def _key_request(
    classifier: Classifier, wished: str | None, owner: Owner, key: str | None, files: Sequence[SentFile]
) -> KeyedRequest | None:
    if not key:
        return None
    if len(key) > 200 or not key.isprintable():
        raise Refused("malformed_request", "An Idempotency-Key has at most 200 printable characters.")
    digests = [(file.name, hashlib.sha256(file.data).hexdigest()) for file in files]
    fingerprint = fingerprint_request(classifier=classifier.slug, options={"model": wished}, files=digests)
    return KeyedRequest(scope=owner.key, key=key, fingerprint=fingerprint)


def _admit(files: Sequence[SentFile]) -> tuple[list[_Admitted], list[RefusedFile]]:
    admitted: list[_Admitted] = []
    rejected: list[RefusedFile] = []
    for index, file in enumerate(files):
        name = clean_name(file.name)
        try:
            admitted.append(_Admitted(index, name, admit_picture(file.data)))
        except Refused as refusal:
            rejected.append(RefusedFile(index, name, refusal.code, refusal.message))
    return admitted, rejected


def _keep(request: _Request, admitted: list[_Admitted], rejected: list[RefusedFile]) -> UploadAnswer:
    """Store and commit; when an equal request or picture was faster, undo our objects and look again."""
    for attempt in range(_ATTEMPTS):
        # A single new picture, the usual case, is not looked up first: the unique constraint knows it as well.
        known = _known_images(request, admitted) if attempt or len(admitted) > 1 else {}
        fresh = _make_images(request, admitted, known)
        stored = _store(fresh)
        try:
            failpoint("after-bytes-stored")
            answer = _commit(request, admitted, rejected, known, fresh)
        except IntegrityError:
            # Surely rolled back. After any other error the commit may have happened: its objects stay, and
            # housekeeping removes them later if no row names them.
            _remove(stored)
        else:
            failpoint("after-commit")
            return answer
        if request.keyed and (earlier := find_answer(request.keyed)):
            return _repeat(earlier)
    raise StorageUnavailable


def _known_images(request: _Request, admitted: list[_Admitted]) -> dict[str, Image]:
    contents = {entry.picture.content for entry in admitted}
    images = Image.objects.filter(classifier=request.classifier, owner=request.owner.key, content__in=contents)
    return {image.content: image for image in describable(images)}


def _make_images(
    request: _Request, admitted: list[_Admitted], known: dict[str, Image]
) -> dict[str, tuple[Image, AcceptedPicture]]:
    fresh: dict[str, tuple[Image, AcceptedPicture]] = {}
    day = timezone.now().strftime("%Y/%m/%d")
    for entry in admitted:
        picture = entry.picture
        if picture.content in known or picture.content in fresh:
            continue
        identifier = new_id()
        suffix = "png" if picture.format == "PNG" else "jpg"
        image = Image(
            id=identifier,
            classifier=request.classifier,
            owner=request.owner.key,
            name=entry.name,
            sha256=picture.sha256,
            file_sha256=hashlib.sha256(picture.data).hexdigest(),
            content=picture.content,
            difference_hash=picture.difference_hash,
            storage_key=f"images/{day}/{identifier.hex}.{suffix}",
            format=picture.format,
            width=picture.width,
            height=picture.height,
            original_width=picture.original_width,
            original_height=picture.original_height,
            size_bytes=len(picture.data),
            notes=list(picture.notes),
            source=request.source,
        )
        fresh[picture.content] = (image, picture)
    return fresh


def _store(fresh: dict[str, tuple[Image, AcceptedPicture]]) -> list[str]:
    stored: list[str] = []
    try:
        for image, picture in fresh.values():
            stored.append(image.storage_key)
            write_verified(image.storage_key, picture.data)
    except BaseException:
        _remove(stored)
        raise
    return stored


def _remove(keys: Sequence[str]) -> None:
    """Undo; an object that cannot be removed now is an orphan that housekeeping finds."""
    for key in keys:
        try:
            delete_object(key)
        except StorageUnavailable:
            return


def _commit(
    request: _Request,
    admitted: list[_Admitted],
    rejected: list[RefusedFile],
    known: dict[str, Image],
    fresh: dict[str, tuple[Image, AcceptedPicture]],
) -> UploadAnswer:
    new_images = [image for image, _ in fresh.values()]
    renewed = [image for image in known.values() if _needs_new_answer(image, request)]
    by_content = {**known, **{image.content: image for image in new_images}}
    images = [by_content[entry.picture.content] for entry in admitted]
    duplicates = frozenset(image.id for image in known.values())

    def write() -> None:
        predictions = open_predictions(new_images, renewed, wished_version=request.wished, priority=request.priority)
        if request.keyed:
            remember_answer(request.keyed, _answer_as_json(images, rejected, duplicates))
        if predictions:
            ring_after_commit()
        failpoint("before-commit")

    if renewed:  # counts up versions of the rows it holds, so it must run once
        with write_transaction():
            write()
    else:
        commit_together(write)
    return UploadAnswer(images, rejected, duplicates)


def _needs_new_answer(image: Image, request: _Request) -> bool:
    """A picture seen before asks again when its newest answer is not from the version that would answer now."""
    newest = image.current_prediction
    if newest is None or newest.state == Prediction.State.FAILED:
        return True
    wanted = request.wished.id if request.wished else None
    if newest.state != Prediction.State.DONE:
        return newest.wished_version_id != wanted
    return newest.model_version_id != (wanted or request.classifier.live_version_id)


def _answer_as_json(images: list[Image], rejected: list[RefusedFile], duplicates: frozenset[UUID]) -> dict[str, Any]:
    return {
        "images": [str(image.id) for image in images],
        "rejected": [entry.as_json() for entry in rejected],
        "duplicates": [str(identifier) for identifier in duplicates],
    }


def _repeat(answer: dict[str, Any]) -> UploadAnswer:
    """The earlier answer with today's rows; an image deleted since then is left out."""
    found = {str(image.id): image for image in describable(Image.objects.filter(id__in=answer["images"]))}
    return UploadAnswer(
        images=[found[identifier] for identifier in answer["images"] if identifier in found],
        rejected=[RefusedFile(**entry) for entry in answer["rejected"]],
        duplicates=frozenset(UUID(identifier) for identifier in answer["duplicates"]),
        repeated=True,
    )
