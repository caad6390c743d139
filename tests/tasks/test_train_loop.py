"""What the train worker says of its machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.train_loop import describe_device


@pytest.mark.parametrize(
    ("devices", "words"),
    [([], "cpu"), (["nvidiactl"], "cpu"), (["nvidia0", "nvidiactl"], "1 GPU"), (["nvidia0", "nvidia1"], "2 GPUs")],
)
def test_gpus_are_counted_by_what_the_system_shows(tmp_path: Path, devices: list[str], words: str) -> None:
    for device in devices:
        (tmp_path / device).touch()
    assert describe_device(tmp_path) == words
