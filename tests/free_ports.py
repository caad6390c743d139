"""Ports for servers that tests start: no two test processes are ever told the same one."""

from __future__ import annotations

import errno
import fcntl
import itertools
import os
import socket
import tempfile
from pathlib import Path

# Below the ports that the kernel gives to whoever asks for any: between asking it for one and listening there it may
# give the same port to somebody else.
_FIRST, _BLOCK, _BLOCKS = 12_000, 100, 200
_held: dict[int, tuple[int, itertools.cycle[int]]] = {}
"""By process, as a fork must not share its parent's: the open lock of its block, and the ports in turn."""


def free_port() -> int:
    """A port of this process' own block that nobody uses."""
    if os.getpid() not in _held:
        _held[os.getpid()] = _take_block()
    ports = _held[os.getpid()][1]
    return next(port for port in itertools.islice(ports, _BLOCK) if _is_free(port))


def _take_block() -> tuple[int, itertools.cycle[int]]:
    """The block stays locked until this process ends, however it ends."""
    folder = Path(tempfile.gettempdir()) / f"whatsit-test-ports-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    for block in range(_BLOCKS):
        lock = os.open(folder / str(block), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            continue
        first = _FIRST + block * _BLOCK
        return lock, itertools.cycle(range(first, first + _BLOCK))
    raise RuntimeError("every block of ports is in use: are old test runs still there?")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As servers do: what only lingers after a connection is no hindrance.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as problem:
            if problem.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
            return False
    return True
