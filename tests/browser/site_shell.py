"""A Python of the site's own beside it: tests change its rows through the verbs that its workers use.

Run as a module it executes what it reads, a JSON text a line, and answers each with the value of `answer`, as JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any, Self

from tests.browser.site import Site
from tests.stack import ROOT


class SiteShell:
    """Use as a context manager. Names that code binds are there for the code that follows."""

    def __init__(self, site: Site) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.browser.site_shell"],
            cwd=ROOT,
            env={**site.environment(), "DJANGO_SETTINGS_MODULE": "classifier.settings"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, code: str) -> Any:
        """Execute; returns what the code bound to `answer`."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(code) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the site's shell ended; its error stands above"
        return json.loads(line)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *trouble: object) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(timeout=30)


def main() -> None:
    """Read, execute, answer, until the input ends."""
    import django  # only where this file is run as a program

    django.setup()
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # whatever the code prints is no answer
    names: dict[str, Any] = {}
    for line in sys.stdin:
        names["answer"] = None
        exec(json.loads(line), names)
        answers.write(json.dumps(names["answer"]) + "\n")


if __name__ == "__main__":
    main()
