"""Replies between machines: a run's ledgers as one JSONL file, and questions as a batch file.

The batch file has the lines that `vllm run-batch` and hosted batch services read, and what these
give back is read here: a machine without a server, or with a cheaper queue, can do the asking.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from precompute.judge.client import request_body
from precompute.judge.entry import Entry
from precompute.judge.ledger import JudgeError, Ledger, ledgers, read_ledger
from precompute.judge.plan import Questionnaire, entry_of
from precompute.judge.questions import captions_of
from precompute.judge.reply import Unanswered, first_replies, read_reply
from precompute.judge.seal import seal
from store.disk import Owner

_FORMAT = "json_schema"


def export_ledger(run: Path, path: Path) -> int:
    """Write every reply of every judge of a run to a file; returns how many."""
    return _write_lines(
        path, (entry.model_dump_json() for file in ledgers(run) for entry in read_ledger(file))
    )


def import_ledger(run: Path, path: Path) -> dict[str, int]:
    """Add the replies of a file to the ledgers of a run, and seal them.

    Args:
        run: the run that they are about.
        path: from `export_ledger`, of this run or of a copy of it.

    Returns:
        Judge -> replies that were new.

    Raises:
        JudgeError: a line that is no reply, or is about another run or other captions; nothing
            is added then.
    """
    captions = captions_of(run).name
    entries = [_entry(line, n, path) for n, line in _lines(path)]
    for entry in entries:
        if (entry.run_id, entry.captions) != (run.name, captions):
            raise JudgeError(
                f"replies must be about {run.name}, {captions}; {path.name} has one about "
                f"{entry.run_id}, {entry.captions}. Import it into that run."
            )
    added = {}
    for judge in {entry.judge.name: entry.judge for entry in entries}.values():
        with Ledger(run, judge) as ledger:
            its_entries = [entry for entry in entries if entry.judge == judge]
            added[judge.name] = ledger.add(list(first_replies(its_entries)))
            seal(run, judge)
    return added


def write_batch(todo: Questionnaire, path: Path) -> int:
    """Write the open questions of a plan as a batch file; returns how many."""
    return _write_lines(
        path,
        (
            json.dumps(
                {
                    "custom_id": question.reply_id,
                    "method": "POST",
                    "url": "/v1/chat/completions",
                    "body": request_body(
                        todo.judge, question.trajectory, question.trajectory.picture()
                    ),
                }
            )
            for question in todo.open
        ),
    )


def read_batch(todo: Questionnaire, ledger: Ledger, path: Path, say: Callable[[str], None]) -> int:
    """Add the answers of a batch to a ledger; returns how many were new.

    Those that answer another judge's questions are passed over.

    Args:
        todo: the plan.
        ledger: of its judge.
        path: the batch's output.
        say: called with what stands where an answer should, if any line has none.

    Raises:
        JudgeError: a line that no batch gives.
    """
    asked = {question.reply_id: question for question in todo.open}
    answers: dict[str, Entry] = {}
    without: list[str] = []
    for n, line in _lines(path):
        try:
            answer = json.loads(line)
            question = asked.get(answer["custom_id"])
            response: dict[str, Any] = answer.get("response") or {}
            if question is None:
                continue
            body = json.dumps(response.get("body") or answer.get("error"))
            reply = read_reply(int(response.get("status_code") or 0), body, _FORMAT)
        except Unanswered as error:
            without.append(f"line {n}: {error}")
            continue
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise JudgeError(
                f"a batch's answers have custom_id and response; line {n} of {path} has not "
                f"({error!r}). Is it the batch's output?"
            ) from error
        answers[question.reply_id] = entry_of(todo, question, question.trajectory.picture(), reply)
    if without:
        say(f"{len(without)} questions stay open; the first without an answer is of {without[0]}")
    return ledger.add(list(answers.values()))


def _entry(line: str, n: int, path: Path) -> Entry:
    try:
        return Entry.model_validate_json(line)
    except ValidationError as error:
        raise JudgeError(
            f"every line must be a reply as `export RUN ledger FILE.jsonl` writes it; line {n} of "
            f"{path} is not: {error.errors()[0]['msg']}."
        ) from error


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    try:
        with path.open(encoding="utf-8") as file:
            for n, line in enumerate(file, 1):
                if line.strip():
                    yield n, line
    except OSError as error:
        raise JudgeError(f"expected a JSONL file; {path}: {error.strerror}.") from error


def _write_lines(path: Path, lines: Iterator[str]) -> int:
    if path.suffix != ".jsonl":
        raise JudgeError(f"a file of replies or questions ends in .jsonl; got {path.name!r}.")
    temporary = path.parent / Owner.here().token(path.name)
    count = 0
    try:
        with temporary.open("w", encoding="utf-8") as file:
            for line in lines:
                file.write(line + "\n")
                count += 1
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return count
