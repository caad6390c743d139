"""A PostgreSQL of our own for one command: `python -m tests.postgres_server COMMAND…` runs it with DATABASE_URL set.

Uses the programs that the system's package installed; data lies in a temporary folder and goes when the command ends.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.free_ports import free_port

START_SECONDS = 120.0
DATABASE = "whatsit"
# Losing the data with the machine is fine here; losing it with a killed process is not. So commits are written, though
# not flushed; synchronous_commit=off would lose the last ones with a killed server.
FASTER = ("-c", "fsync=off", "-c", "full_page_writes=off", "-c", "max_connections=200")


class PostgresMissing(Exception):  # noqa: N818 - reads as what it is
    """PostgreSQL's server programs are not installed, or its server did not start."""


def find_programs() -> Path:
    """The folder of initdb and postgres: beside those in PATH, or where Debian keeps them. The newest wins."""
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name), reverse=True)
    for folder in folders:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise PostgresMissing("PostgreSQL is not installed. On Debian or Ubuntu: apt-get install postgresql")


class PostgresServer:
    """A server in a folder of its own, which may be stopped, killed and started again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._programs = find_programs()
        account = choose_account()
        if account is not None:
            os.chown(folder, account.pw_uid, account.pw_gid)
        self._identity = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []} if account else {}
        self._data = str(folder / "data")
        self.port = free_port()
        self.url = f"postgres://{DATABASE}@127.0.0.1:{self.port}/{DATABASE}"
        initialise = [str(self._programs / "initdb"), "-D", self._data, "-U", DATABASE]
        initialise += ["-A", "trust", "-E", "UTF8", "--no-sync"]
        subprocess.run(initialise, check=True, stdout=subprocess.DEVNULL, cwd=folder, **self._identity)  # type: ignore[call-overload]
        self.start()
        create_database(self._programs, self.port, self.process, folder / "log")

    def start(self) -> None:
        """Returns at once; it answers a little later."""
        address = ("-c", "listen_addresses=127.0.0.1", "-c", f"port={self.port}")
        sockets = ("-c", f"unix_socket_directories={self._folder}")
        with (self._folder / "log").open("ab") as log:
            self.process: subprocess.Popen[bytes] = subprocess.Popen(  # type: ignore[call-overload]
                [str(self._programs / "postgres"), "-D", self._data, *address, *sockets, *FASTER],
                cwd=self._folder,
                stdout=log,
                stderr=log,
                **self._identity,
            )

    def signal_all(self, signal_number: int) -> None:
        """To the server and every process it made."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text(encoding="ascii")
        for process_id in [self.process.pid, *map(int, children.split())]:
            with suppress(ProcessLookupError):
                os.kill(process_id, signal_number)

    def stop(self) -> None:
        """Disconnect everybody and end."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(START_SECONDS)


@contextmanager
def run_postgres() -> Iterator[str]:
    """Start a server for the length of the block and give its DATABASE_URL."""
    with run_server() as server:
        yield server.url


@contextmanager
def run_server() -> Iterator[PostgresServer]:
    """A server for the length of the block."""
    with tempfile.TemporaryDirectory(prefix="whatsit-postgres-") as name:
        server = PostgresServer(Path(name))
        try:
            yield server
        finally:
            server.stop()


def choose_account() -> pwd.struct_passwd | None:
    """Who runs the server: PostgreSQL refuses root, so root lends it another account."""
    if os.getuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")


def create_database(programs: Path, port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    """Wait for the server by asking for our database until it is made."""
    create = [str(programs / "createdb"), "-h", "127.0.0.1", "-p", str(port), "-U", DATABASE, DATABASE]
    deadline = time.monotonic() + START_SECONDS
    while subprocess.run(create, capture_output=True, check=False).returncode:
        if server.poll() is not None or time.monotonic() > deadline:
            raise PostgresMissing(f"PostgreSQL did not start:\n{log.read_text(encoding='utf-8')[-2000:]}")
        time.sleep(0.1)


def main(command: list[str]) -> int:
    """Run the command beside a server; its exit code is ours."""
    try:
        with run_postgres() as url:
            return subprocess.run(command, env={**os.environ, "DATABASE_URL": url}, check=False).returncode
    except PostgresMissing as missing:
        sys.stderr.write(f"{missing}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
