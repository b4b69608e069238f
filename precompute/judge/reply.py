"""What counts as a reply: a completion, or a refusal by the server's filter. Nothing else does.

A login page, a stream of events or an error of the server is no word of the model: its question
stays open. Answers of a server, of a batch and of a ledger all pass through here.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, Field

from precompute.judge.complaint import complaint, words
from precompute.judge.entry import Entry
from precompute.judge.key import redacted
from precompute.judge.verdict import has_scores

UNSAID = "unsaid"
"""The finish_reason of a completion that has none: version 1 kept none for what was no reply."""

_REFUSALS = (
    "content_filter",
    "content_policy_violation",
    "moderation_blocked",
    "ResponsibleAIPolicyViolation",
)
_REFUSING = (200, 400, 403, 422)
_FAILURES = (
    "error",
    "abort",
    "aborted",
    "cancelled",
    "network_error",
    "insufficient_system_resource",
)
"""As which finish_reason routers and servers tell that not the model has ended its answer."""

_SHOWN = 500
"""Characters of what a server says that a message repeats."""


class Unanswered(Exception):
    """No answer, for a reason that may pass: the question stays open.

    Attributes:
        tokens: that the server counts for it all the same.
    """

    def __init__(self, why: str, tokens: int = 0) -> None:
        super().__init__(why)
        self.tokens = tokens


class _Message(BaseModel):
    content: str | list[Any] | None = None
    refusal: Any = None

    @property
    def text(self) -> str | None:
        """What it says; of a list of parts those that are text, without thoughts and pictures."""
        if not isinstance(self.content, list):
            return self.content
        parts = (p.get("text") if isinstance(p, dict) else p for p in self.content)
        return "".join(part for part in parts if isinstance(part, str))


class _Choice(BaseModel):
    message: _Message
    finish_reason: Any = None
    error: Any = None


class _Completion(BaseModel):
    """As little of a completion as is needed: servers differ in the rest."""

    choices: list[_Choice] = Field(min_length=1)
    model: Any = None
    usage: Any = None
    error: Any = None


@dataclass(frozen=True)
class Reply:
    """What came back; see `entry.Entry` for the fields."""

    text: str | None
    refused: bool = False
    finish_reason: str | None = None
    model_answered: str | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    answer_format: str = "text"


def shown(text: str) -> str:
    """The beginning of what a server says, for a message."""
    return _whole(redacted(" ".join(text.split())))[:_SHOWN]


def _whole(text: str) -> str:
    """Text without halves of characters, which no file takes: models stop in the middle of one."""
    return text.encode(errors="replace").decode()


def read_reply(status: int, body: str, answer_format: str) -> Reply:
    """The reply in an answer of a server.

    Args:
        status: of HTTP.
        body: the text of it.
        answer_format: how JSON was asked for.

    Raises:
        Unanswered: it has none; the message says what came instead.
    """
    completion = _completion(body) if status == 200 else None
    if completion is not None:
        return _of_completion(completion, answer_format)
    if status in _REFUSING and not set(_REFUSALS).isdisjoint(words(body)):
        return Reply(shown(complaint(body)), refused=True, answer_format=answer_format)
    if status != 200:
        raise Unanswered(f"{status}: {shown(complaint(body)) or 'without a word'}")
    raise Unanswered(
        f"expected a chat completion, JSON with `choices`; got {shown(body) or 'nothing'!r}. Is "
        "`base_url` in [judge] the address of a model? As a rule it ends in /v1"
    )


def _completion(body: str) -> _Completion | None:
    try:
        # Not at once: the library that checks it takes no half of a character.
        value = json.loads(body.removeprefix("\ufeff"))
        return _Completion.model_validate_json(_whole(json.dumps(value, ensure_ascii=False)))
    except (ValueError, RecursionError):
        return None


def _of_completion(completion: _Completion, answer_format: str) -> Reply:
    choice = completion.choices[0]
    ended, refusal = _text(choice.finish_reason), _text(choice.message.refusal)
    text = refusal or choice.message.text
    tokens_in, tokens_out = (
        _count(completion.usage, name) for name in ("prompt_tokens", "completion_tokens")
    )
    failure = completion.error or choice.error
    if failure or _failed(ended, text):
        raise Unanswered(
            f"expected a completion; the server ended it with finish_reason {ended!r} and says: "
            f"{shown(str(failure or text or 'nothing'))}",
            (tokens_in or 0) + (tokens_out or 0),
        )
    return Reply(
        text=text,
        refused=bool(refusal) or ended in _REFUSALS,
        finish_reason=ended or UNSAID,
        model_answered=_text(completion.model),
        tokens_in=tokens_in,
        tokens_out=tokens_out,
        answer_format=answer_format,
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _count(usage: object, name: str) -> int | None:
    # An odd count must not cost the answer that it comes with.
    value = usage.get(name) if isinstance(usage, dict) else None
    return value if type(value) is int and 0 <= value < 2**31 else None


def _failed(ended: str | None, text: str | None) -> bool:
    """Whether it is no model's answer, by its finish_reason, or as it has neither that nor text."""
    return text is None if ended is None else ended.lower() in _FAILURES


def as_it_counts(entry: Entry) -> Entry | None:
    """A stored reply as it is read today; None for what is none.

    Version 1 kept whatever came with status 200: an error as a reply, and the whole body of what
    it could not read, with nothing said of model, tokens and reason. Such a body is read again.
    """
    if _failed(entry.finish_reason, entry.text):
        return None
    known = (entry.finish_reason, entry.model_answered, entry.tokens_in, entry.tokens_out)
    if entry.refused or any(value is not None for value in known):
        return entry
    try:
        reply = read_reply(200, entry.text or "", entry.answer_format)
    except Unanswered:
        # A server that tells neither model nor tokens nor reason may still have answered.
        return entry if has_scores(entry) else None
    return entry.model_copy(update=vars(reply))


def first_replies(entries: Iterable[Entry]) -> Iterator[Entry]:
    """The first reply to each question, without what is no reply."""
    seen: set[str] = set()
    for entry in entries:
        if entry.reply_id not in seen and (reply := as_it_counts(entry)) is not None:
            seen.add(reply.reply_id)
            yield reply
