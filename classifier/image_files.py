"""Reading an image's stored file, and the small picture made from it."""

from __future__ import annotations

import io

from PIL import Image as Pillow

from classifier.errors import NotFound
from classifier.models import Image
from classifier.object_storage import ObjectMissing, read_object

THUMBNAIL_SIDE = 256


def open_image_file(image: Image) -> bytes:
    """The stored bytes. Raises NotFound when the object is gone, StorageUnavailable when the store is away."""
    try:
        return read_object(image.storage_key)
    except ObjectMissing:
        raise NotFound("The stored file of this picture is missing.") from None


def thumbnail(image: Image) -> tuple[bytes, str]:
    """At most 256 by 256 pixels, in the stored format, with its media type; a small picture is given as it is."""
    data = open_image_file(image)
    if max(image.width, image.height) <= THUMBNAIL_SIDE:
        return data, image.content_type
    with Pillow.open(io.BytesIO(data), formats=["JPEG", "PNG"]) as picture:
        picture.draft("RGB", (THUMBNAIL_SIDE, THUMBNAIL_SIDE))
        picture.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
        out = io.BytesIO()
        picture.save(out, format=image.format, **({"quality": 85} if image.format == "JPEG" else {}))
    return out.getvalue(), image.content_type
