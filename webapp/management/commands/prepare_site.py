"""`manage.py prepare_site`: brings rows and files up to date before the parts start. For `up`, compose and by hand."""

import hashlib
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.urls import reverse

from classifier.one_time_login import ensure_first_admin, make_login_token
from webapp.embedded.report_pipe import report

SIGNATURE_NAME = ".collected"


class Command(BaseCommand):
    """Migrations, the starter model, the pages' files, the user `admin`."""

    help = (
        "Prepares this installation: migrations, the starter model at the first start, the pages' static files, "
        "and the user admin. Safe to run again. Example: manage.py prepare_site --login-link"
    )

    requires_system_checks = []  # they load every page; run once others no longer wait

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare where to report and whether to print a login link."""
        parser.add_argument("--report-to", type=int, help="an open file that `manage.py up` listens on")
        parser.add_argument("--login-link", action="store_true", help="print a path that logs admin in once")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do the steps in the order in which others wait for them, and report each."""
        # Reads the artifact format, hence numpy: only here, so that the command list stays cheap for the web process.
        from tasks.starter import install_starter_model

        bring_tables_up_to_date()
        install_starter_model()
        report(options["report_to"], data=True)
        call_command("check")
        collect_static_files()
        login_path = reverse("one-time-login", args=[make_login_token(ensure_first_admin())])
        report(options["report_to"], login=login_path)
        if options["login_link"]:
            self.stdout.write(
                f"Log in as admin once, within 15 minutes, on your site's address followed by {login_path}"
            )


def bring_tables_up_to_date() -> None:
    """Run the migrations that are missing; when none is, asking is all that happens (a third of a second less)."""
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        call_command("migrate", verbosity=0, interactive=False, skip_checks=True)


def collect_static_files() -> None:
    """Collect and compress the pages' files when one of them changed; compressing takes seconds, looking does not."""
    signature = describe_static_files()
    root = Path(settings.STATIC_ROOT)
    mark = root / SIGNATURE_NAME
    if mark.exists() and mark.read_text(encoding="ascii") == signature:
        return
    mark.unlink(missing_ok=True)
    call_command("collectstatic", verbosity=0, interactive=False)
    mark.write_text(signature, encoding="ascii")


def describe_static_files() -> str:
    """A digest over names, sizes and times of all static source files, and the versions of what processes them."""
    digest = hashlib.sha256(f"{django.__version__} {settings.STORAGES['staticfiles']}".encode())
    for finder in get_finders():
        for path, storage in finder.list([]):
            facts = Path(storage.path(path)).stat()
            digest.update(f"{path} {facts.st_size} {facts.st_mtime_ns}\n".encode())
    return digest.hexdigest()
