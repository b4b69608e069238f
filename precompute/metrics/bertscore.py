"""BERTScore of the bert-score package, with a model and tokenizer that transformers 5 gets right.

The only file of the metrics that imports transformers. bert-score 0.3.13 was written for
transformers 4; under 5, the tokenizer it loads may lack a maximal length and overflows, and
RoBERTa's first word loses the space before it, which shifts every score. The package is also apt
to take any path with "t5" in it for a T5. So model and tokenizer are loaded here, and the score is
the package's own function.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import partial
from importlib.metadata import version
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModel, AutoTokenizer
from transformers.utils import cached_file, logging

from precompute.config import BertScoreConfig, local_path
from precompute.metrics.metric import Metric, Score, versions_of

PACKAGE = "package:"
"""A model of this name lies in the folder `model` of an installed Python package."""

_MAX_TOKENS = 512
_SENTENCES = 4096
"""Different sentences whose embeddings are in memory together: 250 MB at roberta-large's width."""


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
    baseline = _baseline(config) if config.rescale else 0.0

    def score(texts: Sequence[str], references: Sequence[Sequence[str]]) -> list[float]:
        values: list[float] = []
        for some in _chunks(texts, references):
            values += _best(model, tokenizer, texts[some], references[some])
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


def _best(
    model: torch.nn.Module,
    tokenizer: Any,
    texts: Sequence[str],
    references: Sequence[Sequence[str]],
) -> list[float]:
    """F1 against the best reference; the package embeds each different sentence once."""
    # Imported late: it brings matplotlib, which takes two seconds.
    from bert_score.utils import bert_cos_score_idf

    weights: defaultdict[int, float] = defaultdict(partial(float, 1.0))
    weights[tokenizer.sep_token_id] = weights[tokenizer.cls_token_id] = 0.0
    left = [text for text, refs in zip(texts, references, strict=True) for _ in refs]
    right = [reference for refs in references for reference in refs]
    device = next(model.parameters()).device
    f1 = iter(bert_cos_score_idf(model, right, left, tokenizer, weights, device=device)[:, 2])
    return [max(float(next(f1)) for _ in refs) for refs in references]
