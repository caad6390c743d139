"""Small pieces of markup that several admin pages show. No inline style: the site's CSP forbids it."""

from __future__ import annotations

import json
from uuid import UUID

from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from classifier.presentation import PredictionItem, Score

NOTHING = "-"


def thumbnail(image_id: UUID, name: str = "") -> SafeString:
    """The small picture, fetched through the API with the staff session and only when it scrolls into view."""
    address = reverse("api-v1:read_thumbnail", args=[image_id])
    return format_html('<img class="thumbnail" src="{}" alt="{}" loading="lazy">', address, name)


def picture(image_id: UUID, name: str = "") -> SafeString:
    """The thumbnail, leading to the stored picture."""
    address = reverse("api-v1:read_file_of_image", args=[image_id])
    return format_html('<a href="{}">{}</a>', address, thumbnail(image_id, name))


def per_cent(share: float) -> str:
    """0.974 → 97.4 %."""
    return f"{100 * share:.1f} %"


def score_lines(scores: list[Score], limit: int | None = None) -> str:
    """The best answers with their scores, one a line, each with a bar."""
    shown = scores[:limit] if limit else scores
    if not shown:
        return NOTHING
    rows = ((score["label"], f"{score['score']:.4f}", per_cent(score["score"])) for score in shown)
    lines = format_html_join(
        "", '<tr><td>{}</td><td><meter min="0" max="1" value="{}"></meter></td><td class="number">{}</td></tr>', rows
    )
    return format_html('<table class="scores"><tbody>{}</tbody></table>', lines)


def answer_line(prediction: PredictionItem) -> str:
    """The answer in a few words: label and confidence, unsure said so, or what became of it."""
    if prediction["failure"]:
        return f"Failed: {prediction['failure']['message']}"
    if prediction["label"] is None or prediction["confidence"] is None:
        return NOTHING
    words = f"{prediction['label']}, {per_cent(prediction['confidence'])}"
    return f"Not sure: {words}" if prediction["unsure"] else words


def version_of(prediction: PredictionItem) -> str:
    """The version that answered, leading to its page."""
    model = prediction["model"]
    return row_link("modelversion", model["id"], f"v{model['version']}") if model else NOTHING


def json_block(value: object) -> str:
    """A JSON value, indented."""
    return text_block(json.dumps(value, indent=2, ensure_ascii=False)) if value else NOTHING


def text_block(text: str) -> str:
    """Lines of text as they are."""
    return format_html("<pre>{}</pre>", text) if text else NOTHING


def row_link(view: str, key: object, words: str) -> SafeString:
    """A link to another admin page of ours, such as `modelversion` and its id."""
    return format_html('<a href="{}">{}</a>', reverse(f"admin:classifier_{view}_change", args=[key]), words)


def list_link(view: str, query: str, words: str) -> SafeString:
    """A link to a filtered list."""
    return format_html('<a href="{}?{}">{}</a>', reverse(f"admin:classifier_{view}_changelist"), query, words)
