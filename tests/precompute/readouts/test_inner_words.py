"""Words inside the language model against its own layers run one by one."""

import numpy as np
import pytest
import torch
from PIL import Image

from precompute.config import InnerWordsConfig
from precompute.models.captioner import HasTaps, as_read
from precompute.readouts.inner_words import inner_words, write_inner_words
from precompute.readouts.questions import tower_states
from store.parts import PartWriter
from tests.precompute.models.tiny_families import FAMILIES

PROMPT = "a short image caption."
NAMES = ("llava", "llava_onevision", "smolvlm", "paligemma", "gemma3", "internvl", "qwen3_vl")


@pytest.fixture(scope="module")
def picture():
    rng = np.random.default_rng(1)
    return Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8))


@pytest.fixture(scope="module", params=NAMES)
def family(request):
    return FAMILIES[request.param]()


@torch.inference_mode()
def test_words_are_the_heads_on_the_librarys_hidden_states(family, picture):
    """`output_hidden_states` of the library, its norm and head written out, a token at a time."""
    rows = inner_words(family, "p", picture, [0, 1, 2], 2, PROMPT)
    memory = family.read(tower_states(family, [picture])[-1], PROMPT)
    words = family._words(memory, [()])
    hidden = family.model(**words, output_hidden_states=True).hidden_states
    places = [
        k for k, t in enumerate(words["input_ids"][0]) if t == family.model.config.image_token_id
    ]
    text, head = family.model.get_decoder(), family.model.get_output_embeddings()
    rows_of, columns_of = family.token_grid
    assert len(rows) == 3 * rows_of * columns_of * 2
    for row in rows:
        place = places[row["grid_row"] * columns_of + row["grid_column"]]
        stream = hidden[row["block"]][0, place]
        if row["block"] == 1 and isinstance(family, HasTaps):  # what the first adds behind it
            stream = stream + memory.hidden[0, places.index(place)].chunk(3)[1]
        # The library's last hidden state is normed already.
        logits = head(stream if row["block"] == 2 else text.norm(stream)).float()
        word = logits.softmax(-1).sort(descending=True)
        at = row["rank"] - 1
        assert row["probability"] == pytest.approx(float(word.values[at]), rel=1e-3)
        assert row["word"] == family.text([int(word.indices[at])])


def _alone(family, state):
    """A state with nothing from taps above it."""
    return as_read(family, 0, [state])


@torch.inference_mode()
def test_a_word_lies_on_its_patch(family):
    """Of two states that differ at one patch alone, the embeddings differ at its token alone."""
    tower, (rows, columns) = family.tower, family.token_grid
    merge = tower.grid[0] // rows
    state = torch.randn(1, tower.n_tokens, tower.width, generator=torch.Generator().manual_seed(0))
    plain = family.read(_alone(family, state), PROMPT).hidden[0]
    for row, column in ((0, columns - 1), (rows - 1, 0), (rows // 2, columns - 1)):
        moved = state.clone()
        patch = row * merge * tower.grid[1] + column * merge
        tower.patches(moved.transpose(1, 2))[:, 0, patch] += 9.0
        differing = (family.read(_alone(family, moved), PROMPT).hidden[0] - plain).abs().amax(
            -1
        ) > 1e-4
        assert differing.nonzero().flatten().tolist() == [row * columns + column]


def test_a_part_has_its_words_and_refuses_what_is_not_there(family, picture, tmp_path, captioner):
    config = InnerWordsConfig(blocks=(3,))
    with pytest.raises(ValueError, match=r"0\.\.2"):
        write_inner_words(PartWriter(tmp_path / "a"), family, [], config, PROMPT, lambda n: None)
    with pytest.raises(ValueError, match="decoder-only"):
        write_inner_words(PartWriter(tmp_path / "b"), captioner, [], config, PROMPT, lambda n: None)
