"""The queries of conditions against plain Python over the same rows."""

import json
import math

import pytest

from store import open_run
from store.query import conditions as queries
from store.schema import BASELINE
from tests.synthetic import make_run

L = 5


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = make_run(tmp_path_factory.mktemp("r"), n_images=11, n_layers=L, conditions=True)
    with open_run(folder) as opened:
        yield opened


@pytest.fixture(scope="module")
def final(run):
    """(condition, image) -> caption of the last layer."""
    rows = run.table("caption", "layer = ?", [L])
    return {(row.condition_id, row.image_id): row.text for row in rows.itertuples()}


def scores(run, condition, metric, against):
    rows = run.table(
        "score",
        'condition_id = ? AND metric = ? AND "against" = ? AND layer = ?',
        [condition, metric, against, L],
    )
    return dict(zip(rows["image_id"], rows["value"], strict=True))


def test_conditions_of_most_layers_come_first(run):
    got = queries.decoded(run)
    rows = run.sql("SELECT condition_id, layer FROM curve").itertuples(index=False)
    layers = {}
    for condition, layer in rows:
        layers.setdefault(condition, set()).add(layer)
    assert got["condition_id"].iloc[0] == "baseline"
    assert dict(zip(got["condition_id"], got["n_layers"], strict=True)) == {
        condition: len(values) for condition, values in layers.items()
    }
    assert got["n_layers"].is_monotonic_decreasing
    assert got["n_layers"].nunique() > 1


def test_conditions_leave_out_the_baseline(run):
    got = queries.conditions(run)
    assert set(got["condition_id"]) == set(run.table("condition")["condition_id"]) - {BASELINE}


def test_every_edit_and_what_the_last_layer_then_says(run, final):
    got = queries.edited_captions(run, "img00004")
    about = run.table("condition").set_index("condition_id")
    expected = {
        values: text
        for (values, image), text in final.items()
        if image == "img00004" and values != BASELINE
    }
    assert dict(zip(got["condition_id"], got["text"], strict=True)) == expected
    assert len(got) == len(expected) > 20
    for row in got.itertuples():
        assert (row.kind, row.spec) == tuple(about.loc[row.condition_id, ["kind", "spec"]])
        assert list(row.layers) == list(about.loc[row.condition_id, "layers"])


@pytest.mark.parametrize("phrase", ["black and white", " Penguin ", "%", "zzz"])
def test_the_share_of_captions_with_a_phrase(run, final, phrase):
    got = queries.phrase_share(run, phrase).set_index("condition_id")
    specs = run.table("condition").set_index("condition_id")["spec"]
    samples = {
        name: (json.loads(spec).get("pruning") or {}).get("sample", [])
        for name, spec in specs.dropna().items()
    }
    assert any(samples.values())
    for condition in {condition for condition, _ in final}:
        texts = [
            text
            for (values, image), text in final.items()
            if values == condition and image not in samples.get(condition, [])
        ]
        assert got.loc[condition, "n"] == len(texts)
        assert got.loc[condition, "found"] == sum(
            phrase.strip().lower() in text.lower() for text in texts
        )


@pytest.mark.parametrize("against", ["baseline", "reference"])
def test_images_come_in_the_order_of_what_a_condition_took(run, final, against):
    after, before = (scores(run, values, "rouge_l", against) for values in ("mean:2", BASELINE))
    lost = after if against == BASELINE else {i: after[i] - before[i] for i in after}
    expected = sorted(lost, key=lambda image: (lost[image], image))
    got = queries.most_changed(run, "mean:2", "rouge_l", against, 4, 3)
    assert got["image_id"].tolist() == expected[3:7]
    assert got["value"].tolist() == pytest.approx([lost[i] for i in expected[3:7]])
    for row in got.itertuples():
        assert row.before == final[BASELINE, row.image_id]
        assert row.after == final["mean:2", row.image_id]
    assert queries.count_scored(run, "mean:2", "rouge_l", against)["n"][0] == len(after)


def test_values_are_bound_and_never_sql(run):
    hostile = "x' OR 1=1; DROP TABLE caption; --"
    assert queries.most_changed(run, hostile, hostile, hostile, 5).empty
    assert queries.phrase_share(run, hostile)["found"].sum() == 0
    assert queries.final_captions(run, hostile, (hostile,)).empty
    assert len(run.table("caption"))


def test_the_last_layer_of_every_condition_and_the_baseline(run):
    got = queries.at_last_layer(run, "rouge_l", "reference").set_index("condition_id")
    for condition in (BASELINE, "skip:1", "mean:2"):
        values = scores(run, condition, "rouge_l", "reference").values()
        assert got.loc[condition, "mean"] == pytest.approx(sum(values) / len(values))
    pairs = queries.sweep_metrics(run)
    assert ("rouge_l", "baseline") in set(zip(pairs["metric"], pairs["against"], strict=True))


def test_what_the_gradient_foretold_is_averaged_where_removal_was_measured(run):
    rows = [
        row for row in run.table("head_effect").to_dict("records") if not math.isnan(row["without"])
    ]
    got = queries.foretold(run)
    assert got["n"].sum() == len(rows)
    for row in got.itertuples():
        here = [
            values for values in rows if (values["layer"], values["head"]) == (row.layer, row.head)
        ]
        assert row.n == len(here)
        assert row.foretold == pytest.approx(
            -sum(values["gradient"] for values in here) / len(here)
        )
        assert row.measured == pytest.approx(sum(values["without"] for values in here) / len(here))


def test_the_spread_of_a_measure_and_of_one_that_is_not_there(run):
    values = sorted(run.table("image_stat", "metric = 'head_effect_rank_correlation'")["value"])
    row = queries.spread(run, "head_effect_rank_correlation").iloc[0]
    assert (row["n"], row["middle"]) == (11, pytest.approx(values[5]))
    assert queries.spread(run, "nothing")["n"][0] == 0


def test_heads_of_one_image_and_layer(run):
    layers = queries.layers_with_head_captions(run)["layer"].tolist()
    assert layers == [L - 1, L]
    captions = queries.head_captions(run, "img00003", L)
    assert captions["head"].tolist() == [-1, 0, 1, 2], "the null comes before its heads"
    assert set(queries.head_scores(run, "img00003", L)["against"]) >= {"baseline", "previous"}
    assert len(queries.head_effects(run, "img00003")) == L * 3
    names = queries.conditions_of_heads(run, L)["condition_id"].tolist()
    assert f"heads:{L}-only-1" in names
    assert all(name.startswith(f"heads:{L}-") for name in names)
    final = queries.final_captions(run, "img00003", (BASELINE, *names))
    assert set(final["condition_id"]) == {BASELINE, *names}


def test_changes_name_their_condition(run):
    assert len(queries.changes(run, "mean:2")) > 0
    pruned = queries.changes_of_kind(run, "prune")
    assert set(pruned["condition_id"]) == {
        name for name in run.table("condition")["condition_id"] if name.startswith("prune:")
    }


def test_heads_of_the_data_set(run):
    metrics = queries.head_metrics(run)
    assert {"gradient", "without"} <= set(metrics["metric"])
    curve = queries.head_curve(run, "gradient", "self")
    rows = run.table("head_effect", "layer = 2 AND head = 1")
    mean = curve[(curve["layer"] == 2) & (curve["head"] == 1)]["mean"].iloc[0]
    assert mean == pytest.approx(rows["gradient"].mean())


def test_what_prunings_are_above_chance_and_how_well_the_gradient_foretells(run):
    chance = queries.chance(run)
    table = run.table("chance")
    assert len(chance) == len(table) > 0
    assert set(chance["condition_id"]) <= set(queries.changes_of_kind(run, "prune")["condition_id"])
    assert chance["low"].isna().all(), "two random choices tell no interval"
    assert chance["p"].dropna().between(1 / 3, 1).all(), "of two random choices and its own"
    told = queries.foretelling(run).set_index("statistic")
    assert told.index.tolist() == ["rank", "slope"]
    assert (
        told["n_heads"]
        == run.table("head_effect").dropna(subset="without").groupby(["layer", "head"]).ngroups
    ).all()


def test_gains_and_losses_of_a_phrase_are_paired_with_the_baselines(run, final):
    phrase = "black and white"
    got = queries.phrase_share(run, phrase).set_index("condition_id")
    changed = 0
    for condition, row in got.iterrows():
        texts = {image: text for (values, image), text in final.items() if values == condition}
        if row.n < len(texts):
            continue  # a pruning, without its sample
        pairs = [
            (phrase in text.lower(), phrase in final[BASELINE, image].lower())
            for image, text in texts.items()
        ]
        assert row.pairs == len(pairs)
        assert row.gained == sum(here and not there for here, there in pairs)
        assert row.lost == sum(there and not here for here, there in pairs)
        changed += row.gained + row.lost
    assert got.loc[BASELINE, ["gained", "lost"]].tolist() == [0, 0]
    assert changed
