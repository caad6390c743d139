"""Orders for a crowd of sockets, and a stack whose web processes run with the product's own options, side by side."""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

import pytest

from tests.stack import ROOT, Stack
from webapp.embedded.parts import web_part

COOKIES = """
from tests.webapp.socket_calls import cookie_of
result = [cookie_of(f'{prefix}{number}') for number in range(count)]
"""
PREPARE = """
import os
from django.core.files.storage import default_storage
from tests.row_makers import upload
first = upload(1).images[0]
source = default_storage.path(first.storage_key)
for number in range(count):
    os.link(source, f'{source}.{number}')
result = str(first.id)
"""
# Rows as an upload makes them, of one stored picture, at an even pace.
FEED = """
import time
from classifier.identifiers import new_id
from classifier.models import Image
from classifier.doorbell import ring_after_commit
from classifier.prediction_requests import open_predictions
from classifier.write_transactions import write_transaction
first = Image.objects.get(id=first_id)
key = first.storage_key
started = time.monotonic()
result = {}
for batch in range(first_number, first_number + count, 10):
    fresh = []
    for number in range(batch, min(batch + 10, first_number + count)):
        first.pk, first.content, first.storage_key = new_id(), f'{number:064d}', f'{key}.{number}'
        first.owner = f'visitor:{prefix}{number % visitors}'
        fresh.append(Image(**{f.attname: getattr(first, f.attname) for f in Image._meta.concrete_fields}))
    with write_transaction():
        open_predictions(fresh, [], wished_version=None, priority=5, request_id='')
        ring_after_commit()
    for image in fresh:
        result[str(image.id)] = image.owner
    time.sleep(max(0, started + (batch + 10 - first_number) / per_second - time.monotonic()))
"""
BROADCAST = """
import time
from classifier.live_updates import EVERYBODY, live_sender, model_event
for number in range(count):
    event = {**model_event('pets', number)[EVERYBODY][0], 'sent_at': time.time(), 'ballast': 'x' * ballast}
    live_sender.send({EVERYBODY: [event]})
    time.sleep(pause)
result = live_sender.failures
"""


class Crowd:
    """The process of the pages. Its answers come as `ask` returns."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process

    def ask(self, do: str, **order: Any) -> Any:
        """Give one order and wait for its answer."""
        self.tell(do, **order)
        return self.hear()

    def tell(self, do: str, **order: Any) -> None:
        """Give an order; `hear` gets its answer."""
        assert self.process.stdin
        self.process.stdin.write(json.dumps({"do": do, **order}).encode() + b"\n")
        self.process.stdin.flush()

    def hear(self, seconds: float = 150) -> Any:
        """The answer to the last order."""
        assert self.process.stdout
        assert select.select([self.process.stdout], [], [], seconds)[0], f"the crowd has not answered for {seconds:g} s"
        return json.loads(self.process.stdout.readline())

    @property
    def open(self) -> int:
        return int(self.ask("look")["open"])


@contextmanager
def crowd(stack: Stack, *, port: int = 0) -> Iterator[Crowd]:
    """Pages of the stack's site, through another port if one is named."""
    command = [sys.executable, "-m", "tests.faults.socket_crowd", str(port or stack.port), str(stack.port)]
    with (stack.folder / "crowd.out").open("ab") as errors:
        process = subprocess.Popen(
            command, cwd=ROOT, env=stack.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors
        )
    try:
        yield Crowd(process)
    finally:
        process.kill()
        process.wait()


class CrowdStack(Stack):
    """Web processes share one listening socket and have the options of `manage.py up`."""

    def __init__(self, folder: Path, *, environment: Mapping[str, str] | None = None) -> None:
        super().__init__(folder, environment={"PREDICTION_LEASE_SECONDS": "30", **(environment or {})})
        self.listener = socket.create_server(("127.0.0.1", self.port), backlog=2048)

    def start_web(self, name: str = "web", **extra: str) -> None:
        part = web_part(self.listener.fileno())
        with (self.folder / f"{name}.out").open("ab") as output:
            self.processes[name] = subprocess.Popen(
                part.command,
                cwd=ROOT,
                env={**self.environment, **part.environment, **extra},
                stdout=output,
                stderr=output,
                pass_fds=part.passed_files,
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        super().__enter__()
        return self

    def __exit__(self, *problem: object) -> None:
        super().__exit__(*problem)
        self.listener.close()

    def ask(self, code: str, **names: Any) -> Any:
        """`query` with values for the names the code uses."""
        return self.query("".join(f"{name} = {value!r}\n" for name, value in names.items()) + code)

    def rss_kb(self, name: str = "web") -> int:
        """What a part holds in memory."""
        status = Path(f"/proc/{self.processes[name].pid}/status").read_text(encoding="ascii")
        return int(status.partition("VmRSS:")[2].split()[0])

    def cpu_seconds(self, name: str) -> float:
        """What a part has used of the processor so far."""
        fields = Path(f"/proc/{self.processes[name].pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def sockets(self, name: str = "web") -> int:
        """How many file descriptors of a part are sockets."""
        found = 0
        for each in Path(f"/proc/{self.processes[name].pid}/fd").iterdir():
            with suppress(FileNotFoundError):  # closed meanwhile
                found += str(each.readlink()).startswith("socket:")
        return found


@pytest.fixture
def site(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[CrowdStack]:
    """For tests that name this module's fixture; an environment may be given by parameter."""
    with CrowdStack(tmp_path_factory.mktemp("stack"), environment=getattr(request, "param", {})) as stack:
        stack.await_worker()
        yield stack
