"""Asking an OpenAI-compatible server. What each server does not take is left out and remembered."""

import base64
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, NoReturn

import openai

from precompute.config import JudgeConfig
from precompute.judge.complaint import complaint, names_format, words
from precompute.judge.identity import Judge
from precompute.judge.key import KEY, key, redacted
from precompute.judge.ledger import JudgeError
from precompute.judge.prompt import schema
from precompute.judge.questions import Trajectory
from precompute.judge.reply import Reply, Unanswered, read_reply, shown
from precompute.judge.transport import BoundedClient, Refused

_NO_MORE = ("insufficient_quota", "billing_hard_limit_reached")
_PASSING = (408, 409, 429)
_REJECTED = (400, 422)


@dataclass(frozen=True)
class Dialect:
    """What a server takes, as far as is known.

    Attributes:
        answer_format: how JSON is asked for: json_schema, json_object or text.
        limit: the name of the limit on an answer's tokens.
        temperature: whether a temperature may be given.
        detail: whether it may be said how closely the picture is looked at.
    """

    answer_format: str = "json_schema"
    limit: str = "max_tokens"
    temperature: bool = True
    detail: bool = True

    def without(self, complaint: str) -> "Dialect | None":
        """The dialect to try after a request was rejected; None if there is no other.

        Args:
            complaint: the server's words.
        """
        weaker = {"json_schema": "json_object", "json_object": "text"}.get(self.answer_format)
        # The first that is complained of; "schema" alone may be about any of them.
        steps: list[tuple[str, bool, dict[str, Any]]] = [
            ("temperature", self.temperature, {"temperature": False}),
            (
                "max_completion_tokens",
                self.limit == "max_tokens",
                {"limit": "max_completion_tokens"},
            ),
            ("response_format|json_(schema|object)", bool(weaker), {"answer_format": weaker}),
            (r"\bdetail\b", self.detail, {"detail": False}),
            ("schema|grammar", bool(weaker), {"answer_format": weaker}),
        ]
        for about, there, change in steps:
            if there and re.search(about, complaint.lower()):
                return replace(self, **change)
        return None


def request_body(
    judge: Judge, trajectory: Trajectory, picture: bytes, dialect: Dialect | None = None
) -> dict[str, Any]:
    """The request that asks a question: `POST <base_url>/chat/completions`."""
    dialect = dialect or Dialect()
    image = {"url": f"data:image/jpeg;base64,{base64.b64encode(picture).decode()}"}
    if dialect.detail:
        image["detail"] = judge.detail
    body: dict[str, Any] = {
        "model": judge.model,
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": trajectory.text},
                    {"type": "image_url", "image_url": image},
                ],
            }
        ],
        dialect.limit: judge.answer_tokens,
    }
    if judge.temperature is not None and dialect.temperature:
        body["temperature"] = judge.temperature
    if dialect.answer_format == "json_object":
        body["response_format"] = {"type": "json_object"}
    elif dialect.answer_format == "json_schema":
        wanted = {"name": "scores", "strict": True, "schema": schema(judge.layers, judge.order)}
        body["response_format"] = {"type": "json_schema", "json_schema": wanted}
    return body


class Client:
    """A server that answers questions; made by `open_client`."""

    def __init__(self, client: openai.AsyncOpenAI, judge: Judge) -> None:
        self._client = client
        self._judge = judge
        self._dialect = Dialect()

    async def ask(self, trajectory: Trajectory, picture: bytes) -> Reply:
        """Ask about one caption trajectory; errors that may pass are retried as the server says.

        Raises:
            Unanswered: they did not pass.
            precompute.judge.budget.CapReached: no more may be sent.
            JudgeError: the server will not answer any question: key, model or address are wrong.
        """
        while True:
            dialect = self._dialect
            try:
                body = request_body(self._judge, trajectory, picture, dialect)
                raw = await self._client.chat.completions.with_raw_response.create(**body)
                return read_reply(200, raw.http_response.text, dialect.answer_format)
            except openai.APIStatusError as error:
                try:
                    return read_reply(error.status_code, error.response.text, dialect.answer_format)
                except Unanswered as unanswered:
                    weaker = _weaker(dialect, error)
                    if weaker is None:
                        self._give_up(error, unanswered)
                if self._dialect == dialect:  # or another question has found out more meanwhile
                    self._dialect = weaker
            except openai.APIConnectionError as error:
                raise Unanswered(shown(error.message)) from None
            except Refused as error:
                raise Unanswered(str(error)) from None

    def _give_up(self, error: openai.APIStatusError, unanswered: Unanswered) -> NoReturn:
        status = error.status_code
        if 300 <= status < 400:
            to = redacted(error.response.headers.get("location", "nowhere"))[:200]
            raise JudgeError(
                f"{self._client.base_url} sends elsewhere ({status}, {to}), where pictures and "
                "captions do not follow. If that is where they should go, make it `base_url` in "
                "[judge]."
            ) from None
        for_now = status in _PASSING and set(_NO_MORE).isdisjoint(words(error.response.text))
        # A rejection may be of this one picture; if it is of all, the session ends soon.
        if for_now or status in _REJECTED or status >= 500:
            raise unanswered from None
        remedy = {
            401: f"Put the key into the environment as {KEY}.",
            403: f"The key in {KEY} may not use this model.",
            404: "Correct `model` or `base_url` in [judge]; the latter as a rule ends in /v1.",
        }.get(status, "")
        raise JudgeError(
            f"{self._client.base_url} answers {unanswered}. {remedy}".strip()
        ) from None


def _weaker(dialect: Dialect, error: openai.APIStatusError) -> Dialect | None:
    """The dialect to try after an error; None if the error is of another kind."""
    status, body = error.status_code, error.response.text
    if status in _REJECTED or (names_format(body) and (status == 404 or status >= 500)):
        return dialect.without(complaint(body))
    return None


@asynccontextmanager
async def open_client(
    config: JudgeConfig, judge: Judge, before: Callable[[], None]
) -> AsyncIterator[Client]:
    """A client of a judge's server.

    Args:
        config: where, how long, how often.
        judge: who is asked.
        before: called before every request, retries too; raises `CapReached` if it must not go.
    """
    async with openai.AsyncOpenAI(
        api_key=key()
        or "no-key-is-set",  # servers on one's own machine want none, the library does
        base_url=config.base_url,
        max_retries=config.retries,
        http_client=BoundedClient(config.timeout, before),
    ) as client:
        yield Client(client, judge)
