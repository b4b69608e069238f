"""A run of a tower without a class token: every page has its words and statistics, none of CLS."""

import re

import numpy as np
import pytest

from dashboard import reader, report
from dashboard.names.sections import TITLES
from dashboard.names.towers import TOWERS, not_of_one_kind
from store import open_run
from store.disk.runs import list_runs, update_run
from store.metrics import METRICS
from store.parts import token_attention
from store.parts.write import stage_folder
from tests.dashboard.opening import PAGES, words
from tests.dashboard.reader.test_reader import sent
from tests.dashboard.test_report import Page, decoded, urls
from tests.synthetic import make_run

EVERY = (*PAGES, "judge", "compare", "figures")
WORDS = TOWERS[False]
OF_CLS = {name for name, metric in METRICS.items() if metric.class_token}
OWN = {name for name, metric in METRICS.items() if metric.class_token is False}


@pytest.fixture(scope="module")
def patches(tmp_path_factory):
    """Results: one run of a tower without a class token, with conditions and a pruning."""
    folder = tmp_path_factory.mktemp("patches")
    make_run(
        folder, "patches", n_images=14, n_layers=6, n_heads=3, conditions=True, class_token=False
    )
    return folder


def everything(at):
    """All that a page sends but its pictures: text, labels, menus, helps, charts."""
    nodes = [element for element in at._tree if hasattr(element, "proto")]
    shown = [str(node.proto) for node in nodes if node.type not in ("imgs", "bidi_component")]
    assert len(shown) > 5
    return "\n".join([*shown, words(at)])


def of_cls(text):
    """What of a text is of CLS alone: the word itself, names of its statistics, their labels."""
    named = {METRICS[name].label for name in ("attn_to_patches", "map_shift", "attn_entropy")}
    return {word for word in {"CLS", *OF_CLS, *named} if re.search(rf"(?i)\b{word}\b", text)}


def test_no_word_of_the_table_is_of_cls_and_every_kind_has_all_of_them():
    for name, value in vars(WORDS).items():
        assert "CLS" not in str(value), name
        assert value and (name == "no_a" or vars(TOWERS[True])[name] != value)
    assert not {*WORDS.curves, *WORDS.parts} & OF_CLS
    assert not {*TOWERS[True].curves, *TOWERS[True].parts} & OWN
    assert {*WORDS.curves, *WORDS.parts, *TOWERS[True].parts} <= set(METRICS)


def test_what_the_readers_script_says_itself_is_of_no_kind():
    code = re.sub(r"(?m)//.*$", "", reader.script())
    assert "header.tower.about" in code and "CLS" not in code


@pytest.mark.parametrize("condition", ["baseline", "skip:5"])
@pytest.mark.parametrize("page", EVERY)
def test_no_page_speaks_of_cls_or_of_its_statistics(open_page, patches, page, condition):
    at = open_page(page, patches, condition=condition)
    assert not at.exception
    assert not of_cls(everything(at))


@pytest.mark.parametrize("page", ["layers", "heads", "figures", "compare"])
def test_pages_of_a_tower_with_a_class_token_do(open_page, page):
    """What finds nothing on the other pages finds it here."""
    found = of_cls(everything(open_page(page)))
    assert "CLS" in found
    assert {"layers": "map_shift", "heads": "Attention to patches A"}.get(page, "CLS") in found


@pytest.mark.parametrize("section", [*TITLES])
def test_no_section_of_layers_does(open_page, patches, section):
    at = open_page("layers", patches, section=section)
    assert not at.exception
    assert not of_cls(everything(at))
    assert (WORDS.no_a in words(at)) == (section == "attention")


def test_layers_have_the_curves_of_the_mean_patch(open_page, patches):
    text = everything(open_page("layers", patches, section="updates"))
    for name in ("mean_update_norm", "mean_resid_norm", "patch_update_norm"):
        assert METRICS[name].label in text
    for line in WORDS.parts.values():
        assert line in text
    text = everything(open_page("layers", patches, section="attention"))
    assert METRICS["received_shift"].label in text and METRICS["n_outlier_tokens"].label not in text
    text = everything(open_page("layers", patches))
    assert METRICS["received_shift"].label in text and METRICS["mean_update_norm"].label in text


def test_the_reader_has_maps_and_measures_of_its_own(open_page, patches):
    header, arrays = sent(open_page("image", patches, image="img00002"))
    with open_run(list_runs(patches)[0]) as run:
        stored = run.tensors("img00002")
    np.testing.assert_array_equal(arrays["attention"], stored.attention)
    assert header["first_patch"] == 0 and arrays["attention"].shape == (6, 3, 16)
    assert "CLS" not in str(header)
    assert header["tower"]["attention"] == "Attention received"
    names = {about["id"] for about in header["metrics"]}
    assert {"mean_contribution_share", "received_entropy", "gradient"} <= names
    assert not names & OF_CLS
    assert set(header["tower"]["curves"]) <= {about["id"] for about in header["curves"]}
    assert not {about["id"] for about in header["curves"]} & OF_CLS


def test_a_box_brings_what_its_patches_attend_to(open_page, tmp_path):
    run = make_run(tmp_path, n_images=2, n_layers=4, n_heads=2, grid=(3, 3), class_token=False)
    stage = stage_folder(run, "token_attention", {"code": 1})
    update_run(run, stages={"token_attention": stage.name})
    part = stage / "part-00000"
    part.mkdir(parents=True)
    rows = np.random.default_rng(0).dirichlet(np.ones(9), (4, 9)).astype(np.float16)
    token_attention.write(part / token_attention.FILE_NAME, rows.shape, [("img00001", rows)])
    at = open_page("image", tmp_path, image="img00001", patch="5")
    assert not at.exception
    np.testing.assert_array_equal(sent(at)[1]["patch"], rows[:, 5])


def test_a_picture_opens_at_the_largest_part_of_the_mean_patchs_update(open_page, tmp_path):
    run = make_run(tmp_path, n_images=2, class_token=False)
    with open_run(run) as opened:
        heads = opened.table("head_stat", "image_id = 'img00001'")
    best = heads.sort_values("mean_contribution_share").iloc[-1]
    header, _ = sent(open_page("image", tmp_path, image="img00001"))
    assert (header["peak"]["layer"], header["peak"]["head"]) == (
        str(best["layer"]),
        str(best["head"]),
    )
    assert header["peak"]["why"] == WORDS.largest


def test_filters_have_its_statistics_and_name_those_that_it_lacks(open_page, patches):
    at = open_page("images", patches, filter="received_shift@3>0")
    assert not at.exception and "14 of 14 images" in words(at)
    at = open_page("images", patches, filter="map_shift@3>0")
    assert "which this run does not have" in words(at)


def test_figures_say_why_there_is_no_a(open_page, patches):
    assert words(open_page("figures", patches)).count(WORDS.no_a) == 2  # of Figures 1 and 2


def test_the_report_does_not_speak_of_cls_either(patches):
    with open_run(list_runs(patches)[0]) as run:
        made = report.report(run)
    page = Page(made)
    text = " ".join(page.text)
    pictures = [decoded(url) for url in urls(page) if url.startswith("data:image/svg")]
    assert "CLS" not in text
    assert len(pictures) > 4
    words_of = [re.sub(r'(?:href|xlink:href)="data:[^"]*"', "", svg) for svg in pictures]
    assert not any("CLS" in svg for svg in words_of)
    assert WORDS.map in text and WORDS.no_a in text
    assert any(WORDS.legend in svg for svg in words_of)


def test_maps_of_two_kinds_are_not_compared(open_page, tmp_path):
    make_run(tmp_path, "cls", n_images=6)
    make_run(tmp_path, "patches", n_images=6, class_token=False)
    cls, patches = (run.name for run in list_runs(tmp_path))
    for one, other in ((cls, patches), (patches, cls)):
        at = open_page(
            "compare", tmp_path, run=one, with_run=other, metric="rouge_l:final", layer="3"
        )
        assert not at.exception
        text = words(at)
        assert not_of_one_kind(one == cls, other == cls) in text
        assert "share one colour scale" not in text
        assert all(TOWERS[kind].legend in text for kind in TOWERS)
        measures = set(at.selectbox(key="metric").options)
        assert METRICS["patch_update_norm"].label in measures
        assert not {METRICS[name].label for name in OF_CLS | OWN} & measures
    assert not_of_one_kind(True, True) == not_of_one_kind(False, False) == ""
