"""The section [judge] of a configuration."""

from typing import Literal

from pydantic import Field, NonNegativeInt

from precompute.config.section import Section


class JudgeConfig(Section):
    """The vision model that judges captions, and how much may be spent on it.

    Its key is not here: the environment has it, as PEEL_JUDGE_KEY.

    Attributes:
        base_url: an OpenAI-compatible endpoint, such as `http://localhost:11434/v1`.
        model: the model's name there.
        layers: whose captions are judged, in our numbering; the paper's, scaled, if none.
        order: how the captions of a picture stand: lowest layer first, and said to, as in the
            paper; or nameless, shuffled by picture or highest first, to find out whether a judge
            scores the order.
        detail: how closely the picture is looked at, where the model knows that.
        temperature: of its answers; the server's own if none.
        votes: times that every question is asked.
        images: judge so many images, a random sample that larger numbers add to; all if none.
        answer_tokens: the longest answer.
        concurrency: questions under way at a time.
        timeout: seconds that an answer may take.
        retries: times that a question is sent again after an error that may pass.
        max_requests: of one judge on one run: so many requests, and no more.
        max_tokens: of one judge on one run, in and out: so many tokens, and no more.
    """

    base_url: str = Field(pattern=r"^https?://[^@?#\s]+$")
    model: str = Field(min_length=1)
    layers: tuple[NonNegativeInt, ...] | None = Field(default=None, min_length=2)
    order: Literal["paper", "shuffled", "reversed"] = "paper"
    detail: Literal["auto", "low", "high"] = "auto"
    temperature: float | None = Field(default=None, ge=0)
    votes: int = Field(default=1, ge=1, le=1000)
    images: int | None = Field(default=None, ge=1)
    answer_tokens: int = Field(default=2000, ge=1, le=1_000_000)
    concurrency: int = Field(default=4, ge=1, le=256)
    timeout: float = Field(default=120.0, gt=0, le=86_400)
    retries: int = Field(default=5, ge=0, le=100)
    max_requests: int = Field(default=1000, ge=0)
    max_tokens: int = Field(default=3_000_000, ge=0)


def judge_config(
    written: JudgeConfig | None, base_url: str | None, model: str | None
) -> JudgeConfig:
    """The judge of a configuration, with what the command line says instead.

    Raises:
        ValueError: the two do not name an endpoint and a model.
    """
    given = {"base_url": base_url, "model": model}
    settings = written.model_dump() if written else {}
    settings |= {name: value for name, value in given.items() if value}
    if missing := sorted(set(given) - set(settings)):
        raise ValueError(
            f"a judge has no default; expected {' and '.join(missing)}. Write them into [judge], "
            "or say --base-url http://localhost:11434/v1 --model NAME."
        )
    return JudgeConfig.model_validate(settings)
