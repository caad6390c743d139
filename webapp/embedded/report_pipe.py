"""A pipe by which the preparing child tells the supervisor what it has finished: one JSON object a line."""

import json
import os
from typing import Any


class ReportPipe:
    """The reading side; `write_file` is passed to the child, which alone must hold it open."""

    def __init__(self) -> None:
        self._read_file, self.write_file = os.pipe()
        os.set_blocking(self._read_file, False)
        self._rest = b""

    def let_child_write(self) -> None:
        """Close our copy of the writing side, once the child has its own."""
        os.close(self.write_file)

    def read(self) -> dict[str, Any]:
        """Everything reported since the last look, merged; empty when there is nothing new."""
        try:
            chunk = os.read(self._read_file, 65_536)
        except BlockingIOError:
            return {}
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        merged: dict[str, Any] = {}
        for line in lines:
            merged |= json.loads(line)
        return merged

    def close(self) -> None:
        """Stop reading."""
        os.close(self._read_file)


def report(file: int | None, **facts: object) -> None:
    """The child's side: tell facts; without a pipe (a command typed by hand) nothing happens."""
    if file is not None:
        os.write(file, json.dumps(facts).encode() + b"\n")
