"""An `.npz` that nobody vouches for is read within its limits, or refused with a sentence."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from numpy.lib import format as npy

from ml.array_files import ArrayFileError, read_arrays

LIMIT = 100_000


def write_member(path: Path, data: bytes, name: str = "a.npy") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
    return path


def npy_bytes(shape: tuple[int, ...], data: bytes, descr: str = "<f2") -> bytes:
    out = io.BytesIO()
    npy.write_array_header_1_0(out, {"shape": shape, "fortran_order": False, "descr": descr})
    return out.getvalue() + data


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("dtype", ["<f2", "<f4", "u1", "<i4", "?"])
def test_arrays_come_back_as_they_were_saved(save: object, dtype: str, tmp_path: Path) -> None:
    arrays = {"layer/kernel": np.arange(12).reshape(3, 4).astype(dtype), "scalar": np.array(1).astype(dtype)}
    arrays["by_columns"] = np.asfortranarray(arrays["layer/kernel"])
    save(tmp_path / "a.npz", **arrays)  # type: ignore[operator]
    found = read_arrays(tmp_path / "a.npz", LIMIT)
    assert found.keys() == arrays.keys()
    for name, values in arrays.items():
        assert found[name].dtype == values.dtype
        np.testing.assert_array_equal(found[name], values)


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = write_member(tmp_path / "bomb.npz", npy_bytes((50_000_000,), bytes(100_000_000)))
    assert path.stat().st_size < 200_000
    with pytest.raises(ArrayFileError, match="unpacks to more"):
        read_arrays(path, LIMIT)


@pytest.mark.parametrize("shape", [(1 << 53,), (1 << 40, 1 << 40), (3,), (-1, -2), (0, 1 << 62)])
def test_an_array_larger_than_its_bytes_is_refused(shape: tuple[int, ...], tmp_path: Path) -> None:
    path = write_member(tmp_path / "a.npz", npy_bytes(shape, b"1234"))
    with pytest.raises(ArrayFileError, match="promises"):
        read_arrays(path, LIMIT)


@pytest.mark.parametrize("descr", ["|O", "<U9", "<c8", "<M8[s]"])
def test_only_plain_numbers_are_read(descr: str, tmp_path: Path) -> None:
    path = write_member(tmp_path / "a.npz", npy_bytes((1,), bytes(36), descr))
    with pytest.raises(ArrayFileError, match="not numbers"):
        read_arrays(path, LIMIT)


@pytest.mark.parametrize("data", [b"", b"\x93NUMPY", b"no array", b"\x93NUMPY\x09\x00aaaa", npy_bytes((2,), b"")[:40]])
def test_a_member_that_is_no_array_is_refused(data: bytes, tmp_path: Path) -> None:
    with pytest.raises(ArrayFileError):
        read_arrays(write_member(tmp_path / "a.npz", data), LIMIT)


def test_a_header_with_code_in_it_is_not_run(tmp_path: Path) -> None:
    text = b"{'descr': '<f2', 'fortran_order': False, 'shape': (exit(3),), }".ljust(117) + b"\n"
    data = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text
    with pytest.raises(ArrayFileError, match="cannot be read"):
        read_arrays(write_member(tmp_path / "a.npz", data), LIMIT)


def test_too_many_arrays_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        for number in range(5000):
            archive.writestr(f"{number}.npy", b"")
    with pytest.raises(ArrayFileError, match="unpacks to more"):
        read_arrays(tmp_path / "a.npz", LIMIT)


def test_any_truncation_and_many_changed_bytes_are_refused_or_harmless(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, a=np.arange(40, dtype=np.float16))
    whole = path.read_bytes()
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        with pytest.raises(ArrayFileError):
            read_arrays(path, LIMIT)
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        try:
            found = read_arrays(path, LIMIT)
        except ArrayFileError:
            continue
        assert sum(each.nbytes for each in found.values()) <= LIMIT
