"""Idefics3 of transformers: SmolVLM's elder, the same in all that is read here."""

from functools import partial

from transformers import Idefics3ForConditionalGeneration, Idefics3Processor

from precompute.models.family import LIBRARIES, size_of_family, weight_files
from precompute.models.smolvlm import SmolVLMCaptioner, load_smolvlm


class Idefics3Captioner(SmolVLMCaptioner):
    """An Idefics3."""

    model_types = ("idefics3",)
    model_class = Idefics3ForConditionalGeneration
    processor_class = Idefics3Processor


load, size_of = partial(load_smolvlm, Idefics3Captioner), partial(size_of_family, Idefics3Captioner)

__all__ = ["LIBRARIES", "Idefics3Captioner", "load", "size_of", "weight_files"]
