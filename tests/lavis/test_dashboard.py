"""What was computed through LAVIS opens in the dashboard, which knows nothing of it.

Runs in the project's own environment, on the results folder of `make test-lavis`.
"""

import os
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

from store import open_run

ROOT = Path(__file__).parents[2]
RESULTS = os.environ["PEEL_LAVIS_CHECK"] + "/results"
PAGES = ("images", "image", "layers", "interventions", "heads", "pruning", "judge", "runs")
RUNS = {"demo-whoops": 48, "demo-imagenet": 48}


@pytest.mark.parametrize("run", RUNS)
def test_the_run_is_whole_and_says_where_it_was_made(run):
    with open_run(RESULTS, run) as opened:
        info = opened.table("run").iloc[0]
        assert info.backend == "lavis"
        assert opened.info["parity"]["passed"]
        assert opened.info["versions"]["transformers"] == "4.26.1"
        assert {"salesforce-lavis", "torchvision", "timm"} <= set(opened.info["versions"])
        captions = opened.table("caption")
        base = captions[captions.condition_id == "baseline"]
        assert len(base) == RUNS[run] * (info.n_layers + 1)
        last = base[base.layer == info.n_layers]
        assert last.text.nunique() > RUNS[run] / 2
        image = last.image_id.iloc[0]
        assert opened.tensors(image).attention.shape == (info.n_layers, info.n_heads, 65)
        for table in ("score", "curve", "head_effect", "change", "head_caption"):
            assert len(opened.table(table))


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("page", PAGES)
def test_every_page_opens(page, run, monkeypatch):
    monkeypatch.setenv("PEEL_RESULTS", RESULTS)
    with open_run(RESULTS, run) as opened:
        name = opened.run_id
    at = AppTest.from_file(str(ROOT / "dashboard" / "app.py"), default_timeout=60)
    at.query_params.update({"run": name})
    if page != "images":  # the default page; AppTest.switch_page knows pages of files alone
        at._page_hash = calc_hash(page)
    at.run()
    assert not at.exception
