"""The upload page as a person meets it: what can be done there, and what is seen."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, Locator, Page, Route, WebSocket, expect

from tests.browser.pictures import DroppedFile

ANSWER_MS = 30_000
CARRY = """
  const carried = new DataTransfer();
  for (const { name, type, content } of files) {
    const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
    carried.items.add(new File([bytes], name, { type }));
  }
  const usual = { bubbles: true, cancelable: true };
"""
DROP = f"""(files) => {{ {CARRY}
  for (const moment of ["dragenter", "dragover", "drop"]) {{
    document.body.dispatchEvent(new DragEvent(moment, {{ ...usual, dataTransfer: carried }}));
  }}
}}"""
DROP_BLANK = """([name, size]) => {
  const carried = new DataTransfer();
  carried.items.add(new File([new Uint8Array(size)], name));
  document.body.dispatchEvent(new DragEvent("drop", { bubbles: true, cancelable: true, dataTransfer: carried }));
}"""
PASTE = f"""(files) => {{ {CARRY}
  document.dispatchEvent(new ClipboardEvent("paste", {{ ...usual, clipboardData: carried }}));
}}"""
SHRINK = """async ({ shrink }, { name, type, content }) => {
  const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
  const { blob } = await shrink(new File([bytes], name, { type }));
  const drawn = await createImageBitmap(blob).catch(() => ({ width: 0, height: 0 }));
  return { type: blob.type, size: blob.size, longest_side: Math.max(drawn.width, drawn.height) };
}"""
PREDICTION = {
    "scores": [{"label": "Shirt", "score": 0.48}, {"label": "Coat", "score": 0.41}, {"label": "Bag", "score": 0.11}],
    "unsure": False,
    "unfamiliar": False,
    "model": {"id": "m", "version": 3},
    "queued_at": "2026-01-01T10:00:00.000Z",
    "done_at": "2026-01-01T10:00:00.100Z",
    "failure": None,
}
IMAGE = {"id": "made-up", "name": "x", "classifier": "fashion", "duplicate": False, "notes": []}
WATCH_POLICY = """
window.policyViolations = [];
document.addEventListener("securitypolicyviolation", (event) => {
  window.policyViolations.push(`${event.violatedDirective} ${event.blockedURI}`);
});
"""


class UploadPage:
    """One visitor's open page, with everything it asked for written down."""

    def __init__(self, context: BrowserContext, address: str) -> None:
        self.context = context
        self.address = address
        self.requested: list[str] = []
        self.console: list[str] = []
        self.frames: list[dict[str, Any]] = []
        self.sockets = 0
        self.page: Page = context.new_page()
        self.page.add_init_script(WATCH_POLICY)
        self.page.on("request", lambda request: self.requested.append(f"{request.method} {request.url}"))
        self.page.on("console", lambda message: self.console.append(f"{message.type} {message.text}"))
        self.page.on("pageerror", lambda error: self.console.append(f"uncaught {error}"))
        self.page.on("websocket", self._listen)

    def _listen(self, socket: WebSocket) -> None:
        self.sockets += 1
        socket.on("framereceived", lambda payload: self.frames.append(json.loads(payload)))

    def open(self) -> UploadPage:
        """Load the page and wait until its socket has sent the snapshot."""
        self.page.goto(self.address + "/")
        self.await_snapshots(1)
        return self

    def await_snapshots(self, count: int) -> None:
        """Wait until that many sockets have begun with their snapshot."""
        for _ in range(600):
            if sum(frame["type"] == "snapshot" for frame in self.frames) >= count:
                return
            self.page.wait_for_timeout(50)
        raise AssertionError(f"{count} snapshots were awaited, {self.sockets} sockets were opened")

    def drop(self, files: Sequence[DroppedFile]) -> None:
        """Let go of files over the page."""
        self.page.evaluate(DROP, [_carry(file) for file in files])

    def drop_path(self, path: Path) -> None:
        """Drag a file or folder of this machine over the empty part of the page and let go, as the system does it."""
        session = self.context.new_cdp_session(self.page)
        carried = {"items": [], "files": [str(path)], "dragOperationsMask": 1}
        for moment in ("dragEnter", "dragOver", "drop"):
            session.send("Input.dispatchDragEvent", {"type": moment, "x": 20, "y": 700, "data": carried})

    def drop_blank(self, name: str, *, size_bytes: int) -> None:
        """Drop a large file of zeros, which the browser makes by itself."""
        self.page.evaluate(DROP_BLANK, [name, size_bytes])

    def paste(self, file: DroppedFile) -> None:
        """Paste a file, as after copying a picture."""
        self.page.evaluate(PASTE, [_carry(file)])

    @property
    def cards(self) -> Locator:
        return self.page.locator("#cards > .card")

    @property
    def answered(self) -> Locator:
        return self.page.locator("#cards > .card[data-stage=done]")

    @property
    def troubled(self) -> Locator:
        return self.page.locator("#cards > .card[data-look=trouble]")

    @property
    def notice(self) -> Locator:
        return self.page.locator("#notice")

    def card(self, name: str) -> Locator:
        """The card that names this file."""
        return self.cards.filter(has_text=name)

    def expect_answers(self, count: int, *, timeout_ms: float = ANSWER_MS) -> None:
        expect(self.answered).to_have_count(count, timeout=timeout_ms)

    def images(self) -> list[dict[str, Any]]:
        """What the site has of this visitor, newest first."""
        answer = self.context.request.get(f"{self.address}/api/v1/images?limit=200")
        images: list[dict[str, Any]] = answer.json()["images"]
        return images

    def call_module(self, module: str, code: str, argument: object = None) -> Any:
        """Run `code`, a function of the page's own module of that name and an argument, and return its result."""
        return self.page.evaluate(
            f"""async ([name, argument]) => {{
              const loaded = performance.getEntriesByType("resource").map((entry) => entry.name);
              const address = loaded.find((url) => new RegExp(`/js/${{name}}\\\\.[0-9a-f]{{12}}\\\\.js$`).test(url));
              const work = {code};
              return work(await import(address), argument);
            }}""",
            [module, argument],
        )

    def shrink(self, file: DroppedFile) -> dict[str, Any]:
        """Media type, size and longest side of what the page would send for this file."""
        shrunk: dict[str, Any] = self.call_module("shrink", SHRINK, _carry(file))
        return shrunk

    def answer_with(self, *, state: str, version: int = 1, **prediction: object) -> None:
        """From now on the site seems to give this answer to whatever is sent or asked again."""
        image = {**IMAGE, "state": state, "version": version}
        image["prediction"] = {**PREDICTION, "state": state, **prediction}
        sent = json.dumps({"images": [image], "rejected": []})
        self.page.route("**/api/v1/images", lambda route: route.fulfill(status=201, body=sent))
        self.page.route("**/predictions", lambda route: route.fulfill(status=202, body=json.dumps(image)))

    def offer_second_classifier(self, slug: str, name: str) -> None:
        """The page comes as from a site with one more classifier."""

        def add(route: Route) -> None:
            answer = route.fetch()
            options = f'<option value="fashion">Fashion</option><option value="{slug}">{name}</option>'
            label = '<label for="classifier">Ask the classifier</label>'
            select = f'<select id="classifier" name="classifier">{options}</select>'
            html = answer.text().replace("</h1>", f"</h1>{label}{select}", 1)
            more = json.dumps({"slug": slug, "name": name, "labels": []})
            route.fulfill(response=answer, body=html.replace('"classifiers": [', f'"classifiers": [{more}, ', 1))

        self.page.route(self.address + "/", add)

    def policy_violations(self) -> list[str]:
        violations: list[str] = self.page.evaluate("window.policyViolations")
        return violations


def _carry(file: DroppedFile) -> dict[str, str]:
    return {"name": file.name, "type": file.media_type, "content": base64.b64encode(file.data).decode()}
