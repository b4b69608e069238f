"""The ridge of every layer of the tiny tower against numpy on all of its tokens at once."""

import numpy as np
import pytest
import torch

from precompute.images import load_dataset
from precompute.translators.directions import Sketch
from precompute.translators.fit import Images, fit_layers, towers_of
from precompute.translators.maps import translate
from precompute.translators.split import shares, split
from precompute.translators.sums import centred, empty, groups_of

GROUPS = (slice(0, 1), slice(1, None))
PENALTIES = (1e-4, 1e-2, 1.0, 100.0)


@pytest.fixture(scope="module")
def images(with_translators):
    items = load_dataset(with_translators.datasets[1])
    return Images(items[:6], items[6:], 2)


def tokens(state, images):
    """All tokens of some images as rows, and which group each is of."""
    array = state[images].double().numpy()
    cls = np.zeros(array.shape[:2], int)
    cls[:, 1:] = 1
    return array.reshape(-1, array.shape[-1]), cls.ravel()


def by_numpy(x, y, group, there_x, there_y, there_group, penalties, basis=None):
    """Predictions on other tokens, the penalty they choose, and both errors."""
    project = np.eye(x.shape[1]) if basis is None else basis
    u, t = x @ project, y - x
    mean_u = np.array([u[group == g].mean(0) for g in (0, 1)])
    mean_t = np.array([t[group == g].mean(0) for g in (0, 1)])
    uc, tc = u - mean_u[group], t - mean_t[group]
    variance = np.square(uc).sum() / uc.shape[1]

    def fitted(penalty):
        return np.linalg.solve(uc.T @ uc + penalty * variance * np.eye(uc.shape[1]), uc.T @ tc)

    def error(matrix, u, t, group):
        left = (t - mean_t[group]) - (u - mean_u[group]) @ matrix
        return np.square(left).sum() / np.square(t - mean_t[group]).sum()

    v, s = there_x @ project, there_y - there_x
    errors = {p: error(fitted(p), v, s, there_group) for p in penalties}
    best = min(penalties, key=errors.__getitem__)
    matrix = fitted(best)
    told = there_x + mean_t[there_group] + (v - mean_u[there_group]) @ matrix
    return told, best, error(matrix, u, t, group), errors[best]


@pytest.mark.parametrize("kind", ["tuned", "untrained"])
def test_every_layer_equals_numpy_on_all_tokens(kind, captioner, images, translators, fit_states):
    towers = towers_of(kind, captioner, seed=0)
    config = translators.model_copy(update={"penalties": PENALTIES})
    fitted, final_mean = fit_layers(towers, images, config, lambda _: None)
    final, n = fit_states[-1], captioner.tower.n_layers
    assert len(fitted) == (n if kind == "tuned" else n + 1)
    source = fit_states
    if kind == "untrained":
        with torch.inference_mode():
            z = towers.source.embed(captioner.pixels([item.open() for item in images.fit]))
        assert not torch.allclose(z, fit_states[0][:6], atol=1e-2)
        source = permuted_states(towers, images, captioner)
    for layer, one in enumerate(fitted):
        x, group = tokens(source[layer], slice(0, 6))
        y, _ = tokens(final, slice(0, 6))
        told, penalty, fit_error, chosen_error = by_numpy(
            x, y, group, *chosen(source[layer], final), PENALTIES
        )
        assert one.penalty == penalty
        assert one.fit_error == pytest.approx(fit_error, rel=1e-3, abs=1e-6)
        assert one.chosen_error == pytest.approx(chosen_error, rel=1e-3, abs=1e-6)
        mine = translate(one.map, source[layer][6:]).flatten(0, 1).numpy()
        np.testing.assert_allclose(mine, told, atol=2e-3 * np.abs(told).max())
    for g, group in enumerate(GROUPS):
        mean = final[:6][:, group].double().mean((0, 1))
        torch.testing.assert_close(final_mean[g], mean, atol=1e-5, rtol=1e-5)


def permuted_states(towers, images, captioner):
    """States of the permuted tower, block by block and not by `run_states`."""
    items = [*images.fit, *images.choose]
    with torch.inference_mode():
        z = towers.source.embed(captioner.pixels([item.open() for item in items]))
        got = [z]
        for block in towers.source.blocks:
            heads = towers.source.split_heads(block, block.norm1(z))
            pattern = (heads.q @ heads.k.transpose(2, 3) * heads.q.shape[-1] ** -0.5).softmax(-1)
            z = z + block.project((pattern @ heads.v).transpose(1, 2).flatten(2))
            z = z + block.mlp(block.norm2(z))
            got.append(z)
    return got


def chosen(state, final):
    there_x, there_group = tokens(state, slice(6, 8))
    return there_x, tokens(final, slice(6, 8))[0], there_group


def test_a_low_rank_is_the_ridge_along_its_directions(captioner, images, translators, fit_states):
    config = translators.model_copy(update={"penalties": PENALTIES, "rank": 5})
    fitted, _ = fit_layers(towers_of("tuned", captioner, 0), images, config, lambda _: None)
    for layer, one in enumerate(fitted):
        basis = one.map.basis.double().numpy()
        assert one.map.matrix.shape == (5, 32) and basis.shape == (32, 5)
        np.testing.assert_allclose(basis.T @ basis, np.eye(5), atol=1e-5)
        x, group = tokens(fit_states[layer], slice(0, 6))
        y, _ = tokens(fit_states[-1], slice(0, 6))
        told, penalty, _, chosen_error = by_numpy(
            x, y, group, *chosen(fit_states[layer], fit_states[-1]), PENALTIES, basis
        )
        assert one.penalty == penalty
        assert one.chosen_error == pytest.approx(chosen_error, rel=1e-3)
        mine = translate(one.map, fit_states[layer][6:]).flatten(0, 1).numpy()
        np.testing.assert_allclose(mine, told, atol=2e-3 * np.abs(told).max())
        # As much variance lies along them as along the five best directions, nearly.
        centred_x = x - np.array([x[group == g].mean(0) for g in (0, 1)])[group]
        best = np.linalg.svd(centred_x, compute_uv=False)[:5]
        assert np.square(centred_x @ basis).sum() > 0.9 * np.square(best).sum()


def test_directions_of_states_that_have_few_are_all_of_them():
    generator = torch.Generator().manual_seed(0)
    few = torch.randn(3, 20, generator=generator)
    states = torch.randn(4, 9, 3, generator=generator) @ few + 5.0
    sketch = Sketch(2, 20, 3, seed=1, device="cpu")
    for i in range(4):
        sketch.add(states[i : i + 1] + torch.arange(9).eq(0)[:, None] * 100.0, GROUPS)
    basis = sketch.directions()
    torch.testing.assert_close(few.double() @ basis @ basis.T, few.double(), atol=1e-6, rtol=1e-6)


def test_sums_add_up_and_are_centred_on_any_means():
    generator = torch.Generator().manual_seed(2)
    u, t = torch.randn(5, 7, 4, generator=generator), torch.randn(5, 7, 6, generator=generator)
    once, bit_by_bit = (empty(2, 4, 6, "cpu") for _ in range(2))
    once.add(u, t, GROUPS)
    for i in range(5):
        bit_by_bit.add(u[i : i + 1], t[i : i + 1], GROUPS)
    for name in ("n", "u", "t", "uu", "ut", "tt"):
        torch.testing.assert_close(getattr(once, name), getattr(bit_by_bit, name))
    means = torch.randn(2, 4).double(), torch.randn(2, 6).double()
    got = centred(once, *means)
    which = torch.arange(7).ge(1).long().repeat(5)
    uc = u.double().flatten(0, 1) - means[0][which]
    tc = t.double().flatten(0, 1) - means[1][which]
    torch.testing.assert_close(got.uu, uc.T @ uc)
    torch.testing.assert_close(got.ut, uc.T @ tc)
    assert got.tt == pytest.approx(float(tc.square().sum()))
    assert got.n == 35
    assert groups_of(class_token=False) == (slice(0, None),)


def test_images_fit_choose_or_are_read(with_translators):
    items = load_dataset(with_translators.datasets[1])
    own, other = split(items, 8, 0, own=True), split(items, 500, 0, own=False)
    ids = {item.image_id for item in items}
    assert (len(own.fit), len(own.choose)) == shares(8, own=True) == (4, 2)
    assert not set(own.fit) & set(own.choose)
    assert {*other.fit, *other.choose} == ids and len(other.choose) == 2
    assert split(items, 8, 0, own=True) == own != split(items, 8, 1, own=True)
    with pytest.raises(ValueError, match=r"3 images at least.*images_of"):
        split(items[:2], 8, 0, own=True)
