"""What a judge is to do on a run, what it will cost, and how that reads."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from precompute.config import JudgeConfig
from precompute.judge.budget import Budget, Estimate, estimate
from precompute.judge.entry import Entry
from precompute.judge.identity import Judge, judge_of
from precompute.judge.key import key
from precompute.judge.ledger import JudgeError, Spent, ledger_path, spent
from precompute.judge.questions import Question, captions_of, questions, trajectories
from precompute.judge.reply import Reply
from store.disk import now, read_run


@dataclass(frozen=True)
class Questionnaire:
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


def judge_on(run: Path, config: JudgeConfig) -> Judge:
    """The judge that a configuration makes for a run's tower."""
    return judge_of(config, int(read_run(run)["n_layers"]))


def budget_of(config: JudgeConfig, had: Spent) -> Budget:
    """The caps, and what earlier processes have spent."""
    return Budget(config.max_requests, config.max_tokens, had.requests, had.tokens, had.largest)


def plan(run: Path, config: JudgeConfig, judge: Judge, had: Spent) -> Questionnaire:
    """What is to be asked, given the replies that are there.

    Raises:
        StoreError: the run's captions are not complete.
        JudgeError: it has no images.
    """
    asked = list(questions(run, judge, trajectories(run, judge, config.images), config.votes))
    if not asked:
        raise JudgeError(f"a judge needs images; {run.name} has none.")
    open_ = [question for question in asked if question.reply_id not in had.ids]
    longest = max(len(question.trajectory.text) for question in asked)
    expected = estimate(config, had, len(open_), longest, len(judge.layers))
    return Questionnaire(run, config, judge, asked, open_, expected)


def describe(todo: Questionnaire, budget: Budget) -> str:
    """The plan in words: questions, tokens, cap."""
    expected, judge = todo.expected, todo.judge
    basis = f"measured on {expected.measured} replies" if expected.measured else "a guess"
    done = len(todo.questions) - len(todo.open)
    return "\n".join(
        [
            f"{judge.name} on {todo.run.name}",
            f"  endpoint   {todo.config.base_url}, key {'set' if key() else 'not set'}",
            f"  layers     {', '.join(map(str, judge.layers))}",
            f"  questions  {len(todo.questions)} ({todo.config.votes} a picture): "
            f"{done} answered, {len(todo.open)} to ask",
            f"  tokens     about {expected.requests * expected.tokens_in:,} in and "
            f"{expected.requests * expected.tokens_out:,} out ({basis})",
            f"  cap        {budget.max_requests:,} requests, {budget.max_tokens:,} tokens; "
            f"so far {budget.requests:,} and {budget.tokens:,}",
        ]
    )


def dry_run(run: Path, config: JudgeConfig) -> str:
    """The plan, and the exact prompt of one image; nothing is sent or written."""
    judge = judge_on(run, config)
    had = spent(ledger_path(run, judge))
    todo = plan(run, config, judge, had)
    trajectory = (todo.open or todo.questions)[0].trajectory
    picture = trajectory.picture()
    return "\n".join(
        [
            describe(todo, budget_of(config, had)),
            "",
            f"The question about {trajectory.image_id}, with its picture "
            f"({len(picture):,} bytes of JPEG):",
            "",
            trajectory.text,
        ]
    )


def entry_of(todo: Questionnaire, question: Question, picture: bytes, reply: Reply) -> Entry:
    """The line of the ledger for a reply."""
    trajectory = question.trajectory
    return Entry(
        reply_id=question.reply_id,
        run_id=todo.run.name,
        captions=captions_of(todo.run).name,
        judge=todo.judge,
        condition_id=trajectory.condition_id,
        image_id=trajectory.image_id,
        vote=question.vote,
        prompt_sha256=trajectory.prompt_sha256,
        image_sha256=hashlib.sha256(picture).hexdigest(),
        at=now(),
        **vars(reply),
    )
