"""What the towers of Qwen2.5-VL and Qwen3-VL share: order of patches, rotated positions, windows.

The library keeps the patches of a picture in blocks that it later merges, and Qwen2.5-VL those in
windows. Here they follow each other row by row: attention does not ask for an order, and every
token takes its rotation and its window along. A picture keeps its shape, by the library's own
resizing (`aspect = "keep"`): then each has a grid of its own. Or it is squashed to a square of one
size, so that all of a run have one grid.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Literal, Self, TypeVar

import torch
from jaxtyping import Bool, Float, Int
from PIL import Image
from torch import Tensor, nn
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import smart_resize

from precompute.models.captioner import Placement
from precompute.models.decoder_only import DecoderOnlyCaptioner
from precompute.models.family import load_family
from precompute.models.hooks import kept_outputs
from precompute.models.layouts import Layout
from precompute.models.qwen_view import (
    AddedPositions,
    Patches,
    Turned,
    eager_patterns,
    merge_order,
    places_of,
    thw,
)
from precompute.models.tower import VisionTower

_LONGEST = 100
"""A picture may be so many times as long as wide; the library itself refuses more than 200."""


@dataclass(frozen=True)
class QwenCaptioner(DecoderOnlyCaptioner):
    """What both versions share.

    Attributes:
        aspect: whether pictures keep their shape, or all are squashed to one square.
    """

    aspect: Literal["keep", "square"] = "square"

    side: ClassVar[int] = 448
    """Pixels of a square's side: 32 by 32 patches of 14, or 28 by 28 of 16. A picture that keeps
    its shape has at most as many pixels."""

    @classmethod
    def grid(cls, vision: Any) -> Layout:
        """Patches of the square as (rows, columns)."""
        n = cls.side // vision.config.patch_size
        return n, n

    @classmethod
    @abstractmethod
    def window(cls, vision: Any, grid: Layout) -> Bool[Tensor, "token token"] | None:
        """Which patches see each other in blocks with windows; None in towers without."""

    @property
    def vision(self) -> Any:
        """The library's tower, merger included."""
        return self.model.model.visual

    @property
    def library_blocks(self) -> Sequence[nn.Module]:
        """The library's blocks."""
        blocks: Sequence[nn.Module] = self.vision.blocks
        return blocks

    @staticmethod
    def image_tokens(tower: VisionTower, config: Any) -> int:
        """Patches, merged into fewer."""
        n_tokens: int = tower.n_tokens // config.vision_config.spatial_merge_size**2
        return n_tokens

    @property
    def keeps_shape(self) -> bool:
        """Whether every picture has a grid of its own."""
        return self.aspect == "keep"

    @property
    def sizes(self) -> dict[str, int]:
        """Least and most pixels of a picture that keeps its shape, as the processor takes them."""
        own, most = self.processor.image_processor.size, self.side**2
        return {
            "shortest_edge": min(own["shortest_edge"], most),
            "longest_edge": min(own["longest_edge"], most),
        }

    def layout_of(self, picture: Image.Image) -> Layout:
        """The grid that the library's own resizing gives a picture."""
        if not self.keeps_shape:
            return self.grid(self.vision)
        size, config = self.sizes, self.vision.config
        width, height = self._in_bounds(picture).size
        pixels = smart_resize(
            height,
            width,
            factor=config.patch_size * config.spatial_merge_size,
            min_pixels=size["shortest_edge"],
            max_pixels=size["longest_edge"],
        )
        return pixels[0] // config.patch_size, pixels[1] // config.patch_size

    def layout_on(self, pixels: Float[Tensor, "batch 3 y x"]) -> Layout:
        """The grid of a batch."""
        size = self.vision.config.patch_size
        return pixels.shape[2] // size, pixels.shape[3] // size

    def in_layout(self, layout: Layout) -> Self:
        """The same on pictures of a grid: their positions and windows, the weights as they are."""
        if layout == self.tower.grid:
            return self
        embed, blocks, device = self.tower.embed, self.tower.blocks, self.vision.device
        assert isinstance(embed, Patches)
        turn, window = blocks[0].turn, self.window(self.vision, layout)
        assert isinstance(turn, Turned)
        turn = Turned(turn.rotate, turn.rotary, places_of(layout).to(device))
        added = embed.positions and AddedPositions(self.vision, layout, embed.positions.table)
        tower = replace(
            self.tower,
            embed=Patches(embed.proj, layout, added),
            grid=layout,
            blocks=tuple(
                replace(one, turn=turn, mask=None if one.mask is None else window) for one in blocks
            ),
        )
        return replace(self, tower=tower)

    def _in_bounds(self, picture: Image.Image) -> Image.Image:
        """A picture not too long for the square's patches; of a longer one the shape is changed."""
        cell = self.vision.config.patch_size * self.vision.config.spatial_merge_size
        width, height = picture.size
        least = -(-max(width, height) // min(_LONGEST, (self.side // cell) ** 2))
        if min(width, height) >= least:
            return picture
        return picture.resize((max(width, least), max(height, least)), Image.Resampling.BICUBIC)

    def squashed(self, pictures: Sequence[Image.Image]) -> list[Image.Image]:
        """Pictures in the shape of this captioner's grid."""
        size = self.vision.config.patch_size
        rows, columns = self.tower.grid
        return [
            picture.convert("RGB").resize((columns * size, rows * size), Image.Resampling.BICUBIC)
            for picture in pictures
        ]

    def prepared(self, images: Sequence[Image.Image]) -> list[Image.Image]:
        """Each picture as it is, or as a square of one size."""
        return list(map(self._in_bounds, images)) if self.keeps_shape else self.squashed(images)

    def image_arguments(self) -> dict[str, Any]:
        """The library's own resizing, or none."""
        return {"size": self.sizes} if self.keeps_shape else {"do_resize": False}

    def pictures(self, inputs: Mapping[str, Tensor]) -> Float[Tensor, "batch 3 y x"]:
        """Pictures put together again from their patches, which hold two frames of each.

        Raises:
            ValueError: they are of several grids, which do not lie in one array.
        """
        config = self.vision.config
        merge, size = config.spatial_merge_size, config.patch_size
        grids = {(rows, columns) for _, rows, columns in inputs["image_grid_thw"].tolist()}
        if len(grids) > 1:
            raise ValueError(
                f"expected pictures of one grid in a batch; got {sorted(grids)}. "
                "`models.layout_key` tells which go together."
            )
        ((rows, columns),) = grids
        patches = inputs["pixel_values"].reshape(
            -1, rows // merge, columns // merge, merge, merge, 3, config.temporal_patch_size,
            size, size,
        )  # fmt: skip
        stills = patches[:, :, :, :, :, :, 0].permute(0, 5, 1, 3, 6, 2, 4, 7)
        return stills.reshape(len(stills), 3, rows * size, columns * size)

    def beside(self, ids: Int[Tensor, "batch token"], n_prompt: int) -> dict[str, Tensor]:
        """Where images are, and how large, for the rotation of the language model."""
        return {
            "mm_token_type_ids": (ids == self.model.config.image_token_id).long(),
            "image_grid_thw": thw(self.tower.grid, len(ids)).to(ids.device),
        }

    def merged(self, states: Float[Tensor, "batch token width"]) -> Tensor:
        """States in the order in which the library merges them, one picture after the other."""
        order = merge_order(self.tower.grid, self.vision.config.spatial_merge_size)
        return states[:, order.to(states.device)].flatten(0, 1)

    def run_library_tower(self, pixels: Float[Tensor, "batch 3 y x"]) -> None:
        """The library's tower on the patches of pictures, in its own order."""
        size, frames = self.vision.config.patch_size, self.vision.config.temporal_patch_size
        patches = pixels.unfold(2, size, size).unfold(3, size, size).permute(0, 2, 3, 1, 4, 5)
        flat = patches[:, :, :, :, None].expand(-1, -1, -1, -1, frames, -1, -1).flatten(3)
        self.vision(
            self.merged(flat.flatten(1, 2)),
            grid_thw=thw(self.tower.grid, len(pixels)).to(pixels.device),
        )

    def run_order(self) -> Int[Tensor, " patch"]:
        """The raster index of every patch in the order in which the library's blocks run."""
        return merge_order(self.tower.grid, self.vision.config.spatial_merge_size)

    def library_final_state(
        self, pixels: Float[Tensor, "batch 3 y x"]
    ) -> Float[Tensor, "batch token width"]:
        """Z^L by the library, back in raster order."""
        with kept_outputs([self.library_blocks[-1]], lambda output: output.clone()) as states:
            self.run_library_tower(pixels)
        back = self.run_order().argsort().to(pixels.device)
        return states[0].reshape(len(pixels), len(back), -1)[:, back]

    def library_patterns(
        self, pixels: Float[Tensor, "batch 3 y x"]
    ) -> list[Float[Tensor, "batch head token"]]:
        """What each patch receives, by the library's eager attention, one picture at a time.

        The library attends in pieces: a picture, or a window of one. What a piece's patches
        receive within it is what they receive at all; it counts by the piece's queries.
        """
        back = self.run_order().argsort().to(pixels.device)
        return [
            torch.cat(of_block)
            for of_block in zip(*(self._received(one[None], back) for one in pixels), strict=True)
        ]

    def _received(self, picture: Tensor, back: Tensor) -> list[Tensor]:
        n_tokens = self.tower.n_tokens
        received: list[list[Tensor]] = []
        with eager_patterns(self.vision) as pieces:
            self.run_library_tower(picture)
        for piece in pieces:
            if not received or sum(x.shape[-1] for x in received[-1]) == n_tokens:
                received.append([])
            received[-1].append(piece.float().sum(2) / n_tokens)
        return [torch.cat(parts, -1)[..., back] for parts in received]


Q = TypeVar("Q", bound=QwenCaptioner)


def load_qwen(family: type[Q], folder: Path, placement: Placement) -> Q:
    """Load a checkpoint in evaluation mode; pictures are seen as the placement says.

    Raises:
        ValueError: it is of another family, lacks weights, or several GPUs are asked for.
    """
    return replace(load_family(family, folder, placement), aspect=placement.aspect)
