"""A judge's work on one run: estimate, ask what is open, keep every reply, seal and publish."""

import asyncio
import hashlib
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from precompute.judge.budget import Budget, Estimate, estimate
from precompute.judge.client import KEY, CapReached, Client, Reply, Unanswered, open_client
from precompute.judge.config import JudgeConfig
from precompute.judge.identity import Judge, judge_of
from precompute.judge.ledger import Entry, JudgeError, Ledger, Spent, ledger_path, spent
from precompute.judge.prompt import render
from precompute.judge.questions import Question, captions_of, questions, stories
from precompute.judge.seal import seal
from precompute.judge.verdict import status
from precompute.stages import Stopped, Watch
from store.publish import is_due, publish
from store.runs import now, read_run, write_progress

IN_A_ROW = 5
"""Questions without an answer, one after the other, that end a session."""

_PUBLISH_SECONDS = 30.0

Say = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """What a judge is to do on a run.

    Attributes:
        run: the run's folder.
        config: the judge's configuration.
        judge: who is asked.
        questions: every question, answered or not.
        open: those without a reply.
        expected: what they will cost.
    """

    run: Path
    config: JudgeConfig
    judge: Judge
    questions: list[Question]
    open: list[Question]
    expected: Estimate


def plan(run: Path, config: JudgeConfig, judge: Judge, had: Spent) -> Plan:
    """What is to be asked, given the replies that are there.

    Raises:
        StoreError: the run's captions are not complete.
        JudgeError: it has no images.
    """
    asked = list(questions(run, judge, stories(run, judge, config.images), config.votes))
    if not asked:
        raise JudgeError(f"a judge needs images; {run.name} has none.")
    open_ = [question for question in asked if question.reply_id not in had.ids]
    longest = max(len(render(question.story.captions)) for question in asked)
    expected = estimate(config, had, len(open_), longest, len(judge.layers))
    return Plan(run, config, judge, asked, open_, expected)


def describe(todo: Plan, budget: Budget) -> str:
    """The plan in words: questions, tokens, cap."""
    expected, judge = todo.expected, todo.judge
    basis = f"measured on {expected.measured} replies" if expected.measured else "a guess"
    done = len(todo.questions) - len(todo.open)
    return "\n".join([
        f"{judge.name} on {todo.run.name}",
        f"  endpoint   {todo.config.base_url}, key {'set' if os.environ.get(KEY) else 'not set'}",
        f"  layers     {', '.join(map(str, judge.layers))}",
        f"  questions  {len(todo.questions)} ({todo.config.votes} a picture): "
        f"{done} answered, {len(todo.open)} to ask",
        f"  tokens     about {expected.requests * expected.tokens_in:,} in and "
        f"{expected.requests * expected.tokens_out:,} out ({basis})",
        f"  cap        {budget.max_requests:,} requests, {budget.max_tokens:,} tokens; "
        f"so far {budget.requests:,} and {budget.tokens:,}",
    ])


def dry_run(run: Path, config: JudgeConfig) -> str:
    """The plan, and the exact prompt of one image; nothing is sent or written."""
    judge = _judge(run, config)
    had = spent(ledger_path(run, judge))
    todo = plan(run, config, judge, had)
    story = (todo.open or todo.questions)[0].story
    picture = story.picture()
    return "\n".join([
        describe(todo, _budget(config, had)),
        "",
        f"The question about {story.image_id}, with its picture ({len(picture):,} bytes of JPEG):",
        "",
        render(story.captions),
    ])


def ask_by_batch(
    run: Path, config: JudgeConfig, use: Callable[[Plan, Ledger], int], say: Say
) -> int:
    """Let `use` write the open questions to a file, or read answers from one; then seal.

    Returns:
        What `use` returns.

    Raises:
        JudgeError: the caps will not do, or another process is at it.
    """
    judge = _judge(run, config)
    with Ledger(run, judge) as ledger:
        todo, budget = plan(run, config, judge, ledger.spent), _budget(config, ledger.spent)
        say(describe(todo, budget))
        budget.require(todo.expected)
        count = use(todo, ledger)
        seal(run, judge)
    publish(run)
    return count


def ask_all(run: Path, config: JudgeConfig, watch: Watch, say: Say) -> None:
    """Ask what has no reply yet, then seal and publish.

    Args:
        run: the run's folder.
        config: the judge.
        watch: screen and Ctrl-C.
        say: told the estimate before anything is sent, and the outcome.

    Raises:
        JudgeError: the caps will not do, another process is at it, or the server will not answer.
        Stopped: Ctrl-C.
    """
    judge = _judge(run, config)
    with Ledger(run, judge) as ledger:
        todo = plan(run, config, judge, ledger.spent)
        budget = _budget(config, ledger.spent)
        say(describe(todo, budget))
        budget.require(todo.expected)
        session = _Session(todo, ledger, budget, watch)
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
        raise JudgeError(f"{session.left} questions are open: {session.why}. The same command asks "
                         "them again.")


def _judge(run: Path, config: JudgeConfig) -> Judge:
    return judge_of(config, int(read_run(run)["n_layers"]))


def _budget(config: JudgeConfig, had: Spent) -> Budget:
    return Budget(config.max_requests, config.max_tokens, len(had.ids), had.tokens)


@dataclass
class _Session:
    """One process's work; shared by its workers, which are of one thread."""

    todo: Plan
    ledger: Ledger
    budget: Budget
    watch: Watch
    answered: Counter[str] = field(default_factory=Counter)
    in_a_row: int = 0
    why: str = ""
    error: Exception | None = None
    ended: bool = False
    begun: float = field(default_factory=time.monotonic)
    published: float = field(default_factory=time.monotonic)

    @property
    def left(self) -> int:
        return len(self.todo.open) - self.answered.total()

    @property
    def over(self) -> bool:
        """Whether nothing more is to be asked; what is under way is waited for."""
        return self.ended or self.watch.stopping

    def end(self, why: str, error: Exception | None = None) -> None:
        self.ended, self.why, self.error = True, why, self.error or error

    def outcome(self) -> str:
        told = ", ".join(f"{n} {name}" for name, n in sorted(self.answered.items()))
        return f"{self.answered.total()} replies{': ' if told else ''}{told}; {self.left} open"


async def _ask(session: _Session) -> None:
    todo = session.todo
    task = session.watch.bar.add_task(
        f"{todo.run.name} {todo.judge.name}", total=len(todo.questions),
        completed=len(todo.questions) - len(todo.open),
    )
    waiting = iter(todo.open)
    async with open_client(todo.config, todo.judge, session.budget) as client:
        async def work() -> None:
            await _work(session, client, waiting, lambda: session.watch.bar.advance(task))

        # Not a TaskGroup: an error in one worker must not cancel answers that others wait for.
        await asyncio.gather(*(work() for _ in range(todo.config.concurrency)))


async def _work(
    session: _Session, client: Client, waiting: Iterator[Question], advance: Callable[[], None]
) -> None:
    expected, answer_tokens = session.todo.expected, session.todo.judge.answer_tokens
    most = expected.tokens_in + answer_tokens
    while not session.over:
        if not session.budget.reserve(most):
            session.end("the cap is reached; raise max_requests or max_tokens in [judge]")
            return
        used = 0
        try:
            question = next(waiting, None)
            if question is None:
                return
            entry = await _answer(session, client, question)
            # A server that does not count is taken at the estimate.
            used = entry.tokens or expected.tokens_in + expected.tokens_out
            session.ledger.append(entry)
            _note(session, entry)
            advance()
            await _publish_if_due(session)
        except Unanswered as error:
            session.in_a_row += 1
            session.why = str(error)
            if session.in_a_row >= IN_A_ROW:
                session.end(f"{IN_A_ROW} in a row had no answer, the last one because of: {error}")
        except CapReached as error:
            session.end(str(error))
        except Exception as error:
            session.end(str(error), error)
        finally:
            session.budget.settle(most, used)


async def _answer(session: _Session, client: Client, question: Question) -> Entry:
    picture = question.story.picture()
    reply = await client.ask(question.story, picture)
    return entry_of(session.todo, question, picture, reply)


def entry_of(todo: Plan, question: Question, picture: bytes, reply: Reply) -> Entry:
    """The line of the ledger for a reply."""
    story = question.story
    return Entry(
        reply_id=question.reply_id, run_id=todo.run.name, captions=captions_of(todo.run).name,
        judge=todo.judge, condition_id=story.condition_id, image_id=story.image_id,
        vote=question.vote, prompt_sha256=story.prompt_sha256,
        image_sha256=hashlib.sha256(picture).hexdigest(), at=now(), **vars(reply),
    )


def _note(session: _Session, entry: Entry) -> None:
    session.answered[status(entry)] += 1
    session.in_a_row = 0
    total = len(session.todo.questions)
    rate = session.answered.total() / (time.monotonic() - session.begun)
    write_progress(session.todo.run, f"judge.{session.todo.judge.name}",
                   total - session.left, total, rate)


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
