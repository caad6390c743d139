"""The client for ordinary programs: each method is one call of the API, or a loop of them."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Self, TypeVar

import httpx

from whatsit_client import calls
from whatsit_client.answers import Document, Image, Page, Result, Upload
from whatsit_client.calls import Call
from whatsit_client.errors import CallRefused
from whatsit_client.files import MOST_FILES, File, Picture, gather_handfuls, read_pictures
from whatsit_client.handfuls import UNANSWERED_PAUSE_SECONDS, Handful
from whatsit_client.retrying import Retries
from whatsit_client.settings import client_options

Value = TypeVar("Value")


class Client:
    """Address and token come from the arguments, else from WHATSIT_URL and WHATSIT_TOKEN. Use as a context manager."""

    def __init__(
        self,
        url: str | None = None,
        token: str | None = None,
        *,
        timeout: float = 30.0,
        retries: Retries | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._http = httpx.Client(transport=transport, **client_options(url, token, timeout))
        self._retries = retries or Retries()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *problem: object) -> None:
        self.close()

    def close(self) -> None:
        """Let the connections go."""
        self._http.close()

    def run(self, call: Call[Value]) -> Value:
        """Make a call, again where that helps. Raises CallRefused, SiteUnreachable."""
        tries = 0
        while True:
            try:
                response = self._http.request(**call.as_request())
            except httpx.TransportError as problem:
                pause = self._retries.pause_after_trouble(call, problem, tries)
            else:
                if response.is_success:
                    return call.read(response.json() if response.content else None)
                pause = self._retries.pause_after_answer(call, response, tries)
            tries += 1
            time.sleep(pause)

    # Pictures

    def classify(
        self,
        files: Iterable[File],
        *,
        classifier: str | None = None,
        model: str | None = None,
        at_once: int = 4,
        handful: int = 20,
        timeout: float = 300.0,
    ) -> Iterator[Result]:
        """What each file shows, in order, as soon as all before it are answered.

        Folders stand for all files below them. `handful` files go into one request, `at_once` requests are under way.
        A file that is not taken has a `rejection`; only trouble with the site itself raises CallRefused,
        SiteUnreachable or, when a request is not answered after `timeout` seconds, AnswerLate.
        """
        under_way: deque[Future[list[Result]]] = deque()
        pool = ThreadPoolExecutor(at_once, thread_name_prefix="whatsit-client")
        try:
            for pictures in gather_handfuls(read_pictures(files), most=min(handful, MOST_FILES)):
                if len(under_way) >= at_once:
                    yield from under_way.popleft().result()
                under_way.append(pool.submit(self._classify_handful, pictures, classifier, model, timeout))
            while under_way:
                yield from under_way.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)

    def _classify_handful(
        self, pictures: list[Picture], classifier: str | None, model: str | None, timeout: float
    ) -> list[Result]:
        handful = Handful(pictures, timeout=timeout)
        if handful.to_send:
            try:
                call = calls.upload(handful.to_send, classifier=classifier, model=model, wait=handful.wait, key=None)
                handful.take(self.run(call))
            except CallRefused as refused:
                handful.take_refusal(refused)
        while image_id := handful.next_open():
            image = self.run(calls.read_image(image_id, wait=handful.wait))
            handful.replace(image)
            if not image.is_answered:
                time.sleep(UNANSWERED_PAUSE_SECONDS)  # a proxy may have cut the wait short
        return handful.results()

    def upload(
        self,
        files: Iterable[File],
        *,
        classifier: str | None = None,
        model: str | None = None,
        wait: float = 0.0,
        idempotency_key: str | None = None,
    ) -> Upload:
        """One request of at most 100 files. Raises CallRefused where nothing was accepted."""
        pictures = list(read_pictures(files))
        return self.run(calls.upload(pictures, classifier=classifier, model=model, wait=wait, key=idempotency_key))

    def image(self, image_id: str, *, wait: float = 0.0) -> Image:
        """One picture; with `wait` the answer comes once the prediction is there, or after so many seconds."""
        return self.run(calls.read_image(image_id, wait=wait))

    def images(self, **filters: Any) -> Iterator[Image]:
        """All pictures that you may see, newest first: `classifier`, `label`, `state`, `reviewed`, `model` …"""
        return self._pages(lambda cursor: calls.list_images({**filters, "cursor": cursor}))

    def ask_again(self, image_id: str, *, model: str | None = None, wait: float = 0.0) -> Image:
        """By the live version or a named one."""
        return self.run(calls.ask_again(image_id, model=model, wait=wait))

    def review(self, image: Image | str, verdict: str, *, label: str | None = None) -> Image:
        """`confirm`, `correct` (with the label) or `skip`. Given an Image, a review made since refuses it (409)."""
        version = image.version if isinstance(image, Image) else None
        image_id = image.id if isinstance(image, Image) else image
        return self.run(calls.review(image_id, verdict, label=label, version=version))

    def delete_image(self, image_id: str) -> None:
        """Everywhere, recorded."""
        self.run(calls.delete_image(image_id))

    # Classifiers, models, trainings: documents as the API shows them

    def classifiers(self) -> Iterator[Document]:
        return self._documents("/classifiers", "classifiers", {})

    def classifier(self, slug: str) -> Document:
        return self.run(calls.read_document("classifiers", slug))

    def models(self, **filters: Any) -> Iterator[Document]:
        """Newest first: `classifier`, `stage`."""
        return self._documents("/models", "models", filters)

    def model(self, model_id: str) -> Document:
        return self.run(calls.read_document("models", model_id))

    def train(self, classifier: str, **options: Any) -> Document:
        """Start a training: `name`, `recipe`, `epochs`, `datasets`, `promote` … Look at it with `training_run`."""
        return self.run(calls.start({"classifier": classifier, **options}, "training-runs"))

    def training_runs(self, **filters: Any) -> Iterator[Document]:
        """Newest first: `classifier`, `state`."""
        return self._documents("/training-runs", "training_runs", filters)

    def training_run(self, run_id: str) -> Document:
        return self.run(calls.read_document("training-runs", run_id))

    def cancel_training(self, run_id: str) -> Document:
        return self.run(calls.start(None, "training-runs", run_id, "cancel"))

    def promote(self, model_id: str) -> Document:
        """A worker tries the version first: look at the promotion's `state` with `promotion`."""
        return self.run(calls.start(None, "models", model_id, "promote"))

    def promotion(self, promotion_id: str) -> Document:
        return self.run(calls.read_document("promotions", promotion_id))

    def roll_back(self, model_id: str) -> Document:
        """From this live version to the one before, at once."""
        return self.run(calls.start(None, "models", model_id, "rollback"))

    def _documents(self, path: str, name: str, filters: dict[str, Any]) -> Iterator[Document]:
        return self._pages(lambda cursor: calls.list_documents(path, name, {**filters, "cursor": cursor}))

    def _pages(self, ask: Callable[[str | None], Call[Page[Value]]]) -> Iterator[Value]:
        cursor: str | None = None
        while True:
            page = self.run(ask(cursor))
            yield from page.items
            if (cursor := page.next_cursor) is None:
                return
