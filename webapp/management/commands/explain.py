"""`manage.py explain`: makes the heat maps that people asked for."""

from __future__ import annotations

import os
import socket
from argparse import SUPPRESS
from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser

from webapp.management.sentence_command import SentenceCommand
from webapp.management.tethered import serve_the_worker


class Command(SentenceCommand):
    """What a gpu worker starts, tethered, when a heat map waits; people may run it where no such worker is."""

    help = "Makes the heat maps that people asked for (which part of a picture spoke for its label), then ends."
    example = "manage.py explain"

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare what only workers say."""
        parser.add_argument("--tethered", action="store_true", help=SUPPRESS)

    def handle(self, *args: Any, **options: Any) -> None:
        """Work off what waits; a worker's child stays a while, as people ask about several pictures in a row."""
        if options["tethered"]:
            serve_the_worker()
        # numpy and TensorFlow stay out of the web process, which lists the commands.
        from tasks.explaining import ExplanationWork

        work = ExplanationWork(worker=f"{socket.gethostname()}:{os.getpid()}")
        made = work.run(idle_seconds=settings.EXPLANATION_IDLE_SECONDS if options["tethered"] else 0)
        self.stdout.write(f"{made} heat map{'' if made == 1 else 's'} made.")
