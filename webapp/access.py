"""Who is asking and what they may see. The only place that decides access; unknown and forbidden both answer 404."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Final

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser, User
from django.contrib.auth.views import redirect_to_login
from django.db.models import QuerySet
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase

from classifier.api_tokens import has_scope, token_of
from classifier.deletions import Asker
from classifier.errors import NotAllowed, NotFound
from classifier.identifiers import parse_id
from classifier.models import ApiToken, Deletion, Image
from classifier.owners import Owner
from classifier.presentation import describable
from classifier.row_lookup import find_row
from webapp.middleware import visitor_of

View = Callable[..., HttpResponseBase]
Scope = ApiToken.Scope

_SCOPE_OF_RIGHT: Final = {
    "view_image": Scope.REVIEW,
    "review_image": Scope.REVIEW,
    "decide_image": Scope.REVIEW,
    "view_trainingrun": Scope.TRAIN,
    "add_trainingrun": Scope.TRAIN,
}
"""What a token must hold besides its user's right; for every right not named here, admin."""


def asking_owner(request: HttpRequest) -> Owner:
    """The owner that this request's images belong to. Raises NotAllowed (401) where anonymous use is off."""
    user = request.user
    if token := token_of(user):
        return Owner("token", str(token.pk))
    if not isinstance(user, AnonymousUser) and user.is_authenticated:
        return Owner("user", str(user.pk))
    if not settings.ANONYMOUS_UPLOADS:
        raise NotAllowed("Log in first: this site takes no pictures from visitors.", status=401)
    return Owner("visitor", visitor_of(request))


def sending_owner(request: HttpRequest) -> Owner:
    """As `asking_owner`, for whoever sends pictures or says what they are. Raises NotAllowed for a token without the
    scope."""
    token = token_of(request.user)
    if token and not has_scope(token, Scope.PREDICT):
        raise NotAllowed("This token may not send pictures. Use one with the scope “predict”.")
    return asking_owner(request)


def may_have_tokens(user: AbstractBaseUser | AnonymousUser) -> bool:
    """Everybody who logs in may have programs call the API in their name."""
    return isinstance(user, User)


def may_see_all_images(user: AbstractBaseUser | AnonymousUser) -> bool:
    """People who work on the site see everybody's images."""
    return _has_right(user, "view_image")


def may_see_work(user: AbstractBaseUser | AnonymousUser) -> bool:
    """The pages about classifiers, datasets, trainings and model versions."""
    return _has_right(user, "view_trainingrun")


def may_review(user: AbstractBaseUser | AnonymousUser) -> bool:
    """Say what everybody's images are, so that it teaches."""
    return _has_right(user, "review_image") and may_see_all_images(user)


def may_decide(user: AbstractBaseUser | AnonymousUser) -> bool:
    """End a disagreement between reviewers."""
    return _has_right(user, "decide_image") and may_review(user)


def may_train(user: AbstractBaseUser | AnonymousUser) -> bool:
    """Start and cancel trainings and imports."""
    return _has_right(user, "add_trainingrun")


def may_edit_classifier(user: AbstractBaseUser | AnonymousUser) -> bool:
    """Change names, thresholds and schedules."""
    return _has_right(user, "change_classifier")


def may_promote(user: AbstractBaseUser | AnonymousUser) -> bool:
    """Make another version live, roll back."""
    return _has_right(user, "change_modelversion")


def may_delete_images(user: AbstractBaseUser | AnonymousUser) -> bool:
    """Delete anybody's images everywhere."""
    return _has_right(user, "delete_image") and may_see_all_images(user)


def may_hook(user: AbstractBaseUser | AnonymousUser) -> bool:
    """Have everybody's events sent to other programs; a token only with the scope admin, for a webhook outlives it."""
    token = token_of(user)
    return may_train(user) and may_see_all_images(user) and (token is None or has_scope(token, Scope.ADMIN))


def may_revoke_all_tokens(user: AbstractBaseUser | AnonymousUser) -> bool:
    """End anybody's tokens, on the admin page."""
    return _has_right(user, "change_apitoken")


def work_page(
    right: Callable[[AbstractBaseUser | AnonymousUser], bool] = may_see_work,
) -> Callable[[View], View]:
    """A view for people with this right: visitors are sent to the login and come back, all others find nothing."""

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if isinstance(request.user, AnonymousUser):
                return redirect_to_login(request.get_full_path())
            if not right(request.user):
                raise Http404
            try:
                return view(request, *args, **kwargs)
            except NotFound as problem:
                raise Http404(problem.message) from problem

        return guarded

    return decorate


def calling_user(
    request: HttpRequest, right: Callable[[AbstractBaseUser | AnonymousUser], bool] = may_see_work
) -> User:
    """Who calls the API, where only people with this right may. Raises NotAllowed (401) for visitors, else NotFound."""
    if not isinstance(request.user, User):
        raise NotAllowed("Log in, or send a token: this is for people who work on this site.", status=401)
    if not right(request.user):
        raise NotFound
    return request.user


def working_user(request: HttpRequest) -> User:
    """Who is logged in, on a page that lets nobody else in."""
    assert isinstance(request.user, User)
    return request.user


def _has_right(user: AbstractBaseUser | AnonymousUser, right: str) -> bool:
    """The user's own, and where a token calls for the user, within the token's scopes."""
    if not isinstance(user, User):
        return False
    token = token_of(user)
    if token and not has_scope(token, _SCOPE_OF_RIGHT.get(right, Scope.ADMIN)):
        return False
    return user.has_perm(f"classifier.{right}")


def visible_images(request: HttpRequest) -> QuerySet[Image]:
    """The images this asker may see."""
    if may_see_all_images(request.user):
        return Image.objects.all()
    return own_images(request)


def own_images(request: HttpRequest) -> QuerySet[Image]:
    """What the asker sent."""
    keys = _own_keys(request)
    return Image.objects.filter(owner=keys[0]) if len(keys) == 1 else Image.objects.filter(owner__in=keys)


def owns_image(request: HttpRequest, image: Image) -> bool:
    """Whether the asker sent it."""
    return image.owner == asking_owner(request).key or image.owner in _own_keys(request)


def _own_keys(request: HttpRequest) -> list[str]:
    """A person's tokens send for that person; a token sees its own only."""
    key = asking_owner(request).key
    if isinstance(request.user, AnonymousUser) or token_of(request.user):
        return [key]
    tokens = ApiToken.objects.filter(user_id=request.user.pk).values_list("id", flat=True)
    return [key, *(Owner("token", str(identifier)).key for identifier in tokens)]


def get_image(request: HttpRequest, image_id: str) -> Image:
    """One visible image with its prediction, or NotFound."""
    identifier = parse_id(image_id)
    image = describable(visible_images(request)).filter(id=identifier).first() if identifier else None
    if image is None:
        raise NotFound
    return image


def get_deletable_image(request: HttpRequest, image_id: str) -> Image:
    """One image that is the asker's own, or anybody's for people with the right; or NotFound."""
    rows = Image.objects.all() if may_delete_images(request.user) else own_images(request)
    return find_row(describable(rows), image_id)


def deletion_asker(request: HttpRequest) -> Asker:
    """Who a deletion's record names."""
    if isinstance(request.user, User):
        return Asker(Deletion.Asker.USER, request.user)
    return Asker(Deletion.Asker.VISITOR)


def token_manager(request: HttpRequest) -> User:
    """Whose tokens this call may list, make and revoke: its own user's. Raises NotAllowed (401) for visitors, NotFound
    for a token without the scope."""
    if not isinstance(request.user, User):
        raise NotAllowed("Log in first: tokens belong to people who can log in.", status=401)
    token = token_of(request.user)
    if token and not has_scope(token, Scope.ADMIN):
        raise NotFound("This token may not manage tokens. Use one with the scope “admin”, or the page /tokens/.")
    return request.user


def get_own_token(request: HttpRequest, token_id: str) -> ApiToken:
    """One of the asker's own tokens, or NotFound."""
    return find_row(ApiToken.objects.filter(user=token_manager(request)), token_id, missing="You have no such token.")
