import itertools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store.errors import TableNotFound
from store.query import images as queries
from store.query import one_image as image_queries
from store.query.images import Search, Selection, Sort
from store.query.predicates import OPERATORS, Predicate, Quantity
from store.schema import LAYER_COLUMNS, TABLES
from tests.store.memory import Memory

L = 3
IMAGES = [f"i{n}" for n in range(6)]
PLAIN = ("delta_attn", "n_outlier_tokens", "mean_logprob", "n_tokens")
SCORES = (("rouge_l", "final"), ("rouge_l", "previous"))
JUDGES, CRITERIA = ("j-1.5-aa", "k-bb"), ("entities", "information")
# Few values, so that thresholds are met exactly; 0.1 is not the same number in 32 and 64 bits.
VALUES = (None, float("nan"), -0.5, 0.0, 0.1, 0.5, 2.0)


values = st.sampled_from(VALUES)
grades = st.lists(st.sampled_from((None, 1, 3, 5)), min_size=2, max_size=2)
whole = st.none() | st.integers(-1, 2)


@st.composite
def runs(draw):
    rows = {
        "run": [{"run_id": "r", "n_layers": L}],
        "layer_stat": [],
        "caption": [],
        "score": [],
        "image_stat": [],
        "judgement": [],
        "image": [{"image_id": image} for image in IMAGES],
    }
    for image in IMAGES:
        for condition in ("baseline", "other"):
            at = {"condition_id": condition, "image_id": image}
            rows["image_stat"].append({**at, "metric": "convergence_layer", "value": draw(values)})
            for layer in range(L + 1):
                here = {**at, "layer": layer}
                text = draw(st.sampled_from((None, "", "A Cat", "a cat 100% _", "dog")))
                rows["caption"].append(
                    {**here, "text": text, "mean_logprob": draw(values), "n_tokens": draw(whole)}
                )
                if layer:
                    rows["layer_stat"].append(
                        {**here, "delta_attn": draw(values), "n_outlier_tokens": draw(whole)}
                    )
                for metric, against in SCORES:
                    rows["score"].append(
                        {**here, "metric": metric, "against": against, "value": draw(values)}
                    )
                if layer > 1:
                    rows["judgement"] += [
                        {
                            **here,
                            "judge": judge,
                            "criterion": criterion,
                            "vote": vote,
                            "score": score,
                            "status": "ok" if score else "refused",
                            "reply_id": "r",
                        }
                        for judge in JUDGES
                        for criterion in CRITERIA
                        for vote, score in enumerate(draw(grades))
                    ]
    return Memory(**rows)


quantities = st.one_of(
    st.builds(
        Quantity,
        st.sampled_from(PLAIN),
        st.none(),
        st.none() | st.integers(0, L + 1) | st.sampled_from(("max", "min")),
        st.booleans(),
    ),
    st.builds(
        lambda key, layer, absolute: Quantity(*key, layer, absolute),
        st.sampled_from(SCORES),
        st.none() | st.integers(0, L),
        st.booleans(),
    ),
    st.builds(
        lambda judge, criterion, layer: Quantity(f"judge.{judge}.{criterion}", None, layer),
        st.sampled_from(JUDGES),
        st.sampled_from((*CRITERIA, "mean")),
        st.none() | st.integers(1, L),
    ),
    st.builds(Quantity, st.just("convergence_layer"), st.none(), st.none(), st.booleans()),
)
predicates = st.builds(
    Predicate,
    quantities,
    st.sampled_from(OPERATORS),
    st.sampled_from((-1.0, -0.5, 0.0, 0.1, 0.5, 0.3)),
)


def matching(run, quantity, condition):
    """Slow and plain: (image, value) of every row that a quantity means."""
    if quantity.layer not in ("max", "min"):
        yield from rows_of(run, quantity, condition)
        return
    best = {}
    for image, value in rows_of(run, replace(quantity, layer=None), condition):
        best[image] = {"max": max, "min": min}[quantity.layer](best.get(image, value), value)
    yield from best.items()


def rows_of(run, quantity, condition):
    """(image, value) of every layer, or of the one that is meant."""
    if quantity.metric.startswith("judge."):
        yield from voted(run, quantity, condition)
        return
    for name in ("layer_stat", "caption", "score", "image_stat"):
        for row in run.frames[name]:
            if row["condition_id"] != condition:
                continue
            if name in ("score", "image_stat"):
                if (row["metric"], row.get("against")) != (quantity.metric, quantity.against):
                    continue
                value = row["value"]
            elif quantity.against is None and quantity.metric in row:
                value = row[quantity.metric]
            else:
                continue
            if (
                quantity.layer is not None
                and name != "image_stat"
                and (row["layer"] != quantity.layer)
            ):
                continue
            if value is not None and not np.isnan(value):
                yield row["image_id"], np.float32(abs(value) if quantity.absolute else value)


def voted(run, quantity, condition):
    """(image, mean over votes), or over criteria whose votes are all there, a layer and image."""
    judge, _, group = quantity.metric.removeprefix("judge.").rpartition(".")
    for image, layer in itertools.product(IMAGES, range(L + 1)):
        each = [
            [
                row["score"]
                for row in run.frames["judgement"]
                if (
                    row["judge"],
                    row["condition_id"],
                    row["image_id"],
                    row["layer"],
                    row["criterion"],
                )
                == (judge, condition, image, layer, criterion)
                and row["score"] is not None
            ]
            for criterion in (CRITERIA if group == "mean" else (group,))
        ]
        if quantity.layer in (None, layer) and all(each):
            yield image, np.float32(np.mean([np.mean(scores) for scores in each]))


def passing(run, predicate, condition):
    compare = {"<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal}
    return {
        image
        for image, value in matching(run, predicate.quantity, condition)
        if compare[predicate.op](value, np.float32(predicate.threshold))
    }


@settings(max_examples=60, deadline=None)
@given(runs(), st.lists(predicates, max_size=3).map(tuple), st.sampled_from(("baseline", "other")))
def test_predicates_mean_what_a_loop_finds(run, chosen, condition):
    selection = Selection(chosen, condition=condition)
    expected = sorted(set(IMAGES).intersection(*(passing(run, p, condition) for p in chosen)))
    assert list(queries.filter_images(run, selection)["image_id"]) == expected
    assert queries.count_images(run, selection) == len(expected)
    exported = queries.predicate_values(run, selection)
    assert sorted(exported["image_id"]) == expected
    for predicate in chosen:
        bins = queries.histogram(run, predicate.decides, condition)
        images = {image for image, _ in matching(run, predicate.quantity, condition)}
        assert bins["n"].sum() == len(images)


@settings(max_examples=30, deadline=None)
@given(runs(), quantities, st.booleans())
def test_order_is_by_the_extreme_value_and_missing_ones_come_last(run, quantity, descending):
    rows = queries.filter_images(run, Selection(), Sort(quantity, descending))
    best = {}
    for image, value in matching(run, quantity, "baseline"):
        best[image] = (max if descending else min)(best.get(image, value), value)
    sign = -1 if descending else 1
    assert list(rows["image_id"]) == sorted(
        IMAGES, key=lambda image: (image not in best, sign * best.get(image, 0), image)
    )
    pages = [
        queries.filter_images(run, Selection(), Sort(quantity, descending), 4, offset)
        for offset in (0, 4)
    ]
    together = pd.concat(pages)
    assert list(together["image_id"]) == list(rows["image_id"])
    assert list(together["sort_value"].astype(float).fillna(-9)) == list(
        rows["sort_value"].astype(float).fillna(-9)
    )


@settings(max_examples=30, deadline=None)
@given(
    runs(),
    st.sampled_from(("CAT", "100%", "_", " dog ", "'; --", "zebra")),
    st.none() | st.integers(0, L),
)
def test_search_finds_plain_text_in_any_case(run, text, layer):
    expected = sorted(
        {
            row["image_id"]
            for row in run.frames["caption"]
            if row["condition_id"] == "baseline"
            and layer in (None, row["layer"])
            and text.strip().lower() in (row["text"] or "").lower()
        }
    )
    rows = queries.filter_images(run, Selection(search=Search(text, layer)))
    assert list(rows["image_id"]) == expected


def test_one_page_shows_the_final_caption():
    run = Memory(
        run=[{"run_id": "r", "n_layers": 1}],
        image=[{"image_id": "a"}],
        caption=[
            {"condition_id": "baseline", "image_id": "a", "layer": layer, "text": f"z{layer}"}
            for layer in (0, 1)
        ],
    )
    assert list(queries.filter_images(run, Selection())["caption"]) == ["z1"]
    assert image_queries.captions(run, "a")["text"].tolist() == ["z0", "z1"]
    assert image_queries.neighbours(run, "a") == (None, None)
    assert image_queries.image_row(run, "b").empty


def test_histogram_counts_an_image_once_with_the_value_that_decides():
    run = Memory(
        image=[{"image_id": "a"}, {"image_id": "b"}],
        layer_stat=[
            {"condition_id": "baseline", "image_id": image, "layer": layer, "map_shift": value}
            for image, layer, value in (("a", 1, 0.0), ("a", 2, 1.0), ("b", 1, 0.0), ("b", 2, 0.25))
        ],
    )
    bins = queries.histogram(run, Quantity("map_shift", layer="max"), bins=2)
    assert bins["n"].tolist() == [1, 1]
    assert bins["low"].tolist() == pytest.approx([0.25, 0.625])
    assert queries.histogram(run, Quantity("resid_norm", layer="max")).empty


def test_bars_of_one_value_have_a_width_that_can_be_read():
    run = Memory(
        image=[{"image_id": "a"}, {"image_id": "b"}],
        layer_stat=[
            {"condition_id": "baseline", "image_id": image, "layer": 1, "map_shift": 3.0}
            for image in "ab"
        ],
    )
    bins = queries.histogram(run, Quantity("map_shift", layer=1), bins=4)
    assert bins.to_dict("records") == [{"low": 3.0, "high": 3.25, "n": 2}]


def test_infinities_satisfy_predicates_and_stay_out_of_histograms():
    run = Memory(
        image=[{"image_id": "a"}],
        layer_stat=[
            {"condition_id": "baseline", "image_id": "a", "layer": 1, "map_shift": float("inf")}
        ],
    )
    predicate = Predicate(Quantity("map_shift"), ">", 0.5)
    assert queries.count_images(run, Selection((predicate,))) == 1
    assert queries.histogram(run, predicate.decides).empty


@settings(max_examples=40, deadline=None)
@given(runs(), quantities, st.sampled_from((0.0, 0.2, 0.5, 0.9)))
def test_quantiles_are_those_of_numpy(run, quantity, share):
    there = [value for _, value in matching(run, quantity, "baseline")]
    got = queries.quantile(run, quantity, share)
    assert got == (pytest.approx(np.quantile(there, share), abs=1e-6) if there else None)


def test_convergence_counts_images_by_layer_and_those_that_never_settle():
    run = Memory(
        image_stat=[
            {"condition_id": condition, "image_id": f"i{n}", "metric": metric, "value": value}
            for condition, metric, n, value in (
                ("baseline", "convergence_layer", 0, 2.0),
                ("baseline", "convergence_layer", 1, 2.0),
                ("baseline", "convergence_layer", 2, None),
                ("baseline", "judge_rise.j", 0, 1.0),
                ("other", "convergence_layer", 0, 1.0),
                ("baseline", "convergence_layer_rouge_l", 0, 3.0),
            )
        ]
    )
    frame = queries.convergence(run).astype(object)
    rows = [
        (row.metric, None if pd.isna(row.layer) else row.layer, row.n) for row in frame.itertuples()
    ]
    assert rows == [
        ("convergence_layer", 2, 2),
        ("convergence_layer", None, 1),
        ("convergence_layer_rouge_l", 3, 1),
    ]


def test_a_missing_table_says_what_to_do():
    run = Memory()
    run.con.execute("DROP TABLE curve")
    with pytest.raises(TableNotFound, match=r"curve.*precompute publish"):
        queries.curves(run)


def test_names_of_columns_come_from_the_schema():
    assert set(LAYER_COLUMNS) < set(TABLES["layer_stat"].columns)
    assert queries.has_layers("mean_logprob")
    assert queries.has_layers("judge.gpt-4.1-1a2b3c4d.mean")
    assert not queries.has_layers("judge.gpt-4.1-1a2b3c4d")
    assert not queries.has_layers("convergence_layer")


def test_landmarks_come_lowest_first_under_todays_names_without_those_that_never_set_in():
    matching = {"condition_id": "baseline", "low": 1, "high": 3, "rule": "so and so"}
    run = Memory(
        landmark=[
            {**matching, "metric": "cider_plateau", "layer": 9},
            {**matching, "metric": "fluency_onset", "layer": 2},
            {**matching, "metric": "grounding_onset_bleu", "layer": None},
            {**matching, "metric": "fluency_onset", "layer": 1, "condition_id": "skip:3"},
        ]
    )
    assert queries.landmarks(run)["metric"].tolist() == ["confidence_onset", "cider_plateau"]


def test_only_images_among_those_named():
    run = Memory(
        run=[{"run_id": "r", "n_layers": L}], image=[{"image_id": image} for image in IMAGES]
    )
    for among, expected in ((None, IMAGES), ((), []), (("i3", "i1", "gone"), ["i1", "i3"])):
        chosen = Selection(among=among)
        assert list(queries.filter_images(run, chosen)["image_id"]) == expected
        assert queries.count_images(run, chosen) == len(expected)


ODD = 'o\'clock; "50%"'


@pytest.mark.parametrize("category", [(), ("a",), (ODD, "a"), ("gone",)])
@pytest.mark.parametrize("label", [(), ("cat", ODD), ("' OR true --",)])
def test_categories_and_classes_mean_what_a_loop_finds(category, label):
    rows = [
        {"image_id": f"i{i}", "category": group, "label": name}
        for i, (group, name) in enumerate(
            itertools.product(("a", "A", ODD, None), ("cat", "dog", ODD, None))
        )
    ]
    run = Memory(run=[{"run_id": "r", "n_layers": L}], image=rows)
    expected = sorted(
        row["image_id"]
        for row in rows
        if (not category or row["category"] in category) and (not label or row["label"] in label)
    )
    chosen = Selection(category=category, label=label)
    assert sorted(queries.filter_images(run, chosen)["image_id"]) == expected
    assert queries.count_images(run, chosen) == len(expected)


def test_groups_are_counted_the_largest_first_and_without_those_that_have_none():
    run = Memory(
        image=[
            {"image_id": f"i{i}", "category": category, "label": label}
            for i, (category, label) in enumerate(
                (
                    ("a", "cat"),
                    ("b", "dog"),
                    ("b", None),
                    (None, None),
                    ("a", "dog"),
                    ("b", "cat"),
                    (ODD, "cat"),
                )
            )
        ]
    )
    assert image_queries.groups(run).to_numpy().tolist() == [
        ["category", "b", 3],
        ["category", "a", 2],
        ["category", ODD, 1],
        ["label", "cat", 3],
        ["label", "dog", 2],
    ]
