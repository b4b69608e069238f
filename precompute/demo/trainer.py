"""One step of the demo captioner's training: losses, optimizers, and the state of a run."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional
from transformers import BatchFeature, InstructBlipForConditionalGeneration

from precompute.demo.batches import LABELS, Batch
from precompute.demo.model import WIDTH, build_config, build_model, build_processor


@dataclass(frozen=True)
class Settings:
    """What decides a training run."""

    hours: float = 1.0
    batch: int = 64
    learning_rate: float = 1e-3
    muon_rate: float = 2e-3
    warmup: float = 0.02
    average: float = 0.998
    patch_weight: float = 0.5
    cls_weight: float = 0.03
    seed: int = 0


class Readouts(nn.Module):
    """Linear readouts of the tower's last state, thrown away after training."""

    def __init__(self, width: int = WIDTH) -> None:
        """Make one readout for CLS and one for the patches."""
        super().__init__()
        self.cls = nn.Linear(width, len(LABELS))
        self.patch = nn.Linear(width, len(LABELS))


def language_loss(
    model: InstructBlipForConditionalGeneration,
    states: Float[Tensor, "batch tokens width"],
    words: BatchFeature,
) -> Tensor:
    """Mean negative log-likelihood of the target words, in nats a token.

    Args:
        model: The captioner.
        states: Last states of the tower, after its final LayerNorm.
        words: Prompt and target, from `batches.tokenize`.
    """
    queries = model.query_tokens.expand(len(states), -1, -1)
    ones = torch.ones(queries.shape[:2], dtype=torch.long)
    seen = model.qformer(
        input_ids=words["qformer_input_ids"],
        attention_mask=torch.cat([ones, words["qformer_attention_mask"]], 1),
        query_embeds=queries,
        encoder_hidden_states=states,
    ).last_hidden_state[:, : queries.shape[1]]
    features = model.language_projection(seen)
    prompt = model.get_input_embeddings()(words["input_ids"][:, queries.shape[1] :])
    output = model.language_model(
        inputs_embeds=torch.cat([features.to(prompt.dtype), prompt], 1),
        attention_mask=words["attention_mask"],
        labels=words["labels"],
    )
    loss: Tensor = output.loss
    return loss


def losses(
    model: InstructBlipForConditionalGeneration, readouts: Readouts, batch: Batch
) -> dict[str, Tensor]:
    """All losses of a batch from one pass through the tower."""
    states = model.vision_model(batch.pixels).last_hidden_state
    patch = readouts.patch(states[:, 1:]).float().flatten(0, 1)
    cls = readouts.cls(states[:, 0]).float()
    present = functional.binary_cross_entropy_with_logits(cls, batch.present, reduction="none")
    return {
        "caption": language_loss(model, states, batch.captions),
        "answer": language_loss(model, states[batch.asked], batch.answers),
        "patch": functional.cross_entropy(patch, batch.patches.flatten()),
        "cls": present.sum(1).mean(),
    }


def optimizers(model: nn.Module, readouts: nn.Module, settings: Settings) -> list[Any]:
    """Muon for the hidden matrices, AdamW for embeddings, norms, biases and heads."""
    outer = ("embed", "lm_head", "shared", "relative_attention", "query_tokens")
    hidden: list[nn.Parameter] = []
    rest = list(readouts.parameters())
    for name, weight in model.named_parameters():
        inner = weight.ndim == 2 and not any(word in name for word in outer)
        (hidden if inner else rest).append(weight)
    adam = torch.optim.AdamW(rest, settings.learning_rate, betas=(0.9, 0.98), weight_decay=0.01)
    muon = torch.optim.Muon(
        hidden, settings.muon_rate, weight_decay=0.05, adjust_lr_fn="match_rms_adamw"
    )
    for optimizer in (adam, muon):
        for group in optimizer.param_groups:
            group["base"] = group["lr"]
    return [adam, muon]


def rate(progress: float, warmup: float) -> float:
    """Learning-rate factor: linear warm-up, then a cosine to zero.

    It runs over the share of the time that is spent, not over steps, so that a busy
    machine ends a shorter training, not an unfinished one.
    """
    if progress < warmup:
        return max(progress / warmup, 0.01)
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (progress - warmup) / (1 - warmup))))


class Trainer:
    """The state of a training run that survives a restart."""

    def __init__(self, settings: Settings) -> None:
        """Make a fresh run."""
        self.settings = settings
        self.processor = build_processor()
        self.model = build_model(build_config(self.processor), settings.seed)
        self.model.set_attn_implementation("eager")
        self.readouts = Readouts()
        self.optimizers = optimizers(self.model, self.readouts, settings)
        self.averages = {k: v.clone() for k, v in self.model.state_dict().items()}
        self.step, self.spent, self.best = 0, 0.0, -1.0

    def take_weights(self, checkpoint: Path) -> None:
        """Begin with a checkpoint's weights; readouts and optimizers begin anew."""
        weights = InstructBlipForConditionalGeneration.from_pretrained(checkpoint).state_dict()
        self.model.load_state_dict(weights)
        self.averages = {name: weight.clone() for name, weight in weights.items()}

    def save(self, path: Path) -> None:
        """Write everything that a restart needs, by one rename."""
        path.parent.mkdir(parents=True, exist_ok=True)
        state = {
            "model": self.model.state_dict(), "readouts": self.readouts.state_dict(),
            "averages": self.averages, "optimizers": [o.state_dict() for o in self.optimizers],
            "step": self.step, "spent": self.spent, "best": self.best,
        }  # fmt: skip
        torch.save(state, path.with_suffix(".new"))
        path.with_suffix(".new").replace(path)

    def load(self, path: Path) -> None:
        """Go on where `save` left off."""
        state = torch.load(path, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.readouts.load_state_dict(state["readouts"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        self.averages = state["averages"]
        self.step, self.spent, self.best = state["step"], state["spent"], state["best"]

    def advance(self, batch: Batch) -> dict[str, float]:
        """One step of training; returns the losses in nats."""
        settings, progress = self.settings, self.spent / (self.settings.hours * 3600)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["base"] * rate(progress, settings.warmup)
        with torch.autocast("cpu", torch.bfloat16):
            parts = losses(self.model, self.readouts, batch)
        fade = max(0.0, 1 - progress / 0.75)
        total = (
            parts["caption"]
            + 0.5 * parts["answer"]
            + fade * settings.patch_weight * parts["patch"]
            + fade * settings.cls_weight * parts["cls"]
        )
        torch.autograd.backward(total)
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        self.step += 1
        keep = min(settings.average, self.step / (self.step + 20))
        for name, weight in self.model.state_dict().items():
            if weight.is_floating_point():
                self.averages[name].lerp_(weight, 1 - keep)
        return {name: part.item() for name, part in parts.items()}
