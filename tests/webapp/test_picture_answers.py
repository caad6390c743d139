"""Pictures that people sent are looked at and nothing else (ASVS 5.0.0, V3.2)."""

from __future__ import annotations

from django.http import HttpRequest
from django.middleware.security import SecurityMiddleware

from webapp.picture_answers import KEPT_SECONDS, answer_picture


def test_asvs_v3_2_1_a_picture_opened_in_a_tab_of_its_own_runs_and_fetches_nothing() -> None:
    answer = answer_picture(b"<script>")
    assert answer["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert answer["Content-Disposition"] == "inline"


def test_asvs_v3_4_4_a_picture_is_taken_for_nothing_but_its_fixed_type() -> None:
    plain = answer_picture(b"<script>", "image/jpeg")
    answer = SecurityMiddleware(lambda request: plain).process_response(HttpRequest(), plain)
    assert (answer["Content-Type"], answer["X-Content-Type-Options"]) == ("image/jpeg", "nosniff")


def test_a_picture_stays_in_the_askers_own_cache() -> None:
    assert answer_picture(b"")["Cache-Control"] == f"private, max-age={KEPT_SECONDS}, immutable"
    assert answer_picture(b"", seconds=60)["Cache-Control"] == "private, max-age=60, immutable"
