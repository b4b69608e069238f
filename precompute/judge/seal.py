"""Replies of a ledger -> parts with the tables `reply` and `judgement`, which publish takes."""

from pathlib import Path

from precompute.judge.entry import Entry
from precompute.judge.identity import Judge
from precompute.judge.ledger import (
    JudgeError,
    drop,
    ledger_path,
    ledgers,
    of_captions,
    read_ledger,
)
from precompute.judge.questions import captions_of
from precompute.judge.verdict import VERSION, judgement_rows
from store.disk import short_hash, update_run
from store.parts import iter_tables, list_parts, stage_folder, write_part
from store.publish import publish
from store.upkeep import set_parts_aside

PART_REPLIES = 5000
"""Replies a part, at most."""


def seal(run: Path, judge: Judge) -> int:
    """Make parts of the replies that are in no part yet.

    Killed half-way it has made fewer parts, and the next call makes the rest: the ledger stays.

    Returns:
        How many replies were sealed.
    """
    captions = captions_of(run).name
    # Captions and the way of reading are not the judge's: with others, replies are sealed anew.
    settings = {"version": VERSION, "captions": captions, "judge": judge.settings}
    name = f"judge.{judge.name}"
    stage = stage_folder(run, name, settings)
    update_run(run, stages={name: stage.name})
    sealed = {
        str(reply_id)
        for _, table in iter_tables(list_parts(stage), "reply")
        for reply_id in table["reply_id"].to_pylist()
    }
    count, waiting = 0, list[Entry]()
    for entry in of_captions(read_ledger(ledger_path(run, judge)), run, captions):
        if entry.reply_id not in sealed:
            waiting.append(entry)
        if len(waiting) == PART_REPLIES:
            count += _write(stage, waiting)
            waiting = []
    if waiting or (not sealed and not count and _parts_of_others(run, name, stage)):
        count += _write(stage, waiting)
    return count


def _parts_of_others(run: Path, name: str, stage: Path) -> bool:
    """Whether replies were sealed that are read differently now.

    Where none is left of them, a part without rows says so: publish takes no stage for gone.
    """
    others = (run / "parts").glob(f"{name}-*/")
    return any(list_parts(folder) for folder in others if folder.name != stage.name)


def _write(stage: Path, entries: list[Entry]) -> int:
    name = short_hash([entry.reply_id for entry in entries])
    with write_part(stage, f"replies-{name}", {"replies": name}) as part:
        part.table("reply", [_reply_row(entry) for entry in entries])
        part.table("judgement", [row for e in entries for row in judgement_rows(e)])
    return len(entries)


def _reply_row(entry: Entry) -> dict[str, object]:
    return {
        "reply_id": entry.reply_id,
        "judge": entry.judge.name,
        "model_asked": entry.judge.model,
        "model_answered": entry.model_answered,
        "prompt_sha256": entry.prompt_sha256,
        "image_sha256": entry.image_sha256,
        "text": entry.text,
        "tokens_in": entry.tokens_in,
        "tokens_out": entry.tokens_out,
        "at": entry.at,
    }


def forget(run: Path, reply_id: str) -> str:
    """Take a reply out of a run: its ledger, the parts made of it, the tables. It is asked again.

    For what should never have been kept, such as hundreds of megabytes that keep tables from being
    made. The parts that held it are set aside, not deleted, and made anew without it.

    Returns:
        What was done, in words.

    Raises:
        JudgeError: the run has no such reply.
    """
    holders = [path for path in ledgers(run) if drop(path, reply_id)]
    stages = (run / "parts").glob("judge.*/")
    parts = [
        part
        for stage in stages
        for part, table in iter_tables(list_parts(stage), "reply")
        if reply_id in table["reply_id"].to_pylist()
    ]
    if not holders and not parts:
        raise JudgeError(
            f"{run.name} has no reply {reply_id!r}. `python -m precompute export {run.name} reply "
            "FILE.csv` lists them by reply_id."
        )
    set_parts_aside(run, [part.id for part in parts])
    for path in holders:
        if entry := next(read_ledger(path), None):
            seal(run, entry.judge)
    publish(run, allow_fewer=True)
    return f"{run.name}: reply {reply_id} is forgotten; the question is open again."
