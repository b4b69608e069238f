"""What the final caption scores, in one line: the few numbers that tell."""

import pandas as pd

from dashboard.names import metrics
from store.metrics import gains, quality

_MOST = 3  # scores against references


def line(scores: pd.DataFrame, judged: pd.DataFrame) -> str:
    """The scores that tell, those there are.

    Args:
        scores: metric, against, value; of one caption.
        judged: judge and value, 1 to 5; of the same caption.

    Returns:
        "CIDEr 4.89, ROUGE-L 1 against the references · Grounded gain, CIDEr 4.76"; empty if there
        is nothing.
    """
    known = {
        (metric, against): value
        for metric, against, value in zip(
            scores["metric"], scores["against"], scores["value"], strict=True
        )
        if pd.notna(value)
    }
    shown = [
        _number(metric, known[metric, "reference"])
        for metric in quality()
        if (metric, "reference") in known
    ][:_MOST]
    parts = [f"{', '.join(shown)} {metrics.held('reference')}"] if shown else []
    gain = next((gain for gain in gains() if (gain, "shuffled") in known), None)
    # Of classes the next lines have that in words.
    if gain is not None and gain not in ("grounded_gain_class_name", "grounded_gain_label"):
        parts.append(_number(gain, known[gain, "shuffled"]))
    if ("class_name", "label") in known:
        right = known["class_name", "label"] == 1
        parts.append("Right class" if right else "Not the right class")
    if ("label", "label") in known:
        named = known["label", "label"] == 1
        parts.append("Names its class" if named else "Does not name its class")
    parts += [
        f"{metrics.word(f'judge.{judge}').label} {value:.3g} of 5"
        for judge, value in zip(judged["judge"], judged["value"], strict=True)
        if pd.notna(value)
    ]
    return " · ".join(parts)


def _number(metric: str, value: float) -> str:
    return f"{metrics.word(metric).label} {value:.3g}"
