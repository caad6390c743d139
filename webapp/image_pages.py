"""What the pages about images do with askers: who must log in first is sent there, what is not theirs is not found."""

from __future__ import annotations

from functools import wraps
from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase

from classifier.errors import NotAllowed, NotFound
from webapp.access import View


def images_page(view: View) -> View:
    """For everybody who may have images here: visitors with their own, others as their rights say."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except NotAllowed:
            return redirect_to_login(request.get_full_path())
        except NotFound as problem:
            raise Http404(problem.message) from problem

    return guarded
