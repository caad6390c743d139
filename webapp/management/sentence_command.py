"""The base of our commands: an example in --help, errors as one sentence with an exit code, TERM like Ctrl-C."""

from __future__ import annotations

import logging
import signal
import threading
from types import FrameType
from typing import Any, ClassVar, NoReturn

from django.core.management.base import BaseCommand, CommandError, CommandParser

from classifier.doorbell import doorbell
from classifier.errors import WhatsitError
from classifier.live_updates import live_sender

INTERRUPTED = 130
# Rings and live messages leave from threads that end with the process; a dead broker may hold it up so long.
_LAST_MESSAGE_SECONDS = 2.0


class SentenceCommand(BaseCommand):
    """A command whose verbs raise WhatsitError; what they began they have undone when it arrives here."""

    example: ClassVar[str]

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Add the example."""
        return super().create_parser(prog_name, subcommand, epilog=f"Example: {self.example}", **kwargs)

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Run, and say errors in a sentence. Raises CommandError."""
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, _interrupt)
        if options["verbosity"] < 2:
            logging.getLogger().setLevel(logging.ERROR)  # people read here; -v 2 shows the log too
        try:
            return super().execute(*args, **options)
        except WhatsitError as problem:
            raise CommandError(problem.message) from problem
        except KeyboardInterrupt as problem:
            raise CommandError("Stopped. Nothing half-done was kept.", returncode=INTERRUPTED) from problem
        finally:
            doorbell.wait_until_rung(_LAST_MESSAGE_SECONDS)
            live_sender.wait_until_sent(_LAST_MESSAGE_SECONDS)


def _interrupt(signal_number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
