"""The example programs and the classify command, each a process of its own, against one real stack."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from whatsit_client import Client

from tests.batch_makers import write_pictures
from tests.example_programs import EXAMPLES, example_environment, run_example, write_example_picture
from tests.free_ports import free_port
from tests.stack import ROOT, Stack, await_that

pytestmark = pytest.mark.processes

MAKE_TOKEN = """
from django.contrib.auth.models import User
from classifier.api_tokens import create_token
user = User.objects.create_user("integrator")
result = create_token(user=user, name="example", scopes=["predict"])[1]
"""
COUNT = "from classifier.models import Image; result = Image.objects.filter(source='command').count()"


@pytest.mark.skipif(shutil.which("curl") is None, reason="this example needs curl")
def test_curl_prints_the_label(stack: Stack, tmp_path: Path) -> None:
    path, label = write_example_picture(tmp_path, 101)
    assert run_example(stack, "send_picture.sh", path) == f"{label}\n"


def test_the_python_client_prints_the_label(stack: Stack, tmp_path: Path) -> None:
    token = stack.query(MAKE_TOKEN)
    path, label = write_example_picture(tmp_path, 102)
    assert run_example(stack, "send_picture.py", path, WHATSIT_TOKEN=token) == f"{label}\n"


def test_the_page_in_a_browser_shows_the_label(stack: Stack, tmp_path: Path, browser: Browser) -> None:
    path, label = write_example_picture(tmp_path, 103)
    page = browser.new_page()
    with page_server(stack) as address:
        page.goto(address)
        page.set_input_files("input", path)
        page.wait_for_function("!['', '…'].includes(document.querySelector('[role=status]').textContent)")
        assert page.text_content("[role=status]") == label
    page.close()


def test_a_page_of_another_site_reads_nothing(stack: Stack, browser: Browser) -> None:
    page = browser.new_page()
    with page_server(stack) as address:
        page.goto(address)
        asked = f"fetch('{stack.address}/api/v1/classifiers').then(() => 'read', () => 'kept away')"
        assert page.evaluate(asked) == "kept away"
    page.close()


class page_server:  # noqa: N801 - reads as a `with` statement
    """serve.py as a process; gives its address."""

    def __init__(self, stack: Stack) -> None:
        self._port = free_port()
        program = [sys.executable, "-u", str(EXAMPLES / "browser" / "serve.py"), str(self._port)]
        self._process = subprocess.Popen(
            program, env=example_environment(stack), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )

    def __enter__(self) -> str:
        assert self._process.stdout
        assert self._process.stdout.readline().startswith("Open http://")
        return f"http://127.0.0.1:{self._port}/"

    def __exit__(self, *problem: object) -> None:
        self._process.kill()
        self._process.communicate()


def test_the_client_classifies_a_folder_in_order(stack: Stack, tmp_path: Path) -> None:
    made = [write_example_picture(tmp_path, seed) for seed in range(200, 260)]
    (tmp_path / "bad.png").write_bytes(b"")
    with Client(stack.address) as client:
        results = list(client.classify([tmp_path], handful=10))
    assert [(result.path, result.label) for result in results if result.image] == [
        (str(path), label) for path, label in made
    ]
    assert [result.rejection.code for result in results if result.rejection] == ["empty_file"]


def test_the_command_goes_on_where_a_killed_one_stopped(stack: Stack, tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "p", 150, first_seed=5000)
    output = tmp_path / "out.jsonl"
    command = [sys.executable, "manage.py", "classify", "pets", str(folder), "--json", str(output)]
    environment = {**stack.environment, "DJANGO_SETTINGS_MODULE": "classifier.settings", "BATCH_LEASE_SECONDS": "1"}
    stack.signal("worker", signal.SIGSTOP)
    running = subprocess.Popen([*command, "--limit-waiting", "64"], cwd=ROOT, env=environment)
    await_that(lambda: stack.query(COUNT) == 64, 120, "as many files are sent as may be ahead of the answers")
    running.kill()
    running.wait()
    stack.signal("worker", signal.SIGCONT)
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    assert "of 150 files were sent" in done.stderr
    lines = [json.loads(line) for line in output.read_text().splitlines()]
    assert [line["place"] for line in lines] == [f"{folder}/{number:04}.png" for number in range(150)]
    assert {line["state"] for line in lines} == {"done"}
    assert stack.query(COUNT) == 150
