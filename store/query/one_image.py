"""What readers ask of images: the groups they are in; of one, its row and all its measures."""

import pandas as pd

from store.metrics import head_columns
from store.query.ask import Source, ask, quoted
from store.schema import BASELINE, layer_columns


def groups(run: Source) -> pd.DataFrame:
    """The categories and classes of the images: of (category or label), value, n."""
    return ask(
        run,
        " UNION ALL ".join(
            f"SELECT '{name}' AS \"of\", {name} AS value, count(*) AS n FROM image "
            f"WHERE {name} IS NOT NULL GROUP BY {name}"
            for name in ("category", "label")
        )
        + ' ORDER BY "of", n DESC, value',
    )


def image_row(run: Source, image_id: str) -> pd.DataFrame:
    """The row of one image; empty if there is none."""
    return ask(run, "SELECT * FROM image WHERE image_id = ?", (image_id,))


def neighbours(run: Source, image_id: str) -> tuple[str | None, str | None]:
    """The images before and after this one by id; None at the ends."""
    row = ask(
        run,
        "SELECT (SELECT max(image_id) FROM image WHERE image_id < ?) AS before, "
        "(SELECT min(image_id) FROM image WHERE image_id > ?) AS after",
        (image_id, image_id),
    ).astype(object)
    before, after = row["before"][0], row["after"][0]
    return (None if pd.isna(before) else str(before)), (None if pd.isna(after) else str(after))


def captions(run: Source, image_id: str, condition: str = BASELINE) -> pd.DataFrame:
    """One image's captions: layer, text, n_tokens, mean_logprob, final_logprob."""
    return ask(
        run,
        "SELECT layer, text, n_tokens, mean_logprob, final_logprob FROM caption "
        "WHERE condition_id = ? AND image_id = ? ORDER BY layer",
        (condition, image_id),
    )


def near_texts(run: Source, image_id: str, layer: int) -> pd.DataFrame:
    """The texts that are nearest to one image's state, the nearest first: text, probability."""
    return ask(
        run,
        "SELECT text, probability FROM near_text WHERE condition_id = ? AND image_id = ? "
        "AND layer = ? ORDER BY rank",
        (BASELINE, image_id, layer),
    )


def reworded(run: Source, image_id: str, kind: str) -> pd.DataFrame:
    """The conditions of a kind under which one image's last layer says something else.

    Returns:
        condition_id, layers (those that are edited, as a list) and spec; fewest layers first, then
        the lowest.
    """
    return ask(
        run,
        "WITH last AS (SELECT condition_id, text FROM caption WHERE image_id = ? "
        "AND layer = (SELECT max(n_layers) FROM run)) "
        "SELECT condition_id, layers, spec FROM last JOIN condition USING (condition_id) "
        "WHERE kind = ? AND text <> (SELECT text FROM last WHERE condition_id = ?) "
        "ORDER BY len(layers), layers, condition_id",
        (image_id, kind, BASELINE),
    )


def scores(run: Source, image_id: str, layer: int, condition: str = BASELINE) -> pd.DataFrame:
    """One image's scores at a layer: metric, against, value.

    The layer is in the query since the table is sorted by it: all layers would read it whole.
    """
    return ask(
        run,
        'SELECT metric, "against", value FROM score WHERE condition_id = ? '
        'AND layer = ? AND image_id = ? ORDER BY metric, "against"',
        (condition, layer, image_id),
    )


def layer_stats(run: Source, image_id: str, condition: str, class_token: bool) -> pd.DataFrame:
    """One image's measures a layer: layer, and the metrics of `layer_stat` of a kind of tower."""
    columns = quoted(layer_columns(class_token))
    return ask(
        run,
        f"SELECT layer, {columns} FROM layer_stat WHERE condition_id = ? "
        "AND image_id = ? ORDER BY layer",
        (condition, image_id),
    )


def head_stats(run: Source, image_id: str, condition: str, class_token: bool) -> pd.DataFrame:
    """One image's measures of every layer and head: layer, head, and the metrics of `head_stat`."""
    columns = quoted(head_columns("head_stat", class_token))
    return ask(
        run,
        f"SELECT layer, head, {columns} FROM head_stat WHERE condition_id = ? "
        "AND image_id = ? ORDER BY layer, head",
        (condition, image_id),
    )


def inner_blocks(run: Source, image_id: str) -> pd.DataFrame:
    """After which blocks of the language model words were read in an image: block, ascending."""
    return ask(
        run,
        "SELECT DISTINCT block FROM inner_word WHERE image_id = ? ORDER BY block",
        (image_id,),
    )


def inner_words(run: Source, image_id: str, block: int) -> pd.DataFrame:
    """The words of every token of an image after one block, the most probable first.

    Returns:
        grid_row, grid_column (from 0), rank (from 1), word, probability in [0, 1].
    """
    return ask(
        run,
        "SELECT grid_row, grid_column, rank, word, probability FROM inner_word "
        "WHERE image_id = ? AND block = ? ORDER BY grid_row, grid_column, rank",
        (image_id, block),
    )
