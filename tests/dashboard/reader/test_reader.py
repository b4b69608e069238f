"""What the reader gets, against what the store has; and where it begins."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from dashboard import reader
from dashboard.names.towers import TOWERS
from dashboard.reader import payload, place
from dashboard.reader.payload import Payload
from store.disk.runs import update_run
from store.parts import token_attention
from store.parts.tensors import ImageTensors, TensorWriter, condition_file
from store.parts.write import stage_folder
from store.query import reader as reader_queries
from store.query.run import open_run
from store.schema import BASELINE
from tests.dashboard.opening import sent_to, unpacked
from tests.synthetic import make_run


def sent(at):
    """What the reader on a page was sent."""
    (packed,) = sent_to(at, "peel_reader")
    return unpacked(packed)


def tensors(rng, n_layers=3, n_heads=2, n=4):
    tokens = n + 1
    attention = rng.random((n_layers, n_heads, tokens)).astype(np.float16)
    norms = np.ones((n_layers + 1, tokens), np.float16) + 0.01 * rng.random((n_layers + 1, tokens))
    norms[2, 3] = 99
    return ImageTensors("a", attention, attention * 2, norms.astype(np.float16), None, b"jpeg!")


def test_a_payload_is_read_back_as_it_was_packed():
    rng = np.random.default_rng(0)
    arrays = {
        "bytes": np.arange(7, dtype=np.uint8),
        "halves": rng.random((2, 3)).astype(np.float16),
        "none": np.zeros((0, 4), np.float32),
        "last": rng.random(5).astype(np.float32),
    }
    header, back = unpacked(payload.pack(Payload({"text": "näïve </script>"}, arrays)))
    assert header["text"] == "näïve </script>"
    assert list(back) == list(arrays)
    for name, array in arrays.items():
        assert back[name].dtype == array.dtype
        np.testing.assert_array_equal(back[name], array)


def test_a_header_that_javascript_cannot_read_is_refused():
    with pytest.raises(ValueError, match="not JSON compliant"):
        payload.pack(Payload({"mean": float("nan")}, {}))


def test_maps_are_those_of_the_store_and_outliers_leave_the_second_scale():
    rng = np.random.default_rng(1)
    one = tensors(rng)
    one.attention[1, 0, 3] = 50  # on the outlier token of layer 2
    made = payload.maps(one, (2, 2), None)
    np.testing.assert_array_equal(made.arrays["attention"], one.attention)
    np.testing.assert_array_equal(made.arrays["contribution"], one.contribution)
    assert np.argwhere(made.arrays["marked"]).tolist() == [[2, 2]]
    scales = made.header["scales"]["attention"]
    everything = [float(v) for v in one.attention[:, :, 1:].ravel()]
    rest = [
        float(one.attention[layer, head, token])
        for layer in range(3)
        for head in range(2)
        for token in range(1, 5)
        if (layer, token) != (1, 3)
    ]
    assert scales["all"]["high"] == pytest.approx(np.quantile(everything, 0.998))
    assert scales["rest"]["high"] == pytest.approx(np.quantile(rest, 0.998), rel=1e-5)
    assert scales["rest"]["high"] < 1.1 < scales["all"]["high"]
    assert "difference.attention" not in made.header["scales"]


def test_maps_without_a_class_token_begin_at_the_first_patch():
    behind_cls = tensors(np.random.default_rng(1))
    alone = replace(
        behind_cls,
        attention=behind_cls.attention[..., 1:],
        contribution=behind_cls.contribution[..., 1:],
        token_norm=behind_cls.token_norm[:, 1:],
    )
    one, other = (payload.maps(each, (2, 2), each) for each in (behind_cls, alone))
    assert (one.header.pop("first_patch"), other.header.pop("first_patch")) == (1, 0)
    assert one.header == other.header
    np.testing.assert_array_equal(one.arrays["marked"], other.arrays["marked"])
    np.testing.assert_array_equal(one.arrays["attention"][..., 1:], other.arrays["attention"])


def test_the_other_conditions_maps_and_the_scale_of_their_difference():
    rng = np.random.default_rng(2)
    one, other = tensors(rng), tensors(rng)
    made = payload.maps(one, (2, 2), other)
    np.testing.assert_array_equal(made.arrays["other.contribution"], other.contribution)
    apart = [
        abs(float(a) - float(b))
        for a, b in zip(
            one.attention[..., 1:].ravel(), other.attention[..., 1:].ravel(), strict=True
        )
    ]
    assert made.header["scales"]["difference.attention"]["all"]["high"] == pytest.approx(
        np.quantile(apart, 0.998), rel=1e-5
    )


def test_heads_without_a_measure_are_no_number():
    heads = pd.DataFrame(
        {
            "layer": [1, 2, 2],
            "head": [0, 0, 1],
            "attn_entropy": [1.0, 2.0, None],
            "gradient": [None] * 3,
            "contribution_share": [0.1, -0.2, 0.3],
        }
    )
    made = payload.matrix(heads, 2, 2, TOWERS[True])
    assert {about["id"]: about["signed"] for about in made.header["metrics"]} == {
        "contribution_share": True,
        "attn_entropy": False,
        "attn_to_box": False,
    }
    np.testing.assert_array_equal(
        made.arrays["heads.attn_entropy"], np.array([[1, np.nan], [2, np.nan]], np.float32)
    )


def test_curves_have_a_place_for_every_layer():
    values = pd.Series([0.5, 0.25], index=[1, 3])
    made = payload.curves(
        {"map_shift": values, "rouge_l:final": values * np.nan}, {"map_shift": values + 1}, 3
    )
    assert [about["id"] for about in made.header["curves"]] == ["map_shift"]
    np.testing.assert_array_equal(
        made.arrays["curve.map_shift"], np.array([np.nan, 0.5, np.nan, 0.25], np.float32)
    )
    assert made.arrays["before.map_shift"][3] == 1.25


HEADER = {
    "layers": 3,
    "heads": 2,
    "grid": [2, 3],
    "metrics": [{"id": "gradient"}],
    "curves": [],
    "compared": None,
    "difference": False,
    "tokens": False,
    "followed": {"3": {"cat": "3-0", "red": "3-1"}},
}


def test_only_known_values_are_taken():
    known = place.choices(HEADER, (2, 1))
    default = place.within(None, known)
    assert (default["layer"], default["head"], default["against"]) == ("2", "1", "previous")
    values = {
        "layer": "3",
        "head": "mean",
        "patch": "0",
        "word": "3-1",
        "difference": "true",
        "against": "other",
        "opacity": "0.7",
        "own_scale": True,
        "cells": ["gradient"],
        "more": "x",
    }
    taken = {"layer": "3", "head": "mean", "patch": "0", "word": "3-1"}
    assert place.within(values, known) == default | taken
    assert place.within({"word": "3-2"}, known)["word"] == default["word"] == "none"
    more = place.choices(HEADER | {"difference": True, "compared": "mean:1"}, None)
    assert place.within(None, more)["against"] == "other"
    assert place.within(values, more) | {"opacity": ""} == place.within(None, more) | {
        **taken,
        "difference": "true",
        "against": "other",
        "opacity": "",
    }


@pytest.mark.parametrize(
    ("box", "inside"),
    [
        ("4", [4]),
        ("0-4", [0, 1, 3, 4]),
        ("2-5", [2, 5]),
        ("3-5", [3, 4, 5]),
        ("4-4", None),
        ("4-0", None),
        ("1-3", None),
        ("6", None),
        ("0-6", None),
        ("a", None),
    ],
)
def test_a_box_is_named_by_its_first_and_last_patch(box, inside):
    known = place.choices(HEADER, None)
    assert (place.within({"patch": box}, known)["patch"] == box) == (inside is not None)
    if inside is not None:
        assert place.patches(box, columns=3) == inside


def test_the_component_moves_only_when_the_link_has_another_place(monkeypatch):
    class Link(dict):
        def to_dict(self):
            return dict(self)

    state, link = {}, Link()
    for module in (place, place.link):
        monkeypatch.setattr(module.st, "session_state", state)
        monkeypatch.setattr(module.st, "query_params", link)
    known = place.choices(HEADER, (2, 1))
    first = place.start(place.read(known), "a")
    assert (first["serial"], first["at"]["layer"]) == (1, "2")
    state[reader.KEY] = {"at": {**first["at"], "layer": "3"}}
    place.moved(known)
    assert link == {"layer": "3"}
    assert place.start(place.read(known), "a") == first  # it is there already
    link["layer"] = "1"  # the back button
    again = place.start(place.read(known), "a")
    assert (again["serial"], again["at"]["layer"]) == (2, "1")
    assert place.start(place.read(known), "b")["serial"] == 3  # another picture


def test_scores_over_layers_are_those_of_the_table(edited):
    with open_run(edited) as run:
        metric, against = reader_queries.scored(run, "baseline").iloc[0]
        lines = reader_queries.score_lines(run, "img00003", "baseline", ((metric, against),))
        table = run.table("score")
        expected = {
            row.layer: row.value
            for row in table.itertuples()
            if (row.condition_id, row.image_id, row.metric, row.against)
            == ("baseline", "img00003", metric, against)
        }
        assert dict(zip(lines["layer"], lines["value"], strict=True)) == expected
        assert reader_queries.score_lines(run, "img00003", "baseline", ()).empty


def test_pictures_of_one_caption_are_counted(edited):
    with open_run(edited) as run:
        captions = run.table("caption")
        for condition in ("baseline", "skip:5"):
            here = captions[captions["condition_id"] == condition]
            expected = {}
            for layer, text in here.loc[here["image_id"] == "img00003", ["layer", "text"]].values:
                same = [
                    row.image_id
                    for row in here.itertuples()
                    if row.layer == layer and row.text == text
                ]
                expected[layer] = len(same) - 1
            others = reader_queries.sharing(run, "img00003", condition)
            assert dict(zip(others["layer"], others["others"], strict=True)) == expected
    assert max(expected.values()) > 0


def test_a_page_sends_the_picture_once_and_where_to_begin(open_page, edited):
    at = open_page("image", image="img00002", layer="4", head="1")
    assert not at.exception
    header, arrays = sent(at)
    with open_run(edited) as run:
        stored = run.tensors("img00002")
        texts = run.table("caption", "condition_id = 'baseline' AND image_id = 'img00002'")
    np.testing.assert_array_equal(arrays["attention"], stored.attention)
    assert arrays["picture"].tobytes() == stored.model_input
    assert {row["layer"]: row["text"] for row in header["rows"]} == dict(
        zip(texts["layer"], texts["text"], strict=True)
    )
    assert (header["start"]["at"]["layer"], header["start"]["at"]["head"]) == ("4", "1")
    assert (header["compared"], header["difference"], header["tokens"]) == (None, False, False)


def test_a_condition_that_was_not_captured_brings_words_alone(open_page):
    header, arrays = sent(open_page("image", image="img00001", condition="skip:5"))
    assert (header["compared"], header["difference"]) == ("baseline", False)
    assert "other.attention" not in arrays
    assert all("other" in row["pieces"] for row in header["rows"])
    header, _ = sent(open_page("image", image="img00001", condition="skip:5", versus="none"))
    assert (header["compared"], "other" in header["rows"][0]["pieces"]) == (None, False)


def test_a_captured_condition_brings_both_maps(open_page, tmp_path):
    run = make_run(tmp_path, n_images=2, n_layers=4, n_heads=3, grid=(2, 2), conditions=True)
    with open_run(run) as there:
        before = there.tensors("img00001")
        name = next(name for name in there.table("condition").condition_id if name != BASELINE)
        stage = there.info["stages"]["capture"]
    edited = replace(tensors(np.random.default_rng(4), 4, 3), model_input=before.model_input)
    path = run / "parts" / stage / "part-00000" / condition_file(name)
    with TensorWriter(path, 4, 3, 5) as writer:
        writer.append(replace(edited, image_id="img00000"))
        writer.append(replace(edited, image_id="img00001"))
    header, arrays = sent(open_page("image", tmp_path, image="img00001", condition=name))
    assert (header["compared"], header["difference"]) == (BASELINE, True)
    np.testing.assert_array_equal(arrays["attention"], edited.attention)
    np.testing.assert_array_equal(arrays["other.attention"], before.attention)
    header, arrays = sent(open_page("image", tmp_path, image="img00001", versus=name))
    assert (header["compared"], header["difference"]) == (name, True)
    np.testing.assert_array_equal(arrays["other.attention"], edited.attention)


def test_a_patch_brings_what_it_attends_to(open_page, tmp_path):
    run = make_run(tmp_path, n_images=2, n_layers=4, n_heads=2, grid=(3, 3))
    stage = stage_folder(run, "token_attention", {"code": 1})
    update_run(run, stages={"token_attention": stage.name})
    part = stage / "part-00000"
    part.mkdir(parents=True)
    rows = np.random.default_rng(0).dirichlet(np.ones(10), (4, 10)).astype(np.float16)
    token_attention.write(part / token_attention.FILE_NAME, rows.shape, [("img00001", rows)])
    at = open_page("image", tmp_path, image="img00001", patch="5")
    assert not at.exception
    header, arrays = sent(at)
    assert (header["tokens"], header["patch"]) == (True, "5")
    np.testing.assert_array_equal(arrays["patch"], rows[:, 6])  # token 0 is CLS
    header, arrays = sent(open_page("image", tmp_path, image="img00001", patch="1-5"))
    expected = np.mean([rows[:, token].astype(float) for token in (2, 3, 5, 6)], axis=0)
    np.testing.assert_allclose(arrays["patch"], expected, atol=1e-3)
    header, arrays = sent(open_page("image", tmp_path, image="img00000", patch="5"))
    assert (header["tokens"], "patch" in arrays) == (False, False)
