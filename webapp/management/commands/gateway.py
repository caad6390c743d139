"""`manage.py gateway`: requests come over a message broker, answers leave over it."""

from __future__ import annotations

import logging
import signal
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from webapp.gateway.bridge import Bridge, gateway_options
from webapp.gateway.clients import BROKERS, find_client
from webapp.gateway.counters import serve_counters
from webapp.gateway.protocol import MissingLibrary
from webapp.management.sentence_command import SentenceCommand


class Command(SentenceCommand):
    """Runs until TERM or Ctrl-C, then finishes what is in hand."""

    help = (
        "Takes pictures and commands from a topic of Kafka, Google Pub/Sub or NATS and publishes the answers. Topics, "
        "addresses and limits are variables GATEWAY_… (docs/brokers.md). Several gateways share the load."
    )
    example = "GATEWAY_NATS_URL=nats://127.0.0.1:4222 manage.py gateway nats"

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the broker."""
        parser.add_argument("broker", choices=BROKERS)

    def handle(self, *args: Any, **options: Any) -> None:
        """Connect and serve."""
        logging.getLogger().setLevel(settings.LOGGING["root"]["level"])  # a service: its log is all that it says
        try:
            make_client = find_client(options["broker"])
            serve_counters(settings.GATEWAY_METRICS_HOST, settings.GATEWAY_METRICS_PORT)
        except MissingLibrary as problem:
            raise CommandError(str(problem)) from problem
        except OSError as problem:
            raise CommandError(
                f"Metrics cannot be served at {settings.GATEWAY_METRICS_HOST}:{settings.GATEWAY_METRICS_PORT}: "
                f"{problem.strerror}. Choose another GATEWAY_METRICS_PORT, or 0 for none."
            ) from problem
        bridge = Bridge(make_client, gateway_options())

        def stop(signal_number: int, frame: FrameType | None) -> None:
            bridge.stop()

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        bridge.run()
