"""What the name of a judge says of the order in which it was shown captions."""

import re

ORDERS = {
    "paper": "lowest layer first, and told so",
    "shuffled": "shuffled, nameless",
    "reversed": "highest layer first, nameless",
}

_NAME = re.compile(r"(?P<model>.*?)(--(?P<order>[a-z]+))?-[0-9a-f]+")


def order_of(judge: str) -> tuple[str, str]:
    """The model's part of a judge's name, and the order in which captions were shown to it.

    >>> order_of("gpt-4o-1a2b3c4d"), order_of("gpt-4o--reversed-1a2b3c4d")
    (('gpt-4o', 'paper'), ('gpt-4o', 'reversed'))
    """
    match = _NAME.fullmatch(judge)
    if match is None or (match["order"] or "paper") not in ORDERS:
        return judge, "paper"
    return match["model"], match["order"] or "paper"
