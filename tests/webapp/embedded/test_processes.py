"""The supervisor with small real processes: restarts, order, and nobody left behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from webapp.embedded import processes
from webapp.embedded.processes import Part, Supervisor, describe_exit

PYTHON = sys.executable
SLEEPER = (PYTHON, "-I", "-S", "-c", "import time; time.sleep(60)")


class Said:
    """Collects what the supervisor says."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def __call__(self, text: str) -> None:
        self.lines.append(text)


@pytest.fixture
def said() -> Said:
    return Said()


@pytest.fixture
def supervisor(tmp_path: Path, said: Said) -> Iterator[Supervisor]:
    made = Supervisor(folder=tmp_path, logs_folder=tmp_path / "logs", say=said)
    yield made
    made.close()


def await_condition(condition: Callable[[], bool], seconds: float = 50.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the awaited condition never came true"
        time.sleep(0.02)


def supervise_until(supervisor: Supervisor, condition: Callable[[], bool]) -> None:
    """Let the supervisor work until the condition holds."""
    deadline = time.monotonic() + 50
    while not condition():
        assert time.monotonic() < deadline, "the awaited condition never came true"
        supervisor.check()
        time.sleep(0.02)


def is_alive(process_id: int) -> bool:
    """True for a process that runs; a zombie does not."""
    try:
        state = Path(f"/proc/{process_id}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def read_process_id(path: Path) -> int:
    await_condition(lambda: path.exists() and path.read_text().endswith("\n"))
    return int(path.read_text())


def writer(path: Path, then: str = "time.sleep(60)") -> tuple[str, ...]:
    """A command that writes its process id to a file, then does something."""
    program = f"import os, signal, sys, time; open({str(path)!r}, 'w').write(f'{{os.getpid()}}\\n'); {then}"
    return (PYTHON, "-I", "-S", "-c", program)


def test_output_goes_to_the_log_and_the_old_log_is_kept(supervisor: Supervisor, tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "web.log").write_text("yesterday")
    supervisor.start(Part("web", (PYTHON, "-I", "-S", "-c", "print('hello')"), runs_once=True))
    log = tmp_path / "logs" / "web.log"
    await_condition(lambda: log.read_text() == "hello\n")
    assert (tmp_path / "logs" / "web.log.1").read_text() == "yesterday"


def test_a_killed_part_is_started_again_and_said_in_one_line(
    supervisor: Supervisor, said: Said, tmp_path: Path
) -> None:
    file = tmp_path / "pid"
    supervisor.start(Part("gpu", writer(file)))
    first = read_process_id(file)
    file.unlink()
    os.kill(first, signal.SIGKILL)
    supervise_until(supervisor, file.exists)
    assert read_process_id(file) != first
    assert len(said.lines) == 1
    assert "gpu ended (killed by SIGKILL); it starts again in 0.5 s" in said.lines[0]
    assert str(tmp_path / "logs" / "gpu.log") in said.lines[0]


def test_the_pause_grows_while_a_part_keeps_crashing(
    supervisor: Supervisor, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "FIRST_PAUSE_SECONDS", 0.05)
    supervisor.start(Part("web", (PYTHON, "-I", "-S", "-c", "raise SystemExit(3)")))
    supervise_until(supervisor, lambda: len(said.lines) >= 3)
    pauses = [line.split("starts again in ")[1].split(" s")[0] for line in said.lines[:3]]
    assert pauses == ["0.05", "0.1", "0.2"]
    assert supervisor.count_failures("web") >= 3
    assert "exit code 3" in said.lines[0]


def test_a_part_that_runs_once_is_not_started_again(supervisor: Supervisor, said: Said) -> None:
    supervisor.start(Part("prepare", (PYTHON, "-I", "-S", "-c", "raise SystemExit(4)"), runs_once=True))
    supervise_until(supervisor, lambda: supervisor.exit_code("prepare") is not None)
    supervisor.check()
    assert supervisor.exit_code("prepare") == 4
    assert said.lines == []


def test_what_a_crashed_part_left_behind_is_ended_before_it_starts_again(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    child_file, file = tmp_path / "child", tmp_path / "parent"
    fork = f"subprocess.Popen({list(writer(child_file))!r}); time.sleep(60)"
    supervisor.start(Part("default", writer(file, f"import subprocess; {fork}")))
    grandchild = read_process_id(child_file)
    os.kill(read_process_id(file), signal.SIGKILL)
    supervise_until(supervisor, lambda: not is_alive(grandchild))


def test_stopping_asks_first_and_is_no_crash(supervisor: Supervisor, said: Said, tmp_path: Path) -> None:
    file, goodbye = tmp_path / "pid", tmp_path / "goodbye"
    polite = f"signal.signal(signal.SIGTERM, lambda *_: (open({str(goodbye)!r}, 'w').close(), sys.exit(0)))"
    program = writer(file)[-1].replace("open(", f"{polite}; open(", 1)  # it can say goodbye before it is known
    supervisor.start(Part("web", (PYTHON, "-I", "-S", "-c", program)))
    process_id = read_process_id(file)
    supervisor.stop(["web"])
    assert goodbye.exists()
    assert not is_alive(process_id)
    assert said.lines == []


def test_a_part_that_will_not_stop_is_killed_after_its_time(supervisor: Supervisor, said: Said, tmp_path: Path) -> None:
    file = tmp_path / "pid"
    deaf = (PYTHON, "-I", "-S", "-c", writer(file)[-1].replace("open(", "signal.signal(15, signal.SIG_IGN); open(", 1))
    supervisor.start(Part("train", deaf, stop_seconds=0.3))
    process_id = read_process_id(file)
    supervisor.stop(["train"])
    assert not is_alive(process_id)
    assert said.lines == ["train did not end within 0.3 s and was killed."]


def test_parts_do_not_hear_the_terminals_ctrl_c(supervisor: Supervisor, tmp_path: Path) -> None:
    file = tmp_path / "pid"
    supervisor.start(Part("web", writer(file)))
    assert os.getpgid(read_process_id(file)) != os.getpgrp()


def test_the_configuration_reaches_a_part_on_stdin(supervisor: Supervisor, tmp_path: Path) -> None:
    reader = (PYTHON, "-I", "-S", "-c", "import sys; print(sys.stdin.read().upper())")
    supervisor.start(Part("redis", reader, standard_input=b"port 1", runs_once=True))
    await_condition(lambda: "PORT 1" in (tmp_path / "logs" / "redis.log").read_text())


def test_an_error_line_in_a_log_is_shown(supervisor: Supervisor, said: Said) -> None:
    talk = "print('fine'); print('ERROR: the disk is full', flush=True); import time; time.sleep(60)"
    supervisor.start(Part("web", (PYTHON, "-I", "-S", "-c", talk)))
    supervise_until(supervisor, lambda: bool(said.lines))
    assert said.lines == ["[web] ERROR: the disk is full"]


def test_a_program_that_does_not_exist_is_said_in_its_log(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.start(Part("redis", ("/no/such/program",), runs_once=True))
    supervise_until(supervisor, lambda: supervisor.exit_code("redis") == 127)
    assert "/no/such/program cannot be started" in (tmp_path / "logs" / "redis.log").read_text()


@pytest.mark.parametrize("victim", ["supervisor", "guard first"])
def test_nobody_survives_a_killed_supervisor(tmp_path: Path, victim: str) -> None:
    child_file, file = tmp_path / "child", tmp_path / "parent"
    fork = f"import subprocess; subprocess.Popen({list(writer(child_file))!r}); time.sleep(60)"
    program = (
        "import pathlib, time; from webapp.embedded.processes import Part, Supervisor;"
        f"s = Supervisor(folder=pathlib.Path('/'), logs_folder=pathlib.Path({str(tmp_path)!r}), say=print);"
        f"s.start(Part('a', {writer(file, fork)!r})); print(s._guard.pid, flush=True)\n"
        "while True: time.sleep(0.02); s.check(); print(s._guard.pid, flush=True)\n"
    )
    with subprocess.Popen([PYTHON, "-c", program], stdout=subprocess.PIPE) as killed:
        assert killed.stdout is not None
        guard = int(killed.stdout.readline())
        parts = [read_process_id(file), read_process_id(child_file)]
        if victim == "guard first":
            os.kill(guard, signal.SIGKILL)
            while int(killed.stdout.readline()) == guard:
                pass
        killed.kill()
    await_condition(lambda: not any(is_alive(process_id) for process_id in parts))


@pytest.mark.parametrize(
    ("returncode", "words"), [(0, "exit code 0"), (-9, "killed by SIGKILL"), (-63, "killed by signal 63")]
)
def test_an_exit_status_is_put_into_words(returncode: int, words: str) -> None:
    assert describe_exit(returncode) == words
