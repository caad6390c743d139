"""/webhooks: addresses that hear what happens here, and every message for them."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any

from django.http import HttpRequest, HttpResponse
from ninja import Path, Query, Router
from pydantic import Field

from classifier.classifiers import find_classifier
from classifier.errors import Refused
from classifier.models import Webhook, WebhookDelivery
from classifier.webhook_presentation import describe_delivery, describe_webhook
from classifier.webhooks import (
    change_webhook,
    create_webhook,
    delete_webhook,
    find_delivery,
    find_webhook,
    list_webhooks,
    redeliver,
    renew_secret,
    send_test,
)
from webapp.access import calling_user, may_hook
from webapp.api.answers import PageWish, json_answer, one_of, read_rows
from webapp.api.schemas_of_webhooks import (
    DeliveryOut,
    DeliveryPageOut,
    SecretOut,
    WebhookChange,
    WebhookIn,
    WebhookOut,
    WebhookPageOut,
)

router = Router(tags=["webhooks"])
WebhookId = Annotated[str, Path(description="A webhook's id")]
DeliveryId = Annotated[str, Path(description="A message's id, as in its header Whatsit-Delivery")]


class DeliveriesWish(PageWish):
    state: Annotated[str | None, Field(pattern=one_of(WebhookDelivery.State.values))] = None


@router.get("/webhooks", response={200: WebhookPageOut}, summary="Webhooks, newest first")
def list_all_webhooks(request: HttpRequest, wish: Query[PageWish]) -> HttpResponse:
    """Everybody's: whoever may train may see and change them all. A token needs the scope admin."""
    calling_user(request, may_hook)
    found, cursor = read_rows(list_webhooks(), wish)
    return json_answer({"webhooks": [describe_webhook(each) for each in found], "next_cursor": cursor})


@router.post("/webhooks", response={201: SecretOut}, summary="Make a webhook")
def make_webhook(request: HttpRequest, body: WebhookIn) -> HttpResponse:
    """The secret is in this answer and never again. It hears of what happens from now on."""
    user = calling_user(request, may_hook)
    classifier = find_classifier(body.classifier) if body.classifier is not None else None
    return _with_secret(
        create_webhook(user=user, url=body.url, events=body.events, classifier=classifier), status=HTTPStatus.CREATED
    )


@router.get("/webhooks/{webhook_id}", response={200: WebhookOut}, summary="One webhook, and how it fares")
def read_webhook(request: HttpRequest, webhook_id: WebhookId) -> HttpResponse:
    """The secret is not in it."""
    return json_answer(describe_webhook(_find(request, webhook_id)))


@router.patch("/webhooks/{webhook_id}", response={200: WebhookOut}, summary="Change, pause or resume a webhook")
def change_one_webhook(request: HttpRequest, webhook_id: WebhookId, body: WebhookChange) -> HttpResponse:
    """It belongs to whoever changed it last, and stops when that person may no longer train."""
    webhook = _find(request, webhook_id)
    changes: dict[str, Any] = body.dict(exclude_unset=True)
    empty = [name for name, value in changes.items() if value is None and name != "classifier"]
    if empty:
        raise Refused("malformed_request", f"{empty[0]} cannot be null. Leave it out to keep it as it is.")
    if changes.get("classifier") is not None:
        changes["classifier"] = find_classifier(changes["classifier"])
    changed = change_webhook(webhook=webhook, user=calling_user(request, may_hook), changes=changes)
    return json_answer(describe_webhook(changed))


@router.delete("/webhooks/{webhook_id}", response={204: None}, summary="Delete a webhook")
def delete_one_webhook(request: HttpRequest, webhook_id: WebhookId) -> HttpResponse:
    """With every message that it still waits for."""
    delete_webhook(webhook=_find(request, webhook_id))
    return HttpResponse(status=HTTPStatus.NO_CONTENT)


@router.post("/webhooks/{webhook_id}/secret", response={200: SecretOut}, summary="Renew a webhook's secret")
def renew_secret_of_webhook(request: HttpRequest, webhook_id: WebhookId) -> HttpResponse:
    """The old one signs nothing from now on. What a receiver refuses meanwhile is sent again."""
    webhook = _find(request, webhook_id)
    webhook.secret = renew_secret(webhook=webhook)
    return _with_secret(webhook)


@router.post("/webhooks/{webhook_id}/test", response={202: DeliveryOut}, summary="Send a test message")
def send_test_message(request: HttpRequest, webhook_id: WebhookId) -> HttpResponse:
    """Its event is `ping`. 409 while the webhook is paused."""
    delivery = send_test(webhook=_find(request, webhook_id))
    return json_answer(describe_delivery(delivery), status=HTTPStatus.ACCEPTED)


@router.get("/webhooks/{webhook_id}/deliveries", response={200: DeliveryPageOut}, summary="Messages, newest first")
def list_deliveries(request: HttpRequest, webhook_id: WebhookId, wish: Query[DeliveriesWish]) -> HttpResponse:
    """Kept for 30 days after their end."""
    rows = WebhookDelivery.objects.filter(webhook=_find(request, webhook_id))
    if wish.state:
        rows = rows.filter(state=wish.state)
    found, cursor = read_rows(rows, wish)
    return json_answer({"deliveries": [describe_delivery(each) for each in found], "next_cursor": cursor})


@router.post(
    "/webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver",
    response={202: DeliveryOut},
    summary="Send a message again",
)
def redeliver_message(request: HttpRequest, webhook_id: WebhookId, delivery_id: DeliveryId) -> HttpResponse:
    """The same message with the same id, tried for another day. 409 while it waits, or the webhook is paused."""
    delivery = redeliver(delivery=find_delivery(_find(request, webhook_id), delivery_id))
    return json_answer(describe_delivery(delivery), status=HTTPStatus.ACCEPTED)


def _find(request: HttpRequest, webhook_id: str) -> Webhook:
    calling_user(request, may_hook)
    return find_webhook(webhook_id)


def _with_secret(webhook: Webhook, *, status: int = HTTPStatus.OK) -> HttpResponse:
    answer = json_answer({**describe_webhook(webhook), "secret": webhook.secret}, status=status)
    answer["Cache-Control"] = "no-store"
    return answer
