import pytest

from dashboard.charts import pruning_tables
from dashboard.figures import paper as paper_figures
from dashboard.figures.paper import About
from store import open_run
from store.disk.runs import list_runs
from store.query import conditions as condition_queries
from store.query import images as image_queries
from tests.dashboard.opening import words
from tests.synthetic import make_run


@pytest.fixture(scope="module")
def run(edited):
    with open_run(list_runs(edited)[0]) as opened:
        yield opened


@pytest.fixture(scope="module")
def ask(run):
    return lambda query, *values: query(run, *values)


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    with open_run(make_run(tmp_path_factory.mktemp("bare"), n_images=2)) as opened:
        yield lambda query, *values: query(opened, *values)


def rows_of(chart, name):
    return [row for rows in chart.to_dict()["datasets"].values() for row in rows if name in row]


def test_captions_state_n_interval_and_run(ask, run):
    about = About(run.run_id)
    made = [paper_figures.figure2(ask, about), *paper_figures.table1(ask, about)]
    assert [figure.name for figure in made] == ["figure2", "table1", "table1-curve"]
    for figure in made:
        assert run.run_id in figure.caption
        assert "95%" in figure.caption and "interval" in figure.caption
        assert "pointwise" in figure.caption
        assert not figure.frame.empty
    assert "over 14 images" in made[0].caption


def test_figure_2_shows_the_stores_values_in_either_numbering(ask, run):
    ours, paper = (
        paper_figures.figure2(ask, About(run.run_id, paper=as_paper), ("rouge_l", "reference"))
        for as_paper in (False, True)
    )
    assert ours.frame.equals(paper.frame)
    expected = condition_queries.at_last_layer(run, "rouge_l", "reference").set_index(
        "condition_id"
    )["mean"]
    for row in ours.frame.to_dict("records"):
        assert row["mean"] == expected[row["condition_id"]]
    single = ours.frame[~ours.frame["joint"]]
    assert {row["first"] for row in rows_of(ours.chart, "first")} >= set(single["first"])
    assert {row["first"] for row in rows_of(paper.chart, "first")} >= set(single["first"] - 1)
    assert "the paper" in str(paper.chart.to_dict()).lower()


def test_figure_3_and_its_upper_range(ask, run):
    curves = image_queries.curves(run, "baseline")
    cider = curves[(curves["metric"] == "rouge_l") & (curves["against"] == "reference")].assign(
        metric="cider"
    )

    def answer(query, *values):
        return cider if query is image_queries.curves else ask(query, *values)

    whole, upper = paper_figures.figure3(answer, About(run.run_id))
    assert whole.frame["layer"].tolist() == list(range(7))
    assert upper.frame["layer"].min() == paper_figures.upper_range(6)
    paper, _ = paper_figures.figure3(answer, About(run.run_id, paper=True))
    assert paper.frame["layer"].tolist() == list(range(6))
    assert paper.frame["mean"].tolist() == cider.sort_values("layer")["mean"].tolist()[1:]


def test_figure_6_has_every_head_and_both_layers(ask, run):
    layer = int(ask(condition_queries.layers_with_head_captions)["layer"].max())
    figure = paper_figures.figure6_of(
        ask,
        About(run.run_id, paper=True),
        "img00001",
        layer,
        run.tensors("img00001"),
        (run.info["grid_h"], run.info["grid_w"]),
        {layer - 1: "below", layer: "here"},
    )
    assert figure.frame["head"].tolist() == [-1, 0, 1, 2]
    layers = (f">layer {layer - 2}<", f">layer {layer - 1}<")
    for text in (*layers, ">no head<", ">head 2<", "below", "here"):
        assert text in figure.chart
    scores = run.table("head_score", "metric = 'rouge_l' AND against = 'baseline'")
    means = scores[scores["layer"] == layer].groupby("head")["value"].mean()
    above = int((means.drop(-1) > means[-1]).sum())
    assert f"no head scores {means[-1]:.3f} [" in figure.caption
    assert f"{above} of 3 heads score more" in figure.caption


def test_table_1_is_of_one_number_of_heads(ask, run):
    rows = pruning_tables.pruned(ask(condition_queries.changes_of_kind, "prune"))
    counts = sorted(rows["n_pruned"].unique())
    for count in counts:
        table = paper_figures.table1(ask, About(run.run_id), n_pruned=int(count))[0].frame
        there = rows[
            (rows["n_pruned"] == count)
            & (rows["metric"] == "rouge_l")
            & (rows["against"] == "reference")
        ]
        shown = table[table["measure"] == "ROUGE-L against the references"]
        assert shown["after"].tolist() == there["edited"].tolist()
        assert shown["heads chosen by"].tolist() == there["algorithm"].tolist()


def test_what_a_run_does_not_have_is_no_figure(bare):
    about = About("bare")
    assert paper_figures.figure2(bare, about) is None
    assert paper_figures.figure3(bare, about) == []
    assert paper_figures.figure5(bare, about, "nobody") is None
    assert paper_figures.table1(bare, about) == []


def test_the_page_draws_them_with_their_files(open_page):
    at = open_page("figures")
    assert not at.exception
    text = words(at)
    for part in (
        "Figure 1",
        "Figure 2",
        "Figure 6",
        "Table 1",
        "Figure 3: no CIDEr",
        "Figure 5: no judge",
    ):
        assert part in text
    labels = [button.proto.label for button in at.get("download_button")]
    assert labels.count("CSV") == 5
    assert labels.count("SVG") == labels.count("PNG") == 4
    assert "python -m dashboard.report edited-" in " ".join(code.value for code in at.code)


def test_a_page_of_a_run_without_any_says_what_makes_them(open_page, tmp_path):
    make_run(tmp_path, n_images=2)
    at = open_page("figures", tmp_path)
    assert not at.exception
    for name in ("figure2", "figure3", "figure5", "figure6", "table1"):
        assert paper_figures.ABSENT[name] in words(at)


@pytest.mark.parametrize(
    ("film", "listed"), [("1-3", ["1", "3"]), ("3-99", ["3"]), ("x<b>", None), ("", None)]
)
def test_a_link_names_the_layers_of_the_film(open_page, film, listed):
    at = open_page("figures", film=film)
    assert not at.exception
    usual = open_page("figures").multiselect(key="film").value
    assert at.multiselect(key="film").value == (listed or usual)
