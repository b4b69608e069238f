"""BERTScore of the bert-score package, with a model and tokenizer that transformers 5 gets right.

The only file of the metrics that imports transformers. bert-score 0.3.13 was written for
transformers 4; under 5, the tokenizer it loads may lack a maximal length and overflows, and
RoBERTa's first word loses the space before it, which shifts every score. The package is also apt
to take any path with "t5" in it for a T5. So model and tokenizer are loaded here, and sentences are
embedded and matched by the package's own functions. Only which sentences go through the model
together, and for how long their embeddings are kept, is ours.
"""

from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from importlib.metadata import version
from importlib.resources import files
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from torch.nn.utils.rnn import pad_sequence
from transformers import AutoModel, AutoTokenizer
from transformers.utils import cached_file, logging

from precompute.config import BertScoreConfig, local_path
from precompute.metrics.metric import Metric, Score, versions_of

PACKAGE = "package:"
"""A model of this name lies in the folder `model` of an installed Python package."""

_MAX_TOKENS = 512
_SENTENCES = 4096
"""Different sentences that are compared at once: 250 MB of embeddings at roberta-large's width."""
_KEPT = 2**29
"""Bytes of embeddings that are kept for what is scored next: captions of all layers and conditions
are held against the same references. WHOOPS' 2,500 are 150 MB at roberta-large's width; the rest is
for what a few parts say. There is a bound, as a run of ImageNet-val has millions of captions."""
_BATCH = 8
"""Sentences that go through the model together."""
_PAIRS = 64
"""Pairs that are matched together, as many as the package's own."""

Embedding = tuple[torch.Tensor, torch.Tensor]
"""Of a sentence's tokens: their vectors [token, width], and what each weighs [token]."""


def prepare(config: BertScoreConfig) -> Metric:
    """BERTScore F1 of captions against the most alike of their references.

    At most 1; unrelated captions lie near 0.9 with roberta-large unscaled, near 0 rescaled.
    """
    settings: dict[str, object] = {
        **config.model_dump(),
        **versions_of("bert-score", "transformers", "torch"),
    }
    if config.model.startswith(PACKAGE):
        settings["package_version"] = version(config.model.removeprefix(PACKAGE))
    return Metric(lambda _: open_bertscore(config), settings=settings)


def open_bertscore(config: BertScoreConfig) -> Score:
    """Load the model and give the scoring function.

    Raises:
        OSError: the model is not on this machine; `is_here` asks first.
        ValueError: it has no such layer, or no baseline.
    """
    model, tokenizer = load(config)
    embeddings = Embeddings(model, tokenizer, _weights(tokenizer))
    baseline = _baseline(config) if config.rescale else 0.0

    def score(texts: Sequence[str], references: Sequence[Sequence[str]]) -> list[float]:
        values: list[float] = []
        for some in _chunks(texts, references):
            values += _best(embeddings, texts[some], references[some])
        return [(value - baseline) / (1 - baseline) for value in values]

    return score


def load(config: BertScoreConfig) -> tuple[torch.nn.Module, object]:
    """The model, cut after the configured layer, and its tokenizer."""
    logging.disable_progress_bar()
    path = _path(config.model)
    tokenizer = AutoTokenizer.from_pretrained(
        path, add_prefix_space=True, model_max_length=_MAX_TOKENS
    )
    model = AutoModel.from_pretrained(path).float()
    layers = model.encoder.layer
    if not 1 <= config.layer <= len(layers):
        raise ValueError(
            f"layer of {config.model} must be in 1..{len(layers)}; got "
            f"{config.layer}. Change it under [score.bertscore]."
        )
    model.encoder.layer = layers[: config.layer]
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return model.eval().requires_grad_(False).to(device), tokenizer


def is_here(config: BertScoreConfig) -> bool:
    """Whether the model is on this machine."""
    try:
        path = _path(config.model)
        if Path(path).is_dir():
            return True
        found = cached_file(
            path,
            "config.json",
            local_files_only=True,
            _raise_exceptions_for_missing_entries=False,
            _raise_exceptions_for_connection_errors=False,
        )
    except (OSError, ValueError):  # no name that a folder or the hub could have
        return False
    return found is not None


def _path(model: str) -> str:
    """Where the model lies; its name as it stands if it is none of the folders."""
    if model.startswith(PACKAGE):
        package = model.removeprefix(PACKAGE).replace("-", "_")
        spec = find_spec(package) if package.isidentifier() else None
        places = (spec and spec.submodule_search_locations) or ()
        return next((f"{place}/model" for place in places if Path(place, "model").is_dir()), model)
    folder: Path = local_path(model)
    return str(folder) if folder.is_dir() else model


def _baseline(config: BertScoreConfig) -> float:
    """The F1 of unrelated English sentences at the model's layer, as the package has it."""
    path = files("bert_score").joinpath(f"rescale_baseline/en/{config.model}.tsv")
    if not path.is_file():
        raise ValueError(
            f"expected a baseline of {config.model} in bert-score; it has none. Set "
            "`rescale = false` under [score.bertscore]."
        )
    rows = [line.split(",") for line in path.read_text(encoding="utf-8").splitlines()[1:]]
    return next(float(row[3]) for row in rows if int(row[0]) == config.layer)


def _chunks(texts: Sequence[str], references: Sequence[Sequence[str]]) -> Iterator[slice]:
    """Cut pairs so that no piece has many more than `_SENTENCES` different sentences."""
    start, seen = 0, set[str]()
    for k, (text, refs) in enumerate(zip(texts, references, strict=True)):
        seen.update((text, *refs))
        if len(seen) >= _SENTENCES or k == len(texts) - 1:
            yield slice(start, k + 1)
            start, seen = k + 1, set()


def _weights(tokenizer: Any) -> dict[int, float]:
    """All tokens weigh the same but those at a sentence's ends, which weigh nothing."""
    ends = {tokenizer.sep_token_id: 0.0, tokenizer.cls_token_id: 0.0}
    return defaultdict(partial(float, 1.0), ends)


class Embeddings:
    """Embeddings of sentences; those that were asked for last are kept, up to `_KEPT` bytes.

    A run that was killed has other sentences left to embed when it goes on, and must end in the
    same numbers. So what a sentence comes to may not depend on its company: `_BATCH` sentences of
    one length go through the model together, never padded, and where fewer are left, some twice.
    """

    def __init__(self, model: torch.nn.Module, tokenizer: Any, weights: dict[int, float]) -> None:
        """Begin with none.

        Args:
            model: embeds.
            tokenizer: of the model.
            weights: token id -> what it weighs in a score.
        """
        self._model, self._tokenizer, self._weights = model, tokenizer, weights
        self._kept: OrderedDict[str, Embedding] = OrderedDict()
        self._bytes = 0

    def of(self, sentences: Iterable[str]) -> dict[str, Embedding]:
        """The embeddings of some sentences, which must fit into memory together."""
        wanted = list(dict.fromkeys(sentences))
        for sentence, embedding in self._embedded([s for s in wanted if s not in self._kept]):
            self._kept[sentence] = embedding
            self._bytes += _size(embedding)
        for sentence in wanted:
            self._kept.move_to_end(sentence)
        embeddings = {sentence: self._kept[sentence] for sentence in wanted}
        while self._bytes > _KEPT:
            self._bytes -= _size(self._kept.popitem(last=False)[1])
        return embeddings

    def _embedded(self, sentences: Sequence[str]) -> Iterator[tuple[str, Embedding]]:
        # Imported late: it brings matplotlib, which takes two seconds.
        from bert_score.utils import get_bert_embedding, sent_encode

        of_length: dict[int, list[str]] = {}
        for sentence in sentences:
            of_length.setdefault(len(sent_encode(self._tokenizer, sentence)), []).append(sentence)
        device = next(self._model.parameters()).device
        for alike in of_length.values():
            for some in (alike[i : i + _BATCH] for i in range(0, len(alike), _BATCH)):
                full = [some[k % len(some)] for k in range(_BATCH)]
                vectors, _, weights = get_bert_embedding(
                    full, self._model, self._tokenizer, self._weights, device=device
                )
                # Copies: a slice would keep the whole batch in memory.
                for k, sentence in enumerate(some):
                    yield sentence, (vectors[k].cpu().clone(), weights[k].clone())


def _size(embedding: Embedding) -> int:
    return sum(tensor.nbytes for tensor in embedding)


def _best(
    embeddings: Embeddings, texts: Sequence[str], references: Sequence[Sequence[str]]
) -> list[float]:
    """F1 of each text against the best of its references."""
    left = [text for text, refs in zip(texts, references, strict=True) for _ in refs]
    right = [reference for refs in references for reference in refs]
    f1 = iter(_f1(embeddings.of([*left, *right]), left, right))
    return [max(next(f1) for _ in refs) for refs in references]


def _f1(
    embeddings: Mapping[str, Embedding], texts: Sequence[str], references: Sequence[str]
) -> Iterator[float]:
    """F1 of pairs, each of a text and one reference."""
    from bert_score.utils import greedy_cos_idf

    for start in range(0, len(texts), _PAIRS):
        sides = (
            _padded([embeddings[sentence] for sentence in side[start : start + _PAIRS]])
            for side in (references, texts)
        )
        yield from greedy_cos_idf(*chain(*sides))[2].tolist()


def _padded(some: Sequence[Embedding]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Vectors, mask and weights of sentences, as the package pads them to match them."""
    vectors, weights = [one for one, _ in some], [one for _, one in some]
    lengths = torch.tensor([len(one) for one in vectors])
    mask = torch.arange(int(lengths.max())) < lengths[:, None]
    # Any number but 0 will do: vectors are divided by their length before the mask is applied.
    return (
        pad_sequence(vectors, batch_first=True, padding_value=2.0),
        mask,
        pad_sequence(weights, batch_first=True),
    )
