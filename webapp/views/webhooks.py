"""`/webhooks/` and `/webhooks/<id>/`: make one, see how it fares and what it was sent, send again, pause, delete."""

from __future__ import annotations

import json
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from classifier.errors import Conflict, Refused
from classifier.models import Webhook, WebhookDelivery
from classifier.page_cursors import read_cursor, write_cursor
from classifier.webhook_presentation import describe_health
from classifier.webhooks import (
    change_webhook,
    delete_webhook,
    find_delivery,
    find_webhook,
    list_webhooks,
    redeliver,
    renew_secret,
    send_test,
)
from webapp.access import may_hook, work_page, working_user
from webapp.webhook_form import WebhookForm

_ON_A_PAGE: Final = 25


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@work_page(may_hook)
def webhooks(request: HttpRequest) -> HttpResponse:
    """The list and the form. A POST makes one and shows its secret in its own answer, the only time it can be read."""
    if request.method != "POST":
        return _show_list(request, WebhookForm())
    form = WebhookForm(request.POST)
    made = form.store(working_user(request)) if form.is_valid() else None
    if made is None:
        return _show_list(request, form, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    return _show_one(request, made, secret=made.secret, is_new=True, status=HTTPStatus.CREATED)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@work_page(may_hook)
def webhook(request: HttpRequest, webhook_id: str) -> HttpResponse:
    """How it fares and what it was sent. A POST stores its form."""
    found = find_webhook(webhook_id)
    if request.method != "POST":
        return _show_one(request, found)
    form = WebhookForm(request.POST, webhook=found)
    if not form.is_valid() or form.store(working_user(request)) is None:
        return _show_one(request, found, form=form, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    messages.success(request, "Saved.")
    return _back_to(found)


@never_cache
@require_POST
@work_page(may_hook)
def act(request: HttpRequest, webhook_id: str) -> HttpResponse:
    """Pause, resume, test, or renew the secret, which is then shown in this answer."""
    found = find_webhook(webhook_id)
    action = request.POST.get("action", "")
    if action == "secret":
        return _show_one(request, found, secret=renew_secret(webhook=found))
    deed = _ACTIONS.get(action)
    if deed is not None:
        _try(request, lambda: deed(request, found))
    return _back_to(found)


@never_cache
@require_POST
@work_page(may_hook)
def send_again(request: HttpRequest, webhook_id: str, delivery_id: str) -> HttpResponse:
    """The same message with the same id."""
    found = find_webhook(webhook_id)
    delivery = find_delivery(found, delivery_id)

    def send() -> None:
        redeliver(delivery=delivery)
        messages.success(request, "It is sent again.")

    _try(request, send)
    return _back_to(found)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@work_page(may_hook)
def delete(request: HttpRequest, webhook_id: str) -> HttpResponse:
    """Ask once more; a POST deletes and goes back to the list."""
    found = find_webhook(webhook_id)
    if request.method != "POST":
        return render(request, "webhooks/delete.html", {"webhook": found, "waiting": _count_waiting(found)})
    delete_webhook(webhook=found)
    messages.success(request, f"The webhook to {found.url} is deleted.")
    return HttpResponseRedirect(reverse("webhooks"), status=HTTPStatus.SEE_OTHER)


def _pause(request: HttpRequest, found: Webhook) -> None:
    change_webhook(webhook=found, user=working_user(request), changes={"is_active": False})
    messages.success(request, "Paused: nothing is sent until you switch it on.")


def _resume(request: HttpRequest, found: Webhook) -> None:
    change_webhook(webhook=found, user=working_user(request), changes={"is_active": True})
    messages.success(request, "Switched on. What waits is sent now.")


def _test(request: HttpRequest, found: Webhook) -> None:
    send_test(webhook=found)
    messages.success(request, "A test message is on its way; below you see what becomes of it.")


_ACTIONS: Final[dict[str, Callable[[HttpRequest, Webhook], None]]] = {
    "pause": _pause,
    "resume": _resume,
    "test": _test,
}


def _try(request: HttpRequest, deed: Callable[[], None]) -> None:
    try:
        deed()
    except (Conflict, Refused) as problem:
        messages.error(request, problem.message)


def _show_list(request: HttpRequest, form: WebhookForm, *, status: int = HTTPStatus.OK) -> HttpResponse:
    now = timezone.now()
    listed = [(each, describe_health(each, now=now)) for each in list_webhooks()]
    return render(request, "webhooks/webhooks.html", {"listed": listed, "form": form}, status=status)


def _show_one(
    request: HttpRequest,
    found: Webhook,
    *,
    form: WebhookForm | None = None,
    secret: str = "",
    is_new: bool = False,
    status: int = HTTPStatus.OK,
) -> HttpResponse:
    context = {
        "webhook": found,
        "health": describe_health(found, now=timezone.now()),
        "form": form or WebhookForm(webhook=found),
        "secret": secret,
        "is_new": is_new,
        **_read_log(request, found),
    }
    return render(request, "webhooks/webhook.html", context, status=status)


def _read_log(request: HttpRequest, found: Webhook) -> dict[str, Any]:
    """A page of messages, the newest first; `older` leads on."""
    rows = WebhookDelivery.objects.filter(webhook=found).order_by("-id")
    state, cursor = request.GET.get("state", ""), request.GET.get("cursor", "")
    if state in WebhookDelivery.State:
        rows = rows.filter(state=state)
    if cursor:
        try:
            rows = rows.filter(id__lt=read_cursor(cursor))
        except Refused:
            cursor = ""
    shown = list(rows[: _ON_A_PAGE + 1])
    older = write_cursor(shown[_ON_A_PAGE - 1].id) if len(shown) > _ON_A_PAGE else ""
    deliveries = [(each, json.dumps(each.payload, indent=2, ensure_ascii=False)) for each in shown[:_ON_A_PAGE]]
    return {"deliveries": deliveries, "state": state, "cursor": cursor, "older": older}


def _count_waiting(found: Webhook) -> int:
    return WebhookDelivery.objects.filter(webhook=found, ended_at__isnull=True).count()


def _back_to(found: Webhook) -> HttpResponse:
    return HttpResponseRedirect(reverse("webhook", args=[found.id]), status=HTTPStatus.SEE_OTHER)
