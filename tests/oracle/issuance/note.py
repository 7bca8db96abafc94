"""Signed notes, checkpoints and cosignatures of C2SP (signed-note, tlog-checkpoint, tlog-cosignature)."""

from __future__ import annotations

import base64
import hashlib
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

ED25519, COSIGNATURE_V1 = 0x01, 0x04


class Checkpoint(NamedTuple):
    """What a log says of itself."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...]


def origin(environment: str, system: str) -> str:
    return f"specie/{environment}/{system}"


def key_hash(name: str, public: bytes, kind: int = ED25519) -> bytes:
    """The four bytes by which a signature line names its key."""
    return hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + public).digest()[:4]


def checkpoint_text(log: str, size: int, root: bytes) -> str:
    return f"{log}\n{size}\n{base64.b64encode(root).decode()}\n"


def signature_line(text: str, name: str, seed: bytes) -> str:
    """The line of the log's own signature."""
    key = Ed25519PrivateKey.from_private_bytes(seed)
    raw = key_hash(name, key.public_key().public_bytes_raw()) + key.sign(text.encode())
    return f"\u2014 {name} {base64.b64encode(raw).decode()}\n"


def cosignature_line(text: str, name: str, seed: bytes, time: int) -> str:
    """The line of a witness, who says that he saw this checkpoint at time."""
    key = Ed25519PrivateKey.from_private_bytes(seed)
    signature = key.sign(f"cosignature/v1\ntime {time}\n{text}".encode())
    stamp = time.to_bytes(8, "big")
    raw = key_hash(name, key.public_key().public_bytes_raw(), COSIGNATURE_V1) + stamp + signature
    return f"\u2014 {name} {base64.b64encode(raw).decode()}\n"


def parse(note: str) -> tuple[str, list[tuple[str, bytes]]]:
    """The signed text (with its last newline) and (name, raw signature) of each line. Raises ValueError."""
    text, gap, tail = note.rpartition("\n\n")
    if not gap or not tail.endswith("\n") or any(ord(c) < 0x20 and c != "\n" for c in note):
        raise ValueError("not a signed note")
    signatures = []
    for line in tail[:-1].split("\n"):
        dash, name, blob = (*line.split(" "), "", "")[:3]
        if dash != "\u2014" or not name or "+" in name or len(line.split(" ")) != 3:
            raise ValueError("not a signature line")
        signatures.append((name, base64.b64decode(blob, validate=True)))
    return text + "\n", signatures


def parse_checkpoint(text: str) -> Checkpoint:
    log, size, root, *extensions = text[:-1].split("\n")
    digest = base64.b64decode(root, validate=True)
    if not log or str(int(size)) != size or int(size) < 0 or len(digest) != 32:
        raise ValueError("not a checkpoint")
    return Checkpoint(log, int(size), digest, tuple(extensions))


def is_signed(note: str, name: str, public: bytes) -> bool:
    """Whether this key signed the note, as a log or as a witness. Unknown lines are passed over."""
    text, signatures = parse(note)
    key = Ed25519PublicKey.from_public_bytes(public)
    for line_name, raw in signatures:
        if line_name != name:
            continue
        message, signature = text.encode(), raw[4:]
        if raw[:4] == key_hash(name, public, COSIGNATURE_V1) and len(raw) == 76:
            time, signature = int.from_bytes(raw[4:12], "big"), raw[12:]
            message = f"cosignature/v1\ntime {time}\n{text}".encode()
        elif raw[:4] != key_hash(name, public):
            continue
        try:
            key.verify(signature, message)
        except InvalidSignature:
            return False
        return True
    return False
