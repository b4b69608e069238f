"""What is being made, and for how long still, in words."""

import shlex

from dashboard.names import metrics
from store.disk import Making

_STAGES = (
    ("certificate", "checking itself against the library"),
    ("capture", "captions of every layer"),
    ("token_attention", "what every patch looks at"),
    ("means", "mean states, which edits need"),
    ("sweep.", "edits of the model"),
    ("head_choice", "choosing heads to remove"),
    ("head_effect", "what each head does for the caption"),
    ("importance.", "how much each head matters"),
    ("pruning.", "pruned models"),
    ("heads", "what each head says"),
    ("head_texts", "texts that explain the heads"),
    ("floor.", "captions of a tower with permuted weights"),
    ("translators.", "translators of every layer"),
    ("readers.", "captions by translators"),
    ("native_reading", "how far each layer is from the last"),
    ("questions", "answers to questions"),
    ("inner_words", "words inside the language model"),
    ("word_maps", "which patches carry each word"),
    ("faithfulness", "which maps can be believed"),
    ("score.answers.", "scores of the answers"),
    ("corpus.", "scores of whole sets"),
    ("judge.", "a vision model's scores"),
)
_UNITS = {"images": "pictures"}
_QUIET = 30.0  # seconds; a process says every ten that it lives


def stage(label: str) -> str:
    """A stage's label in words.

    >>> stage("sweep.figure2"), stage("score.bertscore.heads")
    ('edits of the model', 'scores by BERTScore')
    """
    for begins, words in _STAGES:
        if label.startswith(begins):
            return words
    kind, _, rest = label.partition(".")
    if kind == "score":
        return f"scores by {metrics.word(rest.partition('.')[0]).label}"
    return label


def dataset(run: str) -> str:
    """A run's name without its hash."""
    return run.rpartition("-")[0] or run


def at(making: Making) -> str:
    """Where a process is: `edits of the model, 32 of 48 pictures`."""
    if not making.stage:
        return "loading the model"
    unit = _UNITS.get(making.unit, making.unit)
    return f"{stage(making.stage)}, {making.done:,} of {making.total:,} {unit}"


def left(making: Making) -> str:
    """The time left: `about 3 min left`; empty while it is not known."""
    if making.seconds_left is None:
        return ""
    return f"{'at least' if making.at_least else 'about'} {span(making.seconds_left)} left"


def span(seconds: float) -> str:
    """A length of time, as roughly as it is known.

    >>> [span(seconds) for seconds in (3, 41, 100, 3_000, 9_000, 300_000)]
    ['10 s', '50 s', '2 min', '50 min', '2.5 h', '3.5 days']
    """
    if seconds < 90:
        return f"{10 * (int(seconds // 10) + 1)} s"
    if seconds < 5400:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h" if seconds < 172_800 else f"{seconds / 86_400:.1f} days"


def under_way(making: Making, here: str | None) -> str:
    """What a living process does, in a line.

    Args:
        making: what it says.
        here: the run that the page shows.
    """
    run = making.run or making.runs[0]
    parts = [f"Making {dataset(run)}: {at(making)}", left(making)]
    if here != run and here in making.runs:
        parts.append(f"{dataset(here)} comes after it")
    if making.silent > _QUIET:
        parts.append(f"last heard from {span(making.silent)} ago, on {making.host}")
    return " · ".join(part for part in parts if part)


def over(making: Making) -> str:
    """What became of a process that ended before all was made, or is heard of no more."""
    runs = " and ".join(map(dataset, making.runs))
    if making.ended is not None:
        return f"{runs}: not all is made: {making.ended}"
    if making.owner.is_here:
        return f"{runs}: not all is made: its process ended without a word, at {at(making)}"
    return (
        f"{runs}: last heard from {span(making.silent)} ago, on {making.host}, at {at(making)}. If "
        "that process works no more:"
    )


def step(making: Making) -> str:
    """The stage alone, for a line of a terminal: `demo-whoops: captions of every layer`."""
    if not making.stage:
        return at(making)
    return f"{dataset(making.run)}: {stage(making.stage)}"


def command(making: Making) -> str:
    """What starts a process again, to be typed into a shell: its words are words there, too."""
    return shlex.join(["python", "-m", "precompute", *making.arguments])
