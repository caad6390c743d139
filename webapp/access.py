"""Who is asking and what they may see. The only place that decides access; unknown and forbidden both answer 404."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser, User
from django.db.models import QuerySet
from django.http import HttpRequest

from classifier.errors import NotAllowed, NotFound
from classifier.identifiers import parse_id
from classifier.models import Image
from classifier.owners import Owner
from classifier.presentation import describable
from webapp.middleware import visitor_of


def asking_owner(request: HttpRequest) -> Owner:
    """The owner that this request's images belong to. Raises NotAllowed (401) where anonymous use is off."""
    user = request.user
    if not isinstance(user, AnonymousUser) and user.is_authenticated:
        return Owner("user", str(user.pk))
    if not settings.ANONYMOUS_UPLOADS:
        raise NotAllowed("Log in first: this site takes no pictures from visitors.", status=401)
    return Owner("visitor", visitor_of(request))


def may_see_all_images(user: AbstractBaseUser | AnonymousUser) -> bool:
    """People who work on the site see everybody's images."""
    return isinstance(user, User) and user.is_staff and user.has_perm("classifier.view_image")


def visible_images(request: HttpRequest) -> QuerySet[Image]:
    """The images this asker may see."""
    if may_see_all_images(request.user):
        return Image.objects.all()
    return Image.objects.filter(owner=asking_owner(request).key)


def get_image(request: HttpRequest, image_id: str) -> Image:
    """One visible image with its prediction, or NotFound."""
    identifier = parse_id(image_id)
    image = describable(visible_images(request)).filter(id=identifier).first() if identifier else None
    if image is None:
        raise NotFound
    return image
