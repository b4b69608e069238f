"""CLIP and SigLIP of transformers, read by their words: no decoder, but a list of texts.

A state goes the model's own way behind its tower: of CLIP the final norm of the CLS token and the
projection, of SigLIP the norm of all patches and the head that pools them. The caption is the text
of the list that is nearest to the image embedding; its log-probability is that of a softmax over
the list, with the model's own scale. SigLIP was trained with a sigmoid for each text by itself,
which is not what is shown: its bias is the same for all texts, and cancels in a softmax.

Of SigLIP 2 the checkpoints of a fixed resolution are read, which are SigLIP to the library.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor, nn
from torch.nn.functional import normalize
from transformers import AutoConfig, CLIPModel, CLIPProcessor, SiglipModel, SiglipProcessor
from transformers.utils import logging

from precompute.config import Generation
from precompute.models.captioner import Forced, Memory, OwnCheck, Placement, mean_logprob
from precompute.models.checkpoint import CheckpointMissing, safetensors
from precompute.models.hooks import kept_outputs, kept_patterns
from precompute.models.size import ModelSize
from precompute.models.split_vit import view_split_vit
from precompute.models.text_space import TextSpace, text_space
from precompute.models.tower import VisionTower
from precompute.models.vision import n_weights, on_one_device, to_pictures, to_pixels, tower_size

LIBRARIES = ("torch", "torchvision", "transformers", "tokenizers", "pillow")

_FAMILIES: dict[str, tuple[Any, Any]] = {
    "clip": (CLIPModel, CLIPProcessor),
    "siglip": (SiglipModel, SiglipProcessor),
}
_TEXTS_A_BATCH = 64


@dataclass(frozen=True)
class ClipCaptioner:
    """A CLIP or SigLIP and a list of texts; `captioner.Captioner` says what the methods promise.

    A caption is one token: the index of its text in the list. The prompt is a template, `{}` where
    the text goes.
    """

    model: Any
    processor: Any
    tower: VisionTower
    texts: tuple[str, ...]
    embedded: dict[str, Tensor] = field(default_factory=dict, repr=False, compare=False)
    """Template -> embeddings of the texts in it, once they were asked for."""

    def pixels(self, images: Sequence[Image.Image]) -> Float[Tensor, "batch 3 y x"]:
        """The images as the tower takes them: CLIP's cropped to a square, SigLIP's squashed."""
        return to_pixels(
            self.processor.image_processor, images, self.model.device, self.tower.dtype
        )

    def model_input(self, pixels: Float[Tensor, "batch 3 y x"]) -> list[Image.Image]:
        """The pictures as the model saw them, back in 0..255."""
        return to_pictures(self.processor.image_processor, pixels)

    def read(self, states: Float[Tensor, "batch token width"], prompt: str) -> Memory:
        """Logits over the list, in place of what a decoder would read: [batch, 1, text]."""
        image = normalize(self.image_embedding(states).float(), dim=-1)
        logits = image @ self.text_embeddings(prompt).float().T * self.model.logit_scale.exp()
        ones = torch.ones(len(logits), 1, dtype=torch.long, device=logits.device)
        return Memory(logits[:, None], ones)

    def image_embedding(
        self, states: Float[Tensor, "batch token width"]
    ) -> Float[Tensor, "batch embedding"]:
        """A state the model's own way behind its tower; no unit vector yet."""
        if self.tower.class_token:
            embedding: Tensor = self.model.visual_projection(self.tower.final_norm(states[:, 0]))
        else:
            embedding = self.model.vision_model.head(self.tower.final_norm(states))
        return embedding

    def text_embeddings(self, prompt: str) -> Float[Tensor, "text embedding"]:
        """Unit vectors of the texts, each in the template, by the library's `get_text_features`."""
        if prompt not in self.embedded:
            # Made once, and so for passes with gradients, too.
            with torch.inference_mode(False), torch.no_grad():
                features = [
                    self.model.get_text_features(**tokens).pooler_output
                    for tokens in self._tokens(prompt)
                ]
            self.embedded[prompt] = normalize(torch.cat(features), dim=-1)
        return self.embedded[prompt]

    def text_space(self) -> TextSpace:
        """The way from CLS to the image embedding, linear once the norm's length is fixed.

        Raises:
            ValueError: of SigLIP, whose head that pools is not linear.
        """
        if not self.tower.class_token:
            raise ValueError(
                "expected a CLIP with a class token; SigLIP pools its patches by attention and an "
                "MLP, through which what heads give does not add up. Leave [head_texts] out."
            )
        return text_space(self.tower.final_norm, self.model.visual_projection)  # type: ignore[arg-type]

    def generate(self, memory: Memory, generation: Generation) -> list[list[int]]:
        """The index of the nearest text a row; of equal ones the first."""
        nearest: list[list[int]] = memory.hidden.argmax(-1).tolist()
        return nearest

    def forced(self, memory: Memory, captions: Sequence[Sequence[int]]) -> Forced:
        """The scores of all words at every token of a given caption a row, teacher-forced."""
        tokens = torch.tensor([list(ids) for ids in captions], device=memory.hidden.device)
        return Forced(memory.hidden, tokens, torch.ones_like(tokens))

    def logprob(self, memory: Memory, captions: Sequence[Sequence[int]]) -> Float[Tensor, " batch"]:
        """Log-probability of a text of the list a row, in nats, by a softmax over the list."""
        return mean_logprob(*self.forced(memory, captions))

    def text(self, token_ids: Sequence[int]) -> str:
        """The text at an index of the list, as it was written there."""
        (index,) = token_ids
        return self.texts[index]

    def token_ids(self, text: str) -> list[int]:
        """The index of a text of the list.

        Raises:
            ValueError: it is not in the list.
        """
        if text not in self.texts:
            raise ValueError(
                f"a caption of a CLIP is one of its {len(self.texts):,} texts; got {text!r}."
            )
        return [self.texts.index(text)]

    def library_final_state(
        self, pixels: Float[Tensor, "batch 3 y x"]
    ) -> Float[Tensor, "batch token width"]:
        """Z^L by the library: what its last block gives, before `post_layernorm`."""
        vision = self.model.vision_model
        with kept_outputs([vision.encoder.layers[-1]], lambda output: output.clone()) as states:
            vision(pixel_values=pixels)
        return states[0]

    def library_patterns(
        self, pixels: Float[Tensor, "batch 3 y x"]
    ) -> list[Float[Tensor, "batch head token"]]:
        """CLS's attention, or what each patch receives, by the library's eager attention."""
        vision = self.model.vision_model
        modules = [layer.self_attn for layer in vision.encoder.layers]
        return kept_patterns(
            vision, modules, self.tower.class_token, lambda some: vision(pixel_values=some), pixels
        )

    def library_captions(
        self, images: Sequence[Image.Image], prompt: str, generation: Generation
    ) -> list[list[int]]:
        """The largest of the library's `logits_per_image`, a row."""
        nearest = self._library_logits(images, prompt).argmax(-1, keepdim=True)
        found: list[list[int]] = nearest.tolist()
        return found

    def own_checks(self, images: Sequence[Image.Image], prompt: str) -> Sequence[OwnCheck]:
        """That the logits are the library's, whose own bias (of SigLIP) is in both."""
        theirs = self._library_logits(images, prompt)
        ours = self.read(self.library_final_state(self.pixels(images)), prompt).hidden[:, 0]
        ours = ours + getattr(self.model, "logit_bias", torch.zeros(1)).to(ours)
        value = (ours - theirs).abs().max() / theirs.abs().max()
        detail = (
            f"largest |logit - library's logits_per_image| over largest, {len(self.texts)} texts"
        )
        return [OwnCheck("logits", float(value), False, detail)]

    def _library_logits(self, images: Sequence[Image.Image], prompt: str) -> Tensor:
        """`logits_per_image` of the whole model's forward, over the list; float32."""
        pixels = self.pixels(images)
        logits = [
            self.model(pixel_values=pixels, **tokens).logits_per_image.float()
            for tokens in self._tokens(prompt)
        ]
        return torch.cat(logits, 1)

    def _tokens(self, prompt: str) -> list[dict[str, Tensor]]:
        """Token ids of the texts in their template, in batches, as the library's processor pads.

        Raises:
            ValueError: one is longer than the model reads.
        """
        most = self.model.config.text_config.max_position_embeddings
        sentences = [prompt.replace("{}", text) for text in self.texts]
        batches = []
        for start in range(0, len(sentences), _TEXTS_A_BATCH):
            some = sentences[start : start + _TEXTS_A_BATCH]
            padding = True if self.tower.class_token else "max_length"
            ids = self.processor.tokenizer(some)["input_ids"]
            if long := [text for text, row in zip(some, ids, strict=True) if len(row) > most]:
                raise ValueError(
                    f"expected texts of at most {most} tokens, the template's included; "
                    f"{long[0]!r} is longer. Shorten it in the list."
                )
            made = self.processor(
                text=some, padding=padding, max_length=most, truncation=True, return_tensors="pt"
            )
            batches.append({name: value.to(self.model.device) for name, value in made.items()})
        return batches


def view(model: Any) -> VisionTower:
    """The tower of a CLIP, with CLS, or of a SigLIP, without."""
    vision = model.vision_model
    of_clip = model.config.model_type == "clip"
    return view_split_vit(
        vision,
        embed=nn.Sequential(vision.embeddings, vision.pre_layrnorm)
        if of_clip
        else vision.embeddings,
        final_norm=vision.post_layernorm,
        class_token=of_clip,
        n_layers=len(vision.encoder.layers),
    )


def load(folder: Path, placement: Placement) -> ClipCaptioner:
    """Load a checkpoint of CLIP or SigLIP in evaluation mode.

    Raises:
        CheckpointMissing: its tokenizer needs a package that is not here.
        ValueError: it is of another family, lacks weights, or several GPUs are asked for.
    """
    logging.disable_progress_bar()
    config = _config(folder)
    model_class, processor_class = _FAMILIES[config.model_type]
    model = on_one_device(model_class, config, folder, placement)
    try:
        processor = processor_class.from_pretrained(folder)
    except ImportError as error:
        raise CheckpointMissing(
            f"the tokenizer in {folder} needs a package that is not here: the first SigLIP's wants "
            "`pip install sentencepiece`; CLIP's and SigLIP 2's do not."
        ) from error
    return ClipCaptioner(model, processor, view(model), placement.texts)


def _config(folder: Path) -> Any:
    config = AutoConfig.from_pretrained(folder)
    if config.model_type == "siglip2":
        raise ValueError(
            f"{folder} holds a SigLIP 2 of the NaFlex kind, whose number of patches changes from "
            "picture to picture: its maps could not be laid side by side, and it is not read. "
            "Take a SigLIP 2 of a fixed resolution, such as google/siglip2-base-patch16-224."
        )
    if config.model_type not in _FAMILIES:
        raise ValueError(
            f"expected a checkpoint of {' or '.join(_FAMILIES)}; {folder} holds "
            f"{config.model_type}. Set `backend` under [model] to its family: docs/running.md "
            "has the list."
        )
    if config.model_type == "siglip" and not config.vision_config.vision_use_head:
        raise ValueError(
            f"expected a SigLIP with the head that pools its patches; that of {folder} has none, "
            "and so no image embedding. Take the checkpoint that was trained with texts."
        )
    return config


def size_of(folder: Path) -> ModelSize:
    """The dimensions of a checkpoint, from its config.json."""
    return size_of_config(_config(folder))


def size_of_config(config: Any) -> ModelSize:
    """The dimensions of a model, which is laid out without memory to count its weights.

    Products with the list of texts are nothing beside the tower, and not counted.
    """
    with torch.device("meta"):
        model = _FAMILIES[config.model_type][0](config)
    of_clip = config.model_type == "clip"
    head = model.visual_projection if of_clip else model.vision_model.head
    tower = n_weights(model.vision_model) - (0 if of_clip else n_weights(head))
    return ModelSize(
        **tower_size(config.vision_config),
        tower=tower,
        reader=n_weights(head),
        decoder=0,
        source=1,
        decoder_layers=0,
        decoder_width=0,
        vocabulary=0,
        class_token=of_clip,
        idle=n_weights(model) - tower - n_weights(head),
    )


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files of a checkpoint.

    Raises:
        CheckpointMissing: there are none, or not all.
    """
    return safetensors(folder)
