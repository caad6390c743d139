"""Between a broker and the rows: connects, receives and answers until told to stop, and connects again when it must."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

import structlog
from django.conf import settings

from webapp.gateway import counters
from webapp.gateway.answering import Answering
from webapp.gateway.intake import Intake
from webapp.gateway.protocol import BrokerClient, BrokerUnavailable, GatewayOptions
from webapp.gateway.receiving import Receiving

logger = structlog.get_logger(__name__)

FIRST_PAUSE_SECONDS: Final = 0.5
LONGEST_PAUSE_SECONDS: Final = 30.0
# Taking begins again when so much of what is allowed to wait has been answered.
_RESUME_SHARE: Final = 0.8


def gateway_options() -> GatewayOptions:
    """As the settings say."""
    return GatewayOptions(
        request_topic=settings.GATEWAY_REQUEST_TOPIC,
        reply_topic=settings.GATEWAY_REPLY_TOPIC,
        dead_letter_topic=settings.GATEWAY_DEAD_LETTER_TOPIC,
        group=settings.GATEWAY_GROUP,
        in_hand=settings.GATEWAY_IN_HAND,
        # Base64 takes four characters for three bytes; the rest of a JSON request is small.
        most_bytes=settings.UPLOAD_MAX_BYTES * 4 // 3 + 16_384,
    )


class Bridge:
    """`make_client` is called for each connection anew. `run` blocks; `stop` is for any thread, or a signal."""

    def __init__(self, make_client: Callable[[GatewayOptions], BrokerClient], options: GatewayOptions) -> None:
        self._make_client = make_client
        self._options = options
        self._stopping = threading.Event()
        self._client = make_client(options)
        self._source = self._client.source
        self._answering = Answering(self._source, lambda: self._client)
        self._was_full = False

    def stop(self) -> None:
        """Take nothing more, finish what is in hand, leave."""
        self._stopping.set()

    def run(self) -> None:
        """Until stopped."""
        try:
            while not self._stopping.is_set():
                if self._connect():
                    self._serve()
        finally:
            self._answering.stop(settings.GATEWAY_STOP_SECONDS)
            self._client.close()
            logger.info("gateway_stopped", source=self._source)

    def _connect(self) -> bool:
        """With growing pauses until it works; False when stopped before."""
        pause = FIRST_PAUSE_SECONDS
        while not self._stopping.is_set():
            try:
                self._client.connect()
            except BrokerUnavailable as problem:
                logger.error("broker_unavailable", source=self._source, problem=str(problem), seconds=pause)
                self._client.close()
                self._stopping.wait(pause)
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
                self._client = self._make_client(self._options)
            else:
                counters.CONNECTIONS.labels(self._source).inc()
                logger.info("gateway_connected", source=self._source, group=self._options.group)
                return True
        return False

    def _serve(self) -> None:
        receiving = Receiving(
            self._client,
            self._options,
            Intake(self._source, self._options),
            is_full=self._is_full,
            on_taken=self._answering.wake,
        )
        if not self._answering.is_alive():
            self._answering.start()
        try:
            while not self._stopping.is_set():
                receiving.step()
            receiving.finish(settings.GATEWAY_STOP_SECONDS)
        except BrokerUnavailable as problem:
            logger.error("broker_lost", source=self._source, problem=str(problem))
            receiving.abandon()
            self._client.close()
            self._client = self._make_client(self._options)
            time.sleep(FIRST_PAUSE_SECONDS)

    def _is_full(self) -> bool:
        """Too much waits for its answer: predictions are slow, and what is not taken stays with the broker."""
        most = settings.GATEWAY_UNANSWERED
        limit = most * _RESUME_SHARE if self._was_full else most
        is_full = self._answering.unanswered >= limit
        if is_full != self._was_full:
            logger.info("gateway_paused" if is_full else "gateway_resumed", unanswered=self._answering.unanswered)
        self._was_full = is_full
        return is_full
