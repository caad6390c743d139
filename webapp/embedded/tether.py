"""Runs one command so that the kernel ends it when its parent dies. A program of its own: standard library only.

Called as `python -I -S tether.py PARENT_PID PROGRAM [ARGUMENT…]`. A program between fork and exec is safe where a
`preexec_fn` is not: it runs in a fresh interpreter. The death signal is tied to the *thread* that started this process.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
EXIT_NOT_STARTED = 127


def main(parent: int, command: list[str]) -> int:
    """Replace this process by the command; returns only when that was impossible."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # the parent died before the request above was in place
        return EXIT_NOT_STARTED
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # "ignored" would survive exec
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execvp(command[0], command)  # noqa: S606 - no shell is wanted
    except OSError as error:
        sys.stderr.write(f"{command[0]} cannot be started: {error.strerror}\n")
        return EXIT_NOT_STARTED


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
