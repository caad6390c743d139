"""What a message says: the bytes of a picture, or JSON. Reads and checks; does nothing about it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import Any, Final

from classifier.broker_requests import LONGEST_ADDRESS, LONGEST_ID, Kind, fingerprint_message
from classifier.errors import Refused
from webapp.gateway.protocol import GatewayOptions, Message

# What Kafka, NATS and Pub/Sub allow in common, with NATS' inboxes.
_ADDRESS: Final = re.compile(r"[A-Za-z0-9_$][A-Za-z0-9._~$%+/-]*")
_OWN: Final = frozenset({"id", "reply_to", "classifier", "model", "name", "command", "image_base64", "image_url_key"})


@dataclass(frozen=True, slots=True)
class Request:
    """One message, read. Either `problem` says what is wrong with it, or the other fields are good.

    A picture is `picture`, or the object of the store that `picture_key` names. `options` are a command's own.
    """

    id: str
    reply_to: str
    kind: str
    fingerprint: str
    classifier: str | None = None
    model: str | None = None
    name: str = ""
    picture: bytes | None = None
    picture_key: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    problem: Refused | None = None


def read_message(message: Message, options: GatewayOptions, *, default_classifier: str | None = None) -> Request:
    """Never raises: what cannot be read has a problem, and still an id and a place for the answer.

    The id is the body's `id`, else the message's key, else the broker's own name of the message.
    """
    values: dict[str, Any] | None = None
    try:
        _check_size(message, options)
        values = _read_json(message.body)
        return _read(message, values, options, default_classifier)
    except Refused as problem:
        return Request(
            id=_id_for_refusal(message, values),
            reply_to=_address_for_refusal(message, values, options),
            kind=Kind.PREDICT,
            fingerprint=hashlib.sha256(message.body).hexdigest(),
            problem=problem,
        )


def _check_size(message: Message, options: GatewayOptions) -> None:
    if len(message.body) > options.most_bytes:
        raise Refused("file_too_large")
    if not message.body:
        raise Refused("empty_file", "This message is empty. Send the bytes of a picture, or JSON.")


def _read_json(body: bytes) -> dict[str, Any] | None:
    """The object; None where the body is no JSON object but, then, a picture: none begins with a brace."""
    if not body[:64].lstrip().startswith(b"{"):
        return None
    try:
        values = json.loads(body)
    except (ValueError, RecursionError) as problem:
        raise Refused("malformed_request", f"This message is no valid JSON: {problem}.") from problem
    read: dict[str, Any] = values
    return read


def _read(
    message: Message, values: dict[str, Any] | None, options: GatewayOptions, default_classifier: str | None
) -> Request:
    if values is None:
        parts = [Kind.PREDICT, default_classifier, None, hashlib.sha256(message.body).hexdigest()]
        return Request(
            id=_check_id(message.key or message.identity),
            reply_to=message.reply_to or options.reply_topic,
            kind=Kind.PREDICT,
            fingerprint=fingerprint_message(parts),
            classifier=default_classifier,
            picture=message.body,
        )
    common: dict[str, Any] = {
        "id": _check_id(_text(values, "id") or message.key or message.identity),
        "reply_to": message.reply_to or _check_address(_text(values, "reply_to"), options) or options.reply_topic,
        "classifier": _text(values, "classifier") or default_classifier,
        "model": _text(values, "model") or None,
        "name": _text(values, "name"),
    }
    command = _text(values, "command") or Kind.PREDICT
    return _read_picture_request(values, common) if command == Kind.PREDICT else _read_command(values, command, common)


def _read_command(values: dict[str, Any], command: str, common: dict[str, Any]) -> Request:
    if command not in (Kind.TRAIN, Kind.EVALUATE):
        raise Refused("malformed_request", "“command” must be predict, train or evaluate.")
    options = {name.replace("-", "_"): value for name, value in values.items() if name not in _OWN}
    parts = [command, common["classifier"], common["model"], common["name"], options]
    return Request(**common, kind=command, fingerprint=fingerprint_message(parts), options=options)


def _read_picture_request(values: dict[str, Any], common: dict[str, Any]) -> Request:
    if unknown := sorted(set(values) - _OWN):
        raise Refused("malformed_request", f"Unknown field(s): {', '.join(unknown)[:200]}.")
    picture, key = _read_picture(values)
    parts = [Kind.PREDICT, common["classifier"], common["model"], key or hashlib.sha256(picture or b"").hexdigest()]
    return Request(
        **common, kind=Kind.PREDICT, fingerprint=fingerprint_message(parts), picture=picture, picture_key=key
    )


def _read_picture(values: dict[str, Any]) -> tuple[bytes | None, str]:
    encoded, key = _text(values, "image_base64"), _text(values, "image_url_key")
    if bool(encoded) == bool(key):
        raise Refused("malformed_request", "Send either “image_base64” or “image_url_key”.")
    if key:
        return None, key
    try:
        return base64.b64decode(encoded, validate=True), ""
    except (binascii.Error, ValueError) as problem:
        raise Refused("malformed_request", "“image_base64” is not base64.") from problem


def _text(values: dict[str, Any], name: str) -> str:
    value = values.get(name)
    if value is None:
        return ""
    if isinstance(value, int) and not isinstance(value, bool) and name in ("id", "model"):
        return str(value)
    if not isinstance(value, str):
        raise Refused("malformed_request", f"“{name}” must be text.")
    if name != "image_base64" and not value.isprintable():
        raise Refused("malformed_request", f"“{name}” must have printable characters only.")
    return value


def _check_id(text: str) -> str:
    if not _is_good_id(text):
        raise Refused("malformed_request", f"An id has at most {LONGEST_ID} printable characters.")
    return text


def _is_good_id(text: str) -> bool:
    return 0 < len(text) <= LONGEST_ID and text.isprintable()


def _check_address(text: str, options: GatewayOptions) -> str:
    if not text:
        return ""
    if len(text) > LONGEST_ADDRESS or not _ADDRESS.fullmatch(text):
        raise Refused("malformed_request", "“reply_to” must be a topic's name: letters, digits, dots, dashes.")
    if text in (options.request_topic, options.dead_letter_topic):
        raise Refused("malformed_request", "“reply_to” must not be the topic that requests come from.")
    return text


def _id_for_refusal(message: Message, values: dict[str, Any] | None) -> str:
    named = (values or {}).get("id")
    for text in (named if isinstance(named, str) else "", message.key):
        if _is_good_id(text):
            return text
    return message.identity


def _address_for_refusal(message: Message, values: dict[str, Any] | None, options: GatewayOptions) -> str:
    if message.reply_to:
        return message.reply_to
    named = (values or {}).get("reply_to")
    try:
        return (_check_address(named, options) if isinstance(named, str) else "") or options.reply_topic
    except Refused:
        return options.reply_topic
