"""Answers and dead letters to NATS, with the server's word that it has them."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from typing import Final

import nats.errors
from nats.aio.client import Client
from nats.js.client import JetStreamContext
from nats.js.errors import APIError, NoStreamResponseError

from webapp.gateway.protocol import Outgoing, Sent

# Not the header by which JetStream itself drops repeats: a repeated answer has to arrive.
ID_HEADER: Final = "Whatsit-Id"


async def publish_all(
    client: Client,
    stream: JetStreamContext | None,
    durable_topics: Collection[str],
    outgoing: Sequence[Outgoing],
    seconds: float,
) -> list[Sent]:
    """To streams with an acknowledgement each; to everybody else plainly, with one answer of the server for all."""
    stored = [each for each in outgoing if stream is not None and each.topic in durable_topics]
    by_place = {
        id(each): outcome
        for each, outcome in zip(
            stored, await asyncio.gather(*(_store(client, stream, each, seconds) for each in stored)), strict=True
        )
    }
    plain = [each for each in outgoing if id(each) not in by_place]
    by_place |= {
        id(each): outcome for each, outcome in zip(plain, await _send_plainly(client, plain, seconds), strict=True)
    }
    return [by_place[id(each)] for each in outgoing]


async def _store(client: Client, stream: JetStreamContext | None, each: Outgoing, seconds: float) -> Sent:
    assert stream is not None
    try:
        await stream.publish(each.topic, each.body, timeout=seconds, headers=_headers(each))
    except (nats.errors.MaxPayloadError, nats.errors.BadSubjectError, nats.errors.BadHeaderError):
        return Sent.NEVER
    except NoStreamResponseError:
        return Sent.LATER  # just after the server's start its streams do not answer yet
    except (TimeoutError, APIError, nats.errors.Error, OSError):
        return Sent.LATER
    return Sent.CONFIRMED


async def _send_plainly(client: Client, outgoing: Sequence[Outgoing], seconds: float) -> list[Sent]:
    outcomes = [await _send(client, each) for each in outgoing]
    if Sent.CONFIRMED not in outcomes:
        return outcomes
    try:
        await client.flush(max(1, int(seconds)))
    except (TimeoutError, nats.errors.Error, OSError):
        return [Sent.LATER if outcome is Sent.CONFIRMED else outcome for outcome in outcomes]
    return outcomes


async def _send(client: Client, each: Outgoing) -> Sent:
    try:
        await client.publish(each.topic, each.body, headers=_headers(each))
    except (nats.errors.MaxPayloadError, nats.errors.BadSubjectError, nats.errors.BadHeaderError):
        return Sent.NEVER
    except (nats.errors.Error, OSError):
        return Sent.LATER
    return Sent.CONFIRMED


def _headers(each: Outgoing) -> dict[str, str]:
    key = each.key.encode("ascii", "backslashreplace").decode()  # headers are ASCII for some clients
    return {ID_HEADER: key, **each.headers}
