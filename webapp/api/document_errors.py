"""The errors as the OpenAPI document shows them: one description and one real example for each status."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from classifier.errors import REFUSALS


@dataclass(frozen=True, slots=True)
class DocumentedError:
    """`code` is the usual one of this status; a few statuses have several."""

    name: str
    code: str
    description: str
    message: str = ""
    is_passing: bool = False

    def as_response(self) -> dict[str, Any]:
        """For `components.responses`."""
        error = {"code": self.code, "message": self.message or REFUSALS[self.code][1], "details": {}}
        headers = {"X-Request-ID": {"$ref": "#/components/headers/RequestId"}}
        if self.is_passing:
            headers["Retry-After"] = {"$ref": "#/components/headers/RetryAfter"}
        schema = {"$ref": "#/components/schemas/Error"}
        content = {"application/json": {"schema": schema, "example": {"error": error}}}
        return {"description": self.description, "headers": headers, "content": content}

    def as_reference(self) -> dict[str, str]:
        """For an operation."""
        return {"$ref": f"#/components/responses/{self.name}"}


ERRORS: Final = {
    400: DocumentedError(
        "Malformed",
        "malformed_request",
        "A value cannot be used, or the body cannot be read. The message says which and why.",
        "Some values cannot be used: limit: Input should be less than or equal to 200.",
    ),
    401: DocumentedError(
        "NotLoggedIn",
        "not_allowed",
        "Nobody is logged in and there is no token, or the token is unknown, revoked or expired.",
        "Log in, or send a token: this is for people who work on this site.",
    ),
    403: DocumentedError(
        "NotAllowed",
        "not_allowed",
        "A login without its CSRF token, or a token that may not do this to something it may see.",
        "This call comes with a login but without its CSRF token. Send the X-CSRFToken header.",
    ),
    404: DocumentedError("NotFound", "not_found", "It does not exist, or you may not see it or do this."),
    409: DocumentedError(
        "Conflict",
        "in_progress",
        "It changed meanwhile, is under way, has ended, or exists already. The message says which.",
    ),
    413: DocumentedError("TooLarge", "file_too_large", "A picture, or the whole request, is too large."),
    415: DocumentedError("WrongType", "type_not_allowed", "Not a JPEG, PNG or WebP picture."),
    422: DocumentedError(
        "Unusable",
        "truncated_or_damaged",
        "Read, but of no use: a picture that is empty, damaged or too large to open; an Idempotency-Key that was used "
        "for another request; an address that takes no messages; nothing to explain yet. The code says which.",
    ),
    429: DocumentedError("TooMany", "too_many_requests", "Too many calls. Wait as long as it says.", is_passing=True),
    503: DocumentedError(
        "TryLater",
        "try_later",
        "The database or the store is away, or too many calls wait. Nothing was done.",
        is_passing=True,
    ),
}
ALWAYS: Final = {400, 401, 404, 429, 503}
"""What every operation may answer."""
WRITING: Final = {403, 409, 413, 422}
"""And every one that changes something."""
