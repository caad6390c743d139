"""`python -m tests.benchmarks.gateway nats`: images/s beside HTTP uploads, and 10,000 messages with ten kills.

Prints one JSON. The product runs as `manage.py up` starts it; the gateway is one more process beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ml.starter import starter_folder
from tests.benchmarks.gateway_wires import NatsWire, Wire
from tests.benchmarks.load import run_load
from tests.benchmarks.machine import cpu_seconds
from tests.benchmarks.pictures import make_small_pngs
from tests.benchmarks.program_wires import PROGRAM_WIRES
from tests.benchmarks.site import Site
from tests.stack import ROOT

WIRES: dict[str, Callable[[Path], Wire]] = {"nats": NatsWire, **PROGRAM_WIRES}
CONNECTIONS = 32
REPEATED = 200
SILENT_SECONDS = 120.0
COUNT_UNANSWERED = """
from classifier.models import BrokerRequest
result = BrokerRequest.objects.filter(answered_at__isnull=True).count()
"""


class Gateway:
    """One gateway process beside a site."""

    def __init__(self, site: Site, wire: Wire) -> None:
        self.site = site
        self._wire = wire
        self._process: subprocess.Popen[bytes] | None = None
        self.cpu_seconds = 0.0

    def start(self) -> None:
        environment = {**self.site.environment, **self._wire.environment, "GATEWAY_LEASE_SECONDS": "5"}
        with (self.site.folder / "gateway.out").open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "manage.py", "gateway", self._wire.broker],
                cwd=ROOT,
                env=environment,
                stdout=output,
                stderr=output,
            )

    def end(self, signal_number: int) -> None:
        assert self._process is not None
        self.cpu_seconds += cpu_seconds(self._process.pid)
        self._process.send_signal(signal_number)
        self._process.wait(60)


def measure_throughput(wire: Wire, gateway: Gateway, pictures: Mapping[str, bytes]) -> dict[str, Any]:
    """Everything waits at the broker; from the first answer to the last."""
    wire.send(pictures)
    gateway.start()
    await_answers(wire, pictures)
    first, last = wire.answers.span(pictures)
    gateway.end(signal.SIGTERM)
    return {
        "images": len(pictures),
        "images_per_second": round(len(pictures) / (last - first), 1),
        "gateway_cpu_ms_per_image": round(gateway.cpu_seconds * 1000 / len(pictures), 2),
    }


def measure_kills(wire: Wire, gateway: Gateway, pictures: Mapping[str, bytes], kills: int) -> dict[str, Any]:
    """The gateway is killed (-9) each time another share of the answers has come; then some are asked again."""
    started = time.monotonic()
    wire.send(pictures)
    gateway.start()
    for number in range(1, kills + 1):
        share = len(pictures) * number // (kills + 1)
        await_answers(wire, pictures, at_least=share)
        gateway.end(signal.SIGKILL)
        gateway.start()
    await_answers(wire, pictures)
    seconds = time.monotonic() - started
    answers_before = wire.answers.total(pictures)
    again = dict(list(pictures.items())[:: max(1, len(pictures) // REPEATED)])
    wire.send(again)
    await_that_comes(lambda: wire.answers.total(pictures) >= answers_before + len(again), wire, pictures)
    unanswered = gateway.site.query(COUNT_UNANSWERED)
    gateway.end(signal.SIGTERM)
    return {
        "messages": len(pictures),
        "kills": kills,
        "seconds": round(seconds, 1),
        "answered": wire.answers.count(pictures),
        "missing": len(pictures) - wire.answers.count(pictures),
        "answered_more_than_once": answers_before - len(pictures),
        "repeated": len(again),
        "ids_with_different_answers": wire.answers.differing(pictures),
        "answers_without_a_label": wire.answers.without_label(pictures),
        "rows_unanswered": unanswered,
    }


def await_answers(wire: Wire, pictures: Mapping[str, bytes], *, at_least: int | None = None) -> None:
    wanted = len(pictures) if at_least is None else at_least
    await_that_comes(lambda: wire.answers.count(pictures) >= wanted, wire, pictures)


def await_that_comes(condition: Callable[[], bool], wire: Wire, pictures: Mapping[str, bytes]) -> None:
    """Until the condition holds; gives up where no answer comes for a long time."""
    total, since = -1, time.monotonic()
    while not condition():
        now = wire.answers.total(pictures)
        if now != total:
            total, since = now, time.monotonic()
        if time.monotonic() - since > SILENT_SECONDS:
            raise AssertionError(f"{wire.answers.count(pictures)} of {len(pictures)} answers, then silence")
        time.sleep(0.05)


def read_pictures(folder: Path, prefix: str, first: int, count: int) -> dict[str, bytes]:
    paths = sorted(folder.iterdir())[first : first + count]
    return {f"{prefix}{number}": path.read_bytes() for number, path in enumerate(paths)}


@contextmanager
def open_site(folder: Path) -> Iterator[Site]:
    with Site(folder, model=starter_folder()) as site:
        yield site


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("broker", choices=sorted(WIRES))
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--throughput", type=int, default=3_000)
    parser.add_argument("--seconds", type=float, default=8.0, help="length of the window of HTTP uploads")
    options = parser.parse_args()
    home = Path(os.environ.get("BENCH_FOLDER", Path(tempfile.gettempdir()) / "whatsit-bench"))
    make_small_pngs(home / "small", 20_000)
    result: dict[str, Any] = {"broker": options.broker, "load_before": os.getloadavg()[0]}
    with tempfile.TemporaryDirectory(prefix="whatsit-gateway-") as name, open_site(Path(name) / "site") as site:
        run_load(site, home / "small", seconds=1, connections=8)
        http = run_load(site, home / "small", seconds=options.seconds, connections=CONNECTIONS)
        result["http"] = {"images_per_second": http.images_per_second, "images": http.images}
        with WIRES[options.broker](Path(name)) as wire:
            many = read_pictures(home / "small", "t", 0, options.throughput)
            result["throughput"] = measure_throughput(wire, Gateway(site, wire), many)
            ratio = result["throughput"]["images_per_second"] / http.images_per_second
            result["throughput"]["of_http"] = round(ratio, 2)
            more = read_pictures(home / "small", "k", options.throughput, options.messages)
            result["kills"] = measure_kills(wire, Gateway(site, wire), more, options.kills)
    result["load_after"] = os.getloadavg()[0]
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
