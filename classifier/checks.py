"""System checks: what can be wrong at start, each with an id and a hint."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.checks import Warning as CheckWarning


@register(Tags.security, deploy=True)
def check_anonymous_uploads(app_configs: Sequence[Any] | None, **options: Any) -> list[CheckMessage]:
    """Anonymous uploads in production are a choice somebody must have made."""
    if settings.PRODUCTION and settings.ANONYMOUS_UPLOADS:
        return [
            CheckWarning(
                "Anybody who reaches the site may upload pictures.",
                hint="Unset ANONYMOUS_UPLOADS unless this is wanted.",
                id="whatsit.W001",
            )
        ]
    return []


@register()
def check_prediction_times(app_configs: Sequence[Any] | None, **options: Any) -> list[CheckMessage]:
    """A batch must end before its lease does, or two workers would do the same work."""
    if settings.PREDICTION_BATCH_SECONDS >= settings.PREDICTION_LEASE_SECONDS:
        return [
            Error(
                "PREDICTION_BATCH_SECONDS must be shorter than PREDICTION_LEASE_SECONDS.",
                hint="The defaults are 20 s and 30 s.",
                id="whatsit.E001",
            )
        ]
    return []


@register()
def check_webhook_times(app_configs: Sequence[Any] | None, **options: Any) -> list[CheckMessage]:
    """A message must be answered before its lease ends, or two workers would send it."""
    if settings.WEBHOOK_ANSWER_SECONDS >= settings.WEBHOOK_LEASE_SECONDS:
        return [
            Error(
                "WEBHOOK_ANSWER_SECONDS must be shorter than WEBHOOK_LEASE_SECONDS.",
                hint="The defaults are 10 s and 60 s.",
                id="whatsit.E003",
            )
        ]
    return []


@register()
def check_variable_folder(app_configs: Sequence[Any] | None, **options: Any) -> list[CheckMessage]:
    """The folder for state must be writable."""
    probe = settings.VAR_DIR / ".writable"
    try:
        settings.VAR_DIR.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as problem:
        return [
            Error(
                f"The folder {settings.VAR_DIR} cannot be written: {problem.strerror}.",
                hint="Change its owner, or name another folder in WHATSIT_VAR.",
                id="whatsit.E002",
            )
        ]
    return []
