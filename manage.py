#!/usr/bin/env python
"""The command line of Whatsit. Refuses an unsupported Python before anything that needs a newer one is imported."""

import os
import sys


def main():  # type: ignore[no-untyped-def]  # readable by every Python, so that an old one can still print the sentence
    if sys.version_info[:2] not in ((3, 11), (3, 12)):
        sys.exit(
            "Whatsit runs on Python 3.11 or 3.12; this is %d.%d. Install python3.12 (or python3.11) with its venv "  # noqa: UP031
            "module, remove the folder .venv and type `make run` again." % sys.version_info[:2]
        )
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "classifier.settings")
    try:
        if sys.argv[1:2] == ["up"]:  # the supervisor needs no Django, and is small without it
            from webapp.embedded.command_line import main as run_up

            sys.exit(run_up(sys.argv[2:]))
        from django.core.exceptions import ImproperlyConfigured
        from django.core.management import execute_from_command_line
    except ImportError as error:
        sys.exit("%s. Type `make run`, which installs what is missing, or activate its .venv." % error)  # noqa: UP031
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit("%s" % error)  # noqa: UP031


if __name__ == "__main__":
    main()  # type: ignore[no-untyped-call]
