"""`make bench`: measures ours and the peers in turns, and writes docs/benchmarks.md and a JSON beside the pictures."""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from ml.starter import starter_folder
from tests.benchmarks.fresh import measure_fresh_machine
from tests.benchmarks.lasting import measure_many_rows, measure_memory
from tests.benchmarks.latency import measure_latency
from tests.benchmarks.load import run_load
from tests.benchmarks.machine import describe_machine
from tests.benchmarks.peers import run_peers
from tests.benchmarks.pictures import make_photos, make_small_pngs
from tests.benchmarks.postgres import run_durable_postgres
from tests.benchmarks.report import write_report
from tests.benchmarks.site import Site
from tests.stack import ROOT

CONNECTIONS = 32
SMALL_PICTURES, PHOTOS = 20_000, 3_000
ENGINES = ("sqlite", "postgresql")


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--seconds", type=float, default=8.0, help="length of one window of load")
    parser.add_argument("--rounds", type=int, default=3, help="peers and ours in turns, so often; medians are reported")
    parser.add_argument("--images", type=int, default=20_000, help="pictures for the memory figure (100000 for P6)")
    parser.add_argument("--rows", type=int, default=0, help="also P8: the cost of a picture among so many rows")
    parser.add_argument("--latencies", type=int, default=200, help="pictures for the idle latency, a round")
    parser.add_argument("--engines", default=",".join(ENGINES), help="databases to measure with")
    parser.add_argument("--model", type=Path, help="artifact folder to serve; default: the starter model")
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--fresh", action="store_true", help="also P7: `make run` in a fresh clone, with its downloads")
    parser.add_argument("--report", type=Path, default=ROOT / "docs" / "benchmarks.md")
    return parser.parse_args()


def main() -> None:
    options = read_options()
    home = Path(os.environ.get("BENCH_FOLDER", Path(tempfile.gettempdir()) / "whatsit-bench"))
    small, photos = home / "small", home / "photos"
    model = options.model or starter_folder()
    results: dict[str, Any] = {
        "machine": describe_machine(),
        "load_before": os.getloadavg()[0],
        "seconds": options.seconds,
        "model": json.loads((model / "manifest.json").read_text())["network"],
        "small": make_small_pngs(small, SMALL_PICTURES),
        "photos": make_photos(photos, PHOTOS),
        "rounds": [],
    }
    with tempfile.TemporaryDirectory(prefix="whatsit-bench-", dir=home) as name, ExitStack() as stack:
        sites = {engine: _open_site(stack, Path(name), engine, options) for engine in options.engines.split(",")}
        for number in range(options.rounds):
            results["rounds"].append(_measure_round(sites, small, photos, options, number))
            _save(home, results)
        first = next(iter(sites.values()))
        results["memory"] = measure_memory(first, small, images=options.images)
        results["start"] = _measure_second_start(first)
        if options.rows:
            results["many_rows"] = measure_many_rows(first, small, rows=options.rows, seconds=options.seconds)
    if options.fresh:
        with tempfile.TemporaryDirectory(prefix="whatsit-fresh-", dir=home) as name:
            results["fresh_seconds"] = round(measure_fresh_machine(Path(name), next(small.iterdir())), 1)
    _save(home, results)
    write_report(options.report, results)


def _open_site(stack: ExitStack, folder: Path, engine: str, options: argparse.Namespace) -> Site:
    url = stack.enter_context(run_durable_postgres()) if engine == "postgresql" else ""
    return stack.enter_context(Site(folder / engine, database_url=url, model=options.model))


def _measure_round(
    sites: dict[str, Site], small: Path, photos: Path, options: argparse.Namespace, number: int
) -> dict[str, Any]:
    """The peers, then each of our databases, one after the other; a site that is not measured stands idle."""
    seconds: float = options.seconds
    result: dict[str, Any] = {"load": os.getloadavg()[0]}
    if not options.no_peers:
        result["peers_small"] = [_plain(entry) for entry in run_peers(small, seconds, [1, CONNECTIONS])]
        result["peers_photos"] = [_plain(entry) for entry in run_peers(photos, seconds, [CONNECTIONS])]
    for engine, site in sites.items():
        start = number * 5_000
        run_load(site, small, seconds=1, connections=8, first=start)
        result[engine] = {
            "single": run_load(site, small, seconds=seconds, connections=CONNECTIONS, first=start).as_json(),
            "fifty": run_load(
                site, small, seconds=seconds, connections=CONNECTIONS, images_a_request=50, first=start
            ).as_json(),
            "photos": run_load(site, photos, seconds=seconds, connections=CONNECTIONS).as_json(),
            "latency": measure_latency(site, small, count=options.latencies, first=start),
        }
    return result


def _measure_second_start(site: Site) -> dict[str, float]:
    site.stop()
    site.start()
    return {"seconds": round(site.seconds_to_ready, 1)}


def _plain(entry: Any) -> dict[str, Any]:
    return {name: getattr(entry, name) for name in entry.__slots__}


def _save(home: Path, results: dict[str, Any]) -> None:
    (home / "benchmarks.json").write_text(json.dumps(results, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
