"""The same client for programs that run on an event loop."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
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


class AsyncClient:
    """Address and token come from the arguments, else from WHATSIT_URL and WHATSIT_TOKEN. Use as a context manager."""

    def __init__(
        self,
        url: str | None = None,
        token: str | None = None,
        *,
        timeout: float = 30.0,
        retries: Retries | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._http = httpx.AsyncClient(transport=transport, **client_options(url, token, timeout))
        self._retries = retries or Retries()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *problem: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Let the connections go."""
        await self._http.aclose()

    async def run(self, call: Call[Value]) -> Value:
        """Make a call, again where that helps. Raises CallRefused, SiteUnreachable."""
        tries = 0
        while True:
            try:
                response = await self._http.request(**call.as_request())
            except httpx.TransportError as problem:
                pause = self._retries.pause_after_trouble(call, problem, tries)
            else:
                if response.is_success:
                    return call.read(response.json() if response.content else None)
                pause = self._retries.pause_after_answer(call, response, tries)
            tries += 1
            await asyncio.sleep(pause)

    # Pictures

    async def classify(
        self,
        files: Iterable[File],
        *,
        classifier: str | None = None,
        model: str | None = None,
        at_once: int = 4,
        handful: int = 20,
        timeout: float = 300.0,
    ) -> AsyncIterator[Result]:
        """As `Client.classify`; files are read in a thread."""
        under_way: deque[asyncio.Task[list[Result]]] = deque()
        handfuls = gather_handfuls(read_pictures(files), most=min(handful, MOST_FILES))
        try:
            while pictures := await asyncio.to_thread(next, handfuls, None):
                if len(under_way) >= at_once:
                    for result in await under_way.popleft():
                        yield result
                sending = self._classify_handful(pictures, classifier, model, timeout)
                under_way.append(asyncio.create_task(sending))
            while under_way:
                for result in await under_way.popleft():
                    yield result
        finally:
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)

    async def _classify_handful(
        self, pictures: list[Picture], classifier: str | None, model: str | None, seconds: float
    ) -> list[Result]:
        handful = Handful(pictures, timeout=seconds)
        if handful.to_send:
            try:
                call = calls.upload(handful.to_send, classifier=classifier, model=model, wait=handful.wait, key=None)
                handful.take(await self.run(call))
            except CallRefused as refused:
                handful.take_refusal(refused)
        while image_id := handful.next_open():
            image = await self.run(calls.read_image(image_id, wait=handful.wait))
            handful.replace(image)
            if not image.is_answered:
                await asyncio.sleep(UNANSWERED_PAUSE_SECONDS)  # a proxy may have cut the wait short
        return handful.results()

    async def upload(
        self,
        files: Iterable[File],
        *,
        classifier: str | None = None,
        model: str | None = None,
        wait: float = 0.0,
        idempotency_key: str | None = None,
    ) -> Upload:
        """One request of at most 100 files. Raises CallRefused where nothing was accepted."""
        pictures = await asyncio.to_thread(lambda: list(read_pictures(files)))
        return await self.run(
            calls.upload(pictures, classifier=classifier, model=model, wait=wait, key=idempotency_key)
        )

    async def image(self, image_id: str, *, wait: float = 0.0) -> Image:
        """One picture; with `wait` the answer comes once the prediction is there, or after so many seconds."""
        return await self.run(calls.read_image(image_id, wait=wait))

    def images(self, **filters: Any) -> AsyncIterator[Image]:
        """All pictures that you may see, newest first: `classifier`, `label`, `state`, `reviewed`, `model` …"""
        return self._pages(lambda cursor: calls.list_images({**filters, "cursor": cursor}))

    async def ask_again(self, image_id: str, *, model: str | None = None, wait: float = 0.0) -> Image:
        """By the live version or a named one."""
        return await self.run(calls.ask_again(image_id, model=model, wait=wait))

    async def review(self, image: Image | str, verdict: str, *, label: str | None = None) -> Image:
        """`confirm`, `correct` (with the label) or `skip`. Given an Image, a review made since refuses it (409)."""
        version = image.version if isinstance(image, Image) else None
        image_id = image.id if isinstance(image, Image) else image
        return await self.run(calls.review(image_id, verdict, label=label, version=version))

    async def delete_image(self, image_id: str) -> None:
        """Everywhere, recorded."""
        await self.run(calls.delete_image(image_id))

    # Classifiers, models, trainings: documents as the API shows them

    def classifiers(self) -> AsyncIterator[Document]:
        return self._documents("/classifiers", "classifiers", {})

    async def classifier(self, slug: str) -> Document:
        return await self.run(calls.read_document("classifiers", slug))

    def models(self, **filters: Any) -> AsyncIterator[Document]:
        """Newest first: `classifier`, `stage`."""
        return self._documents("/models", "models", filters)

    async def model(self, model_id: str) -> Document:
        return await self.run(calls.read_document("models", model_id))

    async def train(self, classifier: str, **options: Any) -> Document:
        """Start a training: `name`, `recipe`, `epochs`, `datasets`, `promote` … Look at it with `training_run`."""
        return await self.run(calls.start({"classifier": classifier, **options}, "training-runs"))

    def training_runs(self, **filters: Any) -> AsyncIterator[Document]:
        """Newest first: `classifier`, `state`."""
        return self._documents("/training-runs", "training_runs", filters)

    async def training_run(self, run_id: str) -> Document:
        return await self.run(calls.read_document("training-runs", run_id))

    async def cancel_training(self, run_id: str) -> Document:
        return await self.run(calls.start(None, "training-runs", run_id, "cancel"))

    async def promote(self, model_id: str) -> Document:
        """A worker tries the version first: look at the promotion's `state` with `promotion`."""
        return await self.run(calls.start(None, "models", model_id, "promote"))

    async def promotion(self, promotion_id: str) -> Document:
        return await self.run(calls.read_document("promotions", promotion_id))

    async def roll_back(self, model_id: str) -> Document:
        """From this live version to the one before, at once."""
        return await self.run(calls.start(None, "models", model_id, "rollback"))

    def _documents(self, path: str, name: str, filters: dict[str, Any]) -> AsyncIterator[Document]:
        return self._pages(lambda cursor: calls.list_documents(path, name, {**filters, "cursor": cursor}))

    async def _pages(self, ask: Callable[[str | None], Call[Page[Value]]]) -> AsyncIterator[Value]:
        cursor: str | None = None
        while True:
            page = await self.run(ask(cursor))
            for item in page.items:
                yield item
            if (cursor := page.next_cursor) is None:
                return
