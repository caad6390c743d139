"""The streams and the consumer in JetStream: found, or made where they are missing."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import Final

import nats.errors
import structlog
from django.conf import settings
from nats.aio.client import Client
from nats.js import api
from nats.js.client import JetStreamContext
from nats.js.errors import APIError, NotFoundError
from nats.js.errors import Error as StreamError

from webapp.gateway.nats_core import ID_HEADER, plain_headers
from webapp.gateway.protocol import BrokerUnavailable, GatewayOptions, Message

logger = structlog.get_logger(__name__)

CALL_SECONDS: Final = 5.0
# How many times over what one gateway has in hand all gateways may have together.
GATEWAYS: Final = 20
ANSWERS_SECONDS: Final = 7 * 86400.0
DEAD_LETTER_SECONDS: Final = 30 * 86400.0
# A repeat must reach us, to be answered again: the server's own idea of repeats is made as short as it goes.
REPEAT_SECONDS: Final = 0.1
_NOT_ENABLED: Final = {10039, 10076}  # for this account, on this server


@dataclass(frozen=True, slots=True)
class Durable:
    """Where durable requests are pulled from; `birth` tells a stream from one of the same name made anew."""

    subscription: JetStreamContext.PullSubscription
    birth: int


@dataclass(frozen=True, slots=True)
class Streams:
    """`context` and `durable` are None where JetStream is off."""

    context: JetStreamContext | None
    durable: Durable | None
    may_serve_askers: bool


async def open_streams(client: Client, options: GatewayOptions) -> Streams:
    """Raises BrokerUnavailable, nats.errors.Error."""
    context = client.jetstream(timeout=CALL_SECONDS)
    if not await _is_enabled(client, context):
        logger.warning("jetstream_is_off", sentence="Only askers that wait for their answer are served.")
        return Streams(None, None, may_serve_askers=True)
    captured = await _find(context, options.request_topic)
    subject = options.request_topic if captured else settings.GATEWAY_NATS_DURABLE
    if captured:
        logger.warning("stream_captures_requests", stream=captured, sentence="Nobody is served who waits there.")
    try:
        stream = captured or await _find_or_make(context, subject, retention=api.RetentionPolicy.WORK_QUEUE)
        await _find_or_make(context, options.reply_topic, seconds=ANSWERS_SECONDS)
        await _find_or_make(context, options.dead_letter_topic, seconds=DEAD_LETTER_SECONDS)
        durable = await _open_consumer(context, stream, subject, options)
    except APIError as problem:
        raise BrokerUnavailable(f"JetStream refuses what the gateway needs: {problem.description}.") from problem
    return Streams(context, durable, may_serve_askers=not captured and subject != options.request_topic)


async def _is_enabled(client: Client, context: JetStreamContext) -> bool:
    """Whether server and account have it. Raises BrokerUnavailable while it is only starting."""
    if not client._server_info.get("jetstream"):  # the library has no public word for it
        return False
    try:
        await context.account_info()
    except APIError as problem:
        if problem.err_code in _NOT_ENABLED:
            return False
        raise BrokerUnavailable("JetStream does not answer yet.") from problem
    return True


async def read_durable(durable: Durable, most: int, seconds: float) -> list[Message]:
    """Up to `most` messages, or none after the time. Raises BrokerUnavailable where stream or consumer are gone."""
    try:
        # The library's pull of one message ends otherwise than that of many.
        pulled = await durable.subscription.fetch(max(most, 2), timeout=seconds)
    except TimeoutError:
        return []
    except StreamError as problem:
        raise BrokerUnavailable(f"JetStream does not give messages: {problem}.") from problem
    except nats.errors.Error:  # between two connections
        await asyncio.sleep(seconds / 4)
        return []
    return [
        Message(
            sent.data,
            f"{durable.birth}-{sent.metadata.sequence.stream}",
            key=(sent.headers or {}).get(ID_HEADER, ""),
            deliveries=sent.metadata.num_delivered or 1,
            headers=plain_headers(sent.headers),
            handle=sent,
        )
        for sent in pulled
    ]


async def _find(context: JetStreamContext, subject: str) -> str:
    try:
        return await context.find_stream_name_by_subject(subject)
    except NotFoundError:
        return ""


async def _find_or_make(
    context: JetStreamContext,
    subject: str,
    *,
    retention: api.RetentionPolicy = api.RetentionPolicy.LIMITS,
    seconds: float | None = None,
) -> str:
    if found := await _find(context, subject):
        return found
    name = "whatsit-" + re.sub(r"[^A-Za-z0-9_-]", "-", subject)
    config = api.StreamConfig(
        name=name,
        subjects=[subject],
        retention=retention,
        storage=api.StorageType.FILE,
        max_age=seconds,
        duplicate_window=REPEAT_SECONDS,
    )
    await context.add_stream(config)
    return name


async def _open_consumer(context: JetStreamContext, stream: str, subject: str, options: GatewayOptions) -> Durable:
    """One durable consumer for all gateways of the group: each pulls what it has room for."""
    config = api.ConsumerConfig(
        durable_name=options.group,
        filter_subject=subject,
        ack_policy=api.AckPolicy.EXPLICIT,
        ack_wait=settings.GATEWAY_LEASE_SECONDS,
        max_deliver=-1,
        max_ack_pending=options.in_hand * GATEWAYS,
    )
    await context.add_consumer(stream, config)
    subscription = await context.pull_subscribe_bind(options.group, stream)
    created = (await context.stream_info(stream)).created
    return Durable(subscription, int(created.timestamp() * 1000) if created else 0)
