"""The stage on two of the demo's pairs, by its captioner; what is told apart, and what is not."""

import base64
import io

import numpy as np
import pytest
import torch
from PIL import Image

from precompute.config import PROJECT, Config
from precompute.config.experiments import PatchingConfig
from precompute.config.settings import DecodeConfig, Generation, ModelConfig
from precompute.estimate.workload import workload
from precompute.models import load_captioner, size_of
from precompute.patching.pairs import read_pairs
from precompute.patching.sites import Site, choose
from precompute.patching.stage import changed_patches, write_pairs
from store.parts import list_parts, read_table
from store.parts.write import stage_folder, write_part

FOLDER = PROJECT / "precompute/demo/pairs"
CONFIG = PatchingConfig(pairs="precompute/demo/pairs", exact_top=2, exact_random=1)


@pytest.fixture(scope="module")
def whole():
    return Config(
        model=ModelConfig(path="precompute/demo/checkpoint", device="cpu", dtype="float32"),
        datasets=({"name": "x", "kind": "whoops", "path": "precompute/demo/whoops"},),
        decode=DecodeConfig(
            prompt="a short image caption.",
            batch_size=64,
            generation=Generation(max_new_tokens=20),
        ),
        patching=CONFIG,
    )


@pytest.fixture(scope="module")
def tables(whole, tmp_path_factory):
    captioner = load_captioner(whole.model)
    pair, _ = read_pairs(FOLDER, 2)
    twins = type(pair)("twins", pair.a, pair.a, None, (None, None))
    done = []
    folder = stage_folder(tmp_path_factory.mktemp("run"), "patching", {})
    with write_part(folder, "pairs-000000") as part:
        write_pairs(part, captioner, [pair, twins], CONFIG, whole, done.append)
    assert sum(done) == 2
    parts = list_parts(folder)
    return {
        name: read_table(parts, name).to_pandas()
        for name in ("patch_pair", "patch_story", "patch_effect")
    }


def test_a_pair_is_told_apart_and_twins_are_not_patched(tables):
    pairs = tables["patch_pair"].set_index("pair")
    assert set(pairs.index) == {"01", "twins"}
    assert pairs.span_a["01"] > 0
    assert pairs.span_b["01"] > 0
    assert pairs.final_a["01"] != pairs.final_b["01"]
    assert pairs.caption_a["01"].startswith("an apple")
    assert pairs.span_a.isna()["twins"]
    assert set(tables["patch_effect"].pair) == {"01"}
    assert list(pairs.changed_patches["twins"]) == []
    seen = np.asarray(Image.open(io.BytesIO(base64.b64decode(pairs.picture_a["01"]))))
    assert seen.ndim == 3


def test_what_differs_carries_all_at_the_start_and_nothing_else_does(tables):
    effects = tables["patch_effect"].set_index(["side", "site", "layer", "position"])
    for side in ("a", "b"):
        assert effects.exact[side, "changed", 0, -1] == pytest.approx(1, abs=1e-3)
        assert effects.exact[side, "rest", 0, -1] == pytest.approx(0, abs=1e-3)
        assert effects.exact[side, "cls", 0, -1] == pytest.approx(0, abs=1e-3)


def test_some_are_measured_and_all_have_a_gradient(tables):
    effects = tables["patch_effect"]
    single = effects[effects.site.isin(["head", "patch"])]
    assert single.gradient.notna().all()
    counts = single[single.exact.notna()].groupby(["side", "site", "chosen"]).size()
    assert counts.to_dict() == {
        (side, site, chosen): n
        for side in ("a", "b")
        for site in ("head", "patch")
        for chosen, n in (("top", 2), ("random", 1))
    }
    others = effects[~effects.site.isin(["head", "patch"])]
    assert (others.chosen == "all").all()
    assert others.exact.notna().all()


def test_the_plan_counts_what_is_measured(whole, tables):
    one_pair = whole.model_copy(update={"patching": CONFIG.model_copy(update={"n": 1})})
    size = size_of(whole.model)
    (planned,) = (w for w in workload(one_pair, "x", size, 2, 0) if w.stage == "patching")
    measured = int(tables["patch_effect"].exact.notna().sum())
    assert planned.forced == 2 * (measured + 2 * (1 + 3))
    assert planned.captions == (tables["patch_story"].pair == "01").sum()
    (other,) = {w.stage for w in workload(one_pair, "y", size, 2, 0)} - {"capture"} or {None}
    assert other is None


def test_stories_are_of_every_layer_of_both(tables):
    counts = tables["patch_story"].groupby(["pair", "side"]).size()
    assert counts.nunique() == 1
    assert set(counts.index) == {(p, s) for p in ("01", "twins") for s in ("a", "b")}


def test_changed_patches_are_those_of_a_loop():
    rng = np.random.default_rng(0)
    one = rng.integers(0, 200, (24, 32, 3), dtype=np.uint8)
    other = one.copy()
    other[9, 17] += 20
    other[23, 31, 2] += 9
    other[0, 0] += 8  # as little as a JPEG may leave
    found = changed_patches(Image.fromarray(one), Image.fromarray(other), (3, 4))
    expected = torch.zeros(3, 4, dtype=torch.bool)
    for row in range(3):
        for column in range(4):
            rows, columns = slice(row * 8, row * 8 + 8), slice(column * 8, column * 8 + 8)
            apart = abs(one[rows, columns].astype(int) - other[rows, columns])
            expected[row, column] = bool((apart > 8).any())
    assert torch.equal(found, expected.flatten())
    assert found.sum() == 2


def test_the_largest_and_some_others_are_chosen():
    gradient = {Site(1, "head", h): (-1) ** h * h for h in range(8)} | {Site(1, "mlp"): 99.0}
    chosen = choose(gradient, "head", 2, 3, "seed")
    assert {site.position for site, how in chosen.items() if how == "top"} == {6, 7}
    assert sum(how == "random" for how in chosen.values()) == 3
    assert chosen == choose(gradient, "head", 2, 3, "seed")
    assert len(choose(gradient, "head", 5, 9, "seed")) == 8


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("file_a,file\nx.png,y.png", "file_a and file_b; got file_a, file"),
        ("file_a,file_b\nx.png,z.png", "line 2: expected file_b to be a picture; got 'z.png'"),
        ("pair,file_a,file_b\n1,x.png,x.png\n1,x.png,x.png", "names that differ"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(tmp_path, lines, message):
    Image.new("RGB", (4, 4)).save(tmp_path / "x.png")
    (tmp_path / "pairs.csv").write_text(lines)
    with pytest.raises(ValueError, match=message):
        read_pairs(tmp_path)


def test_a_folder_without_the_file_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"expected .*pairs\.csv"):
        read_pairs(tmp_path)
