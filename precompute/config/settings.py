"""What a run computes, read from TOML, validated once, then frozen."""

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from precompute.config.experiments import (
    ExperimentConfig,
    FloorConfig,
    HeadEffectConfig,
    HeadsConfig,
    HeadTextsConfig,
    PatchingConfig,
    PruningConfig,
)
from precompute.config.judge import JudgeConfig
from precompute.config.maps import FaithfulnessConfig, WordMapsConfig
from precompute.config.overrides import misfits, override
from precompute.config.section import DatasetName, Section, Seed
from precompute.config.translators import TranslatorsConfig

PROJECT = Path(__file__).resolve().parents[2]
"""Paths in a configuration are relative to this folder, so that a run starts from anywhere."""

_HUB = "hub:"


class TextsConfig(Section):
    """The texts that a CLIP's states are read against; the template is the prompt of [decode].

    Attributes:
        list: `classes` are the names of ImageNet's 1,000 classes, or of those that the data set at
            `path` names; `nouns` the most frequent of WordNet; `file` a user's own.
        path: of `classes` the folder of a data set of kind imagenet, of `file` the file, a text a
            line; relative to the project.
        n: how many nouns.
    """

    list: Literal["classes", "nouns", "file"] = "classes"
    path: str = ""
    n: int = Field(default=4000, ge=2)

    @model_validator(mode="after")
    def _path_fits(self) -> Self:
        if (self.list == "file") > bool(self.path) or (self.list == "nouns" and self.path):
            raise ValueError(
                "list = 'file' needs a path, 'classes' may have one, 'nouns' has none; got "
                f"list = {self.list!r} with path = {self.path!r}"
            )
        return self


class ModelConfig(Section):
    """Which captioner, and how its numbers are represented.

    Attributes:
        backend: which file of `precompute.models` reads the checkpoint.
        path: a folder with the checkpoint, relative to the project, or a name on the hub.
        revision: of a checkpoint on the hub: a commit or a tag.
        device: where it runs; `auto` takes CUDA if there is one.
        dtype: of the weights; `auto` is bfloat16 on a GPU that has it, else float32.
        gpus: over how many GPUs the language model is spread.
        deepstack: of Qwen3-VL alone, whose language model gets states from within the tower, too:
            what comes from those above the layer that is read. Nothing, that layer's own state, or
            what comes in the whole tower.
        aspect: of Qwen2.5-VL and Qwen3-VL alone: whether a picture keeps its shape, and so has a
            grid of its own, or is squashed to a square. Squares are the default, since means and
            maps over positions need one grid.
        tiles: of SmolVLM and Idefics3 alone: how many tiles long a picture's longer side is cut,
            as their processor does, beside the whole picture; 1 does not cut. Cost grows with the
            square. The default keeps one state a layer of one picture.
        texts: of the back end clip alone, which needs it: what states are read against.
    """

    backend: Literal[
        "huggingface",
        "blip",
        "lavis",
        "llava",
        "llava_onevision",
        "smolvlm",
        "idefics3",
        "paligemma",
        "gemma3",
        "internvl",
        "qwen2_5_vl",
        "qwen3_vl",
        "clip",
    ] = "huggingface"
    path: str
    revision: str | None = None
    device: Literal["auto", "cpu", "cuda"] = "auto"
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    gpus: int = Field(default=1, ge=1)
    deepstack: Literal["drop", "from-state", "keep"] = "drop"
    aspect: Literal["keep", "square"] = "square"
    tiles: int = Field(default=1, ge=1, le=8)
    texts: TextsConfig | None = None

    @model_validator(mode="after")
    def _texts_are_clips(self) -> "ModelConfig":
        if (self.texts is not None) != (self.backend == "clip"):
            raise ValueError(
                "a section [model.texts] is of backend = 'clip', which needs one, and of no other; "
                f"got backend = {self.backend!r} {'without' if self.texts is None else 'with'} it"
            )
        return self

    @model_validator(mode="after")
    def _deepstack_is_qwens(self) -> "ModelConfig":
        if self.deepstack != "drop" and self.backend != "qwen3_vl":
            raise ValueError(f"deepstack is of backend = 'qwen3_vl' alone; got {self.backend!r}")
        return self

    @model_validator(mode="after")
    def _tiles_are_of_few(self) -> "ModelConfig":
        if self.tiles > 1 and self.backend not in ("smolvlm", "idefics3"):
            reason = {
                "llava_onevision": "of LLaVA-OneVision's tiles the library cuts off what a "
                "picture's own size leaves empty, so that images of one layout differ in tokens",
                "internvl": "InternVL's tiles are not read yet",
            }.get(self.backend, "its pictures have one tile")
            raise ValueError(
                f"tiles are of backend = 'smolvlm' or 'idefics3'; got {self.backend!r}: {reason}. "
                "Leave tiles out"
            )
        return self

    @model_validator(mode="after")
    def _aspect_is_qwens(self) -> "ModelConfig":
        if self.aspect != "square" and self.backend not in ("qwen2_5_vl", "qwen3_vl"):
            raise ValueError(
                "aspect = 'keep' is of backend = 'qwen2_5_vl' or 'qwen3_vl', whose towers take "
                f"pictures of any shape; got {self.backend!r}, whose tower takes squares. Leave it "
                "out"
            )
        return self


class DatasetConfig(Section):
    """A set of images; each makes a run of its own.

    Attributes:
        name: the readable part of the run's name.
        kind: which loader of `precompute.images` reads it.
        path: its folder, relative to the project; or `hub:` and its name on the Hugging Face hub.
        files: of a folder, only these; all, if none are named.
        n: how many of its images, drawn with `seed`; all, if not given.
        seed: of the draw.
        max_broken: the share of images that may be broken, in [0, 1]; more stop the run.
        background: what transparent pictures are laid on. If it is not given, their alpha is left
            out, as the library does: the model sees the colours that lie hidden under it.
        masks: a folder that says where things are seen (docs/maps.md), relative to the project;
            none, if not given.
    """

    name: DatasetName
    kind: Literal["whoops", "imagenet", "folder"]
    path: str
    files: tuple[str, ...] = ()
    n: int | None = Field(default=None, ge=1)
    seed: Seed = 0
    max_broken: float = Field(default=0.05, ge=0, le=1)
    background: Literal["white"] | None = None
    masks: str | None = None

    @property
    def hub(self) -> str | None:
        """Its name on the hub; None if it is a folder."""
        return self.path.removeprefix(_HUB) if self.path.startswith(_HUB) else None

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        if self.kind == "folder" and self.hub:
            raise ValueError("a data set of kind 'folder' has a folder as its path, not the hub")
        if self.kind != "folder" and self.files:
            raise ValueError("files are named one by one only of a data set of kind 'folder'")
        return self


class CaptureConfig(Section):
    """How images are cut into parts and batches.

    Attributes:
        part_size: images a part; a part is what a killed run loses at most.
        batch_size: images that go through the tower together.
        cls_state: whether the CLS token's states are kept, L + 1 vectors of the model's width.
        token_attention: for which images the attention of every token is kept, mean over heads:
            their ids, or how many of a data set's first.
    """

    part_size: int = Field(default=32, ge=1)
    batch_size: int = Field(default=16, ge=1)
    cls_state: bool = False
    token_attention: Annotated[int, Field(ge=0)] | tuple[str, ...] = 0


class Generation(Section):
    """How a caption is generated; the words are those of the library's `generate`.

    The bounds keep a slip of the hand from filling the memory: the cache of a batch grows by tokens
    times beams.
    """

    num_beams: int = Field(default=1, ge=1, le=64)
    max_new_tokens: int = Field(default=30, ge=1, le=2048)
    min_new_tokens: int = Field(default=0, ge=0)
    repetition_penalty: float = Field(default=1.0, gt=0)
    length_penalty: float = 1.0

    @model_validator(mode="after")
    def _ends(self) -> Self:
        if self.min_new_tokens > self.max_new_tokens:
            raise ValueError(
                f"min_new_tokens must be at most max_new_tokens, {self.max_new_tokens}; got "
                f"{self.min_new_tokens}"
            )
        return self


class DecodeConfig(Section):
    """The instruction, how captions are generated, and how many states a batch holds.

    Of the back end clip the instruction is the template of its texts, `{}` where the text goes.
    """

    prompt: str
    batch_size: int = Field(default=64, ge=1)
    generation: Generation = Generation()


class BertScoreConfig(Section):
    """The model of BERTScore; the defaults are bert-score's own for English.

    Attributes:
        model: a folder of the project, a name on the hub, or `package:` and the name of an
            installed package that carries a model.
        layer: whose output is compared; the layers above are dropped.
        rescale: whether unrelated sentences score 0, by the package's baseline of the model.
    """

    model: str = "roberta-large"
    layer: int = Field(default=17, ge=1)
    rescale: bool = True


class ScoreConfig(Section):
    """How captions are scored.

    Attributes:
        metrics: of `precompute.metrics`; those that have no meaning for a data set are left out.
        shuffles: with the references of how many other images `shuffled` is the mean.
        bertscore: the model of the metric of that name.
    """

    metrics: tuple[str, ...] = ("exact", "rouge_l")
    shuffles: int = Field(default=3, ge=1, le=1000)
    bertscore: BertScoreConfig = BertScoreConfig()


class QuestionsConfig(Section):
    """How layers are asked the questions of a data set.

    Attributes:
        template: the instruction, with `{question}` where the question goes.
        layers: which states Z^l are asked; all, if none are named.
        generation: of an answer.
    """

    template: str = Field(default="Question: {question} Short answer:", pattern=r"\{question\}")
    layers: tuple[int, ...] | None = None
    generation: Generation = Generation(max_new_tokens=10)


class InnerWordsConfig(Section):
    """Which words the language model's head reads in an image's own tokens (a logit lens).

    Attributes:
        images: of which images: their ids, or how many of a data set's first.
        blocks: after which blocks of the language model, 0 being its input; all, if none are named.
        top: how many of the most probable words of each token.
    """

    images: Annotated[int, Field(ge=0)] | tuple[str, ...] = 8
    blocks: tuple[int, ...] | None = None
    top: int = Field(default=3, ge=1, le=100)


class ScaleConfig(Section):
    """Who makes the parts; it decides no numbers.

    Attributes:
        engine: `local` is this process; `ray` are actors of Ray, each with a model of its own, on
            this machine or on the cluster at RAY_ADDRESS.
        workers: how many actors.
        cpus: of an actor: as many threads compute in it.
        gpus: of an actor; those of [model] where it runs on a GPU, if not given.
    """

    engine: Literal["local", "ray"] = "local"
    workers: int = Field(default=1, ge=1, le=4096)
    cpus: float = Field(default=1, gt=0, le=1024)
    gpus: float | None = Field(default=None, ge=0)


class Config(Section):
    """One configuration file: a model, how it is read, and the data sets it is read on."""

    model: ModelConfig
    datasets: tuple[DatasetConfig, ...] = Field(min_length=1)
    capture: CaptureConfig = CaptureConfig()
    decode: DecodeConfig
    score: ScoreConfig = ScoreConfig()
    questions: QuestionsConfig | None = None
    inner_words: InnerWordsConfig | None = None
    word_maps: WordMapsConfig | None = None
    faithfulness: FaithfulnessConfig | None = None
    floor: FloorConfig | None = None
    experiments: tuple[ExperimentConfig, ...] = ()
    heads: HeadsConfig | None = None
    head_effect: HeadEffectConfig | None = None
    head_texts: HeadTextsConfig | None = None
    patching: PatchingConfig | None = None
    pruning: tuple[PruningConfig, ...] = ()
    translators: tuple[TranslatorsConfig, ...] = ()
    judge: JudgeConfig | None = None
    scale: ScaleConfig = ScaleConfig()

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        """Results are kept by name: of two of one name, the second would replace the first."""
        for section in ("datasets", "experiments", "pruning", "translators"):
            names = [each.name for each in getattr(self, section)]
            if twice := sorted({name for name in names if names.count(name) > 1}):
                raise ValueError(
                    f"expected different names under [[{section}]]; got {', '.join(twice)} more "
                    "than once. Rename one."
                )
        return self

    @model_validator(mode="after")
    def _patching_has_a_run(self) -> Self:
        names = [dataset.name for dataset in self.datasets]
        if self.patching and self.patching.dataset not in ("", *names):
            raise ValueError(
                f"dataset under [patching] names one of {', '.join(names)}, in whose run its "
                f"results are kept; got {self.patching.dataset!r}"
            )
        return self

    @model_validator(mode="after")
    def _of_one_state_and_grid(self) -> Self:
        """What reads one state of a tower, or lays patches over a picture, says what it cannot."""
        of_grids = {
            "[word_maps]": self.word_maps,
            "[faithfulness]": self.faithfulness,
            "[patching]": self.patching,
            "[[translators]]": self.translators,
        }
        asked = [name for name, section in of_grids.items() if section]
        if asked and self.model.aspect == "keep":
            raise ValueError(
                f"{', '.join(asked)}: pictures must have one grid. Set aspect = 'square' under "
                "[model], or leave the section out"
            )
        if asked and self.model.tiles > 1:
            raise ValueError(
                f"{', '.join(asked)}: pictures must be whole. Set tiles = 1 under [model], or "
                "leave the section out"
            )
        of_states = [name for name in asked if name in ("[patching]", "[[translators]]")]
        if of_states and self.model.backend == "qwen3_vl":
            raise ValueError(
                f"{', '.join(of_states)}: Qwen3-VL reads more than one state of its tower "
                "(DeepStack), of which one cannot be exchanged alone. Leave the section out"
            )
        return self

    @model_validator(mode="after")
    def _fits_a_list_of_texts(self) -> Self:
        """What a CLIP without a decoder cannot do is said before any work."""
        if self.model.backend != "clip":
            if self.head_texts:
                raise ValueError("[head_texts] is of backend = 'clip' alone, which has texts")
            return self
        if self.decode.prompt.count("{}") != 1:
            raise ValueError(
                "with backend = 'clip' decode.prompt is the template of the texts and has {} once, "
                f"where the text goes, such as 'a photo of a {{}}.'; got {self.decode.prompt!r}"
            )
        if self.decode.generation != Generation():
            raise ValueError(
                "with backend = 'clip' nothing is generated, one text of the list is chosen: beams "
                "and lengths mean nothing. Leave [decode.generation] out"
            )
        if self.questions or self.inner_words:
            raise ValueError(
                "backend = 'clip' has no language model: leave [questions] and [inner_words] out"
            )
        return self


def read_config(path: Path, overrides: Sequence[str] = ()) -> Config:
    """Read and validate a configuration.

    Args:
        path: the file.
        overrides: settings to replace, `key=value`; see `precompute.config.overrides`.

    Raises:
        ValueError: the file is missing, is no TOML, or does not fit; the message lists every
            field that does not, with what was expected.
    """
    if not path.is_file():
        known = ", ".join(sorted(p.name for p in (PROJECT / "precompute/configs").glob("*.toml")))
        raise ValueError(
            f"expected a configuration file; {path} does not exist. "
            f"precompute/configs has: {known}."
        )
    try:
        settings = tomllib.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:  # bytes that are no text, numbers of 5,000 digits
        raise ValueError(f"{path} is not TOML: {error}") from error
    try:
        return Config.model_validate(override(settings, Config, overrides))
    except ValidationError as error:
        changed = "".join(f" --set {text}" for text in overrides)
        raise ValueError(f"{path}{changed} does not fit:\n{misfits(error, Config)}") from error


def config_of(run: str, info: Mapping[str, Any]) -> Config:
    """The configuration that a run was made with.

    Args:
        run: its name, for the message.
        info: its run.json.

    Raises:
        ValueError: run.json holds none, or one of another version.
    """
    try:
        return Config.model_validate(info.get("config"))
    except ValidationError as error:
        raise ValueError(
            f"run.json of {run} must hold the configuration that the run was made with; it does "
            f"not fit:\n{misfits(error, Config)}\nName one with --config."
        ) from error


def local_path(path: str) -> Path:
    """A path of a configuration as a path of this machine: relative ones start at the project."""
    return PROJECT / path
