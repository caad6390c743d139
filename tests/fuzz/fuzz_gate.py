"""Coverage-guided fuzzing of the upload gate: `make fuzz`. T27: nothing but its own refusals may come out of it.

Reads headers and decodes in this process, with limits small enough that no input takes long.
"""

from __future__ import annotations

import sys
import warnings
from dataclasses import replace

import atheris

with atheris.instrument_imports(include=["classifier", "PIL"]):
    import django

    django.setup()

    from classifier.errors import Refused
    from classifier.image_gate import read_limits
    from classifier.image_headers import read_header
    from classifier.image_normalising import normalise

LIMITS = replace(read_limits(), max_bytes=100_000, max_side=2_000, max_pixels=1_000_000, stored_side=64)


def try_input(data: bytes) -> None:
    """A picture that keeps what the gate promises, or a refusal with a code and a sentence."""
    try:
        picture = normalise(read_header(data, LIMITS), LIMITS)
    except Refused as refusal:
        if not refusal.code or not refusal.message.endswith("."):
            raise AssertionError(f"a refusal without words: {refusal!r}") from refusal
        return
    assert 0 < max(picture.width, picture.height) <= LIMITS.stored_side
    assert picture.data.startswith((b"\x89PNG", b"\xff\xd8\xff"))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    atheris.Setup(sys.argv, try_input)
    atheris.Fuzz()
