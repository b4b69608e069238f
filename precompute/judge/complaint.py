"""What a server complains of: its words, wherever the body of an error has them."""

import json
import re
from typing import Any

_ECHO = "input"
"""Where FastAPI repeats the request: words in there are ours."""

_FORMAT = re.compile("schema|response_format|json_object|grammar")


def words(body: str) -> list[str]:
    """The texts in the body of an error, in order; a list of texts is one, as a place in JSON.

    >>> words('{"detail": [{"loc": ["body", 0, "top_k"], "msg": "not permitted", "input": "a"}]}')
    ['body 0 top_k', 'not permitted']
    >>> words("no such page")
    ['no such page']
    """
    try:
        waiting: list[Any] = [json.loads(body)]
    except (ValueError, RecursionError):
        waiting = [body]
    texts = []
    while waiting:
        match waiting.pop():
            case str(text):
                texts.append(" ".join(text.split()))
            case [*items] if all(isinstance(item, str | int) for item in items):
                texts.append(" ".join(map(str, items)))
            case [*items]:
                waiting += items[::-1]
            case {**fields}:
                waiting += [value for name, value in fields.items() if name != _ECHO][::-1]
    return [text for text in dict.fromkeys(texts) if text]


def complaint(body: str) -> str:
    """The server's words in one line."""
    return "; ".join(words(body))


def names_format(body: str) -> bool:
    """Whether a server complains of the way in which JSON is asked for."""
    return bool(_FORMAT.search(complaint(body).lower()))
