"""Figures in words: shares as percentages, with a dash where nothing is known."""

from __future__ import annotations

from django import template

from classifier.run_sentences import certainty, percent

register = template.Library()


@register.filter
def as_percent(share: float | None, digits: int = 1) -> str:
    """0.9284 → “92.8 %”."""
    return "\u2013" if share is None else percent(share, digits=digits)


@register.filter
def as_certainty(probability: float | None) -> str:
    """0.974 → “97 %”; nothing is called certain or impossible."""
    return "\u2013" if probability is None else certainty(probability)


@register.filter
def as_count(number: int) -> str:
    """10000 → “10,000”."""
    return f"{number:,}"


@register.filter
def bar_width(share: float | None) -> float:
    """The length of a bar of at most 100."""
    return round(100 * min(1.0, max(0.0, share or 0.0)), 1)
