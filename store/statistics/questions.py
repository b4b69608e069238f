"""Which questions ask for a detail, by a rule over their words (the paper's section 4.4).

The paper says that questions of high detail are answered by the upper layers, and leaves open which
those are. Here a question asks for a detail if it asks for a colour, a count, a size, a kind, a
part or a text; the first that fits, in this order, is its tag. All others ask what, who, where or
why: for the gist.
"""

import re

import duckdb
import pyarrow as pa

from store.statistics.matrices import insert

RULE = {
    "colour": r"colou?rs?\b|\bcolou?red\b",
    "count": r"\bhow (many|much)\b|\bnumber of\b|\bwhat number\b",
    "size": r"\bhow (big|small|large|tall|long|high|wide|old)\b|\bwhat size\b|\bbig or small\b",
    "kind": r"\b(kinds?|types?|sorts?|breeds?|species|brands?|styles?|models?|flavou?rs?|"
    r"materials?|patterns?|shapes?)\b|\bmade (out )?of\b",
    "part": r"\b(parts?|hands?|heads?|hair|faces?|eyes?|mouths?|legs?|foot|feet|arms?|neck|tails?|"
    r"wings?|wheels?|handles?|wearing|wears?)\b",
    "text": r"\b(written|words?|letters?|texts?|spells?|says?|signs?|titles?|logos?|labels?)\b",
}
"""Tag -> what a question has in it, as a regular expression without regard to case."""


def detail(question: str) -> str | None:
    """The tag of a question that asks for a detail; None if it asks for the gist.

    >>> detail("What color is the cat?"), detail("How many hands does it have?"), detail("Where?")
    ('colour', 'count', None)
    """
    return next((tag for tag, has in RULE.items() if re.search(has, question, re.I)), None)


def add_questions(con: duckdb.DuckDBPyConnection) -> None:
    """Fill table `question`: every question that was asked, with its tag."""
    rows = con.execute("SELECT DISTINCT question FROM answer ORDER BY question").fetchall()
    asked = [str(row[0]) for row in rows]
    tags = pa.array([detail(question) for question in asked], pa.string())
    insert(con, "question", [pa.table({"question": pa.array(asked, pa.string()), "detail": tags})])
