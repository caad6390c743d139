"""`manage.py create_token`: a token for a program, printed once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from classifier.api_tokens import LONGEST, create_token
from classifier.models import ApiToken
from webapp.management.sentence_command import SentenceCommand


class Command(SentenceCommand):
    """Standard output holds the token alone, so that a script can keep it; the sentences go to standard error."""

    help = "Makes a token with which a program calls the API as this user, and prints it. Nobody can read it again."
    example = "manage.py create_token maria --scopes predict review --name 'door camera' --expires-days 90"

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare user, scopes, name and days."""
        parser.add_argument("user", help="whose rights it may use")
        parser.add_argument(
            "--scopes",
            nargs="+",
            required=True,
            help="; ".join(f"{scope.value}: {scope.label}" for scope in ApiToken.Scope),
        )
        parser.add_argument("--name", default="made on the command line", help="what will use it")
        parser.add_argument("--expires-days", type=int, help="days until it ends; without this it works until revoked")

    def handle(self, *args: Any, **options: Any) -> None:
        """Make and print it."""
        user = User.objects.filter(username=options["user"], is_active=True).first()
        if user is None:
            raise CommandError(f"There is no user “{options['user']}” who may log in.")
        scopes = [scope for text in options["scopes"] for scope in text.split(",") if scope]
        token, text = create_token(user=user, name=options["name"], scopes=scopes, expires_at=_end(options))
        until = f"until {token.expires_at:%d %b %Y, %H:%M} UTC" if token.expires_at else "until it is revoked"
        self.stderr.write(f"It acts for {user.username} within {', '.join(token.scopes)}, {until}.")
        self.stderr.write("Keep it now: it is not shown again.")
        self.stdout.write(text)


def _end(options: dict[str, Any]) -> Any:
    days = options["expires_days"]
    if days is None:
        return None
    if not 1 <= days <= LONGEST.days:
        raise CommandError(f"--expires-days must be between 1 and {LONGEST.days}.")
    return timezone.now() + timedelta(days=days)
