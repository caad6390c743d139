"""What must be true before the stack starts, each with a sentence to act on. Imports no Django: it runs first."""

import contextlib
import errno
import fcntl
import os
import platform
import socket
import sys
import tempfile
from pathlib import Path
from typing import TextIO

SUPPORTED_PYTHONS = ((3, 11), (3, 12))
LISTEN_BACKLOG = 2048
LOCK_NAME = "up.lock"


class StartRefused(Exception):  # noqa: N818 - named like the refusals of the domain
    """The stack cannot start here; the text says why and what to do."""


def check_python(version: tuple[int, int] = sys.version_info[:2]) -> None:
    """Refuse an interpreter for which the pinned requirements have no builds."""
    if version not in SUPPORTED_PYTHONS:
        raise StartRefused(
            f"Whatsit runs on Python 3.11 or 3.12; this is {version[0]}.{version[1]}. Install python3.12 "
            "(or python3.11) with its venv module, remove the folder .venv and type `make run` again."
        )


def check_folder(folder: Path) -> None:
    """Make the folder of all state and prove that files can be written in it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".write-test-"):
            pass
    except OSError as error:
        raise StartRefused(
            f"The folder {folder} cannot be written to ({error.strerror}). Give this user write access to it, "
            "or name another folder in the environment variable WHATSIT_VAR."
        ) from error


def hold_folder(folder: Path) -> TextIO:
    """Lock the folder for this process; the lock lasts until the returned file is closed or the process ends."""
    lock = (folder / LOCK_NAME).open("a+", encoding="ascii")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.seek(0)
        holder = lock.read().strip() or "unknown"
        lock.close()
        raise StartRefused(
            f"Whatsit is already running on {folder} (process {holder}). Stop it first, "
            "or give this one another folder in the environment variable WHATSIT_VAR."
        ) from error
    lock.truncate(0)
    lock.write(f"{os.getpid()}\n")
    lock.flush()
    return lock


def open_listening_socket(host: str, port: int) -> socket.socket:
    """Bind and listen, so that nobody can take the port between the check and the start of the web process."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (socket.gaierror, UnicodeError) as error:
        raise StartRefused(f"{host} is no address of this machine. Choose another one with --host.") from error
    listener = socket.socket(family, kind, protocol)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
        listener.listen(LISTEN_BACKLOG)
    except (OSError, OverflowError) as error:
        listener.close()
        raise StartRefused(explain_bind_error(error, host, port)) from error
    return listener


def explain_bind_error(error: OSError | OverflowError, host: str, port: int) -> str:
    """Say in a sentence why the address could not be taken."""
    number = error.errno if isinstance(error, OSError) else None
    if number == errno.EADDRINUSE:
        return (
            f"Port {port} on {host} is already in use. "
            f"Stop the program that uses it, or choose another port: --port {port + 1}."
        )
    if number == errno.EACCES:
        return f"This user may not listen on port {port}. Choose a port from 1024 upward with --port."
    if number == errno.EADDRNOTAVAIL:
        return f"{host} is no address of this machine. Choose another one with --host."
    return f"Whatsit cannot listen on {host} port {port}: {error}. Choose another address with --host or --port."


def find_lan_address() -> str | None:
    """Return the address by which other machines reach this one, or None without a network. Sends nothing."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # a documentation address (RFC 5737): only the route is looked up
        return str(probe.getsockname()[0])
    return None


def describe_platform() -> str:
    """Name system, machine and interpreter, for sentences about what does not exist for them."""
    return f"{platform.system()} {platform.machine()}, {platform.python_implementation()} {platform.python_version()}"
