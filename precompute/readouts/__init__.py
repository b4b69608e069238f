"""What the unedited model says: the capture, answers to questions, attention of every token.

And the floor, what it says of permuted towers. Stages that need the model and no edit. Nothing here
knows conditions, pruning or metrics.
"""

from precompute.readouts.baseline import capture_images
from precompute.readouts.floor import caption_floor
from precompute.readouts.inner_words import read_inner_words
from precompute.readouts.questions import ask_questions
from precompute.readouts.token_attention import keep_token_attention

__all__ = [
    "ask_questions",
    "caption_floor",
    "capture_images",
    "keep_token_attention",
    "read_inner_words",
]
