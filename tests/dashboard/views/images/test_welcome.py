"""The first page a newcomer meets."""

from urllib.parse import parse_qs

from store import open_run
from store.disk.runs import list_runs
from tests.dashboard.opening import words


def test_the_first_page_asks_a_newcomer_what_the_run_can_answer(visit, edited):
    at = visit("images", edited)
    assert not at.exception
    assert "What does each layer of a vision transformer see?" in words(at)
    ways = {link.proto.label: link.proto for link in at.get("page_link")}
    asked = [label for label in ways if label.endswith("?")]
    # Without a grounded gain of none is the decoder known to be wrong.
    assert [label.split()[0] for label in asked] == ["At", "Which", "What"]
    for label in asked:
        query = parse_qs(ways[label].query_string)
        assert query["run"] == [list_runs(edited)[0].name], label
        page = ways[label].page or "images"
        there = visit(page, edited, **{name: values[0] for name, values in query.items()})
        assert not there.exception
        assert "which is not here" not in words(there), label


def test_the_edit_that_is_asked_about_changes_the_words(visit, edited):
    """And no edit of fewer layers does: by the captions themselves."""
    ways = [link.proto for link in visit("images", edited).get("page_link")]
    (asked,) = (way for way in ways if way.label.startswith("What does averaging layer"))
    query = parse_qs(asked.query_string)
    image, edit = query["image"][0], query["condition"][0]
    with open_run(list_runs(edited)[0]) as opened:
        captions, conditions = opened.table("caption"), opened.table("condition")
        top = int(opened.table("run")["n_layers"][0])
    last = captions[(captions["layer"] == top) & (captions["image_id"] == image)]
    text = dict(zip(last["condition_id"], last["text"], strict=True))
    assert text[edit] != text["baseline"]
    layers = {
        name: len(edited_layers)
        for name, kind, edited_layers in zip(
            conditions["condition_id"], conditions["kind"], conditions["layers"], strict=True
        )
        if kind == "mean" and text.get(name, text["baseline"]) != text["baseline"]
    }
    assert layers[edit] == min(layers.values())


def test_heads_are_asked_for_where_most_came_from(visit, edited):
    """The box against every box of its size, summed in loops."""
    ways = {link.proto.label: link.proto for link in visit("images", edited).get("page_link")}
    query = parse_qs(ways["Which heads look at what it names?"].query_string)
    assert query["cells"] == ["attn_to_box"]
    run = list_runs(edited)[0]
    with open_run(run) as opened:
        rows, columns = (int(opened.table("run")[name][0]) for name in ("grid_h", "grid_w"))
        given = opened.tensors(query["image"][0]).contribution[int(query["layer"][0]) - 1]
    high, wide = max(rows // 3, 1), max(columns // 3, 1)
    sums = {}
    for top in range(rows - high + 1):
        for left in range(columns - wide + 1):
            patches = [
                row * columns + column
                for row in range(top, top + high)
                for column in range(left, left + wide)
            ]
            sums["-".join(map(str, sorted({patches[0], patches[-1]})))] = sum(
                float(given[head, patch + 1]) for head in range(len(given)) for patch in patches
            )
    assert query["patch"] == [max(sums, key=sums.get)]


def test_who_looks_for_something_is_not_welcomed(visit):
    assert "What does each layer" in words(visit("images"))
    assert "What does each layer" not in words(visit("images", find="penguin"))


def test_the_picture_is_one_whose_captions_change_and_they_are_told(visit, edited):
    at = visit("images", edited)
    (way,) = (
        link.proto for link in at.get("page_link") if link.proto.label.startswith("At which layer")
    )
    image = parse_qs(way.query_string)["image"][0]
    with open_run(list_runs(edited)[0]) as opened:
        captions = opened.table("caption", "condition_id = 'baseline'")
    distinct = captions.groupby("image_id")["text"].nunique()
    assert distinct[image] >= min(4, distinct.max())
    rows = captions[captions["image_id"] == image].sort_values("layer")
    turns = rows[rows["text"] != rows["text"].shift()]
    last = turns.iloc[-1]
    assert f"from layer {last['layer']} on “{last['text']}”." in words(at)
    for row in turns.iloc[-4:-1].itertuples():
        assert f"at layer {row.layer} “{row.text}”" in words(at)
    for row in turns.iloc[:-4].itertuples():
        assert f"at layer {row.layer} “" not in words(at)
