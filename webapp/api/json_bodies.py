"""Reads JSON bodies: what no value here can have is refused before any schema sees it."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

from django.http import HttpRequest
from ninja.parser import Parser


class JsonBodies(Parser):
    """A ValueError becomes the answer 400."""

    def parse_body(self, request: HttpRequest) -> Any:
        """An object; neither NaN nor numbers beyond all bounds, and no NUL characters, which PostgreSQL cannot keep."""
        text = request.body.decode()
        if "\\u0000" in text:
            raise ValueError("a NUL character")
        body = json.loads(text, parse_float=_finite, parse_constant=_refuse)
        if not isinstance(body, dict):
            raise ValueError("no object")
        return body


def _finite(text: str) -> float | int:
    """JSON knows one kind of number: 3.0 is an integer too."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number beyond all bounds")
    return int(number) if number.is_integer() and abs(number) < 2**53 else number


def _refuse(name: str) -> NoReturn:
    raise ValueError(name)
