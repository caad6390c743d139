"""What can go wrong, each with a code for programs and a sentence for people."""

from __future__ import annotations

from typing import Any


class WhatsitError(Exception):
    """Any failure of a call. `code` stays the same between versions; `message` may be shown as it stands."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class CallRefused(WhatsitError):  # noqa: N818 - says what happened, and reads so in an except clause
    """The site answered with an error; `status` is that of HTTP, `details` what the site adds."""

    def __init__(self, code: str, message: str, *, status: int, details: dict[str, Any]) -> None:
        super().__init__(code, message)
        self.status = status
        self.details = details


class SiteUnreachable(WhatsitError):  # noqa: N818 - as above
    """No answer came, also after several tries."""

    def __init__(self, message: str) -> None:
        super().__init__("unreachable", message)


class AnswerLate(WhatsitError):  # noqa: N818 - as above
    """The pictures are stored, but not all were answered in time; ask for them later."""

    def __init__(self, message: str) -> None:
        super().__init__("late", message)
