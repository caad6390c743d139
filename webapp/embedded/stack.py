"""Starts the whole product on one machine in the order that gives the first answer soonest, watches it, stops it."""

import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from webapp.embedded.health import ask_health
from webapp.embedded.logs import read_last_lines
from webapp.embedded.parts import QUEUES, prepare_part, redis_part, web_part, worker_part
from webapp.embedded.preflight import StartRefused, find_lan_address, hold_folder, open_listening_socket
from webapp.embedded.processes import Supervisor, describe_exit
from webapp.embedded.redis_server import ADDRESS_NAME, plan_private_redis, redis_answers, write_address
from webapp.embedded.report_pipe import ReportPipe
from webapp.embedded.stop_signals import KillAsked, StopAsked, StopSignals

LOOK_SECONDS = 0.1
STEADY_LOOK_SECONDS = 0.25
REDIS_SECONDS = 10.0
PREPARE_SECONDS = 600.0
WEB_SECONDS = 60.0
PREDICTOR_SECONDS = 120.0
FAILURES_AT_START = 3
SHOWN_LOG_LINES = 15
EVERY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - recognised here, chosen by whoever typed --host


@dataclass(frozen=True, slots=True)
class StackOptions:
    """What was asked for on the command line and by the environment."""

    host: str
    port: int
    with_workers: bool
    code_folder: Path
    state_folder: Path
    redis_url: str = ""


class Stack:
    """One run of the embedded stack, from the first check to the last stopped part."""

    def __init__(self, options: StackOptions, say: Callable[[str], None]) -> None:
        self.options = options
        self.say = say
        self.signals = StopSignals()
        self.supervisor = Supervisor(folder=options.code_folder, logs_folder=options.state_folder / "logs", say=say)
        self.started_at = time.monotonic()
        self.login_path = ""

    def run(self) -> int:
        """Start, watch until a stop is asked for, stop. Raises StartRefused when the start is impossible."""
        self.signals.install()
        os.environ["WHATSIT_VAR"] = str(self.options.state_folder)
        with ExitStack() as cleanup:
            cleanup.enter_context(hold_folder(self.options.state_folder))
            listener = cleanup.enter_context(open_listening_socket(self.options.host, self.options.port))
            cleanup.callback(self.supervisor.close)
            try:
                self._start(listener.fileno())
                while True:
                    self._look(STEADY_LOOK_SECONDS)
            except StopAsked:
                listener.close()
                self._stop()
            except KillAsked:
                self.say("Everything is ended at once.")
                return 130
        return 0

    def _start(self, listener_file: int) -> None:
        self.say(f"Whatsit starts. Its data: {self.options.state_folder}")
        self._start_redis()
        self._prepare()
        self.supervisor.start(web_part(listener_file))
        self._await_web()
        if self.options.with_workers:
            self._await_predictor()
            for queue in QUEUES[1:]:
                self.supervisor.start(worker_part(queue, self.options.state_folder))
        self._announce()

    def _start_redis(self) -> None:
        """Use the Redis that was named, else start a private one and write its address for every other command."""
        if self.options.redis_url:
            if not redis_answers(self.options.redis_url):
                raise StartRefused("The Redis that REDIS_URL names does not answer. Start it, or unset REDIS_URL.")
            return
        redis = plan_private_redis(self.options.state_folder)
        self.supervisor.start(redis_part(redis))
        write_address(self.options.state_folder, redis.url)
        self._await("redis", lambda: redis_answers(redis.url, timeout_seconds=0.2), REDIS_SECONDS)

    def _prepare(self) -> None:
        """Bring rows and files up to date; the predictor, slowest of all, starts as soon as its rows are there."""
        pipe = ReportPipe()
        self.supervisor.start(prepare_part(pipe.write_file))
        pipe.let_child_write()
        seen: dict[str, Any] = {}

        def is_done() -> bool:
            seen.update(pipe.read())
            if "data" in seen and self.options.with_workers and not self.supervisor.is_running(QUEUES[0]):
                self.supervisor.start(worker_part(QUEUES[0], self.options.state_folder))
            return self.supervisor.exit_code("prepare") is not None

        try:
            self._await("prepare", is_done, PREPARE_SECONDS)
            is_done()
        finally:
            pipe.close()
        returncode = self.supervisor.exit_code("prepare")
        if returncode:
            raise self._refusal("prepare", f"The site could not be prepared ({describe_exit(returncode)}).")
        self.login_path = str(seen.get("login", ""))

    def _await_web(self) -> None:
        self._await("web", lambda: ask_health(self._own_address(), "/healthz/ready")[0] == 200, WEB_SECONDS)

    def _await_predictor(self) -> None:
        """Wait until a gpu worker holds a model; without one the pages still work, so it is only said."""

        def is_alive() -> bool:
            time.sleep(LOOK_SECONDS)  # the question costs the web process more than it costs us
            _, progress = ask_health(self._own_address(), "/healthz/progress")
            if progress.get("alarms"):
                raise StartRefused(f"The predictor has no model: {progress['alarms'][0]}.")
            return bool(progress.get("ready_workers"))

        try:
            self._await("gpu", is_alive, PREDICTOR_SECONDS)
        except StartRefused as late:
            self.say(f"{late}\nThe pages work; pictures wait for their answer until the predictor runs.")

    def _await(self, name: str, is_done: Callable[[], bool], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not is_done():
            if self.supervisor.count_failures(name) >= FAILURES_AT_START:
                raise self._refusal(name, f"{name} ends each time it is started.")
            if time.monotonic() > deadline:
                raise self._refusal(name, f"{name} was not ready within {seconds:g} s.")
            self._look(LOOK_SECONDS)

    def _look(self, seconds: float) -> None:
        self.signals.check()
        self.supervisor.check()
        time.sleep(seconds)
        self.signals.check()

    def _refusal(self, name: str, sentence: str) -> StartRefused:
        path = self.supervisor.log_path(name)
        lines = "\n".join(f"    {line}" for line in read_last_lines(path, SHOWN_LOG_LINES))
        return StartRefused(f"{sentence} The end of its log {path}:\n{lines}" if lines else sentence)

    def _own_address(self) -> tuple[str, int]:
        return EVERY_ADDRESS.get(self.options.host, self.options.host), self.options.port

    def _announce(self) -> None:
        host = self.options.host
        if host in EVERY_ADDRESS:
            host = find_lan_address() or EVERY_ADDRESS[host]
        base = f"http://{f'[{host}]' if ':' in host else host}:{self.options.port}"
        self.say(f"Whatsit is ready after {time.monotonic() - self.started_at:.1f} s.\n")
        self.say(f"  Pages:  {base}/")
        self.say(f"  Admin:  {base}/admin/")
        if self.login_path:
            self.say(f"  Log in as admin (this link works once, for 15 minutes):\n          {base}{self.login_path}")
        self.say("  Stop:   Ctrl-C\n")

    def _stop(self) -> None:
        """Web first, so that nothing new comes in; Redis last, because the others say their goodbyes through it."""
        self.say("Whatsit stops …")
        self.supervisor.stop(["web", "prepare"])
        self.supervisor.stop(QUEUES)
        if not self.options.redis_url:
            (self.options.state_folder / ADDRESS_NAME).unlink(missing_ok=True)
        self.supervisor.stop(["redis"])
        self.say("Whatsit has stopped.")
