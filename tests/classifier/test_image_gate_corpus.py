"""Two thousand malformed and hostile files from one seed: each is truly decoded or refused with a catalogue code."""

import random
import resource
import struct
import time
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from classifier.errors import REFUSALS, Refused
from classifier.image_gate import admit_picture
from tests.classifier.picture_files import (
    exif_block,
    jpeg_segment,
    jpeg_with,
    png_chunk,
    png_head,
    png_with,
    read,
    save,
    smooth_rgb,
    speckled,
)

SEED = 20_261_121
FILES = 2_000
SIGNATURES = [
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff\xe0",
    b"RIFF\x40\x00\x00\x00WEBPVP8 ",
    b"GIF89a",
    b"BM",
    b"%PDF",
    b"",
]
SIDES = [0, 1, 7, 255, 256, 2_047, 4_001, 12_000, 12_001, 16_384, 65_535, 2**31 - 1, 2**32 - 1]
TEXTS = [
    b"",
    b"\x00",
    b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'><image href='file:///etc/passwd'/></svg>",
    b"<!doctype html><script>alert(1)</script>",
    b"<?php system($_GET['c']);",
    b"%!PS\n(%pipe%id) (r) file\n",
    b"push graphic-context\nfill 'url(https://example.com/\"|ls)'\npop graphic-context\n",
]


@dataclass
class Outcome:
    counts: Counter[str]
    slowest_seconds: float
    grown_bytes: int


def make_sound_files() -> list[bytes]:
    photo, frames = smooth_rgb(60, 44), [speckled("RGB", 24, 18) for _ in range(4)]
    exif = exif_block(6, b"camera and place")
    pngs = [save(speckled(mode, 33, 21), "PNG") for mode in ("L", "LA", "RGB", "RGBA")]
    pngs += [
        save(photo.quantize(40), "PNG"),
        save(photo.convert("1"), "PNG"),
        png_with(pngs[2], png_chunk(b"eXIf", exif)),
    ]
    pngs.append(save(frames[0], "PNG", save_all=True, append_images=frames[1:]))
    jpegs = [save(photo.convert(mode), "JPEG") for mode in ("L", "RGB", "CMYK")]
    jpegs += [save(photo, "JPEG", progressive=True), save(photo, "JPEG", restart_marker_blocks=2)]
    jpegs.append(jpeg_with(jpegs[1], jpeg_segment(0xE1, b"Exif\x00\x00" + exif)))
    webps = [save(photo, "WEBP"), save(speckled("RGBA", 33, 21), "WEBP", lossless=True)]
    webps.append(save(speckled("RGBA", 33, 21), "WEBP", exif=b"Exif\x00\x00" + exif))
    webps.append(save(frames[0], "WEBP", save_all=True, append_images=frames[1:]))
    return pngs + jpegs + webps


def truncate(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(len(data))]


def flip_bytes(data: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.choice([1, 1, 2, 5, 20, 100])):
        changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)


def flip_bytes_of_the_header(data: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.choice([1, 2, 3])):
        changed[chance.randrange(min(64, len(changed)))] = chance.randrange(256)
    return bytes(changed)


def forge_size(data: bytes, chance: random.Random) -> bytes:
    width, height = chance.choice(SIDES), chance.choice(SIDES)
    if data.startswith(b"\x89PNG"):
        depth, colour = chance.choice([1, 2, 4, 8, 16, 3]), chance.choice([0, 2, 3, 4, 6, 1])
        return png_head(width & 0xFFFFFFFF, height & 0xFFFFFFFF, depth, colour) + data[33:]
    size = struct.pack(">HH", height & 0xFFFF, width & 0xFFFF)
    for marker in (b"\xff\xc0", b"\xff\xc2"):
        position = data.find(marker)
        if data.startswith(b"\xff\xd8") and position > 0:
            return data[: position + 5] + size + data[position + 9 :]
    return data[:24] + chance.randbytes(6) + data[30:]


def swap_pieces(data: bytes, chance: random.Random) -> bytes:
    first, second, third = sorted(chance.randrange(len(data)) for _ in range(3))
    return data[:first] + data[second:third] + data[first:second] + data[third:]


def repeat_piece(data: bytes, chance: random.Random) -> bytes:
    first, second = sorted(chance.randrange(len(data)) for _ in range(2))
    return data[:second] + data[first:second] * chance.choice([1, 2, 30]) + data[second:]


def blank_piece(data: bytes, chance: random.Random) -> bytes:
    first, second = sorted(chance.randrange(len(data)) for _ in range(2))
    return data[:first] + chance.choice([b"\x00", b"\xff"]) * (second - first) + data[second:]


def change_signature(data: bytes, chance: random.Random) -> bytes:
    return chance.choice(SIGNATURES) + data[chance.choice([0, 3, 4, 8, 16]) :]


def put_text(data: bytes, chance: random.Random) -> bytes:
    text = chance.choice(TEXTS)
    return chance.choice([text, text * 50, data + text, text + data, data[:16] + text])


def damage_pixels_with_right_checksum(data: bytes, chance: random.Random) -> bytes:
    """What flipped bytes cannot reach in a PNG: a sound chunk around a pixel stream that is not."""
    stream = flip_bytes(zlib.compress(chance.randbytes(chance.choice([10, 700, 2_200]))), chance)
    head = png_head(33, 21, chance.choice([1, 8, 16]), chance.choice([0, 2, 3, 4, 6]))
    middle = png_chunk(chance.choice([b"PLTE", b"tRNS", b"eXIf"]), chance.randbytes(chance.choice([0, 1, 2, 6, 48])))
    return head + middle + png_chunk(b"IDAT", stream) + png_chunk(b"IEND", b"") + data[:0]


def make_noise(data: bytes, chance: random.Random) -> bytes:
    return chance.choice(SIGNATURES) + chance.randbytes(chance.choice([1, 30, 500, 5_000])) + data[:0]


MISTREATMENTS: list[Callable[[bytes, random.Random], bytes]] = [
    truncate,
    flip_bytes,
    flip_bytes_of_the_header,
    forge_size,
    swap_pieces,
    repeat_piece,
    blank_piece,
    change_signature,
    put_text,
    damage_pixels_with_right_checksum,
    make_noise,
]


def make_hostile_files(seed: int, files: int) -> list[bytes]:
    chance, sound = random.Random(seed), make_sound_files()
    return [
        MISTREATMENTS[n % len(MISTREATMENTS)](sound[n // len(MISTREATMENTS) % len(sound)], chance) for n in range(files)
    ]


def admit_and_judge(data: bytes) -> str:
    """What became of the file; an accepted one must be a sound picture of the size we say."""
    try:
        picture = admit_picture(data)
    except Refused as refusal:
        return refusal.code  # a Refused with a code outside the catalogue cannot be made
    stored = read(picture.data)
    assert (stored.format, stored.size) == (picture.format, (picture.width, picture.height))
    assert stored.mode in {"L", "RGB"}
    assert not {"exif", "xmp", "icc_profile", "comment"} & set(stored.info)
    return "accepted"


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    print(f"seed {SEED}")
    files = make_hostile_files(SEED, FILES)
    admit_and_judge(make_sound_files()[0])
    peak_before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    counts: Counter[str] = Counter()
    slowest = 0.0
    for number, data in enumerate(files):
        started = time.perf_counter()
        try:
            counts[admit_and_judge(data)] += 1
        except Exception as error:
            pytest.fail(f"seed {SEED}, file {number}: {error!r}")
        slowest = max(slowest, time.perf_counter() - started)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak_before) * 1024
    return Outcome(counts, slowest, grown)


def test_every_file_is_decoded_or_refused_with_a_catalogue_code(outcome: Outcome) -> None:
    print(outcome)
    assert outcome.counts.total() == FILES
    assert all(400 <= REFUSALS[code][0] < 500 for code in outcome.counts if code != "accepted")


def test_the_corpus_reaches_every_refusal_a_small_file_can_earn(outcome: Outcome) -> None:
    for code in ("empty_file", "type_not_allowed", "type_mismatch", "truncated_or_damaged", "too_many_pixels"):
        assert outcome.counts[code] >= 10, (code, outcome.counts)
    assert outcome.counts["accepted"] >= 100


def test_the_worst_file_takes_no_more_than_five_seconds(outcome: Outcome) -> None:
    assert outcome.slowest_seconds <= 5


def test_the_process_grows_by_no_more_than_100_megabytes(outcome: Outcome) -> None:
    assert outcome.grown_bytes <= 100_000_000


def test_the_files_mistreated_here_are_sound_before() -> None:
    assert {admit_and_judge(data) for data in make_sound_files()} == {"accepted"}
