"""What goes to a judge's server and comes back, within bounds of number, time and size.

The library retries and waits; this sees each request by itself, retries too.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx2
import openai

from precompute.judge.complaint import names_format

LARGEST = 1_000_000
"""Bytes of a reply; a long one has some thousand."""


class Refused(openai.OpenAIError):
    """Something that must not be sent, or read to its end; asking again would not help."""


class BoundedClient(openai.DefaultAsyncHttpxClient):
    """The library's client, which follows no redirect and reads no endless answer.

    A redirect would take pictures and captions to an address that nobody named.
    """

    def __init__(self, seconds: float, before: Callable[[], None]) -> None:
        """Bound every request.

        Args:
            seconds: that an answer may take as a whole, however it drips.
            before: called before each request is sent; what it raises, an `openai.OpenAIError`,
                keeps the request from being sent.
        """
        super().__init__(follow_redirects=False, headers={"accept-encoding": "identity"})
        self._seconds = seconds
        self._before = before

    async def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        """Send one request and read its answer.

        Raises:
            Refused: the answer is too large, or compressed although that was not asked for.
            httpx2.ReadTimeout: it takes too long.
        """
        self._before()
        request.headers["accept-encoding"] = "identity"
        try:
            async with asyncio.timeout(self._seconds):
                response = await super().send(request, **{**options, "stream": True})
                try:
                    body = await _body(response)
                finally:
                    await response.aclose()
        except TimeoutError:
            raise httpx2.ReadTimeout(
                f"expected an answer within {self._seconds:g} s", request=request
            ) from None
        headers, status = response.headers, response.status_code
        if status >= 500 and _rejects_format(request, body):
            # It would be the same again; the library obeys this header.
            headers["x-should-retry"] = "false"
        return httpx2.Response(status, headers=headers, content=body, request=request)


def _rejects_format(request: httpx2.Request, body: bytes) -> bool:
    asked = b'"response_format"' in request.content
    return asked and names_format(body.decode(errors="replace"))


async def _body(response: httpx2.Response) -> bytes:
    encoding = response.headers.get("content-encoding", "identity")
    if encoding != "identity":
        raise Refused(
            f"expected an answer that is not compressed; got one as {encoding[:40]!r}. A few bytes "
            "of it may be gigabytes: let the server, or what stands before it, not compress."
        )
    body = bytearray()
    async for piece in response.aiter_raw():
        body += piece
        if len(body) > LARGEST:
            raise Refused(
                f"expected an answer of at most {LARGEST:,} bytes; got more, and read no further. "
                "Is base_url under [judge] the address of a model?"
            )
    return bytes(body)
