"""Where an image stands after all that reviewers said about it. Plain Python: no rows, no clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

State = Literal["", "settled", "disputed", "skipped"]


@dataclass(frozen=True, slots=True)
class Word:
    """One review, as far as it decides. `reviewer` is None for people who have been deleted."""

    reviewer: int | None
    verdict: str
    label_id: UUID | None
    decides: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """`label_id` is set exactly where the state is settled."""

    state: State
    label_id: UUID | None = None


def decide_standing(words: Sequence[Word]) -> Standing:
    """From all words, oldest first.

    A reviewer's newest word counts, unless taken back: then the one before. All of one mind: settled. Two labels:
    disputed, until they agree or an owner decides. An owner's deciding word settles what was said before it; a
    different word after it disputes it again. Only skips: skipped.
    """
    standing = _words_in_force(words)
    decided_at = max((place for place, word in standing if word.decides), default=-1)
    labels = [word.label_id for place, word in standing if word.label_id is not None and place >= decided_at]
    if not labels:
        return Standing("skipped" if standing else "")
    if len(set(labels)) > 1:
        return Standing("disputed")
    return Standing("settled", labels[0])


def _words_in_force(words: Sequence[Word]) -> list[tuple[int, Word]]:
    """Each reviewer's newest word that was not taken back, with its place in the order."""
    said: dict[int | str, list[tuple[int, Word]]] = {}
    for place, word in enumerate(words):
        # Words of deleted people cannot be told apart: each stands for somebody of its own.
        mine = said.setdefault(f"gone {place}" if word.reviewer is None else word.reviewer, [])
        if word.verdict != "withdraw":
            mine.append((place, word))
        elif mine:
            mine.pop()
    return sorted((mine[-1] for mine in said.values() if mine), key=lambda each: each[0])
