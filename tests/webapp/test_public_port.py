"""Without being told otherwise, the web process itself is reached from this machine only."""

from __future__ import annotations

import argparse

from webapp.embedded.command_line import add_arguments


def test_up_listens_on_this_machine_only() -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    assert parser.parse_args([]).host == "127.0.0.1"
