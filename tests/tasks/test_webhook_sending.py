"""One attempt, against a real receiver: what is sent, what counts as delivered, and what is never done."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import json
import socket
import ssl
import subprocess
import threading
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from classifier.webhook_deliveries import Attempt, ClaimedDelivery
from tasks import webhook_sending
from tasks.webhook_sending import send, sign
from tests.webhook_receiver import Handler, Receiver

PAYLOAD = {"event": "ping", "data": {"text": "Grüße"}}


def delivery_to(url: str) -> ClaimedDelivery:
    return ClaimedDelivery(uuid4(), 1, uuid4(), url, "whsec_x", "ping", PAYLOAD, 0)


def attempt(url: str, *, seconds: float = 60.0) -> Attempt:
    return send(delivery_to(url), latest_start=time.monotonic() + seconds)


def answering(receiver: Receiver, status: int, **headers: str) -> None:
    receiver.answer = lambda handler: handler.say(status, **headers)


def test_a_message_is_posted_as_json_and_signed(receiver: Receiver) -> None:
    delivery = delivery_to(f"{receiver.url}?a=b")
    sent = send(delivery, latest_start=time.monotonic() + 60)
    (heard,) = receiver.heard
    assert sent == Attempt(True, "It answered 204 No Content.", 204)
    assert (heard.path, json.loads(heard.body)) == ("/hook?a=b", PAYLOAD)
    assert heard.headers["Content-Type"] == "application/json; charset=utf-8"
    assert heard.headers["User-Agent"] == "Whatsit-Webhooks/1"
    assert heard.headers["Host"] == f"127.0.0.1:{receiver.server_address[1]}"
    assert (heard.headers["Whatsit-Event"], heard.headers["Whatsit-Delivery"]) == ("ping", str(delivery.id))
    moment, signature = heard.headers["Whatsit-Signature"].split(",")
    said = f"{moment.removeprefix('t=')}.".encode() + heard.body
    assert signature == "v1=" + hmac.new(b"whsec_x", said, hashlib.sha256).hexdigest()
    assert abs(int(moment.removeprefix("t=")) - time.time()) < 60


def test_the_signature_covers_moment_body_and_secret() -> None:
    usual = sign(secret="a", body=b"x", moment=1)
    others = [sign(secret="b", body=b"x", moment=1), sign(secret="a", body=b"y", moment=1)]
    assert usual not in others
    assert usual.partition(",")[2] != sign(secret="a", body=b"x", moment=2).partition(",")[2]


@pytest.mark.parametrize(("status", "delivered"), [(200, True), (202, True), (299, True), (400, False), (410, False)])
def test_only_2xx_is_delivered(receiver: Receiver, status: int, delivered: bool) -> None:
    answering(receiver, status)
    sent = attempt(receiver.url)
    assert (sent.is_delivered, sent.status_code, sent.is_unwanted) == (delivered, status, status == 410)
    assert str(status) in sent.words


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_a_failure_and_is_never_followed(receiver: Receiver, status: int) -> None:
    answering(receiver, status, Location=f"{receiver.url}/elsewhere")
    sent = attempt(receiver.url)
    assert (sent.is_delivered, sent.status_code) == (False, status)
    assert "redirects are not followed" in sent.words
    assert len(receiver.heard) == 1


def test_no_proxy_of_the_environment_is_used(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert attempt(receiver.url).is_delivered


def test_a_private_machine_is_not_spoken_to(receiver: Receiver, settings: Any) -> None:
    settings.WEBHOOK_ALLOWED_NETWORKS = []
    sent = attempt(receiver.url)
    assert (sent.is_delivered, sent.status_code) == (False, None)
    assert "private network" in sent.words
    assert receiver.heard == []


def test_a_name_that_is_bound_anew_meanwhile_is_not_looked_up_again(
    receiver: Receiver, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first answer is a machine that may be spoken to, every later one is not: who asks twice goes inside."""
    settings.WEBHOOK_ALLOWED_NETWORKS = [ipaddress.ip_network("127.0.0.1")]
    asked: list[str] = []
    port = receiver.server_address[1]

    def look_up(host: str, *arguments: Any, **options: Any) -> list[Any]:
        asked.append(host)
        if host == "127.0.0.1":  # a machine, no name: connecting asks for its form only
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port))]
        answer = "127.0.0.1" if asked.count(host) == 1 else "127.6.6.6"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (answer, port))]

    monkeypatch.setattr("socket.getaddrinfo", look_up)
    assert attempt(f"http://rebinding.example:{port}/hook").is_delivered
    assert asked.count("rebinding.example") == 1
    assert receiver.heard[0].headers["Host"] == f"rebinding.example:{port}"


def test_the_next_machine_is_asked_where_the_first_does_not_listen(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    machines = [ipaddress.ip_address("127.9.9.9"), ipaddress.ip_address("127.0.0.1")]
    monkeypatch.setattr(webhook_sending, "find_machines", lambda target: machines)
    assert attempt(receiver.url).is_delivered


def test_nothing_is_sent_once_the_lease_could_end_meanwhile(receiver: Receiver) -> None:
    sent = attempt(receiver.url, seconds=-1)
    assert (sent.is_delivered, receiver.heard) == (False, [])
    assert "took too long" in sent.words


@pytest.mark.parametrize("part", ["status", "headers", "informational"])
def test_a_receiver_that_drips_is_cut_off_in_time(receiver: Receiver, settings: Any, part: str) -> None:
    settings.WEBHOOK_ANSWER_SECONDS = 1.0
    beginnings = {"status": b"HTTP/1.1 2", "headers": b"HTTP/1.1 204 No Content\r\nX-Drip: ", "informational": b""}
    drips = {"informational": b"HTTP/1.1 100 Continue\r\n\r\n"}

    def drip(handler: Handler) -> None:
        handler.wfile.write(beginnings[part])
        while True:
            handler.wfile.write(drips.get(part, b"0"))
            time.sleep(0.02)

    receiver.answer = drip
    started = time.monotonic()
    sent = attempt(receiver.url)
    assert time.monotonic() - started < 30
    assert sent == Attempt(False, "It did not answer within 1 s.")


def test_a_receiver_that_says_nothing_is_left_in_time(settings: Any) -> None:
    settings.WEBHOOK_ALLOWED_NETWORKS = [ipaddress.ip_network("127.0.0.1")]
    settings.WEBHOOK_ANSWER_SECONDS = 1.0
    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1]
        assert attempt(f"http://127.0.0.1:{port}/").words == "It did not answer within 1 s."
        assert attempt(f"https://127.0.0.1:{port}/").words == "It did not answer within 1 s."  # in the handshake


def test_whichever_clock_is_first_the_receiver_did_not_answer(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.WEBHOOK_ALLOWED_NETWORKS = [ipaddress.ip_network("127.0.0.1")]
    settings.WEBHOOK_ANSWER_SECONDS = 0.05
    monkeypatch.setattr("tasks.webhook_sending._CheckedConnection.cut", lambda connection: None)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        address = f"http://127.0.0.1:{mute.getsockname()[1]}/"
        assert attempt(address).words == "It did not answer within 0.05 s."


@pytest.mark.parametrize("endless", [True, False])
def test_of_a_huge_or_slow_body_little_is_read_and_the_status_counts(
    receiver: Receiver, settings: Any, endless: bool
) -> None:
    settings.WEBHOOK_ANSWER_SECONDS = 1.0 if not endless else 60.0
    written, is_over = 0, threading.Event()

    def pour(handler: Handler) -> None:
        nonlocal written
        handler.send_response(200)
        handler.end_headers()
        while written < 100_000_000 and not is_over.wait(0 if endless else 0.02):
            written += handler.wfile.write(b"x" * (65_536 if endless else 1))

    receiver.answer = pour
    started = time.monotonic()
    assert attempt(receiver.url) == Attempt(True, "It answered 200 OK.", 200)
    is_over.set()
    assert time.monotonic() - started < 30
    assert written < 50_000_000


def raw(receiver: Receiver, answer: bytes) -> None:
    def write(handler: Handler) -> None:
        handler.wfile.write(answer)

    receiver.answer = write


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"", "hung up before it answered"),
        (b"SSH-2.0-OpenSSH_9\r\n", "did not answer in HTTP"),
        (b"HTTP/1.1 200 OK\r\n" + b"X-Many: 1\r\n" * 200 + b"\r\n", "did not answer in HTTP"),
        (b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 100_000 + b"\r\n\r\n", "did not answer in HTTP"),
    ],
)
def test_what_is_no_answer_is_told_in_a_sentence(receiver: Receiver, answer: bytes, words: str) -> None:
    raw(receiver, answer)
    sent = attempt(receiver.url)
    assert (sent.is_delivered, sent.status_code) == (False, None)
    assert words in sent.words


def test_a_port_where_nothing_listens_is_told(settings: Any) -> None:
    settings.WEBHOOK_ALLOWED_NETWORKS = [ipaddress.ip_network("127.0.0.1")]
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert attempt(f"http://127.0.0.1:{port}/").words == f"Nothing listens at 127.0.0.1, port {port}."


@pytest.fixture
def secure(receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Receiver:
    """Speaks TLS with a certificate for `receiver.example`, which this process trusts."""
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    names = ["-subj", "/CN=receiver.example", "-addext", "subjectAltName=DNS:receiver.example"]
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    subprocess.run([*made, *names, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    receiver.socket = context.wrap_socket(receiver.socket, server_side=True)
    trusting = ssl.create_default_context(cafile=str(certificate))
    monkeypatch.setattr(webhook_sending, "_secure_context", lambda: trusting)
    monkeypatch.setattr(webhook_sending, "find_machines", lambda target: [ipaddress.ip_address("127.0.0.1")])
    return receiver


def test_over_tls_the_name_is_checked_although_the_machine_is_spoken_to(secure: Receiver) -> None:
    port = secure.server_address[1]
    assert attempt(f"https://receiver.example:{port}/hook").is_delivered
    other = attempt(f"https://other.example:{port}/hook")
    assert (other.is_delivered, len(secure.heard)) == (False, 1)
    assert "certificate of other.example cannot be trusted" in other.words


def test_a_certificate_of_an_unknown_authority_is_refused(secure: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook_sending, "_secure_context", ssl.create_default_context)
    sent = attempt(f"https://receiver.example:{secure.server_address[1]}/hook")
    assert "cannot be trusted" in sent.words
    assert secure.heard == []


def test_a_receiver_without_tls_is_told_so(receiver: Receiver) -> None:
    sent = attempt(receiver.url.replace("http://", "https://"))
    assert "speaks no TLS" in sent.words
