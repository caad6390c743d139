"""Form parts as the domain takes them."""

from __future__ import annotations

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile

from classifier.upload_requests import SentFile


def sent_file(part: UploadedFile[bytes]) -> SentFile:
    """A part that is read when its turn comes; one byte more than allowed at most, for the gate to refuse."""

    def read() -> bytes:
        part.seek(0)
        return bytes(part.read(settings.UPLOAD_MAX_BYTES + 1))

    return SentFile(part.name or "", read)
