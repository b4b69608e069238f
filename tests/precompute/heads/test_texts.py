"""TextSpan against the published loop over all images, and the sum of all parts of an embedding."""

import numpy as np
import pytest
import torch

from precompute.config.settings import CaptureConfig, DecodeConfig, HeadTextsConfig
from precompute.forward.layers import run_layers
from precompute.heads.texts import (
    Moments,
    bases,
    draw,
    head_rows,
    random_directions,
    text_span,
    write_head_texts,
)
from precompute.images import load
from store.parts import list_parts, read_table, write_part
from tests.precompute.models.tiny_clip import TEMPLATE, clip

N_IMAGES = 40
CONFIG = HeadTextsConfig(n=100, texts=4, controls=3, seed=7)


@pytest.fixture(scope="module")
def reader():
    return clip()


@pytest.fixture(scope="module")
def pixels():
    """Images that differ in colour; 40 of them vary in all 8 dimensions of a head."""
    torch.manual_seed(3)
    return torch.randn(N_IMAGES, 3, 1, 1) + 0.7 * torch.randn(N_IMAGES, 3, 32, 32)


@pytest.fixture(scope="module")
def moments(reader, pixels):
    made = Moments.none(reader.tower, reader.text_space())
    for some in pixels.split(16):
        made.add(reader.tower, reader.text_space(), some)
    return made


def library_parts(reader, pixels):
    """What each part of the library's own tower gives to CLS, by hooks: name -> [image, width].

    Heads by the input of W_O, all of them beside biases, MLPs and the embedding.
    """
    vision, parts, handles = reader.model.vision_model, {}, []

    def keep(layer, module):
        def hook(_, inputs, output):
            z = inputs[0][:, 0]
            width = z.shape[1] // 4
            for head in range(4):
                at = slice(head * width, (head + 1) * width)
                parts[layer, head] = z[:, at] @ module.weight[:, at].T
            parts[layer, "bias"] = module.bias.expand(len(z), -1)

        return hook

    for layer, block in enumerate(vision.encoder.layers, 1):
        proj = block.self_attn.out_proj
        handles.append(proj.register_forward_hook(keep(layer, proj)))

        def mlp(_, __, output, layer=layer):
            parts[layer, "mlp"] = output[:, 0]

        handles.append(block.mlp.register_forward_hook(mlp))
    embeddings = vision.pre_layrnorm.register_forward_hook(
        lambda _, __, output: parts.update({"embedding": output[:, 0]})
    )
    final = vision.encoder(
        inputs_embeds=vision.pre_layrnorm(vision.embeddings(pixels))
    ).last_hidden_state[:, 0]
    for handle in (*handles, embeddings):
        handle.remove()
    return parts, final


def projected(reader, part, final):
    """A part through the norm, its statistics those of the whole state, and the projection.

    Written out from the norm's definition, in float64; the norm's bias is a part of its own.
    """
    norm, projection = reader.model.vision_model.post_layernorm, reader.model.visual_projection
    part, final = part.double(), final.double()
    length = (((final - final.mean(1, keepdim=True)) ** 2).mean(1, keepdim=True) + norm.eps).sqrt()
    normed = (part - part.mean(1, keepdim=True)) / length * norm.weight.double()
    return normed @ projection.weight.double().T


def outputs(reader, pixels, layer, head):
    parts, final = library_parts(reader, pixels)
    return projected(reader, parts[layer, head], final).numpy()


def test_all_parts_sum_to_the_librarys_image_embedding(reader, pixels):
    parts, final = library_parts(reader, pixels)
    assert len(parts) == 3 * (4 + 2) + 1
    norm, projection = reader.model.vision_model.post_layernorm, reader.model.visual_projection
    total = sum(projected(reader, part, final) for part in parts.values())
    total = total + norm.bias.double() @ projection.weight.double().T
    theirs = reader.model.get_image_features(pixels).pooler_output.double()
    assert torch.allclose(total, theirs, atol=1e-5 * float(theirs.abs().max()))


def test_the_space_of_texts_takes_each_part_as_the_norm_does(reader, pixels):
    """Ours by one matrix: every head's output, and the whole state with the bias."""
    space, (parts, final) = reader.text_space(), library_parts(reader, pixels)
    scale = space.scale(final)
    records = list(run_layers(reader.tower, reader.tower.embed(pixels)))
    for layer, record in enumerate(records, 1):
        for head in range(4):
            ours = record.head_out[:, head] / scale @ space.matrix
            expected = projected(reader, parts[layer, head], final)
            assert torch.allclose(ours.double(), expected, atol=1e-4)
    whole = final / scale @ space.matrix + space.offset
    assert torch.allclose(whole, reader.model.get_image_features(pixels).pooler_output, atol=1e-4)


def test_moments_are_those_of_all_images(reader, pixels, moments):
    assert moments.n == N_IMAGES
    space = reader.text_space()
    embedding = reader.model.get_image_features(pixels).pooler_output.double().numpy()
    assert moments.spread() == pytest.approx(embedding.var(axis=0).sum(), rel=1e-4)
    for layer, basis in enumerate(bases(reader.tower), 1):
        for head in range(4):
            through = (basis[head].T @ space.matrix).double().numpy()
            ours = through.T @ moments.covariance()[layer - 1, head].numpy() @ through
            expected = np.cov(outputs(reader, pixels, layer, head).T, bias=True)
            assert np.allclose(ours, expected, atol=1e-4 * np.abs(expected).max())


def published_loop(data, directions, n):
    """`replace_with_iterative_removal` of the published code, by plain loops over images and texts.

    Directions first into the span of the data; at each step the largest standard deviation of the
    projections; then its direction is taken out of every row of both.

    Returns:
        The chosen, and the share of the data's variance that is explained after each.
    """
    data, directions = data.copy(), directions.copy()
    _, singular, rows = np.linalg.svd(data, full_matrices=False)
    rows = rows[singular > 1e-5 * singular[0]]  # float32's rounding is no direction
    for i in range(len(directions)):
        directions[i] = sum((directions[i] @ row) * row for row in rows)
    data -= data.mean(axis=0)
    total, chosen, explained = (data**2).sum(), [], []
    for _ in range(n):
        spread = [np.std([row @ text for row in data]) for text in directions]
        best = int(np.argmax(spread))
        unit = directions[best] / np.sqrt(directions[best] @ directions[best])
        for array in (data, directions):
            for i in range(len(array)):
                array[i] -= (array[i] @ unit) * unit
        chosen.append(best)
        explained.append(1 - (data**2).sum() / total)
    return chosen, explained


def test_rows_equal_the_published_loop_over_images(reader, pixels, moments):
    embeddings = reader.text_embeddings(TEMPLATE).double()
    space = reader.text_space()
    rows = head_rows(reader.tower, space, moments, embeddings, reader.texts, CONFIG)
    assert len(rows) == 3 * 4 * CONFIG.texts
    total = reader.model.get_image_features(pixels).pooler_output.double().numpy()
    found = set()
    for layer in (1, 2, 3):
        for head in range(4):
            data = outputs(reader, pixels, layer, head)
            chosen, explained = published_loop(data, embeddings.numpy(), CONFIG.texts)
            of_head = [row for row in rows if (row["layer"], row["head"]) == (layer, head)]
            assert [row["rank"] for row in of_head] == [1, 2, 3, 4]
            assert [row["text"] for row in of_head] == [reader.texts[k] for k in chosen]
            assert [row["explained"] for row in of_head] == pytest.approx(explained, abs=1e-4)
            by_chance = np.array([
                published_loop(data, random_directions(embeddings, 7 + k).numpy(), 4)[1]
                for k in range(CONFIG.controls)
            ])  # fmt: skip
            assert [row["control"] for row in of_head] == pytest.approx(
                by_chance.mean(axis=0), abs=1e-4
            )
            assert [row["control_high"] for row in of_head] == pytest.approx(
                by_chance.max(axis=0), abs=1e-4
            )
            share = data.var(axis=0).sum() / total.var(axis=0).sum()
            assert of_head[0]["spread"] == pytest.approx(share, rel=1e-3)
            found.update(chosen)
    assert len(found) > 4, "heads that are all explained alike would hide a mistake"


def test_texts_that_are_there_are_found_before_those_that_are_not():
    """Data that vary along two texts, the second less; the others are noise."""
    rng = np.random.default_rng(0)
    texts = torch.tensor(np.linalg.qr(rng.normal(size=(12, 6)))[0].T)
    weights = torch.tensor(rng.normal(size=(500, 2)) * [3.0, 1.0])
    data = weights @ texts[[4, 1]] + 0.01 * torch.tensor(rng.normal(size=(500, 12)))
    chosen, explained = text_span(torch.cov(data.T, correction=0), texts, 2)
    assert chosen == [4, 1]
    assert explained[0] == pytest.approx(0.9, abs=0.02) and explained[1] > 0.99


def test_no_more_texts_than_dimensions_and_none_of_what_does_not_vary():
    directions = torch.randn(9, 3, dtype=torch.float64)
    chosen, explained = text_span(torch.eye(3, dtype=torch.float64), directions, 8)
    assert len(chosen) == 3 and explained[-1] == pytest.approx(1)
    assert text_span(torch.zeros(3, 3, dtype=torch.float64), directions, 2) == ([], [])


def test_a_part_has_rows_of_the_drawn_images_alone(reader, config, whoops, tmp_path):
    """Pictures of which one does not open; the rows say over how many they are."""
    items = load("whoops", whoops).items
    drawn = draw(items, HeadTextsConfig(n=4, seed=1))
    assert len(drawn) == 4 and drawn == draw(items, HeadTextsConfig(n=4, seed=1))
    assert any(drawn != draw(items, HeadTextsConfig(n=4, seed=seed)) for seed in range(2, 9))
    settings = config.model_copy(update={
        "decode": DecodeConfig(prompt=TEMPLATE), "capture": CaptureConfig(batch_size=3),
        "head_texts": HeadTextsConfig(texts=2, controls=1),
    })  # fmt: skip
    done = []
    (tmp_path / "head_texts-0").mkdir()
    with write_part(tmp_path / "head_texts-0", "all") as part:
        write_head_texts(part, reader, items, settings, done.append)
    rows = read_table(list_parts(tmp_path / "head_texts-0"), "head_text").to_pylist()
    assert done == [3, 2]
    assert {row["n"] for row in rows} == {5}
    assert len(rows) == 3 * 4 * 2
    assert all(0 <= row["explained"] <= 1 for row in rows)
