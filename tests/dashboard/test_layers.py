"""The Layers page: where things set in, and the rooms of its metrics."""

from dashboard.views.layers import rooms
from store import open_run
from store.parts import stage_folder, write_part
from store.publish import publish
from tests.dashboard.pages import words
from tests.synthetic import make_run


def test_landmarks_stand_above_the_curves(visit, tmp_path):
    run = make_run(tmp_path, n_images=3, n_layers=4)
    with open_run(run) as opened:
        images = opened.table("image")["image_id"]
    stage = stage_folder(run, "score.cider", {})
    with write_part(stage, "all") as part:
        part.table("score", [
            {"condition_id": "baseline", "image_id": image, "layer": layer, "metric": "cider",
             "against": "reference", "value": float(min(layer, 2))}
            for image in images for layer in range(5)])
    publish(run)
    at = visit("layers", tmp_path)
    assert not at.exception
    assert "CIDEr levels off: layer 2 (95% interval layer 2 to layer 2); " in words(at)


def test_every_metric_has_one_room():
    metrics = ["cider", "grounded_gain_cider", "label", "attn_to_patches", "update_norm",
               "attn_norm", "final_logprob", "n_nouns", "a_new_one"]
    found = rooms(metrics)
    placed = [metric for room, of in found.items() if room != "glance" for metric in of]
    assert sorted(placed) == sorted(set(metrics) - {"attn_norm"})  # a line beside update_norm's
    assert found["said"] == ["cider", "a_new_one"]
    assert next(iter(found)) == "glance" and "settles" in found
    assert list(rooms(["cider"])) == ["glance", "said", "settles"]
