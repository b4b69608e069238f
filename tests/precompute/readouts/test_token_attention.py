"""The whole attention of chosen images against the library's eager attention."""

import numpy as np
import pytest
import torch

from precompute.estimate.cost import token_attention_bytes
from precompute.images import load_dataset
from precompute.models import size_of
from precompute.readouts.token_attention import chosen, mean_patterns
from store import open_run
from store.errors import ImageNotFound


@pytest.fixture(scope="module")
def eager(captioner):
    """pixels -> [image, layer, token, token], the mean over heads, by the library's eager code."""

    def attention(pixels):
        vision = captioner.model.vision_model
        vision.set_attn_implementation("eager")
        patterns = vision(pixels, output_attentions=True).attentions
        vision.set_attn_implementation("sdpa")
        return torch.stack([pattern.mean(1) for pattern in patterns], 1)

    return attention


def test_patterns_are_the_librarys(captioner, pixels, eager):
    got = torch.stack(list(mean_patterns(captioner.tower, pixels)), 1)
    torch.testing.assert_close(got, eager(pixels), atol=1e-6, rtol=1e-4)
    torch.testing.assert_close(got.sum(-1), torch.ones_like(got[..., 0]))


def test_a_run_keeps_it_for_chosen_images_alone(run, config, captioner, pictures, eager, tmp_path):
    capture = config.capture.model_copy(update={"token_attention": ("img-4", "img-1", "img-3")})
    folder = run(tmp_path, config.model_copy(update={"capture": capture}))
    with open_run(folder) as opened:
        # img-3 is broken; img-1 and img-4 are the second and the fourth that open.
        for image_id, picture in (("img-1", pictures[1]), ("img-4", pictures[3])):
            kept = opened.token_attention(image_id)
            assert kept.dtype == np.float16
            np.testing.assert_allclose(kept, eager(captioner.pixels([picture]))[0], atol=1e-3)
            assert kept.nbytes == token_attention_bytes(size_of(config.model))
            cls = opened.tensors(image_id).attention.astype(np.float32).mean(1)
            np.testing.assert_allclose(kept[:, 0], cls, atol=1e-3)
        assert opened.token_attention("img-0") is None
        with pytest.raises(ImageNotFound, match="img-9"):
            opened.token_attention("img-9")


def test_it_is_added_to_a_finished_run_without_capturing_again(run, config, tmp_path):
    folder = run(tmp_path)
    with open_run(folder) as opened:
        assert opened.token_attention("img-0") is None
    before = {path: path.stat().st_mtime_ns for path in folder.glob("parts/capture-*/*/*")}
    capture = config.capture.model_copy(update={"token_attention": 1})
    assert run(tmp_path, config.model_copy(update={"capture": capture})) == folder
    assert {path: path.stat().st_mtime_ns for path in folder.glob("parts/capture-*/*/*")} == before
    with open_run(folder) as opened:
        assert opened.token_attention("img-0") is not None
        assert opened.token_attention("img-1") is None


def test_ids_of_other_data_sets_are_passed_by(config):
    items = load_dataset(config.datasets[0])
    assert chosen(2, items) == {items[0].image_id, items[1].image_id}
    assert chosen(("img-2", "elsewhere"), items) == {"img-2"}
    assert chosen(0, items) == set()
