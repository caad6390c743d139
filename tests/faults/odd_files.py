"""Files that are not what they seem, and names that want to be more than names."""

from __future__ import annotations

import io
import zipfile

from PIL import Image

from tests.classifier.picture_files import (
    exif_block,
    jpeg_segment,
    jpeg_with,
    png_chunk,
    png_with,
    save,
    smooth_rgb,
    webp_chunk,
    webp_extended,
)

MARK = b"payload-4711"
SCRIPT = b"<script>document.title='" + MARK + b"'</script>"
PHP = b"<?php echo '" + MARK + b"'; ?>"
JPEG = save(smooth_rgb(120, 100), "JPEG", quality=90)
PNG = save(smooth_rgb(40, 30), "PNG")
WEBP = save(smooth_rgb(40, 30), "WEBP", lossless=True)


def _zip() -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("../" + MARK.decode(), MARK)
    return target.getvalue()


REFUSED: dict[str, tuple[str, bytes]] = {
    "0 bytes": ("empty_file", b""),
    "1 byte": ("type_not_allowed", b"\x89"),
    "text": ("type_not_allowed", b"hello " + MARK),
    "html": ("type_not_allowed", b"<!doctype html>" + SCRIPT),
    "svg": ("type_not_allowed", b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert()">' + SCRIPT + b"</svg>"),
    "eps": ("type_not_allowed", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(" + MARK + b") show\n"),
    "pdf": ("type_not_allowed", b"%PDF-1.7\n1 0 obj (" + MARK + b") endobj\n"),
    "tiff": ("type_not_allowed", save(Image.new("L", (9, 9)), "TIFF") + MARK),
    "psd": ("type_not_allowed", b"8BPS\x00\x01" + bytes(40) + MARK),
    "ico": ("type_not_allowed", save(Image.new("L", (16, 16)), "ICO") + MARK),
    "heic": ("type_not_allowed", b"\x00\x00\x00\x18ftypheic" + bytes(40) + MARK),
    "avif": ("type_not_allowed", b"\x00\x00\x00\x1cftypavif" + bytes(40) + MARK),
    "zip": ("type_not_allowed", _zip()),
    "gif with script": ("type_not_allowed", b"GIF89a/*" + bytes(20) + b"*/='" + MARK + b"'"),
    "html behind a png's signature": ("type_mismatch", PNG[:8] + SCRIPT + bytes(60)),
    "html behind a jpeg's signature": ("type_mismatch", b"\xff\xd8\xff" + SCRIPT + bytes(60)),
    "half a jpeg with a payload": ("truncated_or_damaged", jpeg_with(JPEG, jpeg_segment(0xFE, SCRIPT))[:900]),
}
ACCEPTED: dict[str, bytes] = {
    "jpeg with html in a comment": jpeg_with(JPEG, jpeg_segment(0xFE, SCRIPT)),
    "jpeg with html in its exif block": jpeg_with(JPEG, jpeg_segment(0xE1, b"Exif\x00\x00" + exif_block(1, SCRIPT))),
    "jpeg with html behind its end": JPEG + SCRIPT,
    "jpeg with a zip behind its end": JPEG + _zip(),
    "png with php in a text": png_with(PNG, png_chunk(b"tEXt", b"Comment\x00" + PHP)),
    "png with php in a chunk of its own": png_with(PNG, png_chunk(b"prVt", PHP)),
    "png with php behind its end": PNG + PHP,
    "webp with html in its metadata": webp_extended(40, 30, WEBP[12:], webp_chunk(b"XMP ", SCRIPT), flags=0x04),
}
NAMES: dict[str, str] = {
    "a.php": "a.php",
    "shirt.png.exe": "shirt.png.exe",
    "x" * 251 + ".png": "x" * 120,
    "\u202egnp.exe": "gnp.exe",
    "صورة.png": "صورة.png",
    "a\x00b.png": "ab.png",
    "a\x1b[2Jb.png": "a[2Jb.png",
    "../../../etc/cron.d/evil.png": "evil.png",
    "..\\..\\windows\\evil.png": "evil.png",
    "/etc/passwd": "passwd",
    "a%22; filename=%22b.png": "a%22; filename=%22b.png",
    "it's.png": "it's.png",
    "<img src=x onerror=alert(1)>.png": "<img src=x onerror=alert(1)>.png",
    "{{ settings.SECRET_KEY }}.png": "{{ settings.SECRET_KEY }}.png",
    "'; DROP TABLE classifier_image; --.png": "'; DROP TABLE classifier_image; --.png",
}
"""What was sent, and what is shown of it."""
TYPES = ("text/html", "application/x-php", "image/svg+xml", "image/png", "no type at all")
