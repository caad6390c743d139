"""`manage.py up`: the embedded default. manage.py itself goes to the same place without loading Django first."""

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from webapp.embedded import command_line


class Command(BaseCommand):
    """Runs everything on this machine."""

    help = f"{command_line.DESCRIPTION} {command_line.EXAMPLE}"
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the same options as the direct way."""
        command_line.add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until stopped."""
        words = ["--host", options["host"], "--port", str(options["port"])]
        exit_code = command_line.main([*words, *(["--no-worker"] if options["no_worker"] else [])])
        if exit_code:
            sys.exit(exit_code)
