"""Which programs make up the stack, with their arguments. The same parts run by hand with the same commands."""

import sys
from pathlib import Path

from webapp.embedded.processes import Part
from webapp.embedded.redis_server import PrivateRedis

QUEUES = ("gpu", "train", "default")
WEB_DRAIN_SECONDS = 10
SOCKET_MESSAGE_MAX_BYTES = 65_536
# Two arenas instead of eight per core: freed upload buffers return to the system (glibc only, ignored elsewhere).
FRUGAL = {"MALLOC_ARENA_MAX": "2"}


def redis_part(redis: PrivateRedis) -> Part:
    """The private Redis: it keeps nothing on disk, because rows are the truth."""
    return Part("redis", (str(redis.program), "-"), stop_seconds=3, standard_input=redis.configuration)


def prepare_part(report_file: int) -> Part:
    """One run before the others: migrations, first model, pages' files, login link. It reports into the given pipe."""
    return Part(
        "prepare",
        (sys.executable, "manage.py", "prepare_site", "--report-to", str(report_file)),
        stop_seconds=5,
        passed_files=(report_file,),
        runs_once=True,
    )


def web_part(listener_file: int) -> Part:
    """The web process, on a socket that stays open while it is started again."""
    options = {
        "--fd": listener_file,
        "--loop": "uvloop",
        "--http": "webapp.http_protocol:HttpProtocol",
        "--ws": "webapp.socket_protocol:SocketProtocol",
        "--ws-max-size": SOCKET_MESSAGE_MAX_BYTES,
        "--ws-per-message-deflate": "false",
        "--timeout-graceful-shutdown": WEB_DRAIN_SECONDS,
        "--backlog": 2048,
        "--log-level": "warning",
    }
    words = [word for option, value in options.items() for word in (option, str(value))]
    flags = ("--no-access-log", "--no-proxy-headers", "--no-server-header")
    command = (sys.executable, "-m", "uvicorn", "webapp.asgi:application", *words, *flags)
    return Part(
        "web",
        command,
        stop_seconds=WEB_DRAIN_SECONDS + 2,
        environment={"DJANGO_SETTINGS_MODULE": "classifier.settings", "PYTHONUNBUFFERED": "1", **FRUGAL},
        passed_files=(listener_file,),
    )


def worker_part(queue: str, folder: Path) -> Part:
    """A Celery worker for one queue; the one for `default` also carries the clock of the schedule."""
    command = [sys.executable, "-m", "celery", "-A", "tasks", "worker", "-Q", queue, "-n", f"{queue}@%h"]
    command += ["--without-gossip", "--without-mingle", "--loglevel", "WARNING"]
    if queue == "default":
        command += ["-P", "threads", "-c", "4", "-B", "-s", str(folder / "beat-schedule")]
    environment = {"DJANGO_SETTINGS_MODULE": "classifier.settings", "PYTHONUNBUFFERED": "1"}
    if queue != "gpu":
        environment |= FRUGAL
    return Part(queue, tuple(command), stop_seconds=14, environment=environment)
