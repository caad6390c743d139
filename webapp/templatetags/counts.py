"""Whole numbers as people read them."""

from __future__ import annotations

from django import template

register = template.Library()


@register.filter
def thousands(number: int | None) -> str:
    """60000 as “60,000”; nothing known as a dash."""
    return "\u2013" if number is None else f"{number:,}"
