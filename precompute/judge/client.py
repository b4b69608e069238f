"""Asking an OpenAI-compatible server. What each server does not take is left out and remembered."""

import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import openai
from pydantic import BaseModel, Field, ValidationError

from precompute.config import JudgeConfig
from precompute.judge.identity import Judge
from precompute.judge.key import KEY, key, redacted
from precompute.judge.ledger import JudgeError
from precompute.judge.prompt import render, schema
from precompute.judge.questions import Trajectory
from precompute.judge.transport import BoundedClient, Refused

_REFUSALS = (
    "content_filter",
    "content_policy_violation",
    "moderation_blocked",
    "ResponsibleAIPolicyViolation",
)
_NO_MORE = ("insufficient_quota", "billing_hard_limit_reached")


class Unanswered(Exception):
    """No answer, for a reason that may pass: the question stays open."""


@dataclass(frozen=True)
class Dialect:
    """What a server takes, as far as is known.

    Attributes:
        answer_format: how JSON is asked for: json_schema, json_object or text.
        limit: the name of the limit on an answer's tokens.
        temperature: whether a temperature may be given.
    """

    answer_format: str = "json_schema"
    limit: str = "max_tokens"
    temperature: bool = True

    def without(self, complaint: str) -> "Dialect | None":
        """The dialect to try after a request was rejected; None if there is no other.

        Args:
            complaint: the server's words, in lower case.
        """
        if self.temperature and "temperature" in complaint:
            return replace(self, temperature=False)
        if self.limit == "max_tokens" and "max_completion_tokens" in complaint:
            return replace(self, limit="max_completion_tokens")
        about_format = ("response_format", "json_schema", "schema", "grammar", "json_object")
        if self.answer_format != "text" and any(word in complaint for word in about_format):
            weaker = {"json_schema": "json_object", "json_object": "text"}
            return replace(self, answer_format=weaker[self.answer_format])
        return None


class _Message(BaseModel):
    content: str | None = None
    refusal: str | None = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None


class _Completion(BaseModel):
    """As little of a completion as is needed: servers differ in the rest."""

    choices: list[_Choice] = Field(min_length=1)
    model: Any = None
    usage: Any = None


class _Failed(BaseModel):
    error: dict[str, Any] | str


@dataclass(frozen=True)
class Reply:
    """What came back; see `ledger.Entry` for the fields."""

    text: str | None
    refused: bool = False
    finish_reason: str | None = None
    model_answered: str | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    answer_format: str = "text"


def request_body(
    judge: Judge, trajectory: Trajectory, picture: bytes, dialect: Dialect | None = None
) -> dict[str, Any]:
    """The request that asks a question: `POST <base_url>/chat/completions`."""
    dialect = dialect or Dialect()
    url = f"data:image/jpeg;base64,{base64.b64encode(picture).decode()}"
    body: dict[str, Any] = {
        "model": judge.model,
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": render(trajectory.captions)},
                    {"type": "image_url", "image_url": {"url": url, "detail": judge.detail}},
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
        wanted = {"name": "scores", "strict": True, "schema": schema(judge.layers)}
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
                return read_reply(raw.http_response.text, dialect.answer_format)
            except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
                if error.code in _REFUSALS:
                    return Reply(
                        self._message(error), refused=True, answer_format=dialect.answer_format
                    )
                weaker = dialect.without(str(error).lower())
                if weaker is None:
                    # It may be about this one picture; if it is about all, the session ends soon.
                    raise Unanswered(self._message(error)) from None
                self._dialect = weaker
            except (openai.APIConnectionError, openai.InternalServerError) as error:
                raise Unanswered(self._message(error)) from None
            except openai.APIStatusError as error:
                self._give_up(error)
            except Refused as error:
                raise Unanswered(str(error)) from None

    def _give_up(self, error: openai.APIStatusError) -> None:
        message = f"{error.status_code}: {self._message(error)}"
        if 300 <= error.status_code < 400:
            to = redacted(error.response.headers.get("location", "nowhere"))[:200]
            raise JudgeError(
                f"{self._client.base_url} sends elsewhere ({error.status_code}, {to}), where "
                "pictures and captions do not follow. If that is where they should go, make it "
                "`base_url` in [judge]."
            ) from None
        if error.status_code in (408, 409, 429) and error.code not in _NO_MORE:
            raise Unanswered(message) from None
        remedy = {
            401: f"Put the key into the environment as {KEY}.",
            403: f"The key in {KEY} may not use this model.",
            404: "Correct `model` or `base_url` in [judge]; the latter as a rule ends in /v1.",
        }.get(error.status_code, "")
        raise JudgeError(f"{self._client.base_url} answers {message}. {remedy}".strip()) from None

    def _message(self, error: openai.APIError) -> str:
        return redacted(error.message)[:500]


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


def read_reply(body: str, answer_format: str) -> Reply:
    """A reply from the body of a response; what is no completion is kept whole.

    Raises:
        Unanswered: the body is an error although the status was none.
    """
    try:
        completion = _Completion.model_validate_json(body)
    except ValidationError:
        if _is_error(body):
            raise Unanswered(body[:500]) from None
        return Reply(body, answer_format=answer_format)
    choice = completion.choices[0]
    message = choice.message
    return Reply(
        text=message.refusal or message.content,
        refused=bool(message.refusal) or choice.finish_reason in _REFUSALS,
        finish_reason=choice.finish_reason,
        model_answered=completion.model if isinstance(completion.model, str) else None,
        tokens_in=_count(completion.usage, "prompt_tokens"),
        tokens_out=_count(completion.usage, "completion_tokens"),
        answer_format=answer_format,
    )


def _is_error(body: str) -> bool:
    try:
        _Failed.model_validate_json(body)
    except ValidationError:
        return False
    return True


def _count(usage: object, name: str) -> int | None:
    # An odd count must not cost the answer that it comes with.
    value = usage.get(name) if isinstance(usage, dict) else None
    return value if type(value) is int and 0 <= value < 2**31 else None
