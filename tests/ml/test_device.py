"""The choice of a number format from what the machine says about itself."""

from pathlib import Path

import pytest

from ml.device import choose_number_format, has_fast_bfloat16


@pytest.mark.parametrize(
    ("flags", "expected"), [("fpu sse avx512f avx512_bf16 amx_tile", True), ("fpu sse avx2 avx512f", False)]
)
def test_bfloat16_pays_where_the_processor_has_it(tmp_path: Path, flags: str, expected: bool) -> None:
    description = tmp_path / "cpuinfo"
    description.write_text(f"processor : 0\nflags : {flags}\n")
    assert has_fast_bfloat16(description) is expected


def test_a_machine_that_says_nothing_uses_float32(tmp_path: Path) -> None:
    assert has_fast_bfloat16(tmp_path / "absent") is False


def test_a_wish_is_obeyed() -> None:
    assert choose_number_format("off") == "float32"
    assert choose_number_format("mixed_bfloat16") == "mixed_bfloat16"
