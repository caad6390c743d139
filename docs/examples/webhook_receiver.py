"""Takes the messages of a webhook and prints what they say. Needs nothing but Python.

WHATSIT_SECRET=whsec_… python3 webhook_receiver.py 8099
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOLERANCE_SECONDS = 300
MOST_BYTES = 1_000_000


def is_genuine(header: str, body: bytes, secret: str, *, now: float | None = None) -> bool:
    """Whether a message comes from the site and is new: `header` is its Whatsit-Signature, `body` its bytes as sent."""
    parts = dict(part.split("=", 1) for part in header.split(",") if "=" in part)
    moment = parts.get("t", "")
    if not moment.isdecimal() or abs((time.time() if now is None else now) - int(moment)) > TOLERANCE_SECONDS:
        return False
    expected = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected.encode(), parts.get("v1", "").encode())


class Receiver(BaseHTTPRequestHandler):
    """Answers at once: what takes long belongs behind a queue of your own, or the sender tries again."""

    seen: set[str] = set()

    def do_POST(self) -> None:
        body = self.rfile.read(min(int(self.headers.get("Content-Length", 0)), MOST_BYTES))
        if not is_genuine(self.headers.get("Whatsit-Signature", ""), body, os.environ["WHATSIT_SECRET"]):
            self.answer(401)
            return
        message = json.loads(body)
        if message["id"] not in self.seen:  # the same message may come twice
            self.seen.add(message["id"])
            sys.stdout.write(f"{message['event']}: {json.dumps(message['data'], ensure_ascii=False)}\n")
            sys.stdout.flush()
        self.answer(204)

    def answer(self, status: int) -> None:
        """A status, and no body."""
        self.send_response(status)
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        """Nothing but the messages is printed."""


def main() -> None:
    """Listen on the port given, until Ctrl-C."""
    server = ThreadingHTTPServer(("", int(sys.argv[1])), Receiver)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()


if __name__ == "__main__":
    main()
