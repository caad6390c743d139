"""`/tokens/`: the keys of one's programs: make one, see when each was used, revoke it."""

from __future__ import annotations

from http import HTTPStatus

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from classifier.api_tokens import revoke_token, state_of
from classifier.errors import Refused
from classifier.models import ApiToken
from webapp.access import get_own_token, may_have_tokens, may_hook, work_page, working_user
from webapp.token_form import TokenForm

# Ended ones are kept so that what they sent stays explained; nobody reads hundreds of them.
_ENDED_SHOWN = 20


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@work_page(may_have_tokens)
def tokens(request: HttpRequest) -> HttpResponse:
    """The list and the form. A POST makes a token and shows it in its own answer, the only time that it can be read."""
    user = working_user(request)
    if request.method != "POST":
        return _show(request, TokenForm(user))
    form = TokenForm(user, request.POST)
    if not form.is_valid():
        return _show(request, form, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    try:
        token, text = form.store()
    except Refused as problem:
        form.add_error("name", problem.message)
        return _show(request, form, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    return _show(request, TokenForm(user), made=token, text=text, status=HTTPStatus.CREATED)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@work_page(may_have_tokens)
def revoke(request: HttpRequest, token_id: str) -> HttpResponse:
    """Ask once more; a POST revokes and goes back to the list."""
    token = get_own_token(request, token_id)
    if request.method != "POST":
        return render(request, "tokens/revoke.html", {"token": token, "state": state_of(token)})
    revoke_token(token=token)
    messages.success(request, f"“{token.name}” is revoked: its next call is refused.")
    return HttpResponseRedirect(reverse("tokens"), status=HTTPStatus.SEE_OTHER)


def _show(
    request: HttpRequest,
    form: TokenForm,
    *,
    made: ApiToken | None = None,
    text: str = "",
    status: int = HTTPStatus.OK,
) -> HttpResponse:
    rows = list(ApiToken.objects.filter(user=form.user).order_by("-id"))
    states = {token.pk: state_of(token) for token in rows}
    context = {
        "form": form,
        "made": made,
        "text": text,
        "usable": [token for token in rows if states[token.pk] == "usable"],
        "ended": [token for token in rows if states[token.pk] != "usable"][:_ENDED_SHOWN],
        "may_hook": may_hook(request.user),
        "site_address": request.build_absolute_uri("/").rstrip("/"),
    }
    return render(request, "tokens/tokens.html", context, status=status)
