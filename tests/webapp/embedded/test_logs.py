"""Log files stay few and small; error lines are found, once."""

from pathlib import Path

import pytest

from webapp.embedded import logs
from webapp.embedded.logs import LogWatch, read_last_lines, rotate_log


def test_it_keeps_three_old_logs(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "web.log"
    for number in range(6):
        rotate_log(path)
        path.write_text(str(number))
    kept = {entry.name: entry.read_text() for entry in path.parent.iterdir()}
    assert kept == {"web.log": "5", "web.log.1": "4", "web.log.2": "3", "web.log.3": "2"}


@pytest.mark.parametrize(
    "line",
    [
        "2026-11-21 ERROR in app: broken",
        "[error    ] storage unavailable",
        "CRITICAL: out of memory",
    ],
)
def test_error_lines_are_important(tmp_path: Path, line: str) -> None:
    path = tmp_path / "a.log"
    path.write_text(f"all is well\n{line}\n")
    assert LogWatch(path).read_important_lines() == [line]


@pytest.mark.parametrize("line", ['{"event": "refused", "level": "info"}', "0 errors so far", "no_error: yes"])
def test_ordinary_lines_are_not(tmp_path: Path, line: str) -> None:
    path = tmp_path / "a.log"
    path.write_text(f"{line}\n")
    assert LogWatch(path).read_important_lines() == []


def test_a_line_is_shown_once_and_only_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text("ERROR: half")
    watch = LogWatch(path)
    assert watch.read_important_lines() == []
    with path.open("a") as file:
        file.write(" whole\n")
    assert watch.read_important_lines() == ["ERROR: half whole"]
    assert watch.read_important_lines() == []


def test_of_a_structured_line_only_what_happened_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text(
        '{"event": "drain_failed", "level": "error", "exception": "Traceback …\\n  line\\nOSError: gone"}\n'
        '{"event": "storage_lost", "error": "timeout", "level": "critical"}\n'
    )
    assert LogWatch(path).read_important_lines() == ["drain_failed: OSError: gone", "storage_lost: timeout"]


def test_the_answer_of_a_health_page_is_no_error(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text('{"event": "Service Unavailable: /healthz/progress", "level": "error"}\n')
    assert LogWatch(path).read_important_lines() == []


def test_the_same_error_again_and_again_is_said_once(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text("ERROR again\n" * 40)
    assert LogWatch(path).read_important_lines() == ["ERROR again"]


def test_a_flood_of_errors_is_cut_short_and_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.log"
    path.write_text("".join(f"ERROR {number}\n" for number in range(40)))
    watch = LogWatch(path)
    assert watch.read_important_lines() == [f"ERROR {number}" for number in range(5)]
    with path.open("a") as file:
        file.write("ERROR one more\n")
    assert watch.read_important_lines() == []
    monkeypatch.setattr(logs, "SHOWN_WINDOW_SECONDS", 0.0)
    assert watch.read_important_lines() == [f"… and 36 more lines like these in {path}"]


def test_a_huge_log_is_set_aside_while_its_writer_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "MAX_LOG_BYTES", 100)
    path = tmp_path / "a.log"
    with path.open("a", buffering=1) as writer:
        watch = LogWatch(path)
        writer.write("x" * 200 + "\n")
        watch.read_important_lines()
        assert path.stat().st_size == 0
        assert (tmp_path / "a.log.1").stat().st_size == 201
        writer.write("ERROR after the cut\n")
        assert watch.read_important_lines() == ["ERROR after the cut"]


def test_the_last_lines_skip_blanks_and_a_missing_log_is_empty(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text("one\n\ntwo\nthree\n\n")
    assert read_last_lines(path, 2) == ["two", "three"]
    assert read_last_lines(tmp_path / "none.log", 2) == []
