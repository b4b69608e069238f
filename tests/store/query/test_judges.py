"""What readers ask of judges, against plain loops over the same rows."""

import itertools

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store.query import judges as judge_queries
from store.schema import TABLES

CRITERIA, LAYERS, IMAGES = ("entities", "information"), (2, 5), ("a", "b", "c", "d")
JUDGES = ("j-aa", "k-bb")


class Memory:
    """Tables of a run, in memory."""

    def __init__(self, **tables):
        self.con = duckdb.connect()
        for name, given_rows in tables.items():
            rows = pa.Table.from_pylist(
                given_rows,
                schema=pa.schema(
                    [pa.field(field.name, field.type) for field in TABLES[name].arrow]
                ),
            )
            self.con.register("rows", rows)
            self.con.execute(f"CREATE TABLE {name} AS SELECT * FROM rows")
            self.con.unregister("rows")

    def sql(self, query, params=None):
        return self.con.execute(query, params).df()


@st.composite
def judgements(draw):
    """(judge, image, layer, criterion, vote) -> a score of the menu, or None."""
    menu = st.sampled_from((None, 1, 1, 3, 5))
    keys = itertools.product(JUDGES, IMAGES, LAYERS, CRITERIA, range(2))
    return {key: draw(menu) for key in keys}


def rows_of(judged):
    return [
        {
            "judge": judge,
            "condition_id": "baseline",
            "image_id": image,
            "layer": layer,
            "criterion": criterion,
            "vote": vote,
            "score": score,
            "status": "off_menu" if score is None else "ok",
            "reply_id": f"{judge}{image}{vote}",
        }
        for (judge, image, layer, criterion, vote), score in judged.items()
    ]


def kappa(pairs):
    """Cohen's, from the table of pairs: one minus weighted disagreement over that by chance."""
    menu = (1, 3, 5)
    observed = np.array([[sum(pair == (a, b) for pair in pairs) for b in menu] for a in menu])
    expected = np.outer(observed.sum(1), observed.sum(0)) / len(pairs)
    weights = np.array([[(a - b) ** 2 for b in menu] for a in menu])
    by_chance = (weights * expected).sum()
    return None if by_chance == 0 else 1 - (weights * observed).sum() / by_chance


@settings(max_examples=60, deadline=None)
@given(judgements())
def test_agreement_is_that_of_the_first_scored_votes(judged):
    got = judge_queries.agreement(Memory(judgement=rows_of(judged)))
    got = {row["criterion"]: row for row in got.astype(object).to_dict("records")}
    for criterion in CRITERIA:
        pairs = []
        for image, layer in itertools.product(IMAGES, LAYERS):
            if criterion == "information" and layer == LAYERS[0]:
                continue  # no choice there
            both = [
                next(
                    (
                        judged[judge, image, layer, criterion, vote]
                        for vote in range(2)
                        if judged[judge, image, layer, criterion, vote] is not None
                    ),
                    None,
                )
                for judge in JUDGES
            ]
            if None not in both:
                pairs.append(tuple(both))
        assert (criterion in got) == bool(pairs)
        if pairs:
            row = got[criterion]
            assert (row["judge"], row["other"], row["n"]) == (*JUDGES, len(pairs))
            assert row["equal"] == pytest.approx(np.mean([a == b for a, b in pairs]))
            expected = kappa(pairs)
            assert (
                pd.isna(row["kappa"])
                if expected is None
                else row["kappa"] == pytest.approx(expected)
            )


@settings(max_examples=60, deadline=None)
@given(judgements(), st.lists(st.sampled_from((None, 0.1, 0.5, 0.5, 0.9)), min_size=8, max_size=8))
def test_rank_correlation_is_that_of_pandas(judged, scored):
    at = list(itertools.product(IMAGES, LAYERS))
    run = Memory(
        judgement=rows_of(judged),
        score=[
            {
                "condition_id": "baseline",
                "image_id": image,
                "layer": layer,
                "metric": "bertscore",
                "against": "final",
                "value": value,
            }
            for (image, layer), value in zip(at, scored, strict=True)
        ],
    )
    rows = []
    for (image, layer), value in zip(at, scored, strict=True):
        each = [
            [
                judged["j-aa", image, layer, criterion, vote]
                for vote in range(2)
                if judged["j-aa", image, layer, criterion, vote] is not None
            ]
            for criterion in CRITERIA
        ]
        if value is not None and all(each):
            rows.append((layer, np.mean([np.mean(votes) for votes in each]), value))
    frame = pd.DataFrame(rows, columns=["layer", "judged", "scored"])
    got = judge_queries.rank_correlation(run, "j-aa", "bertscore", "final")
    assert len(got) == (1 + frame["layer"].nunique() if rows else 0)
    for row in got.astype(object).to_dict("records"):
        part = frame if pd.isna(row["layer"]) else frame[frame["layer"] == row["layer"]]
        assert row["n"] == len(part)
        ranks = part[["judged", "scored"]].rank()
        if (ranks.nunique() > 1).all():
            expected = np.corrcoef(ranks.to_numpy().T)[0, 1]
            assert row["correlation"] == pytest.approx(expected, abs=1e-9)
        else:
            assert pd.isna(row["correlation"])


def replied():
    messages = {
        ("j-aa", image, layer, criterion, 0): 3
        for image, layer, criterion in itertools.product(IMAGES, LAYERS, CRITERIA)
    }
    messages["j-aa", "b", 5, "entities", 0] = None
    return Memory(
        judgement=rows_of(messages),
        reply=[
            {
                "reply_id": f"j-aa{image}0",
                "judge": "j-aa",
                "model_asked": "j",
                "prompt_sha256": "p",
                "model_answered": f"j-{i % 2}",
                "image_sha256": "i",
                "text": "x" * 5000 if i else None,
                "tokens_in": 7,
                "tokens_out": i,
                "at": "now",
            }
            for i, image in enumerate(IMAGES)
        ],
    )


def test_a_judge_is_summed_up():
    (judge,) = judge_queries.judges(replied()).to_dict("records")
    assert judge["judge"] == "j-aa"
    assert (judge["replies"], judge["images"], judge["votes"]) == (4, 4, 1)
    assert (judge["tokens_in"], judge["tokens_out"], list(judge["layers"])) == (28, 6, [2, 5])
    assert sorted(judge["model_answered"].split(", ")) == ["j-0", "j-1"]


def test_a_reply_with_one_failure_counts_as_that():
    got = judge_queries.statuses(replied(), "j-aa")
    assert got.values.tolist() == [["ok", 3], ["off_menu", 1]]
    assert judge_queries.statuses(replied(), "k-bb").empty


def test_a_mark_on_a_score_is_no_failure():
    rows = rows_of({("j-aa", image, 5, c, 0): 3 for image in IMAGES for c in CRITERIA})
    for row in rows:
        if row["criterion"] == "information" and row["image_id"] in "ab":
            row["status"] = "quoted"
        if row["criterion"] == "entities" and row["image_id"] in "a":
            row |= {"status": "unreadable", "score": None}
    got = judge_queries.statuses(Memory(judgement=rows), "j-aa")
    assert got.values.tolist() == [["ok", 2], ["quoted", 1], ["unreadable", 1]]


def test_replies_come_in_pages_and_are_cut():
    run = replied()
    pages = [judge_queries.replies(run, "j-aa", None, 3, offset) for offset in (0, 3)]
    assert [list(page["image_id"]) for page in pages] == [["a", "b", "c"], ["d"]]
    assert pages[0]["text"].isna().tolist() == [True, False, False]
    assert pages[1]["text"].str.len().tolist() == [judge_queries.TEXT_SHOWN]
    assert pages[1]["length"].tolist() == [5000]
    (failed,) = judge_queries.replies(run, "j-aa", "off_menu", 9, 0)["image_id"]
    assert failed == "b"
