"""Where the site is and who asks, from arguments or the environment."""

from __future__ import annotations

import os
from typing import Any

import httpx

from whatsit_client.calls import WAIT_SECONDS

DEFAULT_ADDRESS = "http://127.0.0.1:8000"


def client_options(url: str | None, token: str | None, timeout: float) -> dict[str, Any]:
    """For httpx: address from WHATSIT_URL, token from WHATSIT_TOKEN where none is given; without one as a visitor."""
    token = token or os.environ.get("WHATSIT_TOKEN", "")
    return {
        "base_url": url or os.environ.get("WHATSIT_URL", "") or DEFAULT_ADDRESS,
        "headers": {"Authorization": f"Bearer {token}"} if token else {},
        # A waiting call is silent for as long as it waits.
        "timeout": httpx.Timeout(timeout, read=WAIT_SECONDS + timeout),
    }
