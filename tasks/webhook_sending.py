"""One attempt to deliver a message: signed, to a checked machine, within its time, and nothing followed or kept.

Python's own HTTP client: it follows no redirect, reads no proxy from the environment and repeats nothing by itself, so
there is nothing to switch off. It touches no row.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
import ssl
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from typing import Final

from django.conf import settings

from classifier.webhook_addresses import Machine, Target, UndeliverableError, find_machines, read_target
from classifier.webhook_deliveries import Attempt, ClaimedDelivery

USER_AGENT: Final = "Whatsit-Webhooks/1"
READ_BYTES: Final = 65_536
_MACHINES_TRIED: Final = 3


def sign(*, secret: str, body: bytes, moment: int) -> str:
    """The value of `Whatsit-Signature`: HMAC-SHA256 over the moment and the body, so that neither can be changed."""
    digest = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={moment},v1={digest}"


def send(delivery: ClaimedDelivery, *, latest_start: float) -> Attempt:
    """Post the message. Past `latest_start` (monotonic seconds) nothing is sent: its lease would end meanwhile."""
    target = read_target(delivery.url)
    try:
        machines = find_machines(target)
        if time.monotonic() > latest_start:
            raise UndeliverableError(f"Looking up the name {target.host} took too long.")
        status = _post(target, machines, delivery)
    except UndeliverableError as problem:
        return Attempt(False, str(problem))
    return Attempt(HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES, _describe(status), status)


class _CheckedConnection(HTTPConnection):
    """Speaks to one of the given machines, whatever its name leads to by now; `Host` and certificate go by the name.

    `cut` ends it from another thread, whatever it is doing.
    """

    def __init__(self, target: Target, machines: Sequence[Machine]) -> None:
        super().__init__(target.host, target.port)
        self.default_port = 443 if target.is_secure else 80
        self._target = target
        self._machines = machines[:_MACHINES_TRIED]
        self._spoken_over: socket.socket | None = None  # `sock` is given up as soon as the answer begins
        self.is_cut = False

    @property
    def is_made(self) -> bool:
        """Whether somebody took the connection."""
        return self._spoken_over is not None

    def cut(self) -> None:
        """A socket's own timeout begins anew with every byte; this does not."""
        self.is_cut = True
        if self._spoken_over is not None:
            with suppress(OSError):  # closed meanwhile
                # Not the TLS socket's own method, which would take its state from under the reader.
                socket.socket.shutdown(self._spoken_over, socket.SHUT_RDWR)

    def connect(self) -> None:
        """To the first machine that answers within WEBHOOK_CONNECT_SECONDS for all of them. Raises OSError."""
        ends = time.monotonic() + settings.WEBHOOK_CONNECT_SECONDS
        for number, machine in enumerate(self._machines):
            left = (ends - time.monotonic()) / (len(self._machines) - number)
            try:
                self.sock = socket.create_connection((str(machine), self._target.port), timeout=max(left, 0.001))
                break
            except OSError:
                if number + 1 == len(self._machines):
                    raise
        self.sock.settimeout(settings.WEBHOOK_ANSWER_SECONDS)
        if self._target.is_secure:
            # In two steps: the handshake, too, must be one that can be cut.
            name = self._target.host
            self.sock = _secure_context().wrap_socket(self.sock, server_hostname=name, do_handshake_on_connect=False)
        self._spoken_over = self.sock
        if self.is_cut:
            raise TimeoutError
        if isinstance(self.sock, ssl.SSLSocket):
            self.sock.do_handshake()


def _post(target: Target, machines: Sequence[Machine], delivery: ClaimedDelivery) -> int:
    """The status that was answered. Raises UndeliverableError with what happened instead."""
    body = json.dumps(delivery.payload, ensure_ascii=False, separators=(",", ":")).encode()
    connection = _CheckedConnection(target, machines)
    timer = threading.Timer(settings.WEBHOOK_ANSWER_SECONDS, connection.cut)
    timer.daemon = True
    timer.start()
    try:
        connection.connect()
        connection.request("POST", target.path, body, _headers(delivery, body))
        with connection.getresponse() as response:
            if connection.is_cut:  # amid the headers, which end like any others then
                raise TimeoutError
            with suppress(OSError, HTTPException):  # answered is answered; the rest is read so that it can be sent
                response.read(READ_BYTES)
            return response.status
    except (OSError, HTTPException) as problem:
        # The socket's own time may be over a moment before the timer's.
        is_cut = connection.is_cut or (connection.is_made and isinstance(problem, TimeoutError))
        raise UndeliverableError(_explain(problem, target, is_cut=is_cut)) from problem
    finally:
        timer.cancel()
        connection.close()


def _headers(delivery: ClaimedDelivery, body: bytes) -> dict[str, str]:
    return {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": USER_AGENT,
        "Connection": "close",
        "Whatsit-Event": delivery.event,
        "Whatsit-Delivery": str(delivery.id),
        "Whatsit-Signature": sign(secret=delivery.secret, body=body, moment=int(time.time())),
    }


@lru_cache(maxsize=1)
def _secure_context() -> ssl.SSLContext:
    """The system's authorities, names checked; read once, since that takes 20 ms."""
    return ssl.create_default_context()


def _describe(status: int) -> str:
    with suppress(ValueError):
        phrase = f"{status} {HTTPStatus(status).phrase}"
        if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
            return f"It answered {phrase}; redirects are not followed. Enter the address where messages are taken."
        return f"It answered {phrase}."
    return f"It answered {status}."


def _explain(problem: Exception, target: Target, *, is_cut: bool) -> str:
    if is_cut:
        return f"It did not answer within {settings.WEBHOOK_ANSWER_SECONDS:g} s."
    if isinstance(problem, ssl.SSLCertVerificationError):
        return f"The certificate of {target.host} cannot be trusted: {problem.verify_message}."
    if isinstance(problem, ssl.SSLError):
        return f"{target.host} speaks no TLS that we do ({problem.reason or 'it hung up'})."
    if isinstance(problem, TimeoutError):
        return f"No connection to {target.host} within {settings.WEBHOOK_CONNECT_SECONDS:g} s."
    if isinstance(problem, ConnectionRefusedError):
        return f"Nothing listens at {target.host}, port {target.port}."
    if isinstance(problem, ConnectionError):
        return f"{target.host} hung up before it answered."
    if isinstance(problem, OSError):
        return f"No connection to {target.host}: {problem.strerror or 'it failed'}."
    return f"{target.host} did not answer in HTTP."
