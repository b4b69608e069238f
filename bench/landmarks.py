"""How often the intervals of landmarks hold the truth: `python -m bench.landmarks`.

Curves of 41 layers that reach their line at layer 20, 30 or 35, as a straight rise, a step or a
smooth saturation; every image has noise of its own at every layer. Each data set goes through
`store.statistics` as at publish. Printed: over the shapes and the three layers, the least and the
largest coverage of the 95% intervals, how often the estimate itself is the true layer, its mean
and its median error, and the intervals' mean width. An interval holds its estimate, so that it
covers at least as often as that is right. `bench.landmark_others` tries other estimates and
intervals.
"""

import argparse
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from store.statistics import bootstrap_weights, landmarks, summarise

Array = NDArray[Any]

TOP = 40
LAYERS = np.arange(TOP + 1)
TRUTHS = (20, 30, 35)
IMAGES = (48, 500, 5000)
_AT_ONCE = 25  # data sets


@dataclass(frozen=True)
class Noise:
    """What an image's values are beside the curve.

    Attributes:
        sd: standard deviation at every layer.
        correlation: of neighbouring layers, falling off by its powers.
        skewed: exponential instead of normal (layers are independent then).
    """

    sd: float
    correlation: float = 0.0
    skewed: bool = False

    def draw(self, rng: np.random.Generator, n: int) -> Array:
        """Noise of n images, float64 [n, layer]."""
        if self.skewed:
            return self.sd * (rng.exponential(size=(n, TOP + 1)) - 1)
        noise = rng.normal(size=(n, TOP + 1))
        for layer in LAYERS[1:]:
            fresh = np.sqrt(1 - self.correlation**2) * noise[:, layer]
            noise[:, layer] = self.correlation * noise[:, layer - 1] + fresh
        return self.sd * noise


NOISES = {
    "sd 0.35": Noise(0.35),
    "sd 0.35, skewed": Noise(0.35, skewed=True),
    "sd 0.35, layers correlated 0.9": Noise(0.35, 0.9),
    "sd 0.1": Noise(0.1),
}


def straight(level: float, at: int) -> Array:
    """A line from 0 that passes `level` between layers at - 1 and at, goes on to 1 and stays."""
    return np.interp(LAYERS, [0, at - 0.5, min(TOP, (at - 0.5) / level)], [0, level, 1])


def step(level: float, at: int) -> Array:
    """A rise to 0.8 of `level`, and 1 from layer `at`."""
    return np.where(at > LAYERS, 0.8 * level * (LAYERS + 1) / at, 1.0)


def smooth(level: float, at: int) -> Array:
    """A saturation that passes `level` of its last value between layers at - 1 and at."""

    def over(rate: float) -> float:
        return float(np.expm1(-rate * (at - 0.5)) / np.expm1(-rate * TOP)) - level

    if over(1e-6) > 0:  # a straight rise is there earlier: it has to bend up
        return np.asarray((LAYERS / TOP) ** (np.log(level) / np.log((at - 0.5) / TOP)))
    low, high = 1e-6, 10.0
    for _ in range(60):
        rate = (low + high) / 2
        low, high = (rate, high) if over(rate) < 0 else (low, rate)
    return np.asarray(np.expm1(-rate * LAYERS) / np.expm1(-rate * TOP))


SHAPES: dict[str, Callable[[float, int], Array]] = {
    "straight": straight,
    "step": step,
    "smooth": smooth,
}


def curves_of(rule: landmarks.Rule, shape: Callable[[float, int], Array], at: int) -> list[Array]:
    """True curves, one for each that the rule looks at, which reach their lines at layer `at`."""
    if rule is landmarks.CONFIDENCE:
        # Nats, from -3 up to 0; repetition, down from 0.5 to 0.1, reaches its line 5 layers before.
        logprob = 3 * (shape(1 - landmarks.SURE_NATS / 3, at) - 1)
        return [logprob, 0.1 + 0.4 * (1 - shape(1 - landmarks.SURE_REPETITION / 0.4, at - 5))]
    level = landmarks.PLATEAU_SHARE if rule is landmarks.PLATEAU else landmarks.GROUNDED_SHARE
    return [shape(level, at)]


def true_layer(rule: landmarks.Rule, curves: Sequence[Array]) -> int:
    """The least layer from which true curves stay on the right side of their lines."""
    holds = np.all([margin >= 0 for margin in rule.margins(*curves)], axis=0)
    return next(layer for layer in range(TOP + 1) if holds[layer:].all())


def data_sets(
    curves: Sequence[Array], noise: Noise, n: int, repeats: int, seed: int = 0
) -> Iterator[list[tuple[Array, Array]]]:
    """Simulated data sets: of each, a pair a curve.

    Yields:
        The means over n images, float64 [layer], and those of every bootstrap sample, float64
        [sample, layer]; of all curves of one data set over the same samples.
    """
    rng = np.random.default_rng(seed)
    weights = bootstrap_weights(n).astype(np.float32) / n
    for start in range(0, repeats, _AT_ONCE):
        sets = [
            [curve + noise.draw(rng, n) for curve in curves]
            for _ in range(min(_AT_ONCE, repeats - start))
        ]
        # One product for all of them; centred, so that 32 bits lose nothing.
        drawn = weights @ np.hstack(
            [values - curve for one in sets for values, curve in zip(one, curves, strict=True)]
        ).astype(np.float32)
        pieces = iter(np.split(drawn, len(sets) * len(curves), axis=1))
        for one in sets:
            yield [
                (values.mean(0), next(pieces) + curve)
                for values, curve in zip(one, curves, strict=True)
            ]


def estimates(
    rule: landmarks.Rule, curves: Sequence[Array], noise: Noise, n: int, repeats: int, seed: int = 0
) -> Array:
    """Landmarks of simulated data sets with their intervals.

    Returns:
        float64 [repeats, 3]: layer, low, high; NaN where there is none.
    """
    found = []
    for one in data_sets(curves, noise, n, repeats, seed):
        means, samples = (
            dict(zip(rule.curves, values, strict=True)) for values in zip(*one, strict=True)
        )
        row = landmarks.find(rule, LAYERS.tolist(), n, means, samples)
        found.append([row["layer"], row["low"], row["high"]])
    return np.array(found, dtype=np.float64)


def settling(at: int, n: int, repeats: int, seed: int = 0) -> tuple[float, Array]:
    """Mean convergence layers of simulated data sets: skewed around `at`, cut off at the top.

    Returns:
        The true mean, and mean, low, high of every data set, float64 [repeats, 3].
    """
    rng = np.random.default_rng(seed)

    def layers(shape: tuple[int, int]) -> Array:
        return np.clip(np.round(at + 5 * (rng.exponential(size=shape) - 1)), 0, TOP)

    truth = float(layers((1_000_000, 1)).mean())
    drawn = iter([(slice(0, n), layers((n, repeats)))])
    summary = summarise(drawn, bootstrap_weights(n), np.zeros(repeats, dtype=bool))
    return truth, np.stack([summary.mean, summary.low, summary.high], axis=1)


class Report(NamedTuple):
    """What estimates and intervals of one simulation are worth.

    Attributes:
        coverage: share of intervals that hold the truth.
        right: share of estimates that are the truth, whole layers.
        bias: mean error of the estimate.
        median: the median of its errors.
        spread: standard deviation of the estimate.
        width: mean width of the intervals.
    """

    coverage: float
    right: float
    bias: float
    median: float
    spread: float
    width: float


def report(found: Array, truth: float) -> Report:
    """What estimates with intervals, float64 [repeats, 3], are worth."""
    at, low, high = found.T
    return Report(
        float(((low <= truth) & (truth <= high)).mean()),
        float((at == truth).mean()),
        float((at - truth).mean()),
        float(np.median(at - truth)),
        float(at.std()),
        float((high - low).mean()),
    )


def span(values: Iterable[float], form: str) -> str:
    """The least and the largest, as a table shows them."""
    known = list(values)
    return f"{min(known):{form}} to {max(known):{form}}"


def _rows(repeats: int) -> Iterator[tuple[str, str, int, list[Report]]]:
    grounding = next(iter(landmarks.rules([("grounded_gain_cider", "shuffled")])))
    for rule in (landmarks.PLATEAU, grounding, landmarks.CONFIDENCE):
        for (what, noise), n in itertools.product(NOISES.items(), IMAGES):
            cells = []
            for shape, at in itertools.product(SHAPES.values(), TRUTHS):
                curves = curves_of(rule, shape, at)
                found = estimates(rule, curves, noise, n, repeats, seed=at)
                cells.append(report(found, true_layer(rule, curves)))
            yield rule.name, what, n, cells
    for n in IMAGES:
        cells = []
        for at in TRUTHS:
            truth, found = settling(at, n, repeats, seed=at)
            cells.append(report(found, truth))
        yield "convergence_layer, mean", "skewed", n, cells


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a line a landmark, noise and number of images."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=200, help="data sets a cell")
    options = parser.parse_args(arguments)
    print(
        f"{'landmark':<26}{'noise':<32}{'images':>7}{'coverage, %':>15}{'right, %':>15}"
        f"{'bias':>16}{'median error':>15}{'width':>14}"
    )
    for name, what, n, cells in _rows(options.repeats):
        print(
            f"{name:<26}{what:<32}{n:>7,}"
            f"{span((100 * cell.coverage for cell in cells), '.1f'):>15}"
            f"{span((100 * cell.right for cell in cells), '.0f'):>15}"
            f"{span((cell.bias for cell in cells), '+.2f'):>16}"
            f"{span((cell.median for cell in cells), '+.1f'):>15}"
            f"{span((cell.width for cell in cells), '.1f'):>14}",
            flush=True,
        )


if __name__ == "__main__":
    main()
