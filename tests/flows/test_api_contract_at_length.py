"""Schemathesis against the real web process: examples, boundaries, random calls and chains of calls, for minutes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stack import ROOT, Stack

pytestmark = [pytest.mark.processes, pytest.mark.long, pytest.mark.timeout(3600)]
EXAMPLES = 60
# The caller would end its own run with it, or hold it up.
LEFT_OUT = ("revoke_token",)
FILL = """
from classifier.api_tokens import create_token
from tests.webapp.api_rows import make_known_rows
from tests.webapp.people import person
user = person("owner")
make_known_rows(user)
result = create_token(user=user, name="contract", scopes=["admin"])[1]
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """With generous limits and no waiting."""
    with Stack(tmp_path_factory.mktemp("contract")) as stack:
        yield stack


@pytest.mark.parametrize("caller", ["owner", "visitor"])
def test_nothing_fails_and_nothing_breaks_the_document(site: Stack, caller: str, tmp_path: Path) -> None:
    token = site.query(FILL) if caller == "owner" else ""
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(ROOT / "tests/flows/schemathesis.toml")]
    command += ["run", f"{site.address}/api/v1/openapi.json", "--max-examples", str(EXAMPLES), "--seed", "7"]
    command += [f"--exclude-operation-id={name}" for name in LEFT_OUT]
    command += ["-H", f"Authorization: Bearer {token}"] if token else []
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2000:]
