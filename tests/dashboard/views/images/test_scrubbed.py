"""The pictures under the slider: what is sent, against the run's tables and arrays."""

import numpy as np
import pytest

from store import open_run
from store.disk.runs import list_runs
from store.statistics.intervals import wilson
from tests.dashboard.opening import count, gallery, opened, words


@pytest.fixture(scope="module")
def run(edited):
    with open_run(list_runs(edited)[0]) as opened_run:
        yield opened_run


def test_every_layer_s_captions_are_there(open_page, run):
    header, arrays = gallery(open_page("images"))
    rows = run.table("caption", "condition_id = 'baseline'")
    assert (header["layers"], header["layer"], len(header["tiles"])) == (6, 6, 14)
    for i, tile in enumerate(header["tiles"]):
        mine = rows[rows["image_id"] == tile["id"]].sort_values("layer")
        assert tile["texts"] == list(mine["text"])
        assert arrays[f"picture.{i}"][:2].tobytes() == b"\xff\xd8"  # a JPEG's first bytes
        assert f"map.{i}" not in arrays


def test_the_slider_begins_where_a_filter_looks_or_the_link_says(open_page):
    assert gallery(open_page("images", filter="map_shift@2>=0"))[0]["layer"] == 2
    assert gallery(open_page("images", filter="map_shift@2>=0", scrub="3"))[0]["layer"] == 3
    both = open_page("images", filter="map_shift@2>=0;map_shift@3>=0")
    assert gallery(both)[0]["layer"] == 6
    at = open_page("images", scrub="7")
    assert gallery(at)[0]["layer"] == 6
    assert "The link names the layer of the slider “7”" in words(at)


def test_colours_and_bars_are_of_the_filter_s_score(open_page, run):
    for text, bound in (("rouge_l:final@2>=0.7", ">="), ("rouge_l:final@2<0.7", "<")):
        at = open_page("images", filter=text)
        header, _ = gallery(at)
        rows = run.table(
            "score", "condition_id = 'baseline' AND metric = 'rouge_l' AND \"against\" = 'final'"
        )
        ids = {tile["id"] for tile in header["tiles"]}
        assert 0 < len(ids) == count(at) < 14
        for tile in header["tiles"]:
            mine = rows[rows["image_id"] == tile["id"]].sort_values("layer")
            expected = [int(value >= 0.7) for value in mine["value"]]
            assert tile["right"] == expected
            assert tile["right"][2] == (bound == ">=")
        for layer in range(7):
            values = rows[(rows["layer"] == layer) & rows["image_id"].isin(ids)]["value"]
            right = int((values >= 0.7).sum())
            assert header["shares"]["n"][layer] == len(values) == len(ids)
            assert header["shares"]["right"][layer] == right
            low, high = wilson(np.array([right / len(ids)]), np.array([len(ids)]))
            assert header["shares"]["interval"][layer] == [low[0], high[0]]
        assert header["words"]["right"].startswith("score 0.7 or more by ROUGE-L")


def test_those_that_are_not_right_are_a_link_away(open_page):
    header, _ = gallery(open_page("images", filter="rouge_l:final@2>=0.7", sort="map_shift"))
    query = header["wrong"].replace("LAYER", "3")
    assert "sort=map_shift" in query
    assert "filter=rouge_l%3Afinal%402%3E%3D0.7%3Brouge_l%3Afinal%403%3C0.7" in query


def test_maps_come_when_they_are_asked_for(open_page, run):
    header, arrays = gallery(open_page("images", overlay="true"))
    assert header["maps"] is True
    for i, tile in enumerate(header["tiles"]):
        attention = run.tensors(tile["id"]).attention.astype(np.float32).mean(1)[:, 1:]
        share = attention / np.quantile(attention, 0.998)
        expected = np.rint(255 * np.clip(share, 0, 1))
        assert arrays[f"map.{i}"].shape == (6, 16)
        np.testing.assert_allclose(arrays[f"map.{i}"], expected, atol=1)


def test_what_was_not_decoded_is_no_caption(open_page, run):
    decoded = run.sql(
        "SELECT condition_id, count(DISTINCT layer) AS layers FROM caption "
        "GROUP BY condition_id ORDER BY layers"
    )
    condition, layers = decoded.iloc[0]
    assert layers < 7
    for tile in gallery(open_page("images", condition=condition))[0]["tiles"]:
        assert sum(text is not None for text in tile["texts"]) == layers


def test_no_picture_leads_to_another_one_s_layer(open_page):
    links = opened(open_page("images", scrub="2", layer="5", head="1"))
    assert len(links) == 14
    assert not any("layer" in link or "head" in link for link in links)
