"""The OpenAPI document: what every operation shares, put into what the framework writes of each."""

from __future__ import annotations

import re
from typing import Any, Final

from django.conf import settings
from ninja import NinjaAPI
from ninja.openapi.schema import OpenAPISchema
from ninja.operation import Operation

from webapp.api.document_errors import ALWAYS, ERRORS, WRITING
from webapp.api.document_examples import ANSWERS, BODIES
from webapp.middleware import VISITOR_COOKIE

VERSION: Final = "1.0.0"
INTRODUCTION: Final = """Send a picture, read what it is; and everything else that the pages of this site can do.

**Who calls.** A program sends a token: `Authorization: Bearer …`. A browser in which somebody has logged in sends its
session cookie, and with every call that changes something the header `X-CSRFToken`. Where the site takes pictures from
visitors, sending pictures and reading one's own needs neither: a visitor is known by a cookie that the first answer
sets.

**Errors** always look alike: `{"error": {"code", "message", "details"}}`. The code is stable, the message is a sentence
for a person. What does not exist and what you may not see are both 404.

**Lists** come in pages, the newest first: pass `next_cursor` on as `cursor` until it is null.

**Repeats.** Send an `Idempotency-Key` with what must not happen twice: the repeat gets the first answer.

**Limits.** `RateLimit-Remaining` says how many calls are left, `RateLimit-Reset` in how many seconds they are renewed.
Beyond the limit the answer is 429, with `Retry-After`.
"""
TAGS: Final = {
    "images": "Pictures and their predictions. Visitors may send pictures, and see their own.",
    "reviews": "What people say pictures are. A reviewer's word teaches; anybody else's is a suggestion.",
    "classifiers": "The questions that this site answers, each with its labels.",
    "datasets": "Labelled pictures, and importing more of them.",
    "training runs": "Trainings: start one, watch it, stop it.",
    "models": "Trained versions: measure one, let it answer, go back to the one before.",
    "tokens": "Keys for programs.",
    "webhooks": "Addresses that hear what happens here.",
}
OPEN_TO_VISITORS: Final = frozenset(
    {
        "send_images",
        "list_images",
        "read_image",
        "ask_again",
        "read_file_of_image",
        "read_thumbnail",
        "read_heatmap_of_image",
        "review_image",
        "delete_image",
        "list_classifiers",
        "read_classifier",
    }
)
"""Operations that need neither login nor token, where the site takes pictures from visitors."""
PICTURES: Final = {
    "read_file_of_image": ("image/png", "image/jpeg", "image/webp"),
    "read_thumbnail": ("image/png", "image/jpeg", "image/webp"),
    "read_heatmap_of_image": ("image/png",),
}
LOCATED: Final = frozenset(
    {"make_one_classifier", "import_dataset", "promote_model", "evaluate_model", "start_training_run"}
)
"""Operations that answer with the address of what was made, or of what tells how it gets on."""
_WORDS: Final = re.compile(r"\^\(([a-z_|]+)\)\$")
_SAFE: Final = frozenset({"get", "head"})
_WORKING: Final[list[dict[str, list[str]]]] = [{"token": []}, {"login": []}]


class DocumentedAPI(NinjaAPI):
    """Writes its document once; operations are called as their functions."""

    _document: OpenAPISchema | None = None

    def get_openapi_operation_id(self, operation: Operation) -> str:
        """As in `send_images`."""
        name: str = operation.view_func.__name__
        return name

    def get_openapi_schema(self, **options: Any) -> OpenAPISchema:
        """Complete, and the same at every call."""
        if self._document is None:
            document = super().get_openapi_schema(**options)
            complete(document)
            self._document = document
        return self._document


def complete(document: dict[str, Any]) -> None:
    """Errors, logins, tags and examples, for every operation alike."""
    document["servers"] = [{"url": "/", "description": "This site"}]
    document["tags"] = [{"name": name, "description": words} for name, words in TAGS.items()]
    document["security"] = _WORKING
    components = document["components"]
    components["securitySchemes"] = _security_schemes()
    components["responses"] = {error.name: error.as_response() for error in ERRORS.values()}
    components["headers"] = {
        "RequestId": {"description": "Names this call in the site's logs.", "schema": {"type": "string"}},
        "RetryAfter": {"description": "Seconds until it is worth asking again.", "schema": {"type": "integer"}},
        "Location": {"description": "The address of what was made.", "schema": {"type": "string"}},
    }
    for methods in document["paths"].values():
        for method, operation in methods.items():
            _complete_operation(method, operation)


def _security_schemes() -> dict[str, Any]:
    return {
        "token": {
            "type": "http",
            "scheme": "bearer",
            "description": "A token of the page /tokens/; it can do what its scopes and its user's rights allow.",
        },
        "login": {
            "type": "apiKey",
            "in": "cookie",
            "name": settings.SESSION_COOKIE_NAME,
            "description": "A login. Calls that change something also need the header `X-CSRFToken`, with the value of "
            f"the cookie `{settings.CSRF_COOKIE_NAME}`.",
        },
        "visitor": {
            "type": "apiKey",
            "in": "cookie",
            "name": VISITOR_COOKIE,
            "description": "Set by the first answer to a visitor, where the site takes pictures from visitors.",
        },
    }


def _complete_operation(method: str, operation: dict[str, Any]) -> None:
    name = operation["operationId"]
    if name in OPEN_TO_VISITORS:
        operation["security"] = [*_WORKING, {"visitor": []}, {}]
    told = {int(status) for status in operation["responses"]} | ALWAYS | (set() if method in _SAFE else WRITING)
    answers = {str(status): answer for status, answer in operation["responses"].items() if int(status) < 400}
    if name in PICTURES:
        binary = {"schema": {"type": "string", "format": "binary"}}
        answers["200"]["content"] = dict.fromkeys(PICTURES[name], binary)
    for status, answer in answers.items():
        _complete_answer(name, status, answer)
    errors = {str(status): ERRORS[status].as_reference() for status in sorted(told) if status >= 400}
    operation["responses"] = {**answers, **errors}
    for parameter in operation["parameters"]:
        parameter["schema"] = tidy_parameter(parameter["schema"])
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        if media_type == "multipart/form-data":
            fields = content["schema"]["properties"]
            fields.update({field: tidy_parameter(schema) for field, schema in fields.items()})
            fields["file"] |= {"minItems": 1, "maxItems": settings.UPLOAD_MAX_FILES}
            fields["classifier"]["default"] = ""
        elif name in BODIES:
            content["example"] = BODIES[name]


def tidy_parameter(schema: dict[str, Any]) -> dict[str, Any]:
    """As a reader expects it: what may be left out is not null, and a choice of words is a list of words."""
    kinds = [kind for kind in schema.get("anyOf", []) if kind.get("type") != "null"]
    if len(kinds) == 1:
        schema = {**kinds[0], **{name: value for name, value in schema.items() if name != "anyOf"}}
    tidied = {name: value for name, value in schema.items() if name != "title" and value is not None}
    if words := _WORDS.fullmatch(tidied.get("pattern", "")):
        del tidied["pattern"]
        tidied["enum"] = words[1].split("|")
    return tidied


def _complete_answer(name: str, status: str, answer: dict[str, Any]) -> None:
    headers = answer.setdefault("headers", {})
    headers["X-Request-ID"] = {"$ref": "#/components/headers/RequestId"}
    if name in LOCATED:
        headers["Location"] = {"$ref": "#/components/headers/Location"}
    if (name, status) == ("read_heatmap_of_image", "202"):
        headers["Retry-After"] = {"$ref": "#/components/headers/RetryAfter"}
    content = answer.get("content", {}).get("application/json")
    if content is not None and (name, status) in ANSWERS:
        content["example"] = ANSWERS[name, status]
