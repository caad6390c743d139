"""Sends pictures with the Python client (pip install ./clients/python) and prints their labels.

WHATSIT_URL=http://127.0.0.1:8000 WHATSIT_TOKEN=... python send_picture.py shoe.jpg
"""

from __future__ import annotations

import sys

from whatsit_client import Client, WhatsitError


def main(paths: list[str]) -> int:
    """One line for each file; 1 when any of them has no label."""
    status = 0
    with Client() as client:
        for result in client.classify(paths):
            if result.rejection:
                print(f"{result.path}: {result.rejection.message}", file=sys.stderr)
                status = 1
            else:
                print(result.label)
    return status


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except WhatsitError as problem:
        sys.exit(problem.message)
