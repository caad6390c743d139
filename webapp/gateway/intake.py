"""What becomes of one message: an image and its request's row in one commit, a refusal's row, or a command's."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError, close_old_connections, connection

from classifier.broker_replies import describe_refusal
from classifier.broker_requests import Asked, Kind, accept_picture, answer_again, refuse_request
from classifier.errors import NotFound, Refused, StorageUnavailable, WhatsitError
from classifier.object_storage import BadObjectKey, ObjectMissing, read_object, stat_object
from classifier.owners import Owner
from classifier.upload_requests import CompanionExists, SentFile
from webapp import metrics
from webapp.gateway.commands import begin_command
from webapp.gateway.message_formats import Request, read_message
from webapp.gateway.protocol import GatewayOptions, Message, Outgoing

logger = structlog.get_logger(__name__)

_ATTEMPTS: Final = 3
_OUR_FAULT: Final = 500


class Outcome(Enum):
    """The first four are done; after AWAY the same message is tried again later, after FAILED it is given back."""

    ACCEPTED = "accepted"
    REPEATED = "repeated"
    REFUSED = "refused"
    MISMATCH = "mismatch"
    AWAY = "away"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Taken:
    """`reply` is published at once, before the message is acknowledged: an answer that no row keeps."""

    outcome: Outcome
    reply: Outgoing | None = None
    reason: str = ""


class Intake:
    """Used by many threads at once, each with a database connection of its own."""

    def __init__(self, source: str, options: GatewayOptions) -> None:
        self._source = source
        self._options = options
        self._owner = Owner("gateway", source.partition(":")[0])

    def take(self, message: Message) -> Taken:
        """Never raises. Returns once the rows are committed, or nothing was done."""
        close_old_connections()
        try:
            return self._take(self.read(message))
        except (OperationalError, InterfaceError) as problem:
            connection.close()
            return Taken(Outcome.AWAY, reason=repr(problem))
        except WhatsitError as problem:
            if isinstance(problem, StorageUnavailable) or problem.status >= _OUR_FAULT:
                return Taken(Outcome.AWAY, reason=problem.message)
            logger.exception("message_failed", message=message.identity)
            return Taken(Outcome.FAILED, reason=repr(problem))
        except Exception as problem:
            logger.exception("message_failed", message=message.identity)
            return Taken(Outcome.FAILED, reason=repr(problem))
        finally:
            close_old_connections()  # another thread may need it, where a pool lends them

    def read(self, message: Message) -> Request:
        """The message as this gateway understands it."""
        return read_message(message, self._options, default_classifier=settings.GATEWAY_CLASSIFIER or None)

    def _take(self, request: Request) -> Taken:
        asked = Asked(
            source=self._source,
            message_id=request.id,
            kind=request.kind,
            reply_to=request.reply_to,
            fingerprint=request.fingerprint,
        )
        for _ in range(_ATTEMPTS):
            try:
                if answer_again(asked):
                    return Taken(Outcome.REPEATED)
            except Refused as problem:
                return Taken(
                    Outcome.MISMATCH, reply=compose(asked.reply_to, describe_refusal(asked.message_id, problem))
                )
            try:
                return self._begin(asked, request)
            except CompanionExists:
                continue
        return Taken(Outcome.AWAY, reason="The same message is being taken by others again and again.")

    def _begin(self, asked: Asked, request: Request) -> Taken:
        try:
            if request.problem is not None:
                raise request.problem
            if request.kind == Kind.PREDICT:
                self._accept(asked, request)
            else:
                begin_command(asked, request)
        except WhatsitError as problem:
            if problem.status >= _OUR_FAULT:
                raise
            metrics.count_refusal(problem)
            refuse_request(asked, answer=describe_refusal(asked.message_id, problem))
            return Taken(Outcome.REFUSED, reason=problem.code)
        return Taken(Outcome.ACCEPTED)

    def _accept(self, asked: Asked, request: Request) -> None:
        data = request.picture if request.picture is not None else _read_named(request.picture_key)
        answer = accept_picture(
            asked,
            file=SentFile(request.name or request.id, data),
            owner=self._owner,
            classifier_slug=request.classifier,
            wished_version=request.model,
        )
        metrics.count_upload(answer)


def compose(topic: str, answer: dict[str, Any]) -> Outgoing:
    """An answer as it travels."""
    return Outgoing(topic=topic, key=answer["id"], body=json.dumps(answer, ensure_ascii=False).encode())


def _read_named(key: str) -> bytes:
    """The object of the store that a message names. Raises Refused, NotFound, StorageUnavailable.

    Only what senders have put into the inbox: everything else in the store belongs to somebody.
    """
    inbox = settings.GATEWAY_INBOX
    if not key.startswith(inbox):
        raise Refused("malformed_request", f"“image_url_key” must name an object below {inbox}.")
    try:
        if stat_object(key).size > settings.UPLOAD_MAX_BYTES:
            raise Refused("file_too_large")
        return read_object(key)
    except BadObjectKey as problem:
        raise Refused("malformed_request", "“image_url_key” is no key of an object.") from problem
    except ObjectMissing as problem:
        raise NotFound(f"There is no object {key} in the store.") from problem
