"""Asks the running web process how the stack is. One short question at a time; no answer is an answer too."""

import http.client
import json
from typing import Any

ASK_TIMEOUT_SECONDS = 1.0


def ask_health(address: tuple[str, int], path: str) -> tuple[int, dict[str, Any]]:
    """Return the status and the JSON object of a health page, or (0, {}) while nobody answers in time."""
    connection = http.client.HTTPConnection(*address, timeout=ASK_TIMEOUT_SECONDS)
    try:
        connection.request("GET", path, headers={"Host": "localhost", "Connection": "close"})
        response = connection.getresponse()
        body = json.loads(response.read() or b"{}")
    except (OSError, http.client.HTTPException, ValueError):
        return 0, {}
    finally:
        connection.close()
    return response.status, body if isinstance(body, dict) else {}
