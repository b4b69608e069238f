"""The cost guard: what a judge may still cost, and what it is expected to."""

from dataclasses import dataclass, field

from precompute.config import JudgeConfig
from precompute.judge.ledger import JudgeError, Spent
from precompute.judge.prompt import CRITERIA
from precompute.judge.transport import Refused

_CHARS_A_TOKEN = 3
_PICTURE_TOKENS = {"low": 100, "auto": 1000, "high": 1000}
_OUT_A_SCORE = 7
_OUT_BESIDE = 80


class CapReached(Refused):
    """Sending once more would break the cap."""


@dataclass(frozen=True)
class Estimate:
    """What open questions are expected to cost.

    Attributes:
        requests: questions to ask.
        tokens_in: a question.
        tokens_out: an answer.
        measured: replies that the numbers are the means of; 0 if they are assumed.
    """

    requests: int
    tokens_in: int
    tokens_out: int
    measured: int

    @property
    def tokens(self) -> int:
        """Of all questions and answers."""
        return self.requests * (self.tokens_in + self.tokens_out)


def estimate(
    config: JudgeConfig, spent: Spent, requests: int, characters: int, n_layers: int
) -> Estimate:
    """Expect what the replies so far cost on average, or else a cautious guess.

    Args:
        config: how closely the picture is looked at.
        spent: replies so far.
        requests: questions to ask.
        characters: of one question.
        n_layers: layers that one question shows.
    """
    if spent.counted:
        return Estimate(
            requests,
            -(-spent.tokens_in // spent.counted),
            -(-spent.tokens_out // spent.counted),
            spent.counted,
        )
    return Estimate(
        requests,
        characters // _CHARS_A_TOKEN + _PICTURE_TOKENS[config.detail],
        min(n_layers * len(CRITERIA) * _OUT_A_SCORE + _OUT_BESIDE, config.answer_tokens),
        0,
    )


@dataclass
class Budget:
    """What has been sent and spent, against the caps. Every request counts, retries too.

    Attributes:
        max_requests: the cap.
        max_tokens: the cap.
        requests: sent so far, by earlier processes too.
        tokens: spent so far.
        largest: tokens of the answer that cost most, and its question: what the next may cost.
    """

    max_requests: int
    max_tokens: int
    requests: int
    tokens: int
    largest: int = 0
    _reserved: int = field(default=0, repr=False)

    def require(self, expected: Estimate) -> None:
        """Refuse before anything is sent if the caps will not do.

        Raises:
            JudgeError: they will not.
        """
        requests, tokens = self.requests + expected.requests, self.tokens + expected.tokens
        if requests > self.max_requests or tokens > self.max_tokens:
            raise JudgeError(
                f"this would come to {requests:,} requests and about {tokens:,} tokens; the cap is "
                f"{self.max_requests:,} and {self.max_tokens:,}. Nothing was sent. Set `images` in "
                "[judge] to judge fewer, or raise max_requests and max_tokens."
            )

    def reserve(self, tokens: int) -> int:
        """Set aside what a question may cost at most: as expected, or what one has cost.

        Returns:
            What was set aside; 0 if it may break a cap.
        """
        most = max(tokens, self.largest)
        if self.requests >= self.max_requests:
            return 0
        if self.tokens + self._reserved + most > self.max_tokens:
            return 0
        self._reserved += most
        return most

    def settle(self, reserved: int, tokens: int) -> None:
        """Replace what was set aside by what it cost."""
        self._reserved -= reserved
        self.tokens += tokens
        self.largest = max(self.largest, tokens)

    def send(self) -> None:
        """Count a request that is about to be sent.

        Raises:
            CapReached: it must not be.
        """
        if self.requests >= self.max_requests:
            raise CapReached(f"the cap of {self.max_requests:,} requests is reached.")
        self.requests += 1
