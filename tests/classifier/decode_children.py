"""Finds this process's decode children and how much memory they have ever held."""

from pathlib import Path


def find_decode_children(parent: str = "self") -> list[int]:
    """The ids of the living decode children of a process."""
    tasks = Path(f"/proc/{parent}/task").iterdir()
    children = [int(process_id) for task in tasks for process_id in read_children(task)]
    return [child for child in children if b"classifier.decode_child" in read_command(child)]


def read_children(task: Path) -> list[str]:
    """The ids of one thread's children; none when the thread has ended since it was listed."""
    try:
        return (task / "children").read_text().split()
    except OSError:
        return []


def read_command(process_id: int) -> bytes:
    """Empty when the process is gone, or a zombie."""
    try:
        return Path(f"/proc/{process_id}/cmdline").read_bytes()
    except OSError:
        return b""


def read_peak_memory_bytes(process_id: int) -> int:
    for line in Path(f"/proc/{process_id}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no peak memory known")
