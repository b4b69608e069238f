"""The Jacobian lens against the derivative of the library's own model, token by token."""

import pytest
import torch

from precompute.translators.fit import Images, lens_layers, towers_of
from precompute.translators.lens import signs, sum_of_jacobians
from precompute.translators.maps import translate
from tests.precompute.brute_force import states

COORDINATES = (0, 17)


@pytest.fixture(scope="module")
def some_pixels(captioner, fit_pictures):
    return captioner.pixels(fit_pictures[:2])


@pytest.fixture(scope="module")
def exact(captioner, some_pixels):
    """[coordinate, layer, width]: rows of the sum of the diagonal blocks, by a loop over tokens."""
    vision = captioner.model.vision_model
    with torch.enable_grad():
        got = states_with_gradient(captioner, vision, some_pixels)
        last, below = got[-1], got[:-1]
        rows = []
        for coordinate in COORDINATES:
            row = torch.zeros(len(below), last.shape[-1])
            for image in range(len(last)):
                for token in range(last.shape[1]):
                    gradients = torch.autograd.grad(
                        last[image, token, coordinate], below, retain_graph=True
                    )
                    row += torch.stack([g[image, token] for g in gradients])
            rows.append(row)
    return torch.stack(rows)


def states_with_gradient(captioner, vision, pixels):
    embeddings = vision.embeddings
    handle = embeddings.register_forward_hook(lambda m, args, out: out.detach().requires_grad_())
    try:
        return states(captioner, pixels)
    finally:
        handle.remove()


def one_hot(coordinate, shape):
    """Each token of each image alone: exact, and as many passes as tokens."""
    if coordinate in COORDINATES:
        for place in range(shape[0] * shape[1]):
            yield torch.eye(shape[0] * shape[1])[place].reshape(shape)


def test_one_token_at_a_time_it_is_the_derivative_itself(captioner, some_pixels, exact):
    got = sum_of_jacobians(captioner.tower, some_pixels, one_hot)
    for k, coordinate in enumerate(COORDINATES):
        torch.testing.assert_close(got[:, coordinate], exact[k], atol=1e-3, rtol=1e-3)


def test_by_signs_it_is_so_in_the_mean(captioner, some_pixels, exact):
    draw = signs(0)

    def many(coordinate, shape):
        for _ in range(80 if coordinate in COORDINATES else 0):
            yield from draw(coordinate, shape)

    got = sum_of_jacobians(captioner.tower, some_pixels, many) / 80
    single = sum_of_jacobians(
        captioner.tower,
        some_pixels,
        lambda c, shape: draw(c, shape) if c in COORDINATES else (),
    )
    for k, coordinate in enumerate(COORDINATES):
        off = (got[:, coordinate] - exact[k]).norm() / exact[k].norm()
        assert off < 0.25, "80 draws"
        assert off < 0.5 * (single[:, coordinate] - exact[k]).norm() / exact[k].norm()


def test_the_map_goes_through_the_means(captioner, with_translators, translators, fit_states):
    from precompute.images import load_dataset

    items = load_dataset(with_translators.datasets[1])
    maps, final = lens_layers(
        towers_of("jacobian", captioner, 0), Images(items[:6], (), 4), translators, lambda _: None
    )
    assert len(maps) == captioner.tower.n_layers
    for layer, one in enumerate(maps):
        for g, group in enumerate((slice(0, 1), slice(1, None))):
            here = fit_states[layer][:6][:, group].mean((0, 1))
            whole = fit_states[layer][:1].clone()
            whole[0, group] = here
            told = translate(one, whole)[0, group]
            torch.testing.assert_close(told[0], final[g], atol=2e-3, rtol=1e-3)
            torch.testing.assert_close(
                final[g], fit_states[-1][:6][:, group].mean((0, 1)), atol=1e-4, rtol=1e-4
            )
