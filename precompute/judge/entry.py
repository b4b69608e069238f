"""A line of a ledger: one reply of a judge, with all that is needed to read it elsewhere."""

from pydantic import BaseModel, ConfigDict, field_validator

from precompute.judge.identity import Judge
from precompute.judge.key import redacted


class Entry(BaseModel):
    """One reply, with all that is needed to read it somewhere else.

    Attributes:
        reply_id: of its question.
        run_id: the run that it is about.
        captions: the stage whose captions were judged.
        judge: who was asked.
        condition_id: the condition of the captions.
        image_id: the image.
        vote: which vote, from 0.
        prompt_sha256: of the exact text sent.
        image_sha256: of the exact picture sent.
        model_answered: the model's name as the answer gives it.
        text: what the model wrote, or the words of the server that declined.
        refused: whether the model, or its server, declined.
        finish_reason: why it stopped, in the server's words; `reply.UNSAID` if it does not say.
        tokens_in: as the server counted.
        tokens_out: as the server counted.
        answer_format: how JSON was asked for: json_schema, json_object or text.
        at: when it came, UTC.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    reply_id: str
    run_id: str
    captions: str
    judge: Judge
    condition_id: str
    image_id: str
    vote: int
    prompt_sha256: str
    image_sha256: str
    model_answered: str | None
    text: str | None
    refused: bool
    finish_reason: str | None
    tokens_in: int | None
    tokens_out: int | None
    answer_format: str
    at: str

    @field_validator("*", mode="before")
    @classmethod
    def _without_the_key(cls, value: object) -> object:
        """Every way into a ledger leads through here, and every way out to a part."""
        return redacted(value) if isinstance(value, str) else value

    @property
    def tokens(self) -> int:
        """In and out, as far as the server reported."""
        return (self.tokens_in or 0) + (self.tokens_out or 0)
