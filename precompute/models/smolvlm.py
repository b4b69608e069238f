"""SmolVLM of transformers: a SigLIP, its final norm, pixel shuffle, a matrix.

One tile an image, the picture squashed to the tower's square; or the library's tiles beside it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Self, TypeVar

import torch
from jaxtyping import Float, Int
from PIL import Image
from torch import Tensor, nn
from transformers import SmolVLMForConditionalGeneration, SmolVLMProcessor
from transformers.modeling_outputs import BaseModelOutputWithPooling, ModelOutput

from precompute.models.captioner import Placement
from precompute.models.decoder_only import DecoderOnlyCaptioner
from precompute.models.family import LIBRARIES, load_family, size_of_family, weight_files
from precompute.models.hooks import kept_outputs, kept_patterns
from precompute.models.layouts import Layout
from precompute.models.split_vit import view_siglip
from precompute.models.tiles import WHOLE, TileByTile, from_sheet, layout_of_sheet, to_sheet
from precompute.models.tower import VisionTower
from precompute.models.vision import squashed


class WholePicture(nn.Module):
    """The embeddings of pictures of which nothing is padding."""

    def __init__(self, embeddings: Any) -> None:
        super().__init__()
        self.embeddings = embeddings

    def forward(self, pixels: Tensor) -> Tensor:
        """Z^0."""
        grid = [side // self.embeddings.patch_size for side in pixels.shape[2:]]
        real = torch.ones(len(pixels), *grid, dtype=torch.bool, device=pixels.device)
        states: Tensor = self.embeddings(pixels, patch_attention_mask=real)
        return states


@dataclass(frozen=True)
class SmolVLMCaptioner(DecoderOnlyCaptioner):
    """A SmolVLM.

    Attributes:
        tiles: how many tiles long a picture's longer side is cut; 1 does not cut.
        layouts: a picture's size -> the layout of its tiles, once it was asked for.
    """

    tiles: int = 1
    layouts: dict[tuple[int, int], Layout] = field(default_factory=dict, repr=False, compare=False)

    model_types = ("smolvlm",)
    model_class = SmolVLMForConditionalGeneration
    processor_class = SmolVLMProcessor

    @classmethod
    def view(cls, model: Any) -> VisionTower:
        """The whole SigLIP, whose last state is normed once, on one tile."""
        vision = model.model.vision_model
        return view_siglip(vision, WholePicture(vision.embeddings))

    @property
    def vision(self) -> Any:
        """The library's SigLIP."""
        return self.model.model.vision_model

    @property
    def side(self) -> int:
        """Pixels of a tile's side."""
        side: int = self.vision.config.image_size
        return side

    @property
    def keeps_shape(self) -> bool:
        """Whether pictures have tiles of their own."""
        return self.tiles > 1

    @property
    def layout(self) -> Layout:
        """Rows and columns of tiles beside the whole picture."""
        embed = self.tower.embed
        return embed.layout if isinstance(embed, TileByTile) else WHOLE

    def layout_of(self, picture: Image.Image) -> Layout:
        """Rows and columns of tiles into which the library cuts a picture of its size."""
        if picture.size not in self.layouts:
            made = self.processor.image_processor(
                [[Image.new("RGB", picture.size)]],
                return_row_col_info=True,
                **self.image_arguments(),
            )
            rows, columns = made["rows"][0][0], made["cols"][0][0]
            self.layouts[picture.size] = (rows, columns) if rows else WHOLE
        return self.layouts[picture.size]

    def layout_on(self, pixels: Float[Tensor, "batch 3 y x"]) -> Layout:
        """Rows and columns of tiles on the sheets of a batch."""
        return layout_of_sheet(pixels, self.side)

    def in_layout(self, layout: Layout) -> Self:
        """The same on pictures of so many rows and columns of tiles."""
        if layout == self.layout:
            return self
        one = self.tower.embed.one if isinstance(self.tower.embed, TileByTile) else self.tower.embed
        embed = TileByTile(one, self.side, layout)
        tower = replace(self.tower, embed=embed, tiles=1 + layout[0] * layout[1])
        return replace(self, tower=tower)

    def squashed(self, pictures: Sequence[Image.Image]) -> list[Image.Image]:
        """Pictures in the shape of this captioner's tiles."""
        rows, columns = self.layout
        return [
            picture.convert("RGB").resize((columns * self.side, max(rows, 1) * self.side))
            for picture in pictures
        ]

    def prepared(self, images: Sequence[Image.Image]) -> list[Image.Image]:
        """Squares. The processor would keep a picture's shape and mask what it pads.

        As they are, where they are cut: what is cut is full.
        """
        return list(images) if self.keeps_shape else squashed(images, self.side)

    def image_arguments(self) -> dict[str, Any]:
        """One tile, or the processor's own."""
        return {
            "do_image_splitting": self.keeps_shape,
            "size": {"longest_edge": self.tiles * self.side},
            "max_image_size": {"longest_edge": self.side},
        }

    def pixels(self, images: Sequence[Image.Image]) -> Float[Tensor, "batch 3 y x"]:
        """Squares; or sheets of tiles, which the processor has before the whole picture.

        Raises:
            ValueError: pictures of several layouts.
        """
        if not self.keeps_shape:
            return super().pixels(images)
        there = {self.layout_of(image) for image in images}
        if len(there) > 1:
            raise ValueError(
                f"expected pictures of one layout of tiles in a batch; got {sorted(there)}. "
                "`models.layout_key` tells which go together."
            )
        tiles = self.processed(images)["pixel_values"]
        return self._placed(to_sheet(tiles[:, -1], tiles[:, :-1], there.pop()))

    def shrunk(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """A patch of every tile: the library asks which tiles there are, and nothing else."""
        size = self.vision.config.patch_size
        pixels = ("pixel_values", "pixel_attention_mask")
        cut = {name: inputs[name][..., :size, :size] for name in pixels if name in inputs}
        return inputs | cut

    def pictures(self, inputs: Mapping[str, Tensor]) -> Float[Tensor, "batch 3 y x"]:
        """The one tile of every image."""
        return inputs["pixel_values"][:, 0]

    def model_input(self, pixels: Float[Tensor, "batch 3 y x"]) -> list[Image.Image]:
        """The whole pictures, without their tiles."""
        return super().model_input(pixels[:, :, : self.side, : self.side])

    def stand_in(self, states: Float[Tensor, "batch token width"]) -> ModelOutput:
        """The normed states of all tiles, the whole picture's last, as the library has them."""
        n_images, n_tiles, width = len(states), self.tower.tiles, states.shape[-1]
        tiles = states.reshape(n_images, n_tiles, -1, width).roll(-1, 1).flatten(0, 1)
        return BaseModelOutputWithPooling(last_hidden_state=self.tower.final_norm(tiles))

    def run_library_tower(self, pixels: Float[Tensor, "batch 3 y x"]) -> None:
        """The library's tower on every tile."""
        self.vision(pixel_values=from_sheet(pixels, self.side).flatten(0, 1))

    def library_final_state(
        self, pixels: Float[Tensor, "batch 3 y x"]
    ) -> Float[Tensor, "batch token width"]:
        """Z^L by the library, of all tiles."""
        with kept_outputs([self.library_blocks[-1]], lambda output: output.clone()) as states:
            self.run_library_tower(pixels)
        return states[0].reshape(len(pixels), -1, self.tower.width)

    def library_patterns(
        self, pixels: Float[Tensor, "batch 3 y x"]
    ) -> list[Float[Tensor, "batch head token"]]:
        """What each patch of the whole picture receives."""
        modules = [self.attention_of(block) for block in self.library_blocks]
        whole = pixels[:, :, : self.side, : self.side]
        return kept_patterns(self.vision, modules, False, self.run_library_tower, whole)

    def of_whole(self, places: Int[Tensor, " token"]) -> Int[Tensor, " whole"]:
        """The whole picture's tokens come last."""
        return places[-(len(places) // self.tower.tiles) :]

    @staticmethod
    def image_tokens(tower: VisionTower, config: Any) -> int:
        """Patches, `scale_factor` by `scale_factor` of which make a token."""
        n_tokens: int = tower.n_tokens // config.scale_factor**2
        return n_tokens


S = TypeVar("S", bound=SmolVLMCaptioner)


def load_smolvlm(family: type[S], folder: Path, placement: Placement) -> S:
    """Load a checkpoint in evaluation mode; pictures are cut as the placement says.

    Raises:
        ValueError: it is of another family, lacks weights, or several GPUs are asked for.
    """
    return replace(load_family(family, folder, placement), tiles=placement.tiles)


load, size_of = partial(load_smolvlm, SmolVLMCaptioner), partial(size_of_family, SmolVLMCaptioner)

__all__ = ["LIBRARIES", "SmolVLMCaptioner", "load", "size_of", "weight_files"]
