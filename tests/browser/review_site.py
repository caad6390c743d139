"""A site without workers whose pictures the test answers, and reviewers who look at them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.site import Site
from tests.browser.site_shell import SiteShell

SET_UP = """
from django.contrib.auth.models import Group, User
from django.test import Client
from classifier.classifiers import create_classifier
from classifier.model_registry import promote, register_version
from classifier.models import *
from classifier.owners import Owner
from classifier.reviews import ReviewWish, record_review
from classifier.suggestions import suggest_label
from classifier.upload_requests import SentFile
from classifier.uploads import accept_upload
from tests.review_makers import answer_all
from tests.row_makers import png_bytes

def make_queue(slug, count, *, labels=("cat", "dog", "bird"), scores=(0.6, 0.3, 0.1), audit=0.0):
    made = create_classifier(slug=slug, name=slug.capitalize(), labels=labels)
    if made.live_version is None:
        manifest = {"labels": list(labels)}
        version = register_version(classifier=made, digest=slug.ljust(64, "0"), manifest=manifest, metrics={})
        promote(version=version, reason="test")
    Classifier.objects.filter(id=made.id).update(audit_share_sure=audit, audit_share_unsure=audit)
    first = made.images.count()
    for start in range(first, first + count, 50):
        seeds = range(start, min(start + 50, first + count))
        files = [SentFile(f"{slug}-{seed}.png", png_bytes(seed)) for seed in seeds]
        accept_upload(files=files, owner=Owner("visitor", "somebody"), source="page", priority=5, classifier_slug=slug)
    scores = [*scores, *[0.0] * (len(labels) - len(scores))]
    answer_all(scores)

def log_in(name, role="reviewer"):
    user, is_new = User.objects.get_or_create(username=name)
    user.groups.add(Group.objects.get(name=role))
    client = Client()
    client.force_login(user)
    return client.cookies["sessionid"].value

def words(slug):
    rows = Review.objects.filter(classifier__slug=slug).order_by("id").select_related("label")
    return [[row.verdict, row.label.name if row.label else None] for row in rows]

def said_by(name, image_id, label):
    user, is_new = User.objects.get_or_create(username=name)
    record_review(image_id=image_id, user=user, wish=ReviewWish("correct", label))
"""


class ReviewSite:
    """`manage.py up --no-worker` with a shell of its own. Each test has a classifier of its own."""

    def __init__(self, site: Site, shell: SiteShell) -> None:
        self.site, self.shell = site, shell
        self.shell.run(SET_UP)

    def run(self, code: str) -> Any:
        return self.shell.run(code)

    def make_queue(self, slug: str, count: int, **options: Any) -> None:
        self.run(f"make_queue({slug!r}, {count}, **{options!r})")

    def words(self, slug: str) -> list[list[str | None]]:
        """Verdict and label of every review, in order."""
        found: list[list[str | None]] = self.run(f"answer = words({slug!r})")
        return found

    def log_in(self, context: BrowserContext, name: str = "ann") -> None:
        session = self.run(f"answer = log_in({name!r})")
        context.add_cookies([{"name": "sessionid", "value": session, "url": self.site.address}])


class ReviewPage:
    """One reviewer's page."""

    def __init__(self, page: Page, site: ReviewSite, slug: str) -> None:
        self.page, self.site, self.slug = page, site, slug
        self.stage = page.locator("#stage")
        self.notices = page.locator("#notices li")

    def open(self, query: str = "") -> ReviewPage:
        """Until the pictures after the first one are there too."""
        self.page.goto(f"{self.site.site.address}/review/?classifier={self.slug}{query}", wait_until="networkidle")
        return self

    @property
    def shown(self) -> str:
        """The id of the picture on the stage."""
        found = self.stage.get_attribute("data-image")
        assert found
        return found

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def press_and_go_on(self, key: str) -> str:
        """Press, wait for another picture; returns the one that was shown before."""
        before = self.shown
        self.press(key)
        expect(self.stage).not_to_have_attribute("data-image", before)
        return before

    def expect_stored(self, words: Sequence[Sequence[str | None]]) -> None:
        """Until the background has sent everything."""
        for _ in range(100):
            if self.site.words(self.slug) == words:
                return
            self.page.wait_for_timeout(50)
        assert self.site.words(self.slug) == words
