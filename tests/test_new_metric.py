"""A new metric, and a new statistic of heads: what must be written for pages to have them.

A metric is a line in `precompute.metrics` and an entry in `store.metrics`; a head's statistic is a
column that `precompute.forward.capture` computes and an entry in `store.metrics`.
"""

import pyarrow as pa
import pytest

from precompute import metrics as computed
from precompute.config.settings import Config, DatasetConfig, DecodeConfig, ModelConfig
from precompute.runner import Maker, Watch
from precompute.scoring.stage import score
from store import metrics as registry
from store import open_run
from store.metrics.inside import HeadStatistic
from store.publish.generation import publish
from store.schema import TABLES
from tests import synthetic
from tests.dashboard.opening import app, words
from tests.dashboard.reader.test_reader import sent


@pytest.fixture
def visit(tmp_path, monkeypatch):
    """Opens a page of the results that a test wrote."""
    monkeypatch.setenv("PEEL_RESULTS", str(tmp_path))

    def opened(page, **query):
        at = app(page, query).run()
        assert not at.exception
        return at

    return opened


def n_words(texts, references):
    return [float(len(text.split())) for text in texts]


def test_a_metric_of_two_registries_is_on_every_page(tmp_path, monkeypatch, visit):
    monkeypatch.setitem(computed.METRICS, "n_words", computed._fixed(n_words, "self"))
    entry = registry.Metric(
        "Words", "words", "How many words it has.", (0, 99), section="confidence"
    )
    monkeypatch.setitem(registry.METRICS, "n_words", entry)

    run = synthetic.make_run(tmp_path, n_images=4, n_layers=3, publish=False)
    config = Config(
        model=ModelConfig(path="none"),
        datasets=(DatasetConfig(name="synthetic", kind="whoops", path="none"),),
        decode=DecodeConfig(prompt="a caption", batch_size=1),
    )
    with Watch() as watch:
        score(run, config, Maker(watch), ["n_words"])
    publish(run)

    with open_run(run) as opened:
        texts = opened.sql("SELECT layer, text FROM caption")
        curve = opened.sql("SELECT layer, mean, n FROM curve WHERE metric = 'n_words'")
    lengths = texts["text"].str.split().str.len().groupby(texts["layer"]).mean()
    assert curve.set_index("layer")["mean"].sort_index().to_dict() == pytest.approx(
        lengths.to_dict()
    )
    assert set(curve["n"]) == {4}

    menu = visit("images", sort="n_words:self")
    assert "Words" in menu.selectbox(key="sort").options
    assert menu.selectbox(key="sort").value == "n_words:self"
    assert entry.meaning in words(menu)
    section = words(visit("layers", section="confidence"))
    assert ">Words<" in section and entry.meaning in section
    image = app("image", {"image": "img00002", "layer": "2"})
    image.session_state["scores"] = True
    table = image.run().dataframe[0].value
    assert "Words" in table.index


def test_a_rank_puts_a_metric_before_the_others(monkeypatch):
    entry = registry.Metric("New", "0 to 1", "A new one.", (0, 1), "more", quality=0, likeness=0)
    monkeypatch.setitem(registry.METRICS, "new", entry)
    assert registry.likeness()[:2] == ("new", "bertscore")
    assert registry.quality()[:2] == ("new", "cider")
    assert registry.gains()[0] == "grounded_gain_new"


def test_a_statistic_of_heads_needs_one_declaration(tmp_path, monkeypatch, visit):
    metric = registry.Metric("Peak", "share", "The most that one patch gets.", (0, 1))
    monkeypatch.setitem(registry.HEADS, "peak", HeadStatistic("head_stat", 0, metric))
    # These two are made from the declaration when they are imported.
    monkeypatch.setitem(registry.METRICS, "peak", metric)
    monkeypatch.setitem(TABLES["head_stat"].columns, "peak", pa.float32())
    rows = synthetic._Scene.head_stat
    monkeypatch.setattr(
        synthetic._Scene,
        "head_stat",
        lambda scene: [{**row, "peak": 0.25 + 0.1 * row["head"]} for row in rows(scene)],
    )
    run = synthetic.make_run(tmp_path, n_images=4, n_layers=3, n_heads=2)

    with open_run(run) as opened:
        curve = opened.sql("SELECT DISTINCT head, mean FROM head_curve WHERE metric = 'peak'")
    assert dict(zip(curve["head"], curve["mean"], strict=True)) == pytest.approx({0: 0.25, 1: 0.35})
    heads = visit("heads")
    assert heads.selectbox(key="heads_by").value == "peak:self"
    assert heads.selectbox(key="heads_by").options[0] == "Peak"
    assert metric.meaning in words(heads)
    header, arrays = sent(visit("image", image="img00002"))
    first = header["metrics"][0]
    assert (first["id"], first["label"], first["signed"]) == ("peak", "Peak", False)
    assert arrays["heads.peak"][1].tolist() == pytest.approx([0.25, 0.35])
