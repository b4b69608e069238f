"""A tiny CLIP and SigLIP from pictures to tables, by the shipped configuration."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from precompute.config.settings import PROJECT, Generation, read_config
from precompute.estimate.preflight import require_ready
from precompute.models import load_captioner
from precompute.pipeline import execute
from precompute.runner.job import Job
from precompute.runner.plan import plan_runs
from precompute.runner.stage import Maker
from precompute.runner.watch import Watch
from store import open_run
from tests.precompute.models.tiny_clip import MADE, TEMPLATE

DEMO = PROJECT / "precompute/demo/imagenet"


def classes():
    """wnid -> first name, of the demo's classes, in the order of its file."""
    lines = (DEMO / "synset_words.txt").read_text(encoding="utf-8").splitlines()
    return {line.split()[0]: line.split(maxsplit=1)[1].split(",")[0] for line in lines}


def written(family, folder):
    """A tiny model on disk, and the demo's pictures; every second is named after what it sees.

    Of random weights no picture would be of the class that is nearest to it.
    """
    reader = MADE[family](list(classes().values()))
    reader.model.save_pretrained(folder / "model")
    reader.processor.save_pretrained(folder / "model")
    (folder / "imagenet").mkdir()
    shutil.copy(DEMO / "synset_words.txt", folder / "imagenet")
    wnids = list(classes())
    for i, path in enumerate(sorted(DEMO.glob("*.JPEG"))[::4]):
        with Image.open(path) as picture:
            ((nearest,),) = reader.library_captions(
                [picture.convert("RGB")], TEMPLATE, Generation()
            )
        name = path.stem.rpartition("_")[0]
        wnid = wnids[nearest] if i % 2 else path.stem.rpartition("_")[2]
        shutil.copy(path, folder / "imagenet" / f"{name}_{wnid}.JPEG")
    return folder


def shipped(folder, *settings):
    """The shipped configuration with a tiny model."""
    return read_config(PROJECT / "precompute/configs/imagenet-clip.toml", [
        f"model.path={folder / 'model'}", "model.device=cpu",
        f"datasets.0.path={folder / 'imagenet'}", f"model.texts.path={folder / 'imagenet'}",
        "capture.part_size=5", "capture.batch_size=4", *settings,
    ])  # fmt: skip


def carried_out(config, results):
    require_ready(config)
    (plan,) = plan_runs(config)
    with Watch() as watch:
        execute(Job(plan, results, lambda: load_captioner(config.model), Maker(watch)))
    return plan.run_id


EDITS = """experiments=[{name='all', all_layers=true, conditions=[
    'mean:2', 'confuse:2', 'skip:3', 'heads:2-without-1+3', 'heads:3-only-0']}]"""


@pytest.mark.parametrize("family", MADE)
def test_a_run_from_pictures_to_zero_shot_accuracy_by_layer(family, tmp_path):
    """Every kind of condition, single heads, their effects, pruning, a floor."""
    config = shipped(
        written(family, tmp_path),
        "floor={seeds=[0], n=4}",
        "heads={layers=[2]}",
        "head_effect={exact_top=2, exact_random=2}",
        EDITS,
        "pruning=[{name='few', m=4, samples=1, metric='exact', top_k=2, random_seeds=1}]",
        "head_texts={n=100, texts=3, controls=2}",
    )
    if family == "siglip":
        config = config.model_copy(update={"head_texts": None})
    name = carried_out(config, tmp_path / "results")
    with open_run(tmp_path / "results", name) as run:
        captions, curve = run.table("caption"), run.table("curve")
        labels = run.table("image").set_index("image_id").label
        effects, explained = run.table("head_effect"), run.table("head_text")
        words = run.table("near_text")
    listed = json.loads((tmp_path / "results" / name / "run.json").read_text())["texts"]
    assert listed == list(classes().values())
    for row in captions.itertuples():
        assert row.text == listed[row.token_ids[0]] and len(row.token_ids) == 1
    kinds = {one.partition(":")[0] for one in captions.condition_id}
    assert {"baseline", "mean", "confuse", "skip", "heads", "prune"} <= kinds
    accuracy = curve[(curve.metric == "class_name") & (curve.against == "label")]
    for (condition, layer), those in captions.groupby(["condition_id", "layer"]):
        if condition.startswith("prune"):
            continue  # judged on the images outside its sample
        right = [row.text == labels[row.image_id] for row in those.itertuples()]
        at = accuracy[(accuracy.condition_id == condition) & (accuracy.layer == layer)]
        assert at["mean"].item() == pytest.approx(np.mean(right))
        if (condition, layer) == ("baseline", 3):
            assert 0.4 < np.mean(right) < 0.7
    top = words[words["rank"] == 1].merge(captions[captions.condition_id == "baseline"],
                                          on=["image_id", "layer"])  # fmt: skip
    assert len(words) == 5 * len(top) == 5 * 4 * len(labels)
    assert (top.text_x == top.text_y).all()
    assert np.allclose(np.log(top.probability), top.mean_logprob, atol=1e-4)
    assert len(effects) == len(labels) * 3 * 4 and effects.gradient.abs().max() > 0
    assert len(explained) == (3 * 4 * 3 if family == "clip" else 0)


def test_the_list_decides_the_run(tmp_path):
    written("clip", tmp_path)
    (tmp_path / "words.txt").write_text("dog\ncat\n")
    file = f"model.texts={{list='file', path='{tmp_path / 'words.txt'}'}}"
    runs = [plan_runs(shipped(tmp_path, *more))[0] for more in ([], [file])]
    (tmp_path / "words.txt").write_text("cat\ndog\n")
    runs.append(plan_runs(shipped(tmp_path, file))[0])
    assert len({run.run_id for run in runs}) == 3


def test_siglips_heads_are_not_explained_and_that_is_said_first(tmp_path):
    config = shipped(written("siglip", tmp_path))
    with pytest.raises(ValueError, match="pools its patches"):
        carried_out(config, tmp_path / "results")
    with pytest.raises(ValueError, match="pools its patches"):
        MADE["siglip"]().text_space()
