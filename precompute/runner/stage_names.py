"""What the stages that need the model are called in run.json, where other folders find them.

A name that ends in a dot goes before that of an experiment or of a pruning, or a seed.
"""

CAPTURE = "capture"
MEANS = "means"
SWEEP = "sweep."
HEAD_CHOICE = "head_choice"
HEAD_EFFECT = "head_effect"
IMPORTANCE = "importance."
PRUNING = "pruning."
HEADS = "heads"
HEAD_TEXTS = "head_texts"
QUESTIONS = "questions"
INNER_WORDS = "inner_words"
WORD_MAPS = "word_maps"
FAITHFULNESS = "faithfulness"
PATCHING = "patching"
FLOOR = "floor."
TRANSLATORS = "translators."
READERS = "readers."
NATIVE_READING = "native_reading"

OF_CONDITIONS = (SWEEP, PRUNING)
"""How the names of stages begin that hold captions of conditions."""
