"""The shapes of webhooks and their messages."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from ninja import Schema
from pydantic import Field

from classifier.webhook_addresses import MOST_CHARACTERS
from webapp.api.answers import StrictSchema
from webapp.api.schemas import Count

Wish = Literal["prediction.done", "review.made", "training.finished", "model.promoted"]
Address = Annotated[
    str,
    Field(min_length=1, max_length=MOST_CHARACTERS, description="Begins with https:// or http://; no private network"),
]
Wishes = Annotated[list[Wish], Field(min_length=1, max_length=8)]
Slug = Annotated[str | None, Field(max_length=60, description="Only this classifier's events; null: every one's")]


class WebhookIn(StrictSchema):
    """Messages are posted to `url`, signed with the secret that the answer shows once."""

    url: Address
    events: Wishes
    classifier: Slug = None


class WebhookChange(StrictSchema):
    """Only what is named changes; `is_active` false pauses it, true switches it on again."""

    url: Address | None = None
    events: Wishes | None = None
    classifier: Slug = None
    is_active: bool | None = None


class WebhookOut(Schema):
    """`stopped_because` is empty where a person paused it; `failing_since` is null while messages arrive."""

    id: str
    url: str
    events: list[str]
    classifier: str | None
    is_active: bool
    stopped_because: str
    failing_since: datetime | None
    delivered: Count
    failed_attempts: Count
    given_up: Count
    by: str
    created_at: datetime


class SecretOut(WebhookOut):
    """`secret` is shown in this answer only; docs/webhooks.md says how to check a signature with it."""

    secret: str


class WebhookPageOut(Schema):
    webhooks: list[WebhookOut]
    next_cursor: str | None


class DeliveryOut(Schema):
    """`payload` is the body that is posted; `status_code` and `outcome` are those of the last attempt."""

    id: str
    event: str
    subject: str
    state: str
    attempts: Count
    status_code: int | None
    outcome: str
    next_attempt_at: datetime | None
    payload: dict[str, Any]
    created_at: datetime
    ended_at: datetime | None


class DeliveryPageOut(Schema):
    deliveries: list[DeliveryOut]
    next_cursor: str | None
