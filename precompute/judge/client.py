"""Asking an OpenAI-compatible server. What each server does not take is left out and remembered."""

import base64
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import openai
from pydantic import BaseModel, Field, ValidationError

from precompute.config import JudgeConfig
from precompute.judge.budget import Budget
from precompute.judge.identity import Judge
from precompute.judge.ledger import JudgeError
from precompute.judge.prompt import render, schema
from precompute.judge.questions import Story

KEY = "PEEL_JUDGE_KEY"
"""A name of its own: a key for one service must not go to whatever `base_url` says."""

_REFUSALS = (
    "content_filter",
    "content_policy_violation",
    "moderation_blocked",
    "ResponsibleAIPolicyViolation",
)
_NO_MORE = ("insufficient_quota", "billing_hard_limit_reached")


class Unanswered(Exception):
    """No answer, for a reason that may pass: the question stays open."""


class CapReached(openai.OpenAIError):
    """Sending once more would break the cap."""


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
    judge: Judge, story: Story, picture: bytes, dialect: Dialect | None = None
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
                    {"type": "text", "text": render(story.captions)},
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

    async def ask(self, story: Story, picture: bytes) -> Reply:
        """Ask about one story; errors that may pass are retried as the server says.

        Raises:
            Unanswered: they did not pass.
            CapReached: no more may be sent.
            JudgeError: the server will not answer any question: key, model or address are wrong.
        """
        while True:
            dialect = self._dialect
            try:
                body = request_body(self._judge, story, picture, dialect)
                raw = await self._client.chat.completions.with_raw_response.create(**body)
                return read_reply(raw.http_response.text, dialect.answer_format)
            except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
                if error.code in _REFUSALS:
                    return Reply(
                        self._said(error), refused=True, answer_format=dialect.answer_format
                    )
                weaker = dialect.without(str(error).lower())
                if weaker is None:
                    # It may be about this one picture; if it is about all, the session ends soon.
                    raise Unanswered(self._said(error)) from None
                self._dialect = weaker
            except (openai.APIConnectionError, openai.InternalServerError) as error:
                raise Unanswered(self._said(error)) from None
            except openai.APIStatusError as error:
                self._give_up(error)

    def _give_up(self, error: openai.APIStatusError) -> None:
        said = f"{error.status_code}: {self._said(error)}"
        if error.status_code in (408, 409, 429) and error.code not in _NO_MORE:
            raise Unanswered(said) from None
        remedy = {
            401: f"Put the key into the environment as {KEY}.",
            403: f"The key in {KEY} may not use this model.",
            404: "Correct `model` or `base_url` in [judge]; the latter as a rule ends in /v1.",
        }.get(error.status_code, "")
        raise JudgeError(f"{self._client.base_url} answers {said}. {remedy}".strip()) from None

    def _said(self, error: openai.APIError) -> str:
        # Servers repeat the key in their errors.
        return error.message.replace(self._client.api_key, "***")[:500]


@asynccontextmanager
async def open_client(config: JudgeConfig, judge: Judge, budget: Budget) -> AsyncIterator[Client]:
    """A client that counts every request it sends, retries too.

    Args:
        config: where, how long, how often.
        judge: who is asked.
        budget: is asked before every request.
    """

    async def count(_: object) -> None:
        if not budget.send():
            raise CapReached(f"the cap of {budget.max_requests:,} requests is reached.")

    async with openai.AsyncOpenAI(
        # Servers on one's own machine want no key; the library wants a word, which is taken out of
        # what is shown as a key would be: it must not be one that errors are made of.
        api_key=os.environ.get(KEY) or "no-key-is-set",
        base_url=config.base_url,
        timeout=config.timeout,
        max_retries=config.retries,
        http_client=openai.DefaultAsyncHttpxClient(event_hooks={"request": [count]}),
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
