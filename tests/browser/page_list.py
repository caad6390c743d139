"""Every address of the site that shows a page, with a site whose rows fill them. A new url name needs a place here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from django.contrib import admin
from django.urls import URLPattern, URLResolver, reverse

from tests.browser import review_site, training_site
from tests.browser.site import Site
from tests.browser.site_shell import SiteShell
from tests.dataset_makers import write_folders
from webapp.urls import urlpatterns

Arguments = tuple[str | int, ...]
PAGES: dict[str, list[tuple[Arguments, str]]] = {
    "upload": [((), "")],
    "api-docs": [((), "")],
    "classifiers": [((), "")],
    "classifier": [(("pets",), ""), (("bare",), "")],
    "classifier-schedule": [(("pets",), "")],
    "dataset": [(("{dataset}",), "")],
    "gallery": [((), ""), ((), "?classifier=garden"), ((), "?q=nothing-is-called-so")],
    "image": [(("{image}",), ""), (("{reviewed}",), "")],
    "image-delete": [(("{image}",), "")],
    "model": [(("{live}",), ""), (("{candidate}",), "?with={live}")],
    "model-cell": [(("{candidate}", 0, 1), "")],
    "trainings": [((), ""), ((), "?classifier=pets")],
    "training": [(("{run}",), ""), (("{running}",), "")],
    "password": [((), "")],
    "tokens": [((), "")],
    "webhooks": [((), "")],
    "webhook": [(("{webhook}",), ""), (("{new_webhook}",), "?state=failed")],
    "webhook-delete": [(("{webhook}",), "")],
    "token-revoke": [(("{token}",), "")],
    "review": [((), "?classifier=garden"), ((), "?classifier=garden&mode=grid"), ((), "?classifier=bare")],
}
"""Url name → arguments and query of each page to be looked at; names in braces are rows of `FilledSite`."""

OPEN_TO_VISITORS = {"login"}
"""Pages that somebody who is logged in never sees."""

NO_PAGES = {
    "classifier-edit": "POST",
    "cancel-training": "POST",
    "evaluate-model": "POST",
    "image-ask": "POST",
    "image-review": "POST",
    "import-cancel": "POST",
    "imports": "POST",
    "label-images": "POST",
    "logout": "POST",
    "policy-reports": "POST",
    "promote-model": "POST",
    "roll-back-model": "POST",
    "say-label": "POST",
    "webhook-act": "POST",
    "webhook-redeliver": "POST",
    "import-part": "PUT",
    "dataset-picture": "a picture",
    "model-picture": "a picture",
    "export-images": "a file",
    "import": "a state in JSON",
    "one-time-login": "leads on",
}

FILL = """
from django.core.management import call_command
from classifier.api_tokens import create_token
from classifier.classifiers import create_classifier
from tests.webapp.model_versions import make_measured_classifier
from tests.webapp.people import client_of, person
from tests.webhook_receiver import make_webhook_rows

made = make_measured_classifier()
call_command("import_images", "drawn", {folder!r}, classifier="pets", verbosity=0)
create_classifier(slug="bare", name="Bare")
make_queue("garden", 9, audit=0.5)
pictures = Image.objects.filter(classifier__slug="garden").order_by("id")
said_by("rita", pictures[0].id, "dog")
make_classifier("seen", "Seen")
queue("seen"); claim(TrainingRun.objects.latest("created_at").id); epochs(1, 3); finish(passed=False)
done = mine.id
make_classifier("watched", "Watched")
queue("watched"); claim(TrainingRun.objects.latest("created_at").id); epochs(1, 2)
owner = person("admin", name="owner")
User.objects.filter(pk=owner.pk).update(is_staff=True)
token, _ = create_token(user=owner, name="door camera", scopes=["predict", "review"])
hooks = make_webhook_rows(owner)
versions = {{version.number: str(version.id) for version in made.versions.all()}}
answer = {{
    "dataset": str(made.datasets.get(name="drawn").id),
    "image": str(pictures[1].id),
    "reviewed": str(pictures[0].id),
    "live": versions[1],
    "candidate": versions[2],
    "run": str(done),
    "running": str(mine.id),
    "token": str(token.pk),
    **hooks,
    "session": client_of(owner).cookies["sessionid"].value,
}}
"""


@dataclass(frozen=True)
class FilledSite:
    """A site without workers on which every page has something to show."""

    address: str
    rows: dict[str, str]

    @classmethod
    def fill(cls, site: Site, shell: SiteShell, folder: Path) -> FilledSite:
        shell.run(training_site.SET_UP)
        shell.run(review_site.SET_UP)
        pictures = write_folders(folder / "drawn", {"cat": 9, "dog": 9, "bird": 9})
        rows: dict[str, str] = shell.run(FILL.format(folder=str(pictures)))
        return cls(site.address, rows)

    def pages(self) -> Iterator[str]:
        """The address of each page of ours, for somebody who is logged in."""
        for name, shown in PAGES.items():
            for arguments, query in shown:
                yield self._address(name, arguments) + query.format(**self.rows)

    def admin_pages(self) -> Iterator[str]:
        """The front of the admin pages and the list of each kind of row."""
        yield self._address("admin:index", ())
        for model in admin.site._registry:
            yield self._address(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist", ())

    def reports(self) -> float:
        """How many violations of the content policy browsers have reported."""
        text = httpx.get(f"{self.address}/metrics").text
        return sum(float(count) for count in re.findall(r"^whatsit_policy_reports_total\{.*\} (\S+)$", text, re.M))

    def _address(self, name: str, arguments: Arguments) -> str:
        filled: list[Any] = [each.format(**self.rows) if isinstance(each, str) else each for each in arguments]
        return self.address + reverse(name, args=filled)


def named_addresses() -> set[str]:
    """The name of every address of our own; those of the API and the admin have a namespace."""
    assert any(isinstance(entry, URLResolver) and entry.namespace == "admin" for entry in urlpatterns)
    return {str(entry.name) for entry in urlpatterns if isinstance(entry, URLPattern) and entry.name}
