"""Both stages in a run of the tiny captioner: what they keep, and what is made again."""

import csv
from itertools import islice

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.stats import spearmanr

from precompute.config import FaithfulnessConfig, WordMapsConfig
from precompute.estimate.workload import n_chosen, workload
from precompute.forward import BatchSize, run_states
from precompute.maps import deletion, localise
from precompute.maps.follow import Said, deleted, rank_of
from precompute.maps.kinds import KINDS, maps_of
from precompute.maps.words import spoken
from precompute.models import size_of, with_permuted_tower
from precompute.pipeline import execute
from precompute.runner import Job, Maker, Watch, plan_runs
from store import open_run
from store.query import maps as map_queries

PROMPT = "a short image caption."
WORDS = WordMapsConfig(images=3, layers=(1, 3), captions=(2, 3), checked=1, groups=2, batch_size=3)
TRIED = FaithfulnessConfig(
    images=2, layers=(1, 3), steps=2, fills=("mean",), orders=1, randomised=(1, 3)
)


@pytest.fixture(scope="module")
def asked(config, pictures, tmp_path_factory):
    """The configuration with both sections; every caption's words are things of the left half."""
    folder = tmp_path_factory.mktemp("masks")
    with (folder / "things.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(("image", "value", "word"))
        for k, picture in zip((0, 1, 2, 4, 5), pictures, strict=True):
            values = np.zeros((picture.height, picture.width), np.uint8)
            values[:, : picture.width // 2] = 1
            Image.fromarray(values).save(folder / f"{k}.png")
            table.writerow((str(k), 1, "everything"))
    (dataset,) = config.datasets
    return config.model_copy(
        update={
            "word_maps": WORDS,
            "faithfulness": TRIED,
            "datasets": (dataset.model_copy(update={"masks": str(folder)}),),
        }
    )


@pytest.fixture(scope="module")
def made(asked, captioner, tmp_path_factory):
    (plan,) = plan_runs(asked)
    with pytest.MonkeyPatch.context() as patch, Watch() as watch:
        patch.setattr(localise, "names", lambda of_thing, word: True)
        results = tmp_path_factory.mktemp("results")
        return execute(Job(plan, results, lambda: captioner, Maker(watch)))


def test_words_and_maps_are_kept_for_chosen_images(made, captioner, pictures):
    with open_run(made) as opened:
        words = opened.table("word")
        captions = opened.sql("SELECT image_id, layer, text, token_ids FROM caption")
        assert set(words["image_id"]) == {"img-0", "img-1", "img-2"}
        assert set(words["layer"]) == {2, 3}
        for (image_id, layer), of_caption in words.groupby(["image_id", "layer"]):
            row = captions[(captions["image_id"] == image_id) & (captions["layer"] == layer)]
            ids = row["token_ids"].iloc[0].tolist()
            assert of_caption["text"].tolist() == [w.text for w in spoken(ids, captioner.text)]
            kept = opened.word_maps(image_id, layer)
            assert (kept.at, kept.words) == ([1, 3], list(range(len(of_caption))))
            assert np.abs(kept.heads).max((1, 2)) == pytest.approx(1, abs=1e-3)
            assert not np.abs(kept.maps[1]).any() if layer == 2 else np.abs(kept.maps[1]).any()
            checked = image_id == "img-0"
            assert of_caption["deletion_scale"].notna().all() == checked
            for word in of_caption["word"]:
                states = map_queries.states_of(opened, image_id, layer, word)
                assert states["state"].tolist() == ([1] if layer == 2 else [1, 3])
                assert states["rank"].notna().any() == checked
        assert opened.word_maps("img-4", 3) is None


@torch.inference_mode()
def test_deletion_and_its_rank_are_those_of_a_loop(shipped):
    captioner, pixels, said = shipped
    ids, tower = said[1], captioner.tower
    words, groups = spoken(ids, captioner.text), deletion.groups(tower.grid, 2)
    size = BatchSize(2, "word_maps.batch_size")
    got = deleted(captioner, pixels[0], Said("a", 7, ids, words), groups, PROMPT, size)
    side = pixels.shape[2] // 8

    def probable(picture, word):
        *_, state = islice(run_states(tower, tower.embed(picture[None])), 7)
        memory = captioner.read(state, PROMPT)
        longer, shorter = (
            k * float(captioner.logprob(memory, [ids[:k]])) for k in word.tokens[::-1]
        )
        return longer - shorter

    word = words[-1]
    for k, group in enumerate(groups):
        edited = pixels[0].clone()
        for patch in group:
            y, x = patch // 8 * side, patch % 8 * side
            edited[:, y : y + side, x : x + side] = pixels[0].mean((1, 2))[:, None, None]
        expected = probable(pixels[0], word) - probable(edited, word)
        assert float(got[-1, k]) == pytest.approx(expected, abs=1e-3)
    values = torch.randn(64, generator=torch.Generator().manual_seed(0))
    drops = torch.zeros(64)
    for group, drop in zip(groups, got[-1], strict=True):
        drops[group] = drop
    sums = [sum(float(values[patch]) for patch in group) for group in groups]
    expected = spearmanr(sums, got[-1].tolist()).statistic
    assert rank_of(values, drops, tower.grid, 2) == pytest.approx(expected)
    assert rank_of(values, torch.zeros(64), tower.grid, 2) is None


def test_scores_are_of_every_map_layer_and_measure(made, captioner, pictures, asked):
    with open_run(made) as opened:
        scores = opened.table("map_score")
        finals = opened.sql("SELECT image_id, token_ids FROM caption WHERE layer = 3")
        stats = opened.sql("SELECT * FROM image_stat WHERE metric = 'word_map_points'")
    tried = scores[scores["map"] != "word"]
    assert set(tried["image_id"]) == {"img-0", "img-1"}
    permuted = tried[tried["measure"] == "randomised"]
    assert set(permuted["blocks"]) == {1, 3}
    ids = [finals.set_index("image_id").loc[f"img-{k}", "token_ids"].tolist() for k in (0, 1)]
    pixels = captioner.pixels(pictures[:2])
    here = maps_of(captioner, pixels, ids, [1, 3], PROMPT)
    for blocks, other in ((1, with_permuted_tower(captioner, 0, 1)), (3, None)):
        other = other or with_permuted_tower(captioner, 0)
        there = maps_of(other, pixels, ids, [1, 3], PROMPT)
        for kind in KINDS:
            row = permuted[
                (permuted["blocks"] == blocks)
                & (permuted["map"] == kind)
                & (permuted["layer"] == 3)
                & (permuted["image_id"] == "img-1")
            ]
            expected = spearmanr(here[kind][1, 1], there[kind][1, 1]).statistic
            assert float(row["value"].iloc[0]) == pytest.approx(expected, abs=0.02)
    pointed = tried[tried["measure"] == "mass"]
    assert set(pointed["map"]) == set(KINDS)
    assert (pointed["floor"] == 0.5).all()
    left = here["attention"][0, 1].reshape(8, 8)[:, :4].sum() / here["attention"][0, 1].sum()
    row = pointed[(pointed["image_id"] == "img-0") & (pointed["layer"] == 3)]
    mine = row.loc[row["map"] == "attention", "value"]
    np.testing.assert_allclose(mine, float(left), atol=1e-3)
    words = scores[(scores["map"] == "word") & (scores["measure"] == "pointing")]
    means = words.groupby("image_id")["value"].mean()
    assert dict(zip(stats["image_id"], stats["value"], strict=True)) == pytest.approx(dict(means))


def test_nothing_is_made_twice_and_other_settings_make_another_stage(made, asked, run):
    before = {path: path.stat().st_mtime_ns for path in made.glob("parts/*/*/*")}
    assert run(made.parent, asked) == made
    assert {path: path.stat().st_mtime_ns for path in made.glob("parts/*/*/*")} == before
    other = asked.model_copy(update={"word_maps": WORDS.model_copy(update={"layers": (2,)})})
    run(made.parent, other)
    new = [p for p in made.glob("parts/*") if p.name.startswith("word_maps-")]
    assert len(new) == 2


def test_the_plan_counts_both(asked):
    size = size_of(asked.model)
    work = {one.stage: one for one in workload(asked, "tiny", size, 5, 0)}
    # A word of four tokens at most, forward and back, of two captions of three images; five edits
    # of each of one image's two.
    assert work["word_maps"].passes == work["word_maps"].forced == 3 * 3 * 2 * 1 + 2 * 5
    orders = len(KINDS) * 2 + 2
    assert work["faithfulness"].forced == 2 * (2 + 2 * orders * 1 + 3 * 3)
    assert n_chosen(("a", "b"), 5) == 2 and n_chosen(9, 5) == 5
