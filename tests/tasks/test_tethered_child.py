"""Why a child process ended, in words for people."""

from __future__ import annotations

import pytest

from tasks.tethered_child import describe_end


@pytest.mark.parametrize(
    ("exit_code", "last_words", "expected"),
    [
        (-9, "", "memory"),
        (-11, "", "signal 11"),
        (1, "Traceback …\n  File …\nValueError: no\n\n", "exit code 1: ValueError: no"),
        (1, "", "it said nothing"),
        (1, "FileNotFoundError: [Errno 2] No such file: '/srv/var/media/a.png'", "No such file: '…'"),
        (1, "ConnectionError: redis://:hunter2@10.0.0.5:6379/0 is away", "ConnectionError: … is away"),
        (1, "ValueError: 3/4 of and/or N/A", "ValueError: 3/4 of and/or N/A"),
    ],
)
def test_the_reason_names_signal_or_last_words(exit_code: int, last_words: str, expected: str) -> None:
    assert expected in describe_end(exit_code, last_words, process="training process")
