"""Keeps the decode children: starts them when first needed, lends one per picture, replaces those that fail."""

import logging
import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from classifier.decode_messages import READY, BrokenConversationError, read_message, write_message
from classifier.errors import REFUSALS, Refused, WhatsitError
from classifier.image_facts import NormalisedPicture, PictureHeader, PictureLimits

logger = logging.getLogger(__name__)

_START_SECONDS = 20.0
_QUEUE_SECONDS = 20.0
_PICTURES_PER_CHILD = 1_000
_PASSED_ON = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PYTHONHOME", "PYTHONDONTWRITEBYTECODE")


class DecoderBusyError(WhatsitError):
    """Our own fault, not the picture's: no child could be had in time."""

    retry_after_seconds = 5

    def __init__(self) -> None:
        super().__init__("try_later", "Many large pictures are being opened just now. Please send this one again soon.")


class ChildCrashedError(Exception):
    """The child ended, or spoke nonsense, while it held a picture."""


class DecodeChild:
    """One child process. Used by one thread at a time; must be made by a thread that lives as long as the process,
    because Linux sends the parent-death signal when the parent's *thread* ends."""

    def __init__(self, memory_bytes: int) -> None:
        self.pictures = 0
        self._is_overdue = False
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module, no outside words
            [sys.executable, "-m", "classifier.decode_child", str(memory_bytes)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=Path(__file__).resolve().parent.parent,
            env={name: os.environ[name] for name in _PASSED_ON if name in os.environ},
            start_new_session=True,  # a Ctrl-C meant for the server is not meant for us; we end with the server
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._requests, self._answers = self._process.stdin, self._process.stdout

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_fit(self) -> bool:
        """Whether another picture may be given to it."""
        return not self._is_overdue and self.pictures < _PICTURES_PER_CHILD and self._process.poll() is None

    def wait_until_ready(self) -> None:
        with self._killed_after(_START_SECONDS):
            if self._answers.read(len(READY)) != READY:
                self.stop()
                raise ChildCrashedError("the decode child did not start")

    def normalise(self, header: PictureHeader, limits: PictureLimits) -> NormalisedPicture:
        """Raises Refused, or ChildCrashedError when the child is lost."""
        self.pictures += 1
        header_fields = asdict(header)
        pixel_data = header_fields.pop("pixel_data")
        try:
            with self._killed_after(limits.decode_seconds):
                write_message(self._requests, {"header": header_fields, "limits": asdict(limits)}, pixel_data)
                return _read_picture(*read_message(self._answers))
        except (OSError, BrokenConversationError) as error:
            if self._is_overdue:
                raise Refused("too_complex", reason="time") from error
            self.stop()
            raise ChildCrashedError(f"the decode child {self.pid} was lost") from error

    def stop(self) -> None:
        """End it at once and leave nothing behind."""
        self._process.kill()
        self._process.wait()
        for stream in (self._requests, self._answers):
            try:
                stream.close()
            except OSError:  # a request half written into a pipe nobody reads any more
                logger.debug("decode child %s left a request unread", self.pid)

    @contextmanager
    def _killed_after(self, seconds: float) -> Iterator[None]:
        timer = threading.Timer(seconds, self._kill_overdue)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _kill_overdue(self) -> None:
        self._is_overdue = True
        self._process.kill()


class DecodePool:
    """A few children shared by all threads of this process. The first picture starts the first child."""

    def __init__(self, children: int, memory_bytes: int) -> None:
        self._memory_bytes = memory_bytes
        self._places = threading.BoundedSemaphore(children)
        self._idle: deque[DecodeChild] = deque()
        self._starter = ThreadPoolExecutor(max_workers=1, thread_name_prefix="decode-child-starter")

    def normalise(self, header: PictureHeader, limits: PictureLimits) -> NormalisedPicture:
        """Normalise in a child. A picture that ends a fresh one is refused; DecoderBusyError when none is free."""
        if not self._places.acquire(timeout=_QUEUE_SECONDS):
            raise DecoderBusyError
        try:
            try:
                return self._normalise_once(header, limits)
            except ChildCrashedError:
                logger.warning("a decode child was lost; the picture is tried once more in a fresh one", exc_info=True)
                self._stop_idle()
                return self._normalise_once(header, limits)
        except ChildCrashedError as error:
            raise Refused("truncated_or_damaged") from error
        finally:
            self._places.release()

    def close(self) -> None:
        """End the children; only the tests need it, as the children end with this process."""
        self._stop_idle()
        self._starter.shutdown()

    def _normalise_once(self, header: PictureHeader, limits: PictureLimits) -> NormalisedPicture:
        child = self._take_child()
        try:
            return child.normalise(header, limits)
        finally:
            if child.is_fit:
                self._idle.append(child)
            else:
                child.stop()

    def _take_child(self) -> DecodeChild:
        while self._idle:
            try:
                child = self._idle.pop()
            except IndexError:  # another thread was quicker
                break
            if child.is_fit:
                return child
            child.stop()
        child = self._starter.submit(DecodeChild, self._memory_bytes).result()
        try:
            child.wait_until_ready()
        except ChildCrashedError as error:
            logger.exception("no decode child could be started")
            raise DecoderBusyError from error
        return child

    def _stop_idle(self) -> None:
        while self._idle:
            try:
                self._idle.pop().stop()
            except IndexError:
                return


def _read_picture(fields: dict[str, Any], data: bytes) -> NormalisedPicture:
    if fields.get("refused") in REFUSALS:
        raise Refused(fields["refused"])
    try:
        picture = dict(fields["picture"])
        picture["difference_hash"] = bytes.fromhex(picture["difference_hash"])
        return NormalisedPicture(**picture, data=data)
    except (LookupError, TypeError, ValueError) as error:
        raise BrokenConversationError("the answer is no picture") from error
