"""Training batches: drawn anew each epoch, varied, and the same for the same seed and epoch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ml.data_types import LabelledImages
from ml.pipelines import AugmentedBatches, erase_rectangles, pad, shift_and_mirror
from tests.ml.tiny_models import TINY_SETTINGS, draw_examples

PLAIN = replace(TINY_SETTINGS, shift_pixels=0, mirror=False)


def test_without_variation_an_epoch_holds_every_picture_once() -> None:
    images = np.arange(16, dtype=np.uint8).reshape(16, 1, 1, 1)
    batches = AugmentedBatches(LabelledImages(images, np.zeros(16, np.int32)), 2, PLAIN)
    seen = np.concatenate([batches[index][0] for index in range(len(batches))])
    assert sorted(seen.ravel().tolist()) == list(range(16))


def test_labels_go_with_their_pictures() -> None:
    batches = AugmentedBatches(draw_examples(32, 0), 2, PLAIN)
    pixels, answers = batches[1]
    lower_is_brighter = pixels[:, 4:].mean(axis=(1, 2, 3)) > pixels[:, :4].mean(axis=(1, 2, 3))
    assert answers.argmax(axis=1).tolist() == lower_is_brighter.astype(int).tolist()
    assert answers.sum(axis=1).tolist() == [1.0] * 8


def test_the_same_seed_and_epoch_give_the_same_batch_and_another_epoch_another() -> None:
    examples = draw_examples(32, 0)
    first, second = AugmentedBatches(examples, 2, TINY_SETTINGS), AugmentedBatches(examples, 2, TINY_SETTINGS)
    first.on_epoch_end()
    second.start_at(1)
    np.testing.assert_array_equal(first[2][0], second[2][0])
    second.start_at(2)
    assert not np.array_equal(first[2][0], second[2][0])


def test_fewer_pictures_than_a_batch_make_one_batch() -> None:
    batches = AugmentedBatches(draw_examples(5, 0), 2, TINY_SETTINGS)
    assert len(batches) == 1
    assert len(batches[0][0]) == 5


def test_a_shifted_picture_is_a_window_of_the_padded_one_and_some_are_mirrored() -> None:
    images = np.random.default_rng(0).integers(1, 255, (1, 4, 4, 1), dtype=np.uint8)
    padded = pad(images, 1)
    windows = {padded[0, y : y + 4, x : x + 4].tobytes() for y in range(3) for x in range(3)}
    windows_mirrored = {padded[0, y : y + 4, x : x + 4][:, ::-1].tobytes() for y in range(3) for x in range(3)}
    cut = shift_and_mirror(padded, np.zeros(400, int), 1, True, np.random.default_rng(1))
    assert {each.tobytes() for each in cut} == windows | windows_mirrored


def test_no_picture_is_mirrored_where_left_and_right_differ() -> None:
    images = np.random.default_rng(0).integers(1, 255, (1, 4, 4, 1), dtype=np.uint8)
    cut = shift_and_mirror(images, np.zeros(50, int), 0, False, np.random.default_rng(1))
    assert {each.tobytes() for each in cut} == {images[0].tobytes()}


def test_erasing_touches_the_asked_share_and_at_most_a_quarter_of_a_picture() -> None:
    images = np.zeros((1000, 16, 16, 1), np.uint8)
    erase_rectangles(images, 0.5, np.random.default_rng(0))
    touched = (images > 0).mean(axis=(1, 2, 3))
    assert 430 <= (touched > 0).sum() <= 570
    assert touched.max() <= 0.27
