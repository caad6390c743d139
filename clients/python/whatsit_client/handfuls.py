"""What the sync and the async `classify` share: which call comes next for a handful, and its results in order."""

from __future__ import annotations

import time
from collections.abc import Sequence

from whatsit_client.answers import Image, Rejection, Result, Upload, read_rejected
from whatsit_client.calls import WAIT_SECONDS
from whatsit_client.errors import AnswerLate, CallRefused
from whatsit_client.files import Picture

UNANSWERED_PAUSE_SECONDS = 0.2


class Handful:
    """Some pictures, sent as one request, until all of them are answered."""

    def __init__(self, pictures: Sequence[Picture], *, timeout: float) -> None:
        self._pictures = pictures
        self._ends = time.monotonic() + timeout
        self._outcomes: list[Image | Rejection] = []
        self.to_send = [picture for picture in pictures if picture.rejection is None]

    @property
    def wait(self) -> float:
        """For the next call. Raises AnswerLate when the time is over."""
        left = self._ends - time.monotonic()
        if left <= 0:
            raise AnswerLate("Not all pictures were answered in time. They are stored; send them again to ask again.")
        return round(min(left, WAIT_SECONDS), 3)

    def take(self, upload: Upload) -> None:
        """What became of `to_send`."""
        images = iter(upload.images)
        self._outcomes = [upload.rejected.get(index) or next(images) for index in range(len(self.to_send))]

    def take_refusal(self, refused: CallRefused) -> None:
        """Nothing was accepted. Raises the refusal where it was not for the pictures themselves."""
        rejected = refused.details.get("rejected")
        if not rejected:
            raise refused
        self.take(Upload([], read_rejected(rejected)))

    def next_open(self) -> str | None:
        """The id of a picture that waits for its answer."""
        for outcome in self._outcomes:
            if isinstance(outcome, Image) and not outcome.is_answered:
                return outcome.id
        return None

    def replace(self, image: Image) -> None:
        """A newer state of one of the pictures."""
        self._outcomes = [
            image if isinstance(outcome, Image) and outcome.id == image.id else outcome for outcome in self._outcomes
        ]

    def results(self) -> list[Result]:
        """In the order of the pictures."""
        outcomes = iter(self._outcomes)
        results = []
        for picture in self._pictures:
            outcome = picture.rejection or next(outcomes)
            if isinstance(outcome, Image):
                results.append(Result(picture.path, image=outcome))
            else:
                results.append(Result(picture.path, rejection=outcome))
        return results
