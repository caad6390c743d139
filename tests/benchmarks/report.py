"""docs/benchmarks.md from what was measured: medians, ratios to the peers, goals, and how it was done."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

LOADS = {"single": "single, small PNG", "fifty": "50 a request, small PNG", "photos": "single, photos"}
GOALS = {
    "P1: single uploads, small PNG, images/s ÷ best peer": "≥ 1.0",
    "P1 with photos of 68 KB": "≥ 1.0",
    "P2: 50 a request, images/s ÷ best peer": "≥ 2",
    "P3: idle latency p50 ÷ LitServe's p50": "≤ 1.5",
    "P3: p99 ÷ p50": "≤ 4",
}
ENGINES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}

HEAD = """# Benchmarks

Written by `make bench`. Ours and the peers ran in turns on one machine, loaded by the same wrk script with the same
pictures, each sent once. Medians of {rounds} rounds of {seconds:g} s; {connections} connections unless said otherwise.

| | |
|---|---|
| Date | {date} |
| Machine | {cores} cores, {processor}, {memory}, {system}, Python {python} |
| Load of the machine | {load} |
| Model | ours: {model}; the peers: a 467,818-parameter CNN, untrained |
| Pictures | {small}, about 400 bytes; {photos}, about 68 KB |
"""
NOTES = """
## How it was measured

- **Ours** is the whole product as `manage.py up` starts it: web process, gpu worker, train and default workers, Redis.
  A picture counts when its answer is stored; the rate runs from the first picture taken to the last answer stored and
  pushed, so it includes working off the queue after the load has ended. One visitor's results socket is open all the
  while. Bytes and rows are flushed to the disk before the 201 (PostgreSQL with its default `fsync` and
  `synchronous_commit`).
- **The peers** answer and forget: nothing is stored, recorded, queued or pushed. One worker process each.
- The models differ; ours is the one that is served to people, theirs the one of `../shared/peers`.
- Latency is one picture at a time over a kept connection, from sending it to its answer on the socket; the peers' p50
  is wrk's with one connection.
- "busy cores" is what the whole machine did, load generator and strangers included.
"""

BY_HAND = "## Where the time goes (written by hand)\n"

Row = Sequence[object]


def write_report(path: Path, results: dict[str, Any]) -> None:
    """Replace the file."""
    rounds = results["rounds"]
    text = HEAD.format(
        rounds=len(rounds),
        seconds=results["seconds"],
        connections=32,
        date=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        load=", ".join(f"{entry['load']:.1f}" for entry in rounds) + " (before each round)",
        model=f"{results['model']['name']} {results['model'].get('settings', {})}",
        small=results["small"],
        photos=results["photos"],
        **results["machine"],
    )
    text += "\n## Against the peers\n\n" + _ratios(rounds)
    text += "\n## Ours\n\n" + _ours(rounds)
    if any("peers_small" in entry for entry in rounds):
        text += "\n## The peers\n\n" + _peers(rounds)
    text += "\n## Memory, starting, many rows\n\n" + _lasting(results) + NOTES
    path.parent.mkdir(exist_ok=True)
    path.write_text(text + read_remarks(path), encoding="utf-8")


def read_remarks(path: Path) -> str:
    """What people wrote under BY_HAND last time: it explains figures, and stays until they change it."""
    if not path.exists():
        return ""
    _, mark, remarks = path.read_text(encoding="utf-8").partition(BY_HAND)
    return f"\n{mark}{remarks}" if mark else ""


def median(rounds: list[dict[str, Any]], *path: str | int) -> float:
    """Over the rounds, of the number that lies at `path` in each."""
    values: list[Any] = list(rounds)
    for step in path:
        values = [value[step] for value in values]
    return float(statistics.median(values))


def table(head: Row, rows: Sequence[Row]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(str(cell) for cell in line) + " |\n" for line in lines)


def best_peer(entry: dict[str, Any], pictures: str) -> float:
    """Requests a second of the fastest peer under the connections of P1."""
    return float(max(peer["requests_per_second"] for peer in entry[f"peers_{pictures}"] if peer["connections"] > 1))


def litserve_p50(entry: dict[str, Any]) -> float:
    """Milliseconds with one connection."""
    peers = entry["peers_small"]
    return float(next(peer["p50_ms"] for peer in peers if peer["peer"] == "litserve" and peer["connections"] == 1))


def compare(entry: dict[str, Any], engine: str) -> dict[str, float]:
    """One round's ratios of one database, by the names of GOALS."""
    ours, latency = entry[engine], entry[engine]["latency"]
    ratios = (
        ours["single"]["images_per_second"] / best_peer(entry, "small"),
        ours["photos"]["images_per_second"] / best_peer(entry, "photos"),
        ours["fifty"]["images_per_second"] / best_peer(entry, "small"),
        latency["p50_ms"] / litserve_p50(entry),
        latency["p99_ms"] / latency["p50_ms"],
    )
    return dict(zip(GOALS, ratios, strict=True))


def _engines(rounds: list[dict[str, Any]]) -> list[str]:
    return [engine for engine in ENGINES if engine in rounds[0]]


def _ratios(rounds: list[dict[str, Any]]) -> str:
    if "peers_small" not in rounds[0]:
        return "The peers did not run.\n"
    engines = _engines(rounds)
    compared = {engine: [compare(entry, engine) for entry in rounds] for engine in engines}
    rows = [
        [name, *(f"{median(compared[engine], name):.2f}" for engine in engines), goal] for name, goal in GOALS.items()
    ]
    return table(["figure", *(ENGINES[engine] for engine in engines), "goal"], rows)


def _ours(rounds: list[dict[str, Any]]) -> str:
    engines = _engines(rounds)
    rows = [_load_row(rounds, engine, kind) for engine in engines for kind in LOADS]
    head = ["database", "load", "images/s", "request p50 / p99 ms", "drain s", "CPU ms an image: web + worker + Redis"]
    loads = table([*head, "busy cores", "errors"], rows)
    columns = ("p50_ms", "p99_ms", "accepted_p50_ms")
    latencies = [
        [ENGINES[engine], *(f"{median(rounds, engine, 'latency', column):.1f}" for column in columns)]
        for engine in engines
    ]
    return loads + "\n" + table(["idle latency", "p50 ms", "p99 ms", "201 after, p50 ms"], latencies)


def _load_row(rounds: list[dict[str, Any]], engine: str, kind: str) -> Row:
    cpu = [median(rounds, engine, kind, "cpu_ms_per_image", part) for part in ("web", "gpu", "redis")]
    return [
        ENGINES[engine],
        LOADS[kind],
        f"{median(rounds, engine, kind, 'images_per_second'):.0f}",
        f"{median(rounds, engine, kind, 'request_p50_ms'):.0f} / {median(rounds, engine, kind, 'request_p99_ms'):.0f}",
        f"{median(rounds, engine, kind, 'drain_seconds'):.1f}",
        " + ".join(f"{part:.2f}" for part in cpu),
        f"{median(rounds, engine, kind, 'busy_cores'):.2f}",
        f"{median(rounds, engine, kind, 'errors'):.0f}",
    ]


def _peers(rounds: list[dict[str, Any]]) -> str:
    rows: list[Row] = []
    for pictures in ("small", "photos"):
        key = f"peers_{pictures}"
        for index, peer in enumerate(rounds[0][key]):
            rate = median(rounds, key, index, "requests_per_second")
            p50, p99 = (median(rounds, key, index, name) for name in ("p50_ms", "p99_ms"))
            rows.append([peer["peer"], pictures, peer["connections"], f"{rate:.0f}", f"{p50:.1f}", f"{p99:.1f}"])
    return table(["peer", "pictures", "connections", "requests/s", "p50 ms", "p99 ms"], rows)


def _lasting(results: dict[str, Any]) -> str:
    memory = results["memory"]
    loaded = "TensorFlow is loaded!" if memory["web_has_tensorflow"] else "without TensorFlow"
    growth = memory["worker_mb"] - memory["worker_before_mb"]
    rows: list[Row] = [
        ["P6: web process", f"{memory['web_mb']:.0f} MB, {loaded}", "≤ 150 MB"],
        [
            f"P6: gpu worker after {memory['images']:,} images",
            f"{memory['worker_mb']:.0f} MB, grown by {growth:.0f} MB",
            "≤ 1 GB, growth ≤ 100 MB over 100,000",
        ],
        ["P7: second start to a worker with its model", f"{results['start']['seconds']} s", "≤ 15 s"],
    ]
    if "fresh_seconds" in results:
        rows.append(["P7: `make run` in a fresh clone to the first answer", f"{results['fresh_seconds']} s", "≤ 180 s"])
    if "many_rows" in results:
        many = results["many_rows"]
        rows.append([f"P8: cost of an image among {many['rows']:,} rows ÷ among few", many["ratio"], "≤ 1.1"])
    return table(["figure", "measured", "goal"], rows)
