"""Reading `.npz` files that nobody vouches for: no pickles, no archive bombs, no array larger than its bytes."""

from __future__ import annotations

import math
import zipfile
import zlib
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from ml.errors import MlError

MOST_MEMBERS = 4096
_PACKING = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_KINDS = "fiub"


class ArrayFileError(MlError):
    """The file is no `.npz` of plain numbers within its limits."""


def read_arrays(path: Path, most_bytes: int) -> dict[str, NDArray[Any]]:
    """Name → array of numbers, where they take `most_bytes` unpacked at the most. Raises ArrayFileError.

    What an archive says about itself is checked before anything is unpacked, what an array says before it is made.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if len(members) > MOST_MEMBERS or sum(each.file_size for each in members) > most_bytes:
                raise ArrayFileError(f"{path.name} unpacks to more than {MOST_MEMBERS} arrays or {most_bytes} bytes.")
            return {each.filename.removesuffix(".npy"): _read_member(archive, each) for each in members}
    except (OSError, EOFError, ValueError, RuntimeError, zipfile.BadZipFile, zlib.error) as problem:
        raise ArrayFileError(f"{path.name} cannot be read: {problem}") from problem


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> NDArray[Any]:
    if member.compress_type not in _PACKING:
        raise ArrayFileError(f"{member.filename} is packed in an unknown way.")
    with archive.open(member) as stream:
        shape, by_columns, dtype = _read_header(stream)
        if dtype.kind not in _KINDS:
            raise ArrayFileError(f"{member.filename} cannot be read: it holds {dtype}, not numbers.")
        promised, held = math.prod(shape) * dtype.itemsize, member.file_size - stream.tell()
        if min(shape, default=0) < 0 or promised != held:
            raise ArrayFileError(f"{member.filename} promises {promised} bytes in shape {shape} and holds {held}.")
        data = stream.read()
    return np.frombuffer(data, dtype).reshape(shape, order="F" if by_columns else "C")


def _read_header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = npy.read_magic(stream)
    if version == (1, 0):
        return npy.read_array_header_1_0(stream)
    if version == (2, 0):
        return npy.read_array_header_2_0(stream)
    raise ArrayFileError(f"Arrays of format {version} cannot be read.")
