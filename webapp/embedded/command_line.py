"""`manage.py up` as typed: its options, and the way from them to a running stack. Loads no Django to stay small."""

import argparse
import os
import sys
from pathlib import Path

from webapp.embedded.preflight import StartRefused, check_folder, check_python
from webapp.embedded.stack import Stack, StackOptions

CODE_FOLDER = Path(__file__).resolve().parent.parent.parent
DESCRIPTION = "Runs everything on this machine: Redis, pages, predictor, training, schedule. Ctrl-C stops it."
EXAMPLE = "Example: manage.py up --host 0.0.0.0 --port 8080 (pages for the whole local network)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `up`."""
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on; 0.0.0.0 serves the network")
    parser.add_argument("--port", default=8000, type=_port, help="port to listen on (default 8000)")
    parser.add_argument("--no-worker", action="store_true", help="only Redis and the pages; workers run elsewhere")


def main(words: list[str]) -> int:
    """Parse the words after `up`, check the machine and run the stack; returns the exit code."""
    parser = argparse.ArgumentParser(prog="manage.py up", description=DESCRIPTION, epilog=EXAMPLE)
    add_arguments(parser)
    return run(parser.parse_args(words))


def run(options: argparse.Namespace) -> int:
    """Check the machine and run the stack; a refusal is one sentence on stderr and exit code 1."""
    named = os.environ.get("WHATSIT_VAR", "").strip()
    folder = Path(named or CODE_FOLDER / "var").resolve()
    try:
        check_python()
        check_folder(folder)
        stack = Stack(
            StackOptions(
                host=options.host,
                port=options.port,
                with_workers=not options.no_worker,
                code_folder=CODE_FOLDER,
                state_folder=folder,
                redis_url=read_redis_url(),
            ),
            say,
        )
        return stack.run()
    except StartRefused as refused:
        sys.stderr.write(f"Whatsit does not start: {refused}\n")
        return 1


def read_redis_url() -> str:
    """The Redis that the environment names, directly or by file; empty when a private one is wanted."""
    named_file = os.environ.get("REDIS_URL_FILE", "").strip()
    if not named_file:
        return os.environ.get("REDIS_URL", "").strip()
    try:
        return Path(named_file).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise StartRefused(f"REDIS_URL_FILE cannot be read: {error}.") from error


def say(text: str) -> None:
    """Tell the person at the terminal, at once. A closed terminal is no reason to stop."""
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except OSError:
        return


def _port(text: str) -> int:
    number = int(text) if text.isdigit() else -1
    if not 1 <= number <= 65_535:
        raise argparse.ArgumentTypeError(f"a port is a number from 1 to 65535, not {text!r}")
    return number
