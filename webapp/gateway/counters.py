"""The gateway's own Prometheus figures, served from its process where a port is set."""

from __future__ import annotations

import structlog
from prometheus_client import Counter, Gauge, Histogram, start_http_server

logger = structlog.get_logger(__name__)

MESSAGES = Counter("whatsit_gateway_messages", "Messages by what became of them.", ["source", "outcome"])
ANSWERS = Counter("whatsit_gateway_answers", "Answers by what the broker said.", ["source", "outcome"])
DEAD_LETTERS = Counter("whatsit_gateway_dead_letters", "Messages given up.", ["source"])
CONNECTIONS = Counter("whatsit_gateway_connections", "Times a broker was connected to.", ["source"])
IN_HAND = Gauge("whatsit_gateway_in_hand", "Messages taken and not yet acknowledged.", ["source"])
UNANSWERED = Gauge("whatsit_gateway_unanswered", "Requests that wait for their answer, as last counted.", ["source"])
PAUSED = Gauge("whatsit_gateway_paused", "1 while no messages are taken.", ["source"])
SECONDS = Histogram(
    "whatsit_gateway_seconds",
    "Seconds from the request's row to its published answer.",
    ["source"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800),
)


def serve_counters(host: str, port: int) -> None:
    """Serve /metrics there; nothing where the port is 0. Raises OSError."""
    if port:
        start_http_server(port, addr=host)
        logger.info("gateway_metrics", host=host, port=port)
