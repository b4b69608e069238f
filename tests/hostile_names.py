"""Ids of pictures that want more than to be shown, and names of folders that mean something."""

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

FOLDERS = (
    "a b",
    "o'n",
    'a"b',
    "#x",
    "%20",
    "a;b",
    "*",
    "[x]",
    "{1}",
    "-dash",
    ".hidden",
    "größe",
    "a:b",
    "$HOME",
    "~x",
    "a|b",
    "text=hello",
    "x" * 200,
)
