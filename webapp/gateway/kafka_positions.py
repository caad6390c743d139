"""What is done and what is in hand of one Kafka partition, and how that stands beside its committed offset.

Kafka knows one position a partition: everything before it is done. Messages here end in any order, so the position
waits for the oldest; what is known of those after it is written into the metadata of the commit, as runs from the
position on: `2d,3:1,1:4` says two done, then three handed out once, then one handed out four times. The next owner of
the partition reads it, skips what is done and goes on counting.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby

_DONE = -1
_RUN = re.compile(r"(\d{1,9})(?:d|:(\d{1,4}))")
# Brokers refuse more than offset.metadata.max.bytes, 4,096 unless changed.
_MOST_METADATA = 4000
_MOST_KNOWN = 100_000


class PartitionWork:
    """One partition from its assignment until it is taken away, in which Kafka brings rising offsets, maybe with gaps.

    Offsets below the position are done. `known` holds, from the position on, how often each came, or that it is done.
    """

    def __init__(self, position: int | None = None, metadata: str = "") -> None:
        self._position = position
        self._known = {} if position is None else dict(_read(position, metadata))
        self._in_hand: set[int] = set()
        self._highest = -1
        self._written: tuple[int, str] | None = None

    @property
    def span(self) -> int:
        """How many messages from the position on are remembered."""
        return len(self._known)

    def starts_anew(self, offset: int) -> bool:
        """Whether this offset cannot follow what came before: the topic was made anew, or has lost its end."""
        return offset <= self._highest or (self._position is not None and offset < self._position)

    def count_delivery(self, offset: int) -> int:
        """It came: its deliveries so far, this one included; 0 says that it is done already."""
        if self._position is None:
            self._position = offset
        self._highest = offset
        if self._known.get(offset) == _DONE:
            return 0
        self._in_hand.add(offset)
        return self.count_again(offset)

    def count_again(self, offset: int, step: int = 1) -> int:
        """One that is in hand is handed out once more (or, with -1, was not handed out at all)."""
        self._known[offset] = self._known.get(offset, 0) + step
        return self._known[offset]

    def finish(self, offset: int) -> None:
        """It is done. Twice is once."""
        if offset in self._in_hand:
            self._in_hand.discard(offset)
            self._known[offset] = _DONE

    def forgive(self) -> None:
        """What is in hand goes to another without fault of its own: this delivery does not count."""
        for offset in self._in_hand:
            self._known[offset] -= 1

    def find_commit(self) -> tuple[int, str] | None:
        """Position and metadata to commit; None when nothing changed since the last one."""
        if self._position is None:
            return None
        self._move()
        commit = self._position, self._write()
        if commit == self._written:
            return None
        self._written = commit
        return commit

    def forget_commit(self) -> None:
        """The last commit did not arrive: say it again."""
        self._written = None

    def _move(self) -> None:
        """Over the unbroken row of what is done, and over gaps: what did not come before a later one never will."""
        assert self._position is not None
        position = max(self._position, min(self._in_hand, default=self._highest + 1))
        while self._known.get(position) == _DONE:
            position += 1
        if position > self._position:
            self._known = {offset: state for offset, state in self._known.items() if offset >= position}
            self._position = position

    def _write(self) -> str:
        assert self._position is not None
        if not self._known:
            return ""
        states = (self._known.get(offset, 0) for offset in range(self._position, max(self._known) + 1))
        text = ""
        for state, run in groupby(states):
            length = sum(1 for _ in run)
            word = f"{length}d" if state == _DONE else f"{length}:{min(state, 9999)}"
            if len(text) + len(word) + 1 > _MOST_METADATA:
                break
            text += f",{word}" if text else word
        return text


def _read(position: int, metadata: str) -> Iterator[tuple[int, int]]:
    """Offsets and states; nothing of a text that somebody else wrote."""
    words = metadata.split(",") if metadata else []
    runs = [_RUN.fullmatch(word) for word in words]
    if not all(runs) or sum(int(run[1]) for run in runs if run) > _MOST_KNOWN:
        return
    offset = position
    for run in runs:
        assert run
        state = _DONE if run[2] is None else int(run[2])
        for _ in range(int(run[1])):
            if state:
                yield offset, state
            offset += 1
