"""What pages are made of: text, links and what is chosen by them, cards, notes, whose turn it is.

Each draws one thing and reads or writes one part of the link. Knows no page.
"""

__all__ = [
    "cards",
    "copy_command",
    "copy_link",
    "groups",
    "link",
    "making",
    "menus",
    "navigation",
    "notes",
    "parameters",
    "picture",
    "problems",
    "saved_views",
    "text",
    "thumbnail",
    "turns",
    "two_captions",
]
