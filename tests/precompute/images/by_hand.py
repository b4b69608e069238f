"""What identifies a set of pictures, written out."""

import hashlib

from store.disk import canonical


def fingerprint_by_hand(content, source, **more):
    """Of a set of one picture "a" that says nothing but what it is; `more` are further facts."""
    known = {
        "image_id": "a",
        "source": source,
        "read": hashlib.sha256(content).hexdigest(),
        "references": (),
        "label": None,
        "category": None,
        "explanation": None,
        "questions": (),
    }
    return hashlib.sha256(canonical({**known, **more}).encode() + b"\n").hexdigest()
