"""Logging in and out, and one's own password. What changes a login is told to its open sockets at once."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.forms import PasswordChangeForm, SetPasswordForm
from django.contrib.auth.views import LoginView, LogoutView, PasswordChangeView
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse_lazy

from classifier.errors import Refused
from classifier.live_updates import live_sender, login_event
from classifier.owners import Owner
from webapp.rate_limits import charge_login


def guard_login(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """A page that takes a name and password; django-axes guards each name, this one the address."""

    @wraps(view)
    def guarded(request: HttpRequest, *arguments: Any, **options: Any) -> HttpResponseBase:
        if request.method == "POST":
            try:
                charge_login(request)
            except Refused as problem:
                return _say_wait(request, int(str(problem.details["retry_after_seconds"])), whose="address")
        return view(request, *arguments, **options)

    return guarded


log_in = guard_login(LoginView.as_view(template_name="login.html", redirect_authenticated_user=True))


class LogOut(LogoutView):
    """The session is gone when its sockets are told to look."""

    next_page = "/"

    def post(self, request: HttpRequest, *arguments: Any, **options: Any) -> HttpResponse:
        """POST only: a link of another site logs nobody out."""
        user_id = request.user.pk
        response = super().post(request, *arguments, **options)
        _tell_sockets(user_id)
        return response


class ChangePassword(PasswordChangeView):
    """One's own password. Every other session of this person ends with the change, this one goes on."""

    template_name = "password.html"
    success_url = reverse_lazy("password")

    def get_form_class(self) -> type[Any]:
        """Who has none yet, as the first admin, has no old one to name."""
        user: Any = self.request.user
        return PasswordChangeForm if user.has_usable_password() else SetPasswordForm

    def form_valid(self, form: Any) -> HttpResponse:
        """Raises nothing: the sockets of the other sessions close by themselves where they cannot be told."""
        response = super().form_valid(form)
        messages.success(self.request, "Your password is changed. Everywhere else you are logged out now.")
        _tell_sockets(self.request.user.pk)
        return response


def _tell_sockets(user_id: Any) -> None:
    if user_id is not None:
        live_sender.send(login_event(Owner("user", str(user_id)).key))


def locked_out(request: HttpRequest, *more: Any) -> HttpResponse:
    """django-axes' answer to any login of this name from this address until the time is over; 429 with Retry-After."""
    return _say_wait(request, int(settings.AXES_COOLOFF_TIME.total_seconds()), whose="name")


def _say_wait(request: HttpRequest, seconds: int, *, whose: str) -> HttpResponse:
    context = {"minutes": -(-seconds // 60), "whose": whose}
    response = render(request, "login_locked.html", context, status=HTTPStatus.TOO_MANY_REQUESTS)
    response["Retry-After"] = str(seconds)
    return response
