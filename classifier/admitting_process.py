"""What an import runs in processes of their own: handfuls of files through the gate, without models or Celery."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Sequence
from multiprocessing.connection import wait

from classifier.errors import Refused, WhatsitError
from classifier.image_gate import AcceptedPicture, admit_picture


def prepare_process() -> None:
    """Before the settings are read: there are enough of these processes, each needs one child for large pictures."""
    os.environ["DECODE_CHILDREN"] = "1"
    threading.Thread(target=_end_with_parent, name="parent-watch", daemon=True).start()


def admit_handful(files: Sequence[bytes]) -> list[AcceptedPicture | str | None]:
    """In order: the picture, the sentence of its refusal, or None where our own decoder failed."""
    return [_admit(data) for data in files]


def _admit(data: bytes) -> AcceptedPicture | str | None:
    try:
        return admit_picture(data)
    except Refused as refusal:
        return refusal.message
    except WhatsitError:
        return None


def _end_with_parent() -> None:
    """A killed parent closes no queue: without this its processes would wait for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
