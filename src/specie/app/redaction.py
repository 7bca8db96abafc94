"""What may be shown: secrets are known by their name or by their form, and bodies are not shown at all."""

from __future__ import annotations

import re
from collections.abc import Mapping

HIDDEN = "***"

_SECRET_NAME = re.compile(
    r"pass(word|phrase|wd)?$|secret|token|authorization|cookie|private|seed|mnemonic|api_?key|(^|_)pin$",
    re.IGNORECASE,
)
_BODY_NAME = re.compile(r"(^|_)(body|payload|plaintext|request_bytes)$", re.IGNORECASE)
_SECRET_VALUE = re.compile(
    r"(?P<scheme>://[^/\s:@]+:)[^/\s@]+(?=@)"  # the password in a URL
    r"|sk_(?:test|live)_\w+"
    r"|(?i:bearer)\s+\S+"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----[^-]*(?:-----END [A-Z ]*-----)?"
)


def redacted(name: str, value: object) -> object:
    """What may be shown of a value under this name; goes into mappings and lists."""
    if _SECRET_NAME.search(name) or _BODY_NAME.search(name):
        return HIDDEN
    if isinstance(value, bytes | bytearray | memoryview):
        return f"<{len(value)} bytes>"
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, Mapping):
        return {key: redacted(str(key), item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [redacted(name, item) for item in value]
    return value


def mask(text: str) -> str:
    """Text without the secrets that can be known by their form: passwords in URLs, API keys, private keys."""
    return _SECRET_VALUE.sub(lambda match: (match["scheme"] or "") + HIDDEN, text)
