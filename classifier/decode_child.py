"""The process that decodes large pictures: no Django, no secrets, little memory, and nothing lost when it dies.

Run by decode_pool.py as `python -m classifier.decode_child MEMORY_BYTES`; reads requests on stdin, answers on stdout.
"""

import ctypes
import resource
import signal
import sys
from dataclasses import asdict
from typing import IO, Any

from classifier.decode_messages import READY, BrokenConversationError, read_message, write_message
from classifier.errors import Refused
from classifier.image_facts import PictureHeader, PictureLimits
from classifier.image_normalising import normalise

_SET_PARENT_DEATH_SIGNAL = 1
_GRACE_SECONDS = 2


def serve(requests: IO[bytes], answers: IO[bytes]) -> None:
    """Normalise one picture after another until the parent closes the pipe."""
    answers.write(READY)
    answers.flush()
    while True:
        try:
            fields, pixel_data = read_message(requests)
        except BrokenConversationError:
            return
        write_message(answers, *_answer(fields, pixel_data))


def _answer(fields: dict[str, Any], pixel_data: bytes) -> tuple[dict[str, object], bytes]:
    limits = PictureLimits(**fields["limits"])
    # The parent kills us after decode_seconds; where it is gone itself, this does.
    signal.setitimer(signal.ITIMER_REAL, limits.decode_seconds + _GRACE_SECONDS)
    try:
        picture = normalise(PictureHeader(**fields["header"], pixel_data=pixel_data), limits)
    except Refused as refusal:
        return {"refused": refusal.code}, b""
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    answer = asdict(picture)
    data = answer.pop("data")
    answer["difference_hash"] = picture.difference_hash.hex()
    return {"picture": answer}, data


def restrict_this_process(memory_bytes: int) -> None:
    """Cap memory, write no files and no core, end when the parent does."""
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)


if __name__ == "__main__":
    restrict_this_process(int(sys.argv[1]))
    serve(sys.stdin.buffer, sys.stdout.buffer)
