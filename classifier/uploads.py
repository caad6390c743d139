"""Accepting pictures: gate, store, rows in one commit, ring. The only way an image comes to be."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from django.conf import settings
from django.db import DatabaseError

from classifier.arriving_images import ArrivingImages
from classifier.classifiers import find_classifier
from classifier.doorbell import ring_after_commit
from classifier.errors import Refused, StorageUnavailable
from classifier.failpoints import failpoint
from classifier.idempotency import KeyedRequest, find_answer, fingerprint_request, key_request, remember_answer
from classifier.models import Classifier, Image, ModelVersion, Prediction
from classifier.owners import Owner
from classifier.prediction_requests import open_predictions
from classifier.queue_room import queue_room
from classifier.request_ids import current_request_id
from classifier.row_lookup import find_row
from classifier.shared_commits import commit_together
from classifier.upload_requests import (
    CompanionExists,
    CompanionRow,
    NothingAccepted,
    SentFile,
    UploadAnswer,
    answer_as_json,
    repeat_answer,
)
from classifier.write_transactions import surely_rolled_back, write_transaction

logger = structlog.get_logger(__name__)

_ATTEMPTS = 4
# Gateways and commands hold back by themselves: they send no more than so many that are unanswered.
_BOUNDED = frozenset({Image.Source.PAGE, Image.Source.API})


@dataclass(frozen=True, slots=True)
class _Request:
    classifier: Classifier
    wished: ModelVersion | None
    priority: int
    keyed: KeyedRequest | None
    companion: CompanionRow | None


def accept_upload(
    *,
    files: Sequence[SentFile],
    owner: Owner,
    source: str,
    priority: int,
    classifier_slug: str | None = None,
    idempotency_key: str | None = None,
    wished_version: str | None = None,
    companion: CompanionRow | None = None,
) -> UploadAnswer:
    """Take what the gate admits; a returned answer means bytes durable and rows committed, the companion's too.

    Raises NothingAccepted, Refused (malformed_request, idempotency_mismatch), NotFound, StorageUnavailable, QueueFull,
    CompanionExists.
    """
    _check_count(files)
    classifier = find_classifier(classifier_slug)
    wished = find_version(classifier, wished_version)
    keyed = _key_request(classifier, wished_version, owner, idempotency_key, files)
    if keyed and (kept := find_answer(keyed)):
        return repeat_answer(kept)
    if source in _BOUNDED:
        queue_room.take(priority=priority, pictures=len(files))
    arriving = ArrivingImages(classifier, owner, source)
    arriving.admit_all(files)
    if not arriving.contents:
        raise NothingAccepted(arriving.rejected)
    answer = _keep(_Request(classifier, wished, priority, keyed, companion), arriving)
    logger.info("images_accepted", images=[str(image.id) for image in answer.images], refused=len(answer.rejected))
    return answer


def _check_count(files: Sequence[SentFile]) -> None:
    if not files:
        raise Refused("malformed_request")
    if len(files) > settings.UPLOAD_MAX_FILES:
        raise Refused("malformed_request", f"Send at most {settings.UPLOAD_MAX_FILES} pictures in one request.")


def find_version(classifier: Classifier, wished: str | None) -> ModelVersion | None:
    """The classifier's version of that id; None for none. Raises NotFound."""
    if not wished:
        return None
    rows = ModelVersion.objects.filter(classifier=classifier)
    return find_row(rows, wished, missing="This classifier has no such model version.")


def _key_request(
    classifier: Classifier, wished: str | None, owner: Owner, key: str | None, files: Sequence[SentFile]
) -> KeyedRequest | None:
    if not key:
        return None
    digests = [(file.name, hashlib.sha256(file.read()).hexdigest()) for file in files]
    fingerprint = fingerprint_request(classifier=classifier.slug, options={"model": wished}, files=digests)
    return key_request(scope=owner.key, key=key, fingerprint=fingerprint)


def _keep(request: _Request, arriving: ArrivingImages) -> UploadAnswer:
    """Commit the rows; when an equal request or picture was faster, look again at what there is."""
    for attempt in range(_ATTEMPTS):
        # A single new picture, the usual case, is not looked up first: the unique constraint knows it as well.
        known = arriving.find_known() if attempt or len(arriving.contents) > 1 else {}
        try:
            failpoint("after-bytes-stored")
            answer = _commit(request, arriving, known)
        except DatabaseError as problem:
            # Where the commit may have happened the objects stay; housekeeping removes those that no row names.
            if not surely_rolled_back(problem):
                raise
        else:
            failpoint("after-commit")
            return answer
        if request.keyed and (earlier := _find_earlier(request.keyed, arriving)):
            return earlier
        if request.companion and request.companion.is_written():
            arriving.remove_objects()
            raise CompanionExists
    arriving.remove_objects()
    raise StorageUnavailable


def _find_earlier(keyed: KeyedRequest, arriving: ArrivingImages) -> UploadAnswer | None:
    """The answer of an equal request that was faster; the objects stored for this one are removed then."""
    try:
        kept = find_answer(keyed)
    except Refused:
        arriving.remove_objects()
        raise
    if kept is None:
        return None
    arriving.remove_objects()
    return repeat_answer(kept)


def _commit(request: _Request, arriving: ArrivingImages, known: dict[str, Image]) -> UploadAnswer:
    new_images = list(arriving.fresh.values())
    # In the order of their ids: two requests that ask for the same images never wait for each other in a circle.
    renewed = sorted((image for image in known.values() if _needs_asking(image, request)), key=lambda image: image.id)
    by_content = {**known, **arriving.fresh}
    if not by_content.keys() >= set(arriving.contents):
        raise StorageUnavailable  # deleted between our two looks, when its new copy had been given up already
    answer = UploadAnswer(
        images=[by_content[content] for content in arriving.contents],
        rejected=arriving.rejected,
        duplicates=frozenset(image.id for image in known.values()),
    )

    request_id = current_request_id()

    def write() -> None:
        predictions = open_predictions(
            new_images, renewed, wished_version=request.wished, priority=request.priority, request_id=request_id
        )
        if request.keyed:
            remember_answer(request.keyed, answer_as_json(answer))
        if request.companion:
            request.companion.write(answer)
        if predictions:
            ring_after_commit()
        failpoint("before-commit")

    if renewed:  # counts up versions of the rows it holds, so it must run once
        with write_transaction():
            write()
    else:
        commit_together(write)
    return answer


def _needs_asking(image: Image, request: _Request) -> bool:
    """A picture seen before asks again when its newest answer is not from the version that would answer now.

    One that still waits is asked for again when somebody more urgent sent it now, or wishes for another version.
    """
    newest = image.current_prediction
    if newest is None or newest.state == Prediction.State.FAILED:
        return True
    wanted = request.wished.id if request.wished else None
    if newest.state != Prediction.State.DONE:
        return newest.wished_version_id != wanted or newest.priority > request.priority
    return newest.model_version_id != (wanted or request.classifier.live_version_id)
