"""The classifier pages as an owner meets them, and drawn shapes to import."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

from PIL import Image, ImageDraw
from playwright.sync_api import BrowserContext, Page

from tests.browser.site import Site
from tests.stack import ROOT

MAKE_LOGIN = """
import django, sys
django.setup()
from django.contrib.auth.models import User
from classifier.one_time_login import make_login_token
print(make_login_token(User.objects.get(username="admin")))
"""


def log_in(context: BrowserContext, site: Site) -> Page:
    """A page on which the site's admin is logged in."""
    environment = {**os.environ, "WHATSIT_VAR": str(site.folder), "DJANGO_SETTINGS_MODULE": "classifier.settings"}
    environment.pop("REDIS_URL", None)
    made = subprocess.run(
        [sys.executable, "-c", MAKE_LOGIN], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    page = context.new_page()
    page.goto(f"{site.address}/login/once/{made.stdout.strip()}/")
    return page


def draw_shapes(folder: Path, counts: dict[str, int], *, seed: int = 0, side: int = 40) -> Path:
    """A folder per shape (circles, squares, others are crosses) with drawn JPEG pictures that all differ."""
    source = random.Random(seed)
    for label, count in counts.items():
        (folder / label).mkdir(parents=True)
        for number in range(count):
            ground, ink = source.randrange(0, 60), tuple(source.randrange(120, 256) for _ in range(3))
            picture = Image.new("RGB", (side, side), (ground, ground, ground))
            left, top, size = source.randrange(2, 10), source.randrange(2, 10), source.randrange(16, 26)
            box = (left, top, left + size, top + size)
            draw = ImageDraw.Draw(picture)
            if label == "circles":
                draw.ellipse(box, fill=ink)
            elif label == "squares":
                draw.rectangle(box, fill=ink)
            else:
                draw.line((left, top, *box[2:]), fill=ink, width=5)
                draw.line((left, top + size, left + size, top), fill=ink, width=5)
            picture.save(folder / label / f"{number}.jpg", quality=92)
    return folder
