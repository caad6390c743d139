"""Runs Django's WSGI handler under an ASGI server: the event loop carries the bytes, a few threads run the views.

Whole bodies only, answers whole or streamed, and requests that wait for results without holding a thread. HTTP only.
"""

from __future__ import annotations

import asyncio
import logging
from http import HTTPStatus
from typing import Any

from classifier.errors import WhatsitError
from webapp.asgi_types import Receive, Scope, Send, receive_until_disconnect
from webapp.http_bodies import BodyReader, ClientLeftError, RequestRefusedError, has_body
from webapp.refused_callers import Refusal, RefusedCallers
from webapp.request_threads import RequestThreads, WaitedTooLongError, run_with_fresh_connections
from webapp.result_waiter import ResultWaiter, WaitHolder
from webapp.streamed_answers import AnswerStream
from webapp.wsgi_calls import Headers, WsgiApplication, WsgiCall, render_error
from webapp.wsgi_environ import attach_body, build_environ

logger = logging.getLogger(__name__)

WAIT_KEY = "whatsit.wait"
MOST_PAUSING = 500
"""So many repeats of refused callers are held at a time; further ones are answered at once."""


class HttpBridge:
    """An ASGI 3 application for `http` scopes. Belongs to one event loop."""

    def __init__(
        self,
        wsgi_application: WsgiApplication,
        *,
        threads: int,
        body_seconds: float,
        body_memory_bytes: int,
        body_max_bytes: int,
        waiter: ResultWaiter | None = None,
        max_waiting: int = 2000,
        max_wait_seconds: float = 30.0,
        repeat_pause_seconds: float = 1.0,
    ) -> None:
        """`body_seconds` also bounds how long a client may take none of a streamed answer.

        `max_waiting` requests may queue for a thread, each for `max_wait_seconds`; others are told to come back.
        Who was refused for sending too much and sends on gets the same answer after `repeat_pause_seconds`.
        """
        self._application = wsgi_application
        self._body_seconds = body_seconds
        self._bodies = BodyReader(seconds=body_seconds, memory_bytes=body_memory_bytes, max_bytes=body_max_bytes)
        self._body_max_bytes = body_max_bytes
        self._waiter = waiter
        self._max_wait_seconds = max_wait_seconds
        self._refused = RefusedCallers()
        self._repeat_pause_seconds = repeat_pause_seconds
        self._pausing = 0
        self._threads = RequestThreads(threads, max_waiting=max_waiting)

    def close(self) -> None:
        """Let the threads end. Nothing may be sent to this bridge afterwards."""
        self._threads.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; silent when the client left before it was complete."""
        if scope["type"] != "http":
            raise ValueError(f"The HTTP bridge takes http scopes only, not {scope['type']}.")
        environ = build_environ(scope)
        if told := self._refused.find(environ):
            await self._refuse_again(told, environ, receive, send)
            return
        try:
            self._require_room(droppable_bytes=self._body_max_bytes if has_body(environ) else 0)
            body, size = await self._bodies.read(environ, receive)
            attach_body(environ, body, size)
            holder = environ[WAIT_KEY] = WaitHolder()
            call = WsgiCall(self._application, environ)
            await self._start(call)
        except ClientLeftError:
            return
        except RequestRefusedError as refusal:
            await self._refuse(refusal, receive, send)
            return
        self._refused.note(environ, call.status, call.headers, call.body)
        if call.parts is not None:
            await self._stream(call, receive, send)
        elif holder.render is None or await self._wait(holder, call, receive):
            await _send_answer(send, call)

    def _require_room(self, droppable_bytes: int) -> None:
        if not self._threads.has_room:
            raise _too_many(droppable_bytes)

    async def _start(self, call: WsgiCall) -> None:
        try:
            self._require_room(droppable_bytes=0)  # again: the queue may have filled up while the body arrived
            await self._threads.run(call.start, on_orphan=call.close, patience_seconds=self._max_wait_seconds)
        except WaitedTooLongError:
            # Most people have left by then: work for them would only keep the next ones waiting as long.
            call.close()
            raise _too_many(droppable_bytes=0) from None
        except RequestRefusedError:
            call.close()
            raise

    async def _refuse(self, refusal: RequestRefusedError, receive: Receive, send: Send) -> None:
        status, headers, body = render_error(refusal.error)
        headers.append((b"connection", b"close"))
        await self._answer_early((status, headers, body), refusal.droppable_bytes, receive, send)

    async def _refuse_again(self, refusal: Refusal, environ: dict[str, Any], receive: Receive, send: Send) -> None:
        if self._pausing < MOST_PAUSING:
            self._pausing += 1
            try:
                await asyncio.sleep(self._repeat_pause_seconds)
            finally:
                self._pausing -= 1
        answer = (HTTPStatus.TOO_MANY_REQUESTS, refusal.headers_now(), refusal.body)
        await self._answer_early(answer, self._body_max_bytes if has_body(environ) else 0, receive, send)

    async def _answer_early(
        self, answer: tuple[int, Headers, bytes], droppable_bytes: int, receive: Receive, send: Send
    ) -> None:
        """Answer, then read on for a while before the connection closes, so that the answer gets through."""
        status, headers, body = answer
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": True})
        if droppable_bytes > 0:
            await self._bodies.drop(receive, droppable_bytes)
        await send({"type": "http.response.body", "body": b""})

    async def _stream(self, call: WsgiCall, receive: Receive, send: Send) -> None:
        assert call.parts is not None
        stream = AnswerStream(call.parts, call.close, call.run)
        leaving = asyncio.create_task(receive_until_disconnect(receive))
        leaving.add_done_callback(lambda _: stream.stop())
        try:
            await send({"type": "http.response.start", "status": call.status, "headers": call.headers})
            await stream.send_all(send, self._threads, self._body_seconds)
        except TimeoutError:
            logger.warning("A client took nothing of its answer for %g s and was cut off.", self._body_seconds)
        finally:
            leaving.cancel()

    async def _wait(self, holder: WaitHolder, call: WsgiCall, receive: Receive) -> bool:
        """Wait on the event loop, then render again. False when the client left meanwhile."""
        if self._waiter is None or not holder.image_ids:
            return True
        waiting = asyncio.create_task(self._waiter.wait(holder.image_ids, holder.seconds))
        leaving = asyncio.create_task(receive_until_disconnect(receive))
        try:
            await asyncio.wait({waiting, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if leaving.done():
                return False
        finally:
            waiting.cancel()
            leaving.cancel()
        await self._render_again(holder, call)
        return True

    async def _render_again(self, holder: WaitHolder, call: WsgiCall) -> None:
        render = holder.render
        assert render is not None
        try:
            body = await self._threads.run(lambda: call.run(lambda: run_with_fresh_connections(render)))
        except Exception:
            # What was accepted is accepted: the first answer is still true, only older.
            logger.exception("Rendering the answer to %s again failed.", call.environ["PATH_INFO"])
            return
        call.replace_body(body)


def _too_many(droppable_bytes: int) -> RequestRefusedError:
    sentence = "Too many people are asking at once. Please try again in a moment."
    return RequestRefusedError(WhatsitError("try_later", sentence), droppable_bytes=droppable_bytes)


async def _send_answer(send: Send, call: WsgiCall) -> None:
    await send({"type": "http.response.start", "status": call.status, "headers": call.headers})
    await send({"type": "http.response.body", "body": call.body})
