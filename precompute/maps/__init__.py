"""Where a model looks, and how far maps of it can be believed.

`gradients` gives the map of every word of a caption, `deletion` takes patches away, `kinds` makes
the maps that pages show and others that are known, `localise` holds a map against a mask,
`word_maps` and `faithfulness` are the two stages. Nothing here knows conditions or metrics of
captions.
"""

from precompute.maps.faithfulness import try_maps
from precompute.maps.word_maps import follow_words

__all__ = ["follow_words", "try_maps"]
