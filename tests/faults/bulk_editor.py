"""An administrator who corrects two hundred pictures at a time, again and again, while the site is in use."""

from __future__ import annotations

import itertools
import threading
from typing import Any, Final

from tests.stack import Stack
from tests.stub_predictor import LABELS

PICTURES_AT_ONCE: Final = 200
PASSWORD: Final = "correct horse 1"
ADMINISTRATOR: Final = """
from django.contrib.auth.models import User
User.objects.create_superuser('bulk', password='correct horse 1')
"""
REVIEWS: Final = "from classifier.models import Review; result = Review.objects.count()"
_LIST: Final = "/admin/classifier/image/"
_TOKEN: Final = "t" * 32


class BulkEditor(threading.Thread):
    """`statuses` holds what each bulk edit was answered with; 302 is how the admin says done."""

    def __init__(self, stack: Stack) -> None:
        super().__init__(daemon=True)
        stack.query(ADMINISTRATOR)
        self.statuses: list[int] = []
        self._client = stack.client()
        self._ended = threading.Event()

    def finish(self) -> None:
        """Wait for the last edit."""
        self._ended.set()
        self.join(60)
        self._client.close()

    def run(self) -> None:
        # The token of a form that is never rendered here: this stack has no page's files.
        forged = {"Cookie": f"csrftoken={_TOKEN}", "X-CSRFToken": _TOKEN}
        self._client.post("/login/", data={"username": "bulk", "password": PASSWORD}, headers=forged)
        self._client.headers["X-CSRFToken"] = self._client.cookies["csrftoken"]
        for label in itertools.cycle(LABELS):
            if self._ended.wait(0.5):
                return
            self._correct_newest(label)

    def _correct_newest(self, label: str) -> None:
        page: dict[str, Any] = self._client.get(f"/api/v1/images?limit={PICTURES_AT_ONCE}").json()
        images = page["images"]
        if not images:
            return
        fields = {
            "action": "correct",
            "confirmed": "yes",
            "label": label,
            "_selected_action": [image["id"] for image in images],
            "seen": [f"{image['id']}:{image['version']}" for image in images],
            "answer": [""] * len(images),
        }
        self.statuses.append(self._client.post(_LIST, data=fields).status_code)
