"""Ctrl-C, TERM and HUP in a real process."""

import signal
import subprocess
import sys
import time

import pytest

PROGRAM = """
import sys, time
from webapp.embedded import stop_signals
stop_signals.SAME_STOP_SECONDS = float(sys.argv[1])
signals = stop_signals.StopSignals()
signals.install()
print("listening", flush=True)
try:
    while True:
        time.sleep(0.02)
        signals.check()
except stop_signals.StopAsked:
    print("stopping", flush=True)
try:
    time.sleep(60)
    print("stopped", flush=True)
except stop_signals.KillAsked:
    print("killed", flush=True)
"""


SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def start(*, ignored: tuple[int, ...] = (), same_stop_seconds: float = 60) -> subprocess.Popen[str]:
    """The program above, started as a shell would start it: with these signals ignored, and no others, even where
    the tests themselves run in the background."""
    wanted = {number: signal.SIG_IGN if number in ignored else signal.SIG_DFL for number in SIGNALS}
    before = {number: signal.signal(number, handler) for number, handler in wanted.items()}
    try:
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(same_stop_seconds)], stdout=subprocess.PIPE, text=True
        )
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert process.stdout is not None
    assert process.stdout.readline() == "listening\n"
    return process


def read(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_asks_for_a_stop(number: int) -> None:
    with start() as process:
        process.send_signal(number)
        assert read(process) == "stopping"
        process.kill()


def test_an_interrupt_that_was_ignored_at_start_still_stops() -> None:
    with start(ignored=(signal.SIGINT,)) as process:
        process.send_signal(signal.SIGINT)
        assert read(process) == "stopping"
        process.kill()


def test_a_hangup_under_nohup_is_ignored() -> None:
    with start(ignored=(signal.SIGHUP,)) as process:
        process.send_signal(signal.SIGHUP)
        time.sleep(0.2)  # nothing can be awaited: nothing must happen
        process.send_signal(signal.SIGTERM)
        assert read(process) == "stopping"
        process.kill()


def test_one_press_that_arrives_twice_is_one_request() -> None:
    with start() as process:
        process.send_signal(signal.SIGINT)
        assert read(process) == "stopping"
        process.send_signal(signal.SIGINT)
        time.sleep(0.1)
        assert process.poll() is None
        process.kill()
        assert process.stdout is not None
        assert process.stdout.read() == ""


def test_a_second_press_kills() -> None:
    with start(same_stop_seconds=0.3) as process:
        process.send_signal(signal.SIGINT)
        assert read(process) == "stopping"
        time.sleep(0.4)  # longer than one press may take to arrive twice
        process.send_signal(signal.SIGINT)
        assert read(process) == "killed"
