"""What readers ask of maps: the words that have some, and how far maps can be believed."""

import pandas as pd

from store.query.ask import Source, ask
from store.statistics import believed


def words(run: Source, image_id: str) -> pd.DataFrame:
    """The words of an image's captions that have maps.

    Returns:
        layer, word, text, begins, ends, logprob, head_scale, deletion_scale; in order.
    """
    return ask(
        run,
        "SELECT layer, word, text, begins, ends, logprob, head_scale, deletion_scale FROM word "
        "WHERE image_id = ? ORDER BY layer, word",
        (image_id,),
    )


def states_of(run: Source, image_id: str, layer: int, word: int) -> pd.DataFrame:
    """The states in which one word has a map: state, scale, rank (NULL where not checked)."""
    return ask(
        run,
        'SELECT state, scale, "rank" FROM word_map WHERE image_id = ? AND layer = ? AND word = ? '
        "ORDER BY state",
        (image_id, layer, word),
    )


def points_of(run: Source, image_id: str, text: str) -> pd.DataFrame:
    """How well one word's maps point at its thing: layer, measure, value, floor."""
    return ask(
        run,
        "SELECT layer, measure, value, floor FROM map_score WHERE map = 'word' AND image_id = ? "
        "AND word = ? ORDER BY layer, measure",
        (image_id, text),
    )


def trials(run: Source) -> pd.DataFrame:
    """Every trial of every kind of map (`store.statistics.believed.trials`)."""
    rows = ask(
        run,
        "SELECT image_id, layer, map, measure, fill, word, blocks, value, floor FROM map_score",
    )
    return believed.trials(rows)


def verdicts(run: Source) -> pd.DataFrame:
    """What the trials say of every kind of map and layer (`store.statistics.believed.verdicts`)."""
    return believed.verdicts(trials(run))


def checked(run: Source) -> pd.DataFrame:
    """How far word maps agree with what deletion does, by state, of final captions.

    Returns:
        state, n (images), mean of Spearman's correlation over each image's words, low, high.
    """
    rows = ask(
        run,
        'SELECT image_id, state AS layer, avg("rank") AS value FROM word_map '
        'WHERE "rank" IS NOT NULL AND layer = (SELECT max(n_layers) FROM run) '
        "GROUP BY image_id, state",
    )
    named = rows.assign(
        map="word", measure="checked", fill="", blocks=0, word="", floor=float("nan")
    )
    found = believed.trials(named)
    return found.rename(columns={"layer": "state", "gain": "mean"})[
        ["state", "n", "mean", "low", "high"]
    ]
