"""A site with its workers and many answered pictures, for the gallery and the pages of single pictures."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import BrowserContext

from tests.browser.site import Site
from tests.browser.site_shell import SiteShell

PICTURES = 110
SET_UP = """
import io, time
from PIL import Image as Pillow, ImageDraw
from django.test import Client
from classifier.models import Image, Prediction, Review
from classifier.owners import Owner
from classifier.upload_requests import SentFile
from classifier.uploads import accept_upload
from tests.webapp.people import person

def draw(number):
    picture = Pillow.new("L", (56, 56), 0)
    pen = ImageDraw.Draw(picture)
    pen.rectangle((6 + number % 11, 8 + number % 7, 40 + number % 13, 46), fill=120 + number)
    pen.ellipse((10, 10 + number % 5, 20 + number // 11, 24), fill=250 - number)
    out = io.BytesIO()
    picture.save(out, format="PNG")
    return out.getvalue()

def send(count, first=0):
    files = [SentFile(f"garment {number}.png", draw(number)) for number in range(first, first + count)]
    for start in range(0, count, 50):
        accept_upload(files=files[start:start + 50], owner=Owner("user", "0"), source="api", priority=5)

def wait_for_answers():
    for _ in range(1200):
        if not Image.objects.exclude(current_prediction__state="done").exists():
            return Image.objects.count()
        time.sleep(0.1)
    raise AssertionError("not every picture was answered")

def log_in(role, name=""):
    client = Client()
    client.force_login(person(role, name=name))
    return client.cookies["sessionid"].value
"""


class GallerySite:
    """People of each role may look at the same pictures; `run` changes rows beside them."""

    def __init__(self, site: Site, shell: SiteShell) -> None:
        self.address, self._shell = site.address, shell
        shell.run(SET_UP)
        shell.run(f"send({PICTURES}); wait_for_answers()")

    def run(self, code: str) -> Any:
        return self._shell.run(code)

    def log_in(self, context: BrowserContext, role: str, name: str = "") -> None:
        session = self.run(f"answer = log_in({role!r}, {name!r})")
        context.add_cookies([{"name": "sessionid", "value": session, "url": self.address}])

    def of(self, place: int) -> str:
        """The address of the page of the picture at this place, the newest first."""
        return f"{self.address}/images/{self.run(f'answer = str(Image.objects.all()[{place}].id)')}/"
