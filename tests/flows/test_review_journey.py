"""The loop that makes the product: wrong answers, a reviewer's word, the schedule, the gate, and then right answers."""

from __future__ import annotations

import io
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image, ImageDraw

from tests.browser.site import Site
from tests.browser.site_shell import SiteShell
from tests.stack import await_that

pytestmark = pytest.mark.processes

SENT, SIDE, WRONG_AT_LEAST = 56, 14, 25
TIMES = {
    "TRAINING_SCHEDULE_SECONDS": "1",
    "DELETION_POLL_SECONDS": "0.5",
    "ORPHAN_OBJECT_SECONDS": "0.2",
}
SET_UP = """
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.test import Client
from classifier.models import Classifier, Deletion, Image, ModelVersion, TrainingExample, TrainingRun
from classifier.training_schedule import set_schedule
def log_in(name, role):
    user = User.objects.create_user(name)
    user.groups.add(Group.objects.get(name=role))
    client = Client()
    client.force_login(user)
    return client.cookies["sessionid"].value
"""
RUN = "run = TrainingRun.objects.order_by('-created_at')[0]; answer = [run.state, run.source, run.outcome]"
LIVE = "answer = Classifier.objects.get(slug='signs').live_version.number"
TRAINED = """
rows = TrainingExample.objects.filter(training_run=run).values_list("image_id", "part")
answer = {str(image): part for image, part in rows}
"""
DELETIONS = "answer = [[row.state, [seen['number'] for seen in row.seen_by]] for row in Deletion.objects.all()]"


def draw_sign(kind: str, source: random.Random) -> bytes:
    """A bright block or cross on a dark ground; or, drawn on paper, a dark wedge on a bright ground."""
    ground, ink = source.randrange(0, 50), tuple(source.randrange(150, 256) for _ in range(3))
    if kind == "wedge":
        ground, ink = source.randrange(220, 256), tuple(source.randrange(0, 90) for _ in range(3))
    picture = Image.new("RGB", (SIDE, SIDE), (ground, ground, ground))
    left, top, size = source.randrange(1, 5), source.randrange(1, 5), source.randrange(6, 9)
    right, bottom = left + size, top + size
    draw = ImageDraw.Draw(picture)
    if kind == "block":
        draw.rectangle((left, top, right, bottom), fill=ink)
    elif kind == "cross":
        draw.line((left, top, right, bottom), fill=ink, width=2)
        draw.line((left, bottom, right, top), fill=ink, width=2)
    else:
        draw.polygon([(left, bottom), (right, bottom), (left, top)], fill=ink)
    out = io.BytesIO()
    picture.save(out, format="PNG")
    return out.getvalue()


def write_signs(folder: Path, *, each: int) -> Path:
    source = random.Random(3)
    for kind in ("block", "cross"):
        (folder / kind).mkdir(parents=True)
        for number in range(each):
            (folder / kind / f"{number}.png").write_bytes(draw_sign(kind, source))
    return folder


class Loop:
    """The running product with a visitor who sends, a reviewer who knows, and a shell that looks at rows."""

    def __init__(self, site: Site, shell: SiteShell) -> None:
        self.site, self.shell = site, shell
        shell.run(SET_UP)
        self.visitor = httpx.Client(base_url=site.address, timeout=60)
        session = shell.run("answer = log_in('rita', 'reviewer')")
        self.reviewer = httpx.Client(base_url=site.address, timeout=60, cookies={"sessionid": session})

    def train_and_await(self, number: int) -> list[str]:
        """Until the newest run has ended and this version is live; returns its source and outcome."""
        await_that(lambda: self.shell.run(RUN)[0] in ("done", "failed"), 240, f"the training of v{number} has ended")
        state, source, outcome = self.shell.run(RUN)
        assert (state, self.shell.run(LIVE)) == ("done", number), outcome
        return [source, outcome]

    def send(self, client: httpx.Client, name: str, data: bytes) -> dict[str, Any]:
        """Upload one picture and wait for its answer."""
        question, patience = {"classifier": "signs"}, {"wait": "30"}
        answer = client.post("/api/v1/images", files={"file": (name, data)}, data=question, params=patience)
        assert answer.status_code == 201, answer.text
        image: dict[str, Any] = answer.json()["images"][0]
        assert (image["state"], image["classifier"]) == ("done", "signs")
        return image

    def correct(self, image: dict[str, Any], label: str) -> None:
        """The reviewer's word on a picture as it was seen, whatever the model had said."""
        token = self.reviewer.cookies.get("csrftoken") or self._take_token()
        body = {"verdict": "correct", "label": label, "version": image["version"]}
        headers = {"X-CSRFToken": token, "Referer": self.site.address}
        answer = self.reviewer.post(f"/api/v1/images/{image['id']}/reviews", json=body, headers=headers)
        assert (answer.status_code, answer.json().get("kind")) == (201, "review"), answer.text

    def _take_token(self) -> str:
        self.reviewer.get("/review/")
        return str(self.reviewer.cookies["csrftoken"])

    def ask_again(self, image: dict[str, Any]) -> dict[str, Any]:
        """The same picture's newest answer, once it has one."""
        address = f"/api/v1/images/{image['id']}"
        assert self.visitor.post(f"{address}/predictions", json={}).status_code == 202
        await_that(lambda: self.visitor.get(address).json()["state"] == "done", 30, "the picture was answered again")
        answered: dict[str, Any] = self.visitor.get(address).json()
        return answered


@pytest.fixture
def loop(tmp_path: Path) -> Iterator[Loop]:
    """Everything that `manage.py up` starts, its beat asking for due trainings every second."""
    site = Site(tmp_path / "var", **TIMES)
    try:
        site.start()
        with SiteShell(site) as shell:
            yield Loop(site, shell)
    finally:
        code = site.stop()
    assert code == 0, "".join(site.lines)


@pytest.mark.timeout(600)
def test_corrected_pictures_are_learned_on_schedule_and_then_answered_right(loop: Loop, tmp_path: Path) -> None:
    folder = write_signs(tmp_path / "signs", each=120)
    loop.shell.run(f"call_command('import_images', 'signs', {str(folder)!r}, classifier='signs')")
    loop.shell.run("call_command('train', 'signs', epochs=12, batch_size=16, queue=True)")
    loop.train_and_await(1)

    wedges = [draw_sign("wedge", random.Random(1000 + number)) for number in range(SENT)]
    sent = [loop.send(loop.visitor, f"{number}.png", data) for number, data in enumerate(wedges)]
    # Nobody told the model what a wedge is. The reviewer knows: what the model says least often of them.
    said = Counter(image["prediction"]["label"] for image in sent)
    truth = min(("block", "cross"), key=lambda label: said[label])
    wrong = [image for image in sent if image["prediction"]["label"] != truth]
    assert len(wrong) >= WRONG_AT_LEAST
    for image in wrong:
        loop.correct(image, truth)

    loop.shell.run("set_schedule(Classifier.objects.get(slug='signs'), every_hours=None, after_examples=20)")
    await_that(lambda: loop.shell.run(RUN)[1] == "schedule", 120, "beat has asked for the training that is due")
    assert loop.train_and_await(2)[0] == "schedule"

    parts: dict[str, str] = loop.shell.run(TRAINED)
    assert set(parts) == {image["id"] for image in wrong}
    trained = [image for image in wrong if parts[image["id"]] == "train"]
    assert len(trained) >= 20
    answers = [loop.ask_again(image) for image in trained[1:]]
    assert {answer["prediction"]["model"]["version"] for answer in answers} == {2}
    assert Counter(answer["prediction"]["label"] for answer in answers) == {truth: len(answers)}

    sent_before = wedges[sent.index(trained[0])]
    with httpx.Client(base_url=loop.site.address, timeout=60) as somebody_else:
        duplicate = loop.send(somebody_else, "again.png", sent_before)
    assert (duplicate["prediction"]["label"], duplicate["prediction"]["model"]["version"]) == (truth, 2)

    page = loop.reviewer.get(f"/images/{trained[0]['id']}/")
    assert "Used in model v2" in page.text

    assert loop.visitor.delete(f"/api/v1/images/{trained[0]['id']}").status_code == 204
    await_that(lambda: loop.shell.run(DELETIONS) == [["done", [2]]], 120, "the deletion is done and names v2")
    assert loop.visitor.get(f"/api/v1/images/{trained[0]['id']}").status_code == 404
    loop.shell.run("call_command('reconcile', deep=True)")  # a mismatch is an error
