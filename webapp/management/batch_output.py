"""A batch's results as a stream of text: JSON lines, CSV, or sentences for a terminal."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TextIO

from classifier.batch_results import BatchResult
from classifier.errors import Refused
from webapp.image_exports import plain_cell

STANDARD_OUTPUT: Final = "-"
COLUMNS: Final = ("place", "state", "label", "confidence", "unsure", "model_version", "image", "code", "message")
Write = Callable[[Sequence[BatchResult]], None]


@contextmanager
def open_output(*, json_file: str | None, csv_file: str | None, stdout: Any) -> Iterator[Write]:
    """Takes results as they come; each handful is on the disk or in the pipe when the call returns. Raises Refused."""
    with _open(json_file or csv_file or STANDARD_OUTPUT, stdout) as stream:
        if json_file:
            yield lambda results: _write_json(stream, results)
            return
        if csv_file:
            csv.writer(stream).writerow(COLUMNS)
            yield lambda results: _write_csv(stream, results)
            return
        yield lambda results: _write_sentences(stream, results)


def goes_to_terminal(file: str | None) -> bool:
    """True where lines of results and a bar would run through each other."""
    return (file or STANDARD_OUTPUT) == STANDARD_OUTPUT and sys.stdout.isatty()


@contextmanager
def _open(file: str, stdout: Any) -> Iterator[TextIO]:
    if file == STANDARD_OUTPUT:
        yield stdout
        return
    try:
        stream = Path(file).open("w", encoding="utf-8", newline="")  # noqa: SIM115 - closed by the `with` below
    except OSError as problem:
        raise Refused("malformed_request", f"{file} cannot be written: {problem.strerror}.") from problem
    with stream:
        yield stream


def _write_json(stream: TextIO, results: Sequence[BatchResult]) -> None:
    lines = [json.dumps(result.to_json(), ensure_ascii=False) for result in results]
    stream.write("".join(f"{line}\n" for line in lines))
    stream.flush()


def _write_csv(stream: TextIO, results: Sequence[BatchResult]) -> None:
    csv.writer(stream).writerows([plain_cell(value) for value in _cells(result)] for result in results)
    stream.flush()


def _cells(result: BatchResult) -> list[object]:
    answer = result.prediction
    model = answer["model"] if answer else None
    return [
        result.place,
        result.state,
        answer["label"] if answer else None,
        answer["confidence"] if answer else None,
        answer["unsure"] if answer else None,
        model["version"] if model else None,
        result.image_id or None,
        result.code or None,
        result.message or None,
    ]


def _write_sentences(stream: TextIO, results: Sequence[BatchResult]) -> None:
    """What has no answer is listed elsewhere."""
    lines = []
    for result in results:
        if answer := result.prediction:
            perhaps = "unsure, perhaps " if answer["unsure"] else ""
            lines.append(f"{result.place}: {perhaps}{answer['label']} ({answer['confidence']:.1%})\n")
    if lines:
        stream.write("".join(lines))
        stream.flush()
