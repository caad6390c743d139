"""Which part an example belongs to."""

import numpy as np

from ml.data_types import Split
from ml.splits import choose_split, content_digest, position_of

LOW, MIDDLE, HIGH = "cccccccb" + "0" * 56, "e6666665" + "0" * 56, "e6666667" + "0" * 56


def test_the_position_is_the_first_eight_digits_as_a_share() -> None:
    assert position_of("80000000" + "f" * 56) == 0.5


def test_without_an_official_test_the_shares_are_eighty_ten_ten() -> None:
    assert [choose_split(each) for each in (LOW, MIDDLE, HIGH)] == [Split.TRAIN, Split.VALIDATION, Split.HOLDOUT]


def test_beside_an_official_test_the_rest_is_ninety_to_ten() -> None:
    splits = [choose_split(each, has_official_test=True) for each in (LOW, MIDDLE, HIGH)]
    assert splits == [Split.TRAIN, Split.TRAIN, Split.VALIDATION]


def test_an_official_test_picture_is_holdout_whatever_its_content() -> None:
    assert choose_split(LOW, is_official_test=True, has_official_test=True) is Split.HOLDOUT


def test_content_depends_on_mode_size_and_pixels() -> None:
    pixels = bytes(np.arange(12, dtype=np.uint8))
    digests = {
        content_digest("L", 4, 3, pixels),
        content_digest("L", 3, 4, pixels),
        content_digest("RGB", 2, 2, pixels),
        content_digest("L", 4, 3, pixels[::-1]),
    }
    assert len(digests) == 4
