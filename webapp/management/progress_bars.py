"""Progress for people: a bar on a terminal's standard error, silence elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

SetProgress = Callable[[int, int], None]
"""Takes `(done, total)`."""
Say = Callable[[str], None]


@contextmanager
def progress_bar(title: str) -> Iterator[SetProgress]:
    """A bar that is drawn at most ten times a second and leaves its last state behind."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(title, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


@contextmanager
def described_bar(title: str) -> Iterator[Callable[[float, str], None]]:
    """A bar for work whose news are sentences: takes `(share done from 0 to 1, sentence)`."""
    if not sys.stderr.isatty():
        yield lambda share, sentence: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[news]}"), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(title, total=1.0, news="")
        yield lambda share, sentence: progress.update(task, completed=share, news=sentence)


class RateColumn(ProgressColumn):
    """How many a second, of late."""

    def render(self, task: Task) -> Text:
        """Nothing until there is a second to speak of."""
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:,.0f}/s" if speed >= 10 else f"{speed:.1f}/s")


@contextmanager
def rated_bar(title: str, say: Say, *, is_wanted: bool) -> Iterator[tuple[SetProgress, Say]]:
    """A bar with rate and time left, and how to say a sentence beside it; `say` is how where there is no bar."""
    if not (is_wanted and sys.stderr.isatty()):
        yield (lambda done, total: None), say
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        RateColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(title, total=None)
        yield (
            lambda done, total: progress.update(task, completed=done, total=total),
            lambda sentence: progress.console.print(sentence, markup=False, highlight=False, soft_wrap=True),
        )
