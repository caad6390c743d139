# ruff: noqa: N818 - the names say what happened, and read as such at the raise: raise Refused("empty_file")
"""The errors people meet: one stable code, one HTTP status and one sentence that says what to do.

Nothing here knows Django; the edges turn these errors into pages, JSON and exit codes.
"""

from typing import Final

REFUSALS: Final[dict[str, tuple[int, str]]] = {
    "malformed_request": (400, "This request could not be read. Send the pictures as form parts named “file”."),
    "not_allowed": (403, "You may not do this. Log in, or ask the owner of this site for access."),
    "not_found": (404, "This does not exist, or it is not yours to see. Check the address."),
    "in_progress": (409, "Somebody else is changing this just now. Reload it and try again."),
    "file_too_large": (413, "This file is too large. Make it smaller, or save it as JPEG, and send it again."),
    "type_not_allowed": (415, "This is not a JPEG, PNG or WebP picture. Save it as one of these and send it again."),
    "empty_file": (422, "This file is empty. Choose the picture again."),
    "type_mismatch": (422, "This file starts like a picture but holds something else. Export it as JPEG or PNG again."),
    "truncated_or_damaged": (422, "This picture is incomplete or damaged. Open it, save it again, and send the copy."),
    "too_many_pixels": (422, "This picture has too many pixels. Make it smaller and send it again."),
    "too_complex": (422, "This picture takes too much work to open. Save it as a plain JPEG or PNG and send that."),
    "idempotency_mismatch": (422, "This Idempotency-Key was used for another request. Use a new key for a new one."),
    "unusable_address": (422, "Messages cannot be sent to this address. Enter one that begins with https://."),
    "too_many_requests": (429, "That was a lot at once. Wait a moment and send the rest."),
    "try_later": (503, "We cannot keep your picture safely right now. Nothing was stored; please try again shortly."),
}
"""Code → (HTTP status, sentence). A sentence without details; a caller may pass a more exact one."""


class WhatsitError(Exception):
    """An error with a catalogue code, whose message may be shown to a person as it stands."""

    def __init__(
        self,
        code: str,
        message: str | None = None,
        *,
        status: int | None = None,
        details: dict[str, object] | None = None,
    ) -> None:
        catalogue_status, sentence = REFUSALS[code]
        self.code = code
        self.status = catalogue_status if status is None else status
        self.message = sentence if message is None else message
        self.details: dict[str, object] = details or {}
        super().__init__(self.message)

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


class Refused(WhatsitError):
    """We will not take this picture or request; the sender can do something about it."""

    def __init__(self, code: str, message: str | None = None, **details: object) -> None:
        super().__init__(code, message, details=details)


class NotFound(WhatsitError):
    """There is no such thing, or the asker may not know that there is."""

    def __init__(self, message: str | None = None, **details: object) -> None:
        super().__init__("not_found", message, details=details)


class NotAllowed(WhatsitError):
    """The asker is known to the thing but may not do this to it: 401 when nobody is logged in, else 403."""

    def __init__(self, message: str | None = None, *, status: int = 403, **details: object) -> None:
        super().__init__("not_allowed", message, status=status, details=details)


class Conflict(WhatsitError):
    """The thing changed since the asker looked at it."""

    def __init__(self, message: str | None = None, **details: object) -> None:
        super().__init__("in_progress", message, details=details)


class StorageUnavailable(WhatsitError):
    """Our own storage or database failed: nothing was accepted, and the sender should try again."""

    retry_after_seconds = 5

    def __init__(self, message: str | None = None, **details: object) -> None:
        super().__init__("try_later", message, details=details)


class QueueFull(WhatsitError):
    """More pictures wait for their answer than may: nothing was accepted, and the sender should come back."""

    def __init__(self) -> None:
        sentence = "Too many pictures wait for their answer already. Nothing was stored; please send this again later."
        super().__init__("try_later", sentence, details={"retry_after_seconds": 10})
