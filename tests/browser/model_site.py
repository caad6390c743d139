"""A site without workers whose model versions the test moves, as workers would."""

from __future__ import annotations

from typing import Any

from tests.browser.site import Site
from tests.browser.site_shell import SiteShell

SET_UP = """
from django.test import Client
from classifier.evaluation_requests import *
from classifier.evaluations import store_evaluation
from classifier.model_registry import promote
from classifier.models import Classifier, EvaluationRequest, ModelVersion
from classifier.promotion_requests import *
from tests.webapp.model_versions import make_figures, make_measured_classifier, make_pack, make_worker, LABELS

def log_in(name, **rights):
    client = Client()
    client.force_login(make_worker(name, **rights))
    return client.cookies["sessionid"].value

def make(slug, **options):
    made = make_measured_classifier(slug=slug, **options)
    return [str(version.id) for version in made.versions.order_by("number")]
"""


class ModelSite:
    """A site without workers, whose rows the test moves as workers would, and somebody logged in."""

    def __init__(self, site: Site, shell: SiteShell) -> None:
        self.address, self._shell, self._made = site.address, shell, 0
        shell.run(SET_UP)
        self.session = shell.run("answer = log_in('owner')")

    def run(self, code: str) -> Any:
        return self._shell.run(code)

    def make_versions(self, **options: Any) -> list[str]:
        """The ids of v1, live, and v2 of a new classifier."""
        self._made += 1
        made: list[str] = self.run(f"answer = make('kind-{self._made}', **{options!r})")
        return made

    def of(self, version_id: str) -> str:
        return f"{self.address}/models/{version_id}/"
