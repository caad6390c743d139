"""Serves this folder and passes /api/ on to Whatsit, so that both have one address for the browser.

WHATSIT_URL=http://127.0.0.1:8000 python serve.py 8080

For trying out. In production the proxy before Whatsit does the same: one `location` for the page, one for /api/.
"""

from __future__ import annotations

import os
import sys
from email.message import Message
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

WHATSIT = os.environ.get("WHATSIT_URL", "http://127.0.0.1:8000")
PASSED_ON = ("Content-Type", "Cookie", "Idempotency-Key")


class Handler(SimpleHTTPRequestHandler):
    """Files from this folder; calls of the API to Whatsit and its answers back, visitor cookie included."""

    def do_POST(self) -> None:
        """Pass on."""
        if not self.path.startswith("/api/"):
            self.send_error(404)
            return
        headers = {name: self.headers[name] for name in PASSED_ON if name in self.headers}
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        request = Request(f"{WHATSIT}{self.path}", data=body, headers=headers, method="POST")  # noqa: S310 - our own address
        try:
            with urlopen(request, timeout=60) as answer:  # noqa: S310 - as above
                self._answer(answer.status, answer.headers, answer.read())
        except HTTPError as refusal:
            self._answer(refusal.code, refusal.headers, refusal.read())

    def _answer(self, status: int, headers: Message, body: bytes) -> None:
        self.send_response(status)
        for name in ("Content-Type", "Set-Cookie"):
            for value in headers.get_all(name, []):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    os.chdir(Path(__file__).parent)
    address = ("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 8080)
    server = ThreadingHTTPServer(address, Handler)
    print(f"Open http://{address[0]}:{address[1]}/", flush=True)
    server.serve_forever()
