"""The orientation reader: finds the one value, and shrugs at everything else."""

import struct

import pytest

from classifier.image_orientation import read_orientation
from tests.classifier.picture_files import exif_block


@pytest.mark.parametrize("orientation", range(1, 9))
def test_it_finds_the_orientation_with_and_without_prefix(orientation: int) -> None:
    assert read_orientation(exif_block(orientation)) == orientation
    assert read_orientation(b"Exif\x00\x00" + exif_block(orientation)) == orientation


def test_it_reads_little_endian_blocks() -> None:
    block = b"II*\x00" + struct.pack("<I", 8) + struct.pack("<H", 1) + struct.pack("<HHIHH", 0x0112, 3, 1, 6, 0)
    assert read_orientation(block) == 6


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_impossible_orientation_means_upright(orientation: int) -> None:
    assert read_orientation(exif_block(orientation)) == 1


@pytest.mark.parametrize("size", range(len(exif_block(6))))
def test_a_block_cut_anywhere_never_raises(size: int) -> None:
    assert read_orientation(exif_block(6)[:size]) in {1, 6}


def test_a_directory_beyond_the_block_means_upright() -> None:
    assert read_orientation(b"MM\x00*\xff\xff\xff\xff") == 1
