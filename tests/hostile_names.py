"""Ids of pictures that want more than to be shown."""

NAMES = (
    "../../secret",
    "/etc/passwd",
    "a\"b'c",
    "new\nline",
    "tab\tand\x1b[31mred",
    "\u202eevil",
    "<img src=x onerror=alert(1)>",
    "'; DROP TABLE image; --",
    "%2e%2e%2f",
    "=cmd()",
    "",
    " ",
)
