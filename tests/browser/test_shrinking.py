"""What the page sends instead of a large picture."""

from __future__ import annotations

import hashlib

import pytest

from tests.browser import pictures
from tests.browser.upload_page import UploadPage


def test_a_large_picture_is_shrunk_before_it_is_sent(upload_page: UploadPage) -> None:
    photo = pictures.large_photo(14)
    with upload_page.page.expect_request("**/api/v1/images") as sent:
        upload_page.drop([photo])
    assert int(sent.value.all_headers()["content-length"]) < len(photo.data) / 2
    upload_page.expect_answers(1)
    assert [(image["width"], image["height"]) for image in upload_page.images()] == [(1024, 683)]


def test_a_photo_held_sideways_is_turned_before_it_is_shrunk(upload_page: UploadPage) -> None:
    upload_page.drop([pictures.rotated_photo(15)])
    upload_page.expect_answers(1)
    assert [(image["width"], image["height"]) for image in upload_page.images()] == [(512, 1024)]


def test_a_small_picture_is_sent_as_it_is(upload_page: UploadPage) -> None:
    small = pictures.small_picture(16)
    upload_page.drop([small])
    upload_page.expect_answers(1)
    assert [image["sha256"] for image in upload_page.images()] == [hashlib.sha256(small.data).hexdigest()]


@pytest.mark.parametrize(
    ("file", "media_type"),
    [
        (pictures.cut_out(17), "image/png"),
        (pictures.file_of(pictures.drawing(17, size=(1500, 900)), "opaque.png"), "image/jpeg"),
        (pictures.file_of(pictures.drawing(17, size=(1500, 900)), "opaque.webp"), "image/jpeg"),
        (pictures.file_of(pictures.noise(17, size=(600, 600)), "heavy.png"), "image/jpeg"),
    ],
    ids=lambda value: value.name if isinstance(value, pictures.DroppedFile) else value,
)
def test_only_transparency_keeps_a_large_picture_from_becoming_a_jpeg(
    upload_page: UploadPage, file: pictures.DroppedFile, media_type: str
) -> None:
    shrunk = upload_page.shrink(file)
    assert shrunk["type"] == media_type
    assert shrunk["longest_side"] <= 1024


@pytest.mark.parametrize("file", [pictures.damaged_picture(), pictures.no_picture()], ids=["damaged", "no picture"])
def test_what_the_browser_cannot_open_is_sent_as_it_is(upload_page: UploadPage, file: pictures.DroppedFile) -> None:
    assert upload_page.shrink(file)["size"] == len(file.data)
