"""A judge's work on one run: ask what is open, keep every reply, seal and publish."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from precompute.config import JudgeConfig
from precompute.judge.budget import Budget, CapReached
from precompute.judge.client import Client, open_client
from precompute.judge.entry import Entry
from precompute.judge.identity import Judge
from precompute.judge.ledger import JudgeError, Ledger, read_ledger
from precompute.judge.plan import Questionnaire, budget_of, describe, entry_of, judge_on, plan
from precompute.judge.prompt import CRITERIA, FIRST_INFORMATION
from precompute.judge.questions import Question
from precompute.judge.reply import Unanswered, shown
from precompute.judge.seal import seal
from precompute.judge.verdict import has_scores, status
from precompute.runner import Advance, Stopped, Watch
from store.publish import is_due, publish

IN_A_ROW = 5
"""Questions without an answer, one after the other, that end a session."""

FIRST = 10
"""Replies of a judge, one of which must have a score, or it is asked no more."""

_PUBLISH_SECONDS = 30.0

Say = Callable[[str], None]


def ask_by_batch(
    run: Path, config: JudgeConfig, use: Callable[[Questionnaire, Ledger], int], say: Say
) -> int:
    """Let `use` write the open questions to a file, or read answers from one; then seal.

    Returns:
        What `use` returns.

    Raises:
        JudgeError: the caps will not do, or another process is at it.
    """
    judge = judge_on(run, config)
    with Ledger(run, judge) as ledger:
        todo, budget = plan(run, config, judge, ledger.spent), budget_of(config, ledger.spent)
        say(describe(todo, budget))
        budget.require(todo.expected)
        count = use(todo, ledger)
        seal(run, judge)
    publish(run)
    return count


def ask_all(
    run: Path, config: JudgeConfig, watch: Watch, say: Say, keep_asking: bool = False
) -> None:
    """Ask what has no reply yet, then seal and publish.

    Args:
        run: the run's folder.
        config: the judge.
        watch: screen and Ctrl-C.
        say: called with the estimate before anything is sent, and the outcome.
        keep_asking: though none of the judge's first replies has a score.

    Raises:
        JudgeError: the caps will not do, another process is at it, the server will not answer, or
            none of the judge's first replies has a score.
        Stopped: Ctrl-C.
    """
    judge = judge_on(run, config)
    with Ledger(run, judge) as ledger:
        todo = plan(run, config, judge, ledger.spent)
        budget = budget_of(config, ledger.spent)
        say(describe(todo, budget))
        budget.require(todo.expected)
        proven = keep_asking or any(map(has_scores, read_ledger(ledger.path)))
        session = _Session(todo, ledger, budget, watch, proven)
        try:
            if todo.open:
                asyncio.run(_ask(session))
        finally:
            seal(run, judge)
            publish(run)
    say(session.outcome())
    if session.error is not None:
        raise session.error
    if watch.stopping:
        raise Stopped("stopped; every reply is kept, and the same command goes on from here.")
    if session.left:
        raise JudgeError(
            f"{session.left} questions are open: {session.why}. The same command asks them again."
        )


@dataclass
class _Session:
    """One process's work; shared by its workers, which are of one thread."""

    todo: Questionnaire
    ledger: Ledger
    budget: Budget
    watch: Watch
    proven: bool
    answered: Counter[str] = field(default_factory=Counter)
    in_a_row: int = 0
    why: str = ""
    error: Exception | None = None
    ended: bool = False
    published: float = field(default_factory=time.monotonic)

    @property
    def left(self) -> int:
        return len(self.todo.open) - self.answered.total()

    @property
    def next_few(self) -> int | None:
        """Questions to ask before it is looked whether any reply has a score; None if one has."""
        return None if self.proven else max(FIRST - len(self.ledger.spent.ids), 0)

    @property
    def over(self) -> bool:
        """Whether nothing more is to be asked; what is under way is waited for."""
        return self.ended or self.watch.stopping

    def count_request(self) -> None:
        """Before a request is sent: within the cap, and on the disk."""
        self.budget.send()
        self.ledger.count_request()

    def end(self, why: str, error: Exception | None = None) -> None:
        self.ended, self.why, self.error = True, why, self.error or error

    def outcome(self) -> str:
        counts = ", ".join(f"{n} {name}" for name, n in sorted(self.answered.items()))
        return f"{self.answered.total()} replies{': ' if counts else ''}{counts}; {self.left} open"


async def _ask(session: _Session) -> None:
    todo = session.todo
    waiting, total = iter(todo.open), len(todo.questions)
    screen, label = session.watch.screen, f"judge.{todo.judge.name}"
    with screen.stage(todo.run, label, total, total - len(todo.open), "questions") as advance:
        async with open_client(todo.config, todo.judge, session.count_request) as client:
            while not session.over and (few := list(islice(waiting, session.next_few))):
                some = iter(few)
                # Not a TaskGroup: an error in one worker must not cancel answers others wait for.
                await asyncio.gather(
                    *(_work(session, client, some, advance) for _ in range(todo.config.concurrency))
                )
    screen.clear()
    if session.next_few == 0 and session.left and not session.over:
        session.end("no reply has a score", JudgeError(_no_score(session)))


def _no_score(session: _Session) -> str:
    replies = list(read_ledger(session.ledger.path))
    counts = ", ".join(f"{n} {name}" for name, n in Counter(map(status, replies)).most_common())
    layer, first = session.todo.judge.layers[0], replies[0]
    scores = json.dumps(dict.fromkeys(CRITERIA, FIRST_INFORMATION))
    return (
        f"one of the first {FIRST} replies must have a score; of {session.todo.judge.name} none "
        f'has ({counts}). Expected was JSON such as {{"layers": {{"{layer}": {scores}, ...}}}}; '
        f"the first reply, {first.reply_id}, is: {shown(first.text or '')!r}. "
        f"{session.left} questions are open. Look at the model, `answer_tokens` and the server, or "
        "ask the rest all the same with --keep-asking."
    )


async def _work(
    session: _Session, client: Client, waiting: Iterator[Question], advance: Advance
) -> None:
    expected, answer_tokens = session.todo.expected, session.todo.judge.answer_tokens
    most = expected.tokens_in + answer_tokens
    while not session.over:
        question = next(waiting, None)
        if question is None:
            return
        reserved = session.budget.reserve(most)
        if not reserved:
            session.end("the cap is reached; raise max_requests or max_tokens in [judge]")
            return
        used = 0
        try:
            entry = await _answer(session, client, question)
            # A server that does not count is taken at the estimate.
            used = entry.tokens or expected.tokens_in + expected.tokens_out
            session.ledger.append(entry)
            _note(session, entry)
            advance(1)
            await _publish_if_due(session)
        except Unanswered as error:
            used = error.tokens
            session.ledger.count_lost(used)
            session.in_a_row += 1
            session.why = str(error)
            if session.in_a_row >= IN_A_ROW:
                session.end(f"{IN_A_ROW} in a row had no answer, the last one because of: {error}")
        except CapReached as error:
            session.end(str(error))
        except Exception as error:  # raised when all questions under way have ended
            session.end(str(error), error)
        finally:
            session.budget.settle(reserved, used)


async def _answer(session: _Session, client: Client, question: Question) -> Entry:
    picture = question.trajectory.picture()
    reply = await client.ask(question.trajectory, picture)
    return entry_of(session.todo, question, picture, reply)


def _note(session: _Session, entry: Entry) -> None:
    session.answered[status(entry)] += 1
    session.proven = session.proven or has_scores(entry)
    session.in_a_row = 0


async def _publish_if_due(session: _Session) -> None:
    run = session.todo.run
    if time.monotonic() - session.published < _PUBLISH_SECONDS or not is_due(run):
        return
    # In a thread, or answers that come meanwhile would be taken for late.
    session.published = float("inf")
    await asyncio.to_thread(_seal_and_publish, run, session.todo.judge)
    session.published = time.monotonic()


def _seal_and_publish(run: Path, judge: Judge) -> None:
    seal(run, judge)
    publish(run)
