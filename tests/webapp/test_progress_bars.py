"""Bars appear on terminals only, and where nothing else is written there."""

from __future__ import annotations

import io
import sys

import pytest
from rich.console import Console

from webapp.management import progress_bars
from webapp.management.progress_bars import RateColumn, rated_bar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def draw(monkeypatch: pytest.MonkeyPatch, stderr: io.StringIO, said: list[str], *, is_wanted: bool = True) -> str:
    """What is left on standard error after 700 of 1,000, of which 600 were done before."""
    monkeypatch.setattr(sys, "stderr", stderr)
    clock = iter(range(1000))
    monkeypatch.setattr(
        progress_bars,
        "Console",
        lambda stderr: Console(file=sys.stderr, force_terminal=True, width=100, get_time=lambda: float(next(clock))),
    )
    with rated_bar("Classifying", said.append, is_wanted=is_wanted) as (set_progress, say):
        set_progress(600, 1000)
        say("a.png: This file is [empty].")
        set_progress(700, 1000)
    return stderr.getvalue()


def test_a_terminal_shows_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = draw(monkeypatch, Terminal(), [])
    assert "Classifying" in drawn
    assert "700/1000" in drawn


def test_sentences_stand_in_lines_of_their_own_above_the_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    drawn = draw(monkeypatch, Terminal(), said)
    assert any(line.endswith("a.png: This file is [empty].") for line in drawn.splitlines())
    assert said == []


def test_a_pipe_gets_the_sentences_only(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    assert draw(monkeypatch, io.StringIO(), said) == ""
    assert said == ["a.png: This file is [empty]."]


def test_a_bar_that_would_run_through_the_output_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    assert draw(monkeypatch, Terminal(), [], is_wanted=False) == ""


@pytest.mark.parametrize(("speed", "words"), [(None, ""), (0.25, "0.2/s"), (1234.6, "1,235/s")])
def test_the_rate_is_in_whole_numbers_where_it_is_high(speed: float | None, words: str) -> None:
    class Task:
        finished_speed = None

    Task.speed = speed  # type: ignore[attr-defined]
    assert RateColumn().render(Task()).plain == words  # type: ignore[arg-type]
