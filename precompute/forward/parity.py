"""The parity certificate: before a run spends hours, its first batch must agree with the library.

README, "Can the numbers be trusted?", lists what is checked. A run keeps the certificate; a run
whose certificate failed does not start unless it is asked to.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from precompute.config import DecodeConfig
from precompute.forward.layers import LayerRecord, run_layers
from precompute.models import Captioner, VisionTower, as_read, fitted, layout_key

_RELATIVE = {torch.float32: 1e-4, torch.float16: 0.02, torch.bfloat16: 0.05}
"""Largest difference allowed, as a share of the largest magnitude of what it is held against."""

_PATTERN = {torch.float32: 1e-4, torch.float16: 0.02, torch.bfloat16: 0.1}
"""Largest difference allowed between two shares of attention, as a part of the layer's largest:
what one of N patches gets is about 1/N. A library's eager attention rounds the scores before the
softmax to the weights' dtype: of a score of 20 bfloat16 leaves 0.06, which moves a share by up to
6%; ours are float32."""

_NEAR_TIE = {torch.float32: 0.05, torch.float16: 0.3, torch.bfloat16: 0.3}
"""Nats. Two captions whose total log-probabilities on the same state lie closer than this may
swap places when a state is rounded otherwise. Where the tower is in half precision the language
model is in bfloat16, which rounds a logit of 8 to 1/32: up to 0.18 nats were seen over a caption
of random weights."""


@dataclass(frozen=True)
class Check:
    """One comparison: what was measured, its bound, and whether it holds."""

    name: str
    value: float
    bound: float
    passed: bool
    detail: str


@torch.inference_mode()
def certificate(
    captioner: Captioner, images: Sequence[Image.Image], config: DecodeConfig
) -> dict[str, object]:
    """Check a batch of images against the library's own computation.

    Where pictures keep their shape, those of one layout are a batch; a check's value is the worst.

    Returns:
        `passed`, and `checks` with name, value, bound, passed and detail of each.
    """
    of_layout: dict[object, list[Image.Image]] = {}
    key = layout_key(captioner)
    for image in images:
        of_layout.setdefault(key and key((None, image)), []).append(image)
    made = [_checks(captioner, alike, config) for alike in of_layout.values()]
    checks = [_worst_of(same) for same in zip(*made, strict=True)]
    return {"passed": all(c.passed for c in checks), "checks": [asdict(c) for c in checks]}


def _worst_of(same: Sequence[Check]) -> Check:
    """One check over several layouts: what failed before what passed, then the largest value."""
    worst = max(same, key=lambda check: (not check.passed, check.value))
    details = dict.fromkeys(check.detail for check in same)  # in order, each once
    several = f" ({len(same)} shapes of pictures)" if len(same) > 1 else ""
    return replace(worst, detail="; ".join(details) + several)


def _checks(
    captioner: Captioner, images: Sequence[Image.Image], config: DecodeConfig
) -> list[Check]:
    """The checks of pictures of one layout."""
    pixels = captioner.pixels(images)
    captioner = fitted(captioner, pixels)
    tower = captioner.tower
    bound = _RELATIVE[tower.dtype]
    patterns, contributions = list[float](), list[float]()
    states, theirs = [tower.embed(pixels)], captioner.library_patterns(pixels)
    for record, pattern in zip(run_layers(tower, states[0]), theirs, strict=True):
        patterns.append(_relative(record.pattern, pattern))
        contributions.append(_relative(*_explicit(tower, record)))
        states.append(record.resid_post)
    final = as_read(captioner, tower.n_layers, states)
    return [
        _within(
            "final_state",
            _relative(states[-1], captioner.library_final_state(pixels)),
            bound,
            "largest |Z^L - library's Z^L| over largest |Z^L|",
        ),
        _within(
            "attention",
            _worst(patterns),
            _PATTERN[tower.dtype],
            f"largest |attention {'of CLS' if tower.class_token else 'received'} - library's| "
            f"over a layer's largest, {tower.n_layers} layers x {tower.n_heads} heads",
        ),
        _within(
            "contributions",
            _worst(contributions),
            bound,
            "sum over heads and tokens of Eq. 3, plus b_O, against MSA of "
            + ("CLS" if tower.class_token else "the mean patch"),
        ),
        _captions(captioner, images, final, config),
        *(
            _within(name, value, 0.0 if exact else bound, detail)
            for name, value, exact, detail in captioner.own_checks(images, config.prompt)
        ),
    ]


def _within(name: str, value: float, bound: float, detail: str) -> Check:
    return Check(name, value, bound, value <= bound, detail)


def _worst(differences: Sequence[float]) -> float:
    """The largest; NaN if one is, which no bound lets pass."""
    return float(torch.tensor(differences).max())


def _relative(ours: Tensor, theirs: Tensor) -> float:
    difference = (ours.float() - theirs.float()).abs().max()
    return float(difference / theirs.float().abs().max())


def _explicit(
    tower: VisionTower, record: LayerRecord
) -> tuple[Float[Tensor, "batch width"], Float[Tensor, "batch width"]]:
    """Eq. 3 written out, token by token, next to the MSA it has to sum to."""
    block = tower.blocks[record.layer - 1]
    heads = tower.split_heads(block, block.norm1(record.resid_pre))
    values = tower.seen(heads).v.float()
    contribution = torch.einsum("bht,bhte,hed->bd", record.pattern, values, block.w_o.float())
    return contribution + block.b_o.float(), tower.summary(record.attn_out)


def _captions(
    captioner: Captioner, images: Sequence[Image.Image], final: Tensor, config: DecodeConfig
) -> Check:
    """Final captions against the library's `generate` on the identical batch, token for token."""
    memory = captioner.read(final, config.prompt)
    ours = captioner.generate(memory, config.generation)
    theirs = captioner.library_captions(images, config.prompt, config.generation)
    gap = [
        abs(float(a) * len(x) - float(b) * len(y))
        for a, b, x, y in zip(
            captioner.logprob(memory, ours),
            captioner.logprob(memory, theirs),
            ours,
            theirs,
            strict=True,
        )
    ]
    differing = [i for i, (x, y) in enumerate(zip(ours, theirs, strict=True)) if x != y]
    worst = max((gap[i] for i in differing), default=0.0)
    bound = _NEAR_TIE[captioner.tower.dtype]
    detail = f"{len(ours) - len(differing)} of {len(ours)} captions equal token for token"
    for i in differing[:3]:
        here, there = captioner.text(ours[i]), captioner.text(theirs[i])
        detail += f"; {here!r} here, {there!r} by the library"
    if differing:
        detail += f"; largest gap in log-probability {worst:.3g} nats (a near-tie is < {bound})"
    return _within("captions", worst, bound, detail)
