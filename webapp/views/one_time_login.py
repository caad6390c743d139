"""`/login/once/<token>/`: the link that `manage.py up` prints logs its user in, once."""

from __future__ import annotations

from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from classifier.errors import NotAllowed
from classifier.one_time_login import redeem_login_token


@never_cache
@require_GET
def one_time_login(request: HttpRequest, token: str) -> HttpResponse:
    """Log in and go to the admin pages; a used, late or forged link says so and logs nobody in."""
    try:
        user = redeem_login_token(token)
    except NotAllowed:
        return render(request, "one_time_login_refused.html", status=403)
    login(request, user, backend="django.contrib.auth.backends.ModelBackend")
    return redirect("admin:index")
