"""What a run asks of its model, stage by stage: counted from the configuration alone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from precompute.config import (
    FEW_SEEDS,
    MAP_KINDS,
    Config,
    ExperimentConfig,
    FaithfulnessConfig,
    Generation,
    HeadEffectConfig,
    PatchingConfig,
    PruningConfig,
    TranslatorsConfig,
    WordMapsConfig,
    local_path,
    spread,
)
from precompute.interventions import (
    SAVED,
    Condition,
    Shape,
    expand,
    mean_source,
    means_label,
    means_needed,
)
from precompute.models import ModelSize
from precompute.patching import read_pairs
from precompute.runner import stage_names
from precompute.translators import BATCH, MEASURED, conditions_of, copies_last, kinds_of, shares
from store.parts import token_attention


@dataclass(frozen=True)
class Workload:
    """What one stage asks of the model for all images of a data set.

    Attributes:
        stage: its label in run.json.
        passes: images times the share of the tower's blocks that they go through.
        captions: states that are read and decoded; answers count as captions.
        forced: captions whose log-probability alone is asked, beside those of `captions`.
        kept: images whose arrays are kept, times conditions.
        generation: how the captions are generated; None if there are none.
    """

    stage: str
    passes: float
    captions: int = 0
    forced: int = 0
    kept: int = 0
    generation: Generation | None = None


def workload(
    config: Config, dataset: str, size: ModelSize, n_images: int, n_questions: int
) -> list[Workload]:
    """The stages that need the model, in the order of a run.

    Args:
        config: the configuration.
        dataset: the name of the data set.
        size: the model's dimensions.
        n_images: of the data set.
        n_questions: about all of its images together.

    Raises:
        ValueError: a condition that cannot be read or does not fit the tower.
    """
    plain = config.decode.generation
    wanted = config.capture.token_attention
    chosen = min(wanted, n_images) if isinstance(wanted, int) else len(wanted)
    work = [
        Workload(
            stage_names.CAPTURE,
            n_images,
            n_images * (size.n_layers + 1),
            kept=n_images,
            generation=plain,
        ),
        *([Workload(token_attention.STAGE, chosen)] if chosen else []),
        *_experiments(config, dataset, size, n_images),
    ]
    if config.head_effect:
        work += _head_effect(config.head_effect, size, n_images)
    for pruning in config.pruning:
        work += _pruning(pruning, size, n_images, plain)
    if config.heads:
        work.append(_heads(stage_names.HEADS, config.heads.layers, size, n_images, plain))
    if config.head_texts:
        work.append(Workload(stage_names.HEAD_TEXTS, min(config.head_texts.n, n_images)))
    if config.floor:
        n_drawn = min(config.floor.n, n_images)
        work += [
            Workload(
                f"{stage_names.FLOOR}{seed}",
                n_drawn,
                n_drawn * (size.n_layers + 1),
                generation=plain,
            )
            for seed in config.floor.seeds
        ]
    for translators in config.translators:
        work += _translators(translators, dataset, size, n_images, plain)
    if config.translators:
        states = n_images * (size.n_layers + 1)
        work.append(Workload(stage_names.NATIVE_READING, n_images, forced=states + n_images))
    if config.questions and n_questions:
        layers = config.questions.layers or range(size.n_layers + 1)
        work.append(
            Workload(
                stage_names.QUESTIONS,
                n_images,
                n_questions * len(set(layers)),
                generation=config.questions.generation,
            )
        )
    if config.inner_words:
        asked = config.inner_words.images
        n_read = min(asked, n_images) if isinstance(asked, int) else len(asked)
        work.append(Workload(stage_names.INNER_WORDS, n_read, forced=n_read))
    if config.word_maps:
        work.append(_word_maps(config.word_maps, plain, n_images))
    if config.faithfulness:
        work.append(_faithfulness(config.faithfulness, size, n_images))
    if config.patching and dataset == (config.patching.dataset or config.datasets[0].name):
        work.append(_patching(config.patching, size, plain))
    return work


def n_words(generation: Generation) -> int:
    """Content words of a caption, for a plan: one in three of the tokens that it may have."""
    return max(1, generation.max_new_tokens // 3)


def n_chosen(images: int | tuple[str, ...], n_images: int) -> int:
    """How many images a section names."""
    return min(images if isinstance(images, int) else len(images), n_images)


def _word_maps(config: WordMapsConfig, generation: Generation, n_images: int) -> Workload:
    """A pass forward and back a word, which costs three; and edited pictures of some images."""
    chosen, captions = n_chosen(config.images, n_images), len(set(config.captions or (0,)))
    followed = 3 * chosen * captions * n_words(generation)
    edited = min(config.checked, chosen) * captions * (config.groups**2 + 1)
    return Workload(stage_names.WORD_MAPS, followed + edited, forced=followed + edited)


def _faithfulness(config: FaithfulnessConfig, size: ModelSize, n_images: int) -> Workload:
    """Edited pictures of every order, fill, way and step; maps of the tower and permuted ones.

    A pass with gradients costs three, and its whole patterns two more.
    """
    chosen = n_chosen(config.images, n_images)
    orders = len(MAP_KINDS) * len(spread(config.layers, size.n_layers)) + 1 + config.orders
    edited = len(config.fills) * (2 + 2 * orders * (config.steps - 1))
    towers = 1 + len(set(config.randomised or (1, 2, 3)))
    return Workload(
        stage_names.FAITHFULNESS,
        chosen * (edited + 5 * towers),
        forced=chosen * (edited + 3 * towers),
    )


def _patching(config: PatchingConfig, size: ModelSize, generation: Generation) -> Workload:
    """Both ways of every pair: the stories, a backward pass, and what is put in one at a time.

    Of one's own caption and the other's each the log-probability. A site runs half of the blocks
    on average. Pairs that are not on this machine count as none: `run` says so.
    """
    try:
        n_ways = 2 * len(read_pairs(local_path(config.pairs), config.n))
    except ValueError:
        n_ways = 0
    groups = 3 * (size.n_layers + 1) + 2 * size.n_layers
    singles = sum(
        min(config.exact_top + config.exact_random, there)
        for there in (
            size.n_layers * size.n_heads,
            (size.n_layers + 1) * size.grid[0] * size.grid[1],
        )
    )
    return Workload(
        stage_names.PATCHING,
        n_ways * (1 + 3 + (groups + singles) / 2),
        n_ways * (size.n_layers + 1),
        forced=n_ways * 2 * (1 + 3 + groups + singles),
        generation=generation,
    )


def _head_effect(config: HeadEffectConfig, size: ModelSize, n_images: int) -> Iterator[Workload]:
    """Gradients of the images that choose heads; gradients of all, removals from the others.

    A backward pass costs two forward ones; a removal runs half of the blocks on average.
    """
    removed = min(config.exact_top + config.exact_random, size.n_layers * size.n_heads)
    choosing = max(1, min(config.m, n_images // 3))
    removals = (n_images - choosing) * removed
    yield Workload(stage_names.HEAD_CHOICE, 3 * choosing, forced=3 * choosing)
    yield Workload(
        stage_names.HEAD_EFFECT,
        3 * n_images + removals / 2,
        forced=3 * n_images + removals,
    )


def _translators(
    config: TranslatorsConfig, dataset: str, size: ModelSize, n_images: int, generation: Generation
) -> Iterator[Workload]:
    """Passes that fit every kind of translators; every reader's captions of every state.

    Of the lens, the tower's backward pass for each coordinate of Z^L, twice a forward one.
    """
    own = config.images_of in ("", dataset)
    n_fit, n_choose = shares(min(config.n, n_images) if own else config.n, own)
    n_read = n_images - own * (n_fit + n_choose)
    if not config.fitted:
        towers = {"tuned": 1, "permuted": 1, "untrained": 2}
        passes = sum(towers.get(kind, 0) for kind in kinds_of(config)) * (n_fit + n_choose)
        if "jacobian" in kinds_of(config):
            passes += n_fit + min(config.jacobian_images, n_fit) * (1 + 2 * size.width)
        # A step of refining is a pass through the tower, and through the decoder there and back.
        refined = (
            config.refine_steps * min(BATCH, n_fit) * len(set(kinds_of(config)) - {"jacobian"})
        )
        yield Workload(
            stage_names.TRANSLATORS + config.name,
            passes + refined,
            forced=3 * refined * (size.n_layers + 1),
        )
    readers = conditions_of(config)
    states = sum(size.n_layers + 1 - copies_last(reader) for reader in readers)
    measured = (size.n_layers + 1) * sum(reader in MEASURED for reader in readers)
    towers_read = 1 + ("others" in readers) + bool({"permuted", "untrained"} & readers.keys())
    yield Workload(
        stage_names.READERS + config.name,
        n_read * towers_read,
        n_read * states,
        forced=n_read * (measured + 1),
        generation=generation,
    )


def _experiments(
    config: Config, dataset: str, size: ModelSize, n_images: int
) -> Iterator[Workload]:
    """Means, then sweeps; a condition counts with the first experiment that names it."""
    known: set[str] = set()
    sweeps: list[Workload] = []
    every: list[Condition] = []
    for experiment in config.experiments:
        conditions, n_saved = _conditions(experiment, dataset, size)
        new = [c for c in conditions if c.id not in known]
        known.update(c.id for c in new)
        every += new
        first = [c.first for c in new] + [1] * n_saved
        if first:
            sweeps.append(
                _sweep(
                    stage_names.SWEEP + experiment.name,
                    first,
                    size,
                    n_images,
                    experiment.all_layers,
                    experiment.capture,
                    config.decode.generation,
                    len({c.mean.seed for c in new if c.mean and c.mean.resamples}),
                    sum(c.broken.n_gradients for c in new if c.broken),
                )
            )
    for source, states in means_needed(every).items():
        images = source.n if source.run else min(source.n, n_images)
        yield Workload(means_label(source), images * max(states) / size.n_layers)
    yield from sweeps


def _conditions(
    experiment: ExperimentConfig, dataset: str, size: ModelSize
) -> tuple[list[Condition], int]:
    """The conditions of an experiment by id, and how many lie in files, which may not be here."""

    def run_of(name: str) -> str | None:
        return None if name == dataset else name

    mean = mean_source(experiment, run_of)
    texts = [entry for entry in experiment.conditions if not entry.startswith(SAVED)]
    try:
        chosen = {
            c.id: c
            for text in texts
            for c in expand(text, Shape(size.n_layers, size.n_heads), mean, run_of)
        }
    except ValueError as error:
        raise ValueError(f"experiment {experiment.name!r}: {error}") from error
    return list(chosen.values()), len(experiment.conditions) - len(texts)


def _sweep(
    stage: str,
    first: Sequence[int],
    size: ModelSize,
    n_images: int,
    all_layers: bool,
    capture: bool,
    generation: Generation,
    draws: int = 0,
    gradients: int = 0,
) -> Workload:
    """A sweep of conditions, each from its lowest edited layer; and the tower once without.

    From Z^0 on, whose making is no block, where the picture is another.

    And once for the images of every draw that stand in for others; three times for every gradient
    in the pixels, of which one pass is back.
    """
    above = [size.n_layers + 1 - layer for layer in first]
    blocks = sum(min(states, size.n_layers) for states in above)
    return Workload(
        stage,
        n_images * (1 + draws + 3 * gradients + blocks / size.n_layers),
        n_images * (sum(above) if all_layers else len(above)),
        forced=n_images * 3 * gradients,
        kept=n_images * len(above) if capture else 0,
        generation=generation,
    )


def _pruning(
    config: PruningConfig, size: ModelSize, n_images: int, generation: Generation
) -> Iterator[Workload]:
    """The samples' heads, the main condition, its controls, and the curve; equal ones count too."""
    layers = config.layers or range(1, size.n_layers + 1)
    stage, first = stage_names.PRUNING + config.name, min(layers)
    controls = 2 + min(FEW_SEEDS, config.random_seeds)
    scored = stage_names.IMPORTANCE + config.name
    yield _heads(scored, layers, size, config.m, generation)
    if others := min(config.samples, n_images // config.m) - 1:
        yield _heads(f"{scored}.samples", layers, size, others * config.m, generation)
    yield _sweep(stage, [first], size, n_images, True, True, generation)
    if config.top_k is not None or config.threshold is not None:
        yield _sweep(
            f"{stage}.controls", [first] * controls, size, n_images, True, False, generation
        )
        if many := max(0, config.random_seeds - FEW_SEEDS):
            yield _sweep(
                f"{stage}.random", [first] * many, size, n_images, False, False, generation
            )
    if curve := len(set(config.counts) - {size.n_heads - (config.top_k or 0)}) * (1 + controls):
        yield _sweep(f"{stage}.curve", [first] * curve, size, n_images, False, False, generation)


def _heads(
    stage: str, layers: Sequence[int], size: ModelSize, n_images: int, generation: Generation
) -> Workload:
    """All heads of some layers and their null: the tower up to the last, and a block each."""
    readouts = len(set(layers)) * (size.n_heads + 1)
    return Workload(
        stage,
        n_images * (max(layers) + readouts) / size.n_layers,
        n_images * readouts,
        generation=generation,
    )
