"""What a person sees of our own mistakes: an id, a file to send, and no stack of words."""

from __future__ import annotations

import os
import sys
import traceback

from platformdirs import user_state_path

from specie.app.cli.exits import Exit
from specie.app.redaction import mask


def report_bug(error: Exception, *, verbose: bool) -> Exit:
    """Write the traceback to a file of the user's own (mode 0600) and say where it is."""
    text = mask("".join(traceback.format_exception(error)))
    identifier = os.urandom(4).hex()
    lines = [
        f"✘ This is a mistake in specie, not yours: {type(error).__name__} (id {identifier}).",
        "  Money: if a request was sent, run the command again with the same key; nothing happens twice.",
    ]
    try:
        folder = user_state_path("specie")
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / f"crash-{identifier}.txt"
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
        lines.append(f"  Report it with the file {path}; read it before you send it.")
    except OSError:
        verbose = True
    if verbose:
        lines.append(text)
    print("\n".join(lines), file=sys.stderr)  # noqa: T201
    return Exit.BUG
