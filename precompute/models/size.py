"""How large a model is: all that disk, memory and time are reckoned from, known without weights."""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class ModelSize:
    """A captioner's dimensions.

    Attributes:
        n_layers: blocks of the tower.
        n_heads: heads a block.
        grid: patches as (rows, columns).
        width: of the tower.
        tower: weights of the tower.
        reader: weights that every state goes through once: Q-Former, projection, T5's encoder.
        decoder: weights that every word goes through, the output layer included.
        source: tokens that the reader reads and the decoder attends to, without the prompt's.
        decoder_layers: blocks of the decoder.
        decoder_width: of keys, and of values, of one of those blocks.
        vocabulary: words that the decoder chooses between.
        class_token: whether the tower has one.
        decoder_only: whether the source is read by the decoder itself, as tokens before the prompt.
        output: those of the decoder's weights that are its output layer, where it reads the source;
            only words whose scores are asked go through them.
        tiles: the most that an image has, each of `n_tokens`; `source` is of all of them.
        idle: weights that nothing is multiplied by when a state is read: embeddings of words beside
            an output layer of its own, blocks of the tower above those that the model reads, of a
            CLIP the tower of texts.
    """

    n_layers: int
    n_heads: int
    grid: tuple[int, int]
    width: int
    tower: int
    reader: int
    decoder: int
    source: int
    decoder_layers: int
    decoder_width: int
    vocabulary: int
    class_token: bool = True
    decoder_only: bool = False
    output: int = 0
    idle: int = 0
    tiles: int = 1

    @property
    def n_tokens(self) -> int:
        """One token a patch, and CLS where there is one."""
        return self.grid[0] * self.grid[1] + self.class_token

    def cut(self, tiles: int) -> "ModelSize":
        """The same for pictures whose longer side is cut into tiles, reckoned as squares."""
        most = 1 if tiles == 1 else 1 + tiles**2  # the whole picture is one
        return replace(self, tiles=most, source=most * self.source)

    @property
    def weights(self) -> int:
        """All weights."""
        return self.tower + self.reader + self.decoder + self.idle
