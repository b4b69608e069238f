"""Captioners that read an image as tokens of a decoder-only language model: what all share.

A state Z^l is put in the place of the library's tower, and the library's own path runs behind it:
`get_image_features`, then `generate` (docs/method.md, "Towers without a class token"). A family is
a file with a subclass, which says how its tower is viewed, what its processor is given, and where
it departs from the rest.
"""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, cast

import torch
from jaxtyping import Float, Int
from PIL import Image
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence
from transformers.modeling_outputs import BaseModelOutputWithPooling, ModelOutput

from precompute.config import Generation
from precompute.models.captioner import (
    Captioner,
    Forced,
    Memory,
    OwnCheck,
    as_read,
    mean_logprob,
    to_end,
)
from precompute.models.hooks import doubled, given, kept_inputs, kept_outputs, kept_patterns
from precompute.models.layouts import Layout
from precompute.models.tower import VisionTower
from precompute.models.vision import generate_arguments, to_pictures

_GREY = Image.new("RGB", (64, 64), (127, 127, 127))
"""A picture of which only the size is used. Not black: SmolVLM takes that for padding."""


class EveryLayer(tuple[Tensor]):
    """Hidden states of a library's tower of which any index gives the same one.

    A model that reads the layer before its last by `hidden_states[-2]` so reads the state that
    stands in for it.
    """

    def __getitem__(self, index: Any) -> Any:
        """The state, at any index."""
        return super().__getitem__(0)


@dataclass(frozen=True)
class DecoderOnlyCaptioner(ABC):
    """A model and its processor; `captioner.Captioner` says what the public methods promise."""

    model: Any
    processor: Any
    tower: VisionTower
    blank: dict[tuple[str, Layout], dict[str, Tensor]] = field(
        default_factory=dict, repr=False, compare=False
    )
    """Prompt and layout -> what the processor makes of the prompt and a grey picture, once it was
    asked for."""

    model_types: ClassVar[tuple[str, ...]]
    """`model_type` of the configurations that the family reads."""

    model_class: ClassVar[Any]
    """The library's class, with `get_image_features` and `generate`."""

    processor_class: ClassVar[Any]
    """The library's processor."""

    as_list: ClassVar[bool] = True
    """Whether the library hands on the embeddings of images as a list, not as a tensor."""

    @classmethod
    @abstractmethod
    def view(cls, model: Any) -> VisionTower:
        """The tower in a model, its blocks as far as the model reads, its states row by row."""

    @staticmethod
    def image_tokens(tower: VisionTower, config: Any) -> int:
        """How many tokens the language model gets of an image: as a rule one a patch."""
        return tower.grid[0] * tower.grid[1]

    @property
    def layout(self) -> Layout:
        """How what the tower sees of a picture lies; see `layouts`."""
        return self.tower.grid

    def squashed(self, pictures: Sequence[Image.Image]) -> list[Image.Image]:
        """Pictures in the shape of this captioner's layout; as they are, where there is but one."""
        return list(pictures)

    @property
    def vision(self) -> Any:
        """The library's tower."""
        return self.model.model.vision_tower

    @property
    def library_blocks(self) -> Sequence[nn.Module]:
        """The library's blocks, those that are dead included."""
        blocks: Sequence[nn.Module] = self.vision.encoder.layers
        return blocks

    def prepared(self, images: Sequence[Image.Image]) -> list[Image.Image]:
        """Images as the processor is given them: as a rule as they are."""
        return list(images)

    def image_arguments(self) -> dict[str, Any]:
        """What the processor is told of images: as a rule nothing; else that they are one tile."""
        return {}

    def inputs(self, images: Sequence[Image.Image], texts: Sequence[str]) -> Mapping[str, Tensor]:
        """What the processor makes of images, one tile each, and texts."""
        made: Mapping[str, Tensor] = self.processor(
            images=[[image] for image in self.prepared(images)],
            text=list(texts),
            return_tensors="pt",
            **self.image_arguments(),
        )
        return made

    def processed(self, images: Sequence[Image.Image]) -> Mapping[str, Tensor]:
        """What the processor makes of images alone."""
        made: Mapping[str, Tensor] = self.processor.image_processor(
            [[image] for image in self.prepared(images)],
            return_tensors="pt",
            **self.image_arguments(),
        )
        return made

    def shrunk(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """What is needed of a blank picture's inputs where the tower's output is given."""
        return inputs

    def pictures(self, inputs: Mapping[str, Tensor]) -> Float[Tensor, "batch 3 y x"]:
        """The picture of every image in what the processor made."""
        return inputs["pixel_values"]

    def stand_in(self, states: Float[Tensor, "batch token parts"]) -> ModelOutput:
        """What the library's tower would give had its blocks ended in Z^l.

        Its norm is in `last_hidden_state` alone, as in the library.
        """
        return BaseModelOutputWithPooling(
            last_hidden_state=self.tower.final_norm(states), hidden_states=EveryLayer((states,))
        )

    def embeddings(self, features: Any) -> Float[Tensor, "batch source model"]:
        """All that the language model gets of every image."""
        return torch.stack(list(features.pooler_output))

    def encoded(self, hidden: Float[Tensor, "batch source model"]) -> ModelOutput:
        """The same as `generate` takes it: a list, or in some models a tensor."""
        return BaseModelOutputWithPooling(pooler_output=list(hidden) if self.as_list else hidden)

    def beside(self, ids: Int[Tensor, "batch token"], n_prompt: int) -> dict[str, Tensor]:
        """What goes with token ids, as the processor would give it: types of tokens, grids."""
        return {}

    def of_batch(self, n_images: int) -> dict[str, Tensor]:
        """Arguments of `get_image_features` that the processor does not give."""
        return {}

    def pixels(self, images: Sequence[Image.Image]) -> Float[Tensor, "batch 3 y x"]:
        """The images as the tower takes them: one square each, or one grid."""
        return self._placed(self.pictures(self.processed(images)))

    def model_input(self, pixels: Float[Tensor, "batch 3 y x"]) -> list[Image.Image]:
        """The pictures as the model saw them, back in 0..255."""
        return to_pictures(self.processor.image_processor, pixels)

    def read(self, states: Float[Tensor, "batch token parts"], prompt: str) -> Memory:
        """Z^l in the tower's place, then the library's way to the embeddings of an image."""
        key = prompt, self.layout
        if key not in self.blank:
            self.blank[key] = self.shrunk(self._processed(self.squashed([_GREY]), prompt))
        inputs, n = self.blank[key], len(states)
        with given(self.vision, self.stand_in(states)):
            hidden = self._features({name: _repeated(t, n) for name, t in inputs.items()}, n)
        ones = torch.ones(hidden.shape[:2], dtype=torch.long, device=hidden.device)
        return Memory(hidden, ones, tuple(inputs["input_ids"][0].tolist()))

    def generate(self, memory: Memory, generation: Generation) -> list[list[int]]:
        """The library's `generate`, the embeddings of the images being given."""
        words = self._words(memory, [()] * len(memory.hidden))
        rows = self.model.generate(**words, **self.arguments(generation))
        return self._captions(rows.tolist(), len(memory.prefix))

    def arguments(self, generation: Generation) -> dict[str, object]:
        """What `generate` is called with: a caption may not hold an image's own token.

        Where an early state leads to one, the library takes the caption for having a second image.
        """
        config, settings = self.model.config, self.model.generation_config
        never = {*(settings.suppress_tokens or ()), config.image_token_id}
        never |= {getattr(config, "video_token_id", None)} - {None}
        return {**generate_arguments(generation), "suppress_tokens": sorted(never)}

    def forced(self, memory: Memory, captions: Sequence[Sequence[int]]) -> Forced:
        """The scores of all words at every token of a given caption a row, teacher-forced."""
        words, n = self._words(memory, captions), len(memory.prefix)
        kept = words["attention_mask"][:, n:]
        # Of the prompt, which is long, only the last token's logits are made.
        logits = self.model(**words, logits_to_keep=kept.shape[1] + 1, use_cache=False).logits
        return Forced(logits[:, :-1], words["input_ids"][:, n:], kept)

    def logprob(self, memory: Memory, captions: Sequence[Sequence[int]]) -> Float[Tensor, " batch"]:
        """Mean log-probability a token, in nats, teacher-forced; that of the prompt left out."""
        return mean_logprob(*self.forced(memory, captions))

    def text(self, token_ids: Sequence[int]) -> str:
        """A caption's words, special tokens left out."""
        words: str = self.processor.tokenizer.decode(list(token_ids), skip_special_tokens=True)
        return words.strip()

    def token_ids(self, text: str) -> list[int]:
        """The tokens of a caption, with the first of the end tokens."""
        ids: list[int] = self.processor.tokenizer(text, add_special_tokens=False)["input_ids"]
        return [*ids, *self._ends()[:1]]

    def inner_words(
        self, memory: Memory, blocks: Sequence[int], top: int
    ) -> tuple[Float[Tensor, "batch block token top"], Int[Tensor, "batch block token top"]]:
        """The most probable words of an image's own tokens inside the language model.

        The model's own head, after its final norm, on the stream of every image token after each
        block: a logit lens (nostalgebraist 2020), which trains nothing and reads few of these
        tokens well (arXiv 2602.00462: 23%).

        Args:
            memory: of images, with the prompt.
            blocks: after which blocks, 0 being the language model's input.
            top: how many words.

        Returns:
            Probabilities, and ids of the words; tokens in the order in which the model has them.
        """
        words = self._words(memory, [()] * len(memory.hidden))
        text, head = self.model.get_decoder(), self.model.get_output_embeddings()
        with kept_inputs(text.layers) as streams, kept_inputs([text.norm]) as last:
            self.model(**words, logits_to_keep=1, use_cache=False)
        places = (words["input_ids"][0] == self.model.config.image_token_id).nonzero()[:, 0]
        places = self.of_whole(places)
        cap = getattr(text.config, "final_logit_softcapping", None)
        found = []
        for block in blocks:
            logits = head(text.norm([*streams, *last][block][:, places])).float()
            chance = (logits if cap is None else cap * (logits / cap).tanh()).softmax(-1)
            found.append(chance.topk(top))
        values, ids = zip(*found, strict=True)
        return torch.stack(values, 1), torch.stack(ids, 1)

    def of_whole(self, places: Int[Tensor, " token"]) -> Int[Tensor, " whole"]:
        """Of an image's tokens those of the whole picture: all, where it has no tiles."""
        return places

    @property
    def n_language_blocks(self) -> int:
        """Blocks of the language model."""
        return len(self.model.get_decoder().layers)

    @property
    def token_grid(self) -> tuple[int, int]:
        """How the image's tokens lie: rows and columns, each a patch or several merged ones."""
        rows, columns = self.tower.grid
        n_tokens = self.image_tokens(self.tower, self.model.config)
        merged = round((rows * columns * self.tower.tiles / n_tokens) ** 0.5)
        return rows // merged, columns // merged

    def run_library_tower(self, pixels: Float[Tensor, "batch 3 y x"]) -> None:
        """The library's tower on pixels, for what is kept of it on the way."""
        self.vision(pixel_values=pixels)

    def library_final_state(
        self, pixels: Float[Tensor, "batch 3 y x"]
    ) -> Float[Tensor, "batch token width"]:
        """Z^L by the library: what the last block gives that the model reads."""
        with kept_outputs([self.library_blocks[self.tower.n_layers - 1]], _kept) as states:
            self.run_library_tower(pixels)
        return states[0]

    def library_patterns(
        self, pixels: Float[Tensor, "batch 3 y x"]
    ) -> list[Float[Tensor, "batch head token"]]:
        """CLS's attention, or what each patch receives, by the library's eager attention."""
        modules = [self.attention_of(block) for block in self.library_blocks]
        of_cls, run = self.tower.class_token, self.run_library_tower
        return kept_patterns(self.vision, modules, of_cls, run, pixels)[: self.tower.n_layers]

    def attention_of(self, block: Any) -> nn.Module:
        """The attention in one of the library's blocks, whose second output is its pattern."""
        module: nn.Module = block.self_attn
        return module

    def library_captions(
        self, images: Sequence[Image.Image], prompt: str, generation: Generation
    ) -> list[list[int]]:
        """Captions by the library's processor and the whole model's `generate`."""
        inputs = self._processed(images, prompt) | self.of_batch(len(images))
        rows = self.model.generate(**inputs, **self.arguments(generation))
        return self._captions(rows.tolist(), inputs["input_ids"].shape[1])

    def own_checks(self, images: Sequence[Image.Image], prompt: str) -> Sequence[OwnCheck]:
        """That nothing above a layer that is read is seen, and what lies above the native layer.

        A model that read the library's own tower as well would be found out: its blocks above give
        twice what they give.
        """
        blocks = self.library_blocks
        states = self.tower.embed(self.pixels(images))
        # As if all states were this one: what is asked is whether others are looked at.
        states = as_read(cast(Captioner, self), 0, [states] * (self.tower.n_layers + 1))
        plain = self.read(states, prompt).hidden
        with doubled(blocks):
            moved = self.read(states, prompt).hidden
        leak = "largest change of what is read of Z^0 where the library's blocks give the double"
        checks = [OwnCheck("nothing_leaks", float((moved - plain).abs().max()), True, leak)]
        if dead := blocks[self.tower.n_layers :]:
            inputs = self._processed(images, prompt)
            plain = self._features(inputs, len(images))
            with doubled(dead):
                moved = self._features(inputs, len(images))
            detail = (
                "largest change of an image's embeddings where the library's blocks above layer "
                f"{self.tower.n_layers} give the double"
            )
            checks.append(OwnCheck("dead_layers", float((moved - plain).abs().max()), True, detail))
        return checks

    def _processed(self, images: Sequence[Image.Image], prompt: str) -> dict[str, Tensor]:
        """What the processor makes of images and one prompt, on the model's device."""
        made = self.inputs(images, [self._prompted(prompt)] * len(images))
        takes = {*inspect.signature(self.model.forward).parameters} - {"labels"}
        return {name: self._placed(value) for name, value in made.items() if name in takes}

    def _prompted(self, prompt: str) -> str:
        """An image and a prompt in the model's chat template, where it has one."""
        template = self.processor.chat_template or self.processor.tokenizer.chat_template
        if not template:
            return f"{self.processor.image_token}{prompt}"
        content = [{"type": "image"}, {"type": "text", "text": prompt}]
        text: str = self.processor.tokenizer.apply_chat_template(
            [{"role": "user", "content": content}],
            chat_template=template,
            tokenize=False,
            add_generation_prompt=True,
        )
        # Some templates begin with the token that the tokenizer puts first as well; once is enough.
        words = self.processor.tokenizer
        begins = words("")["input_ids"][:1] == [words.bos_token_id]
        return text.removeprefix(words.bos_token) if begins and words.bos_token else text

    def _placed(self, value: Tensor) -> Tensor:
        """A tensor on the model's device; pixels in the dtype of its weights."""
        return value.to(self.model.device, self.tower.dtype if value.is_floating_point() else None)

    def _features(self, inputs: Mapping[str, Tensor], n_images: int) -> Tensor:
        """The library's embeddings of images."""
        read = self.model.base_model.get_image_features
        takes = inspect.signature(read).parameters
        taken = {name: value for name, value in inputs.items() if name in takes}
        return self.embeddings(read(**taken, **self.of_batch(n_images), return_dict=True))

    def _words(self, memory: Memory, captions: Sequence[Sequence[int]]) -> dict[str, Any]:
        """The prompt with captions, padded at the right, and the images' embeddings."""
        lines = [torch.tensor([*memory.prefix, *ids]) for ids in captions]
        padding = self.processor.tokenizer.pad_token_id or 0
        ids = pad_sequence(lines, batch_first=True, padding_value=padding).to(self.model.device)
        real = pad_sequence([torch.ones_like(line) for line in lines], batch_first=True)
        return {
            "input_ids": ids,
            "attention_mask": real.to(ids.device),
            "mm_encoder_outputs": {"image": self.encoded(memory.hidden)},
            **self.beside(ids, len(memory.prefix)),
        }

    def _captions(self, rows: list[list[int]], n_prompt: int) -> list[list[int]]:
        """Rows of `generate` without the prompt and without what follows an end token."""
        return [to_end(row[n_prompt:], *self._ends()) for row in rows]

    def _ends(self) -> list[int]:
        """The end tokens, of which a caption has one at most."""
        ends = self.model.generation_config.eos_token_id
        return [] if ends is None else [ends] if isinstance(ends, int) else list(ends)


def _kept(output: Tensor) -> Tensor:
    return output.clone()


def _repeated(value: Tensor, times: int) -> Tensor:
    if len(value) == 1:
        return value.expand(times, *value.shape[1:]).contiguous()
    return value.repeat(times, *[1] * (value.ndim - 1))
