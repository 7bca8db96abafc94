"""Signed notes, checkpoints and cosignatures of C2SP (signed-note, tlog-checkpoint, tlog-cosignature).

    text, ending in a newline
    (empty line)
    — name base64(key hash (4) || signature)            one line for each signature

A log's own signature is Ed25519 over the text; a witness signs "cosignature/v1", a time and the text.
"""

from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from dataclasses import dataclass
from hashlib import sha256

from specie.crypto import ed25519
from specie.crypto.errors import NoteMalformed, SignatureInvalid

NOTE_BYTES_MAX = 65_536
SIGNATURES_MAX = 64

ALGORITHM_ED25519 = 0x01
ALGORITHM_COSIGNATURE_V1 = 0x04

_DASH = "\u2014 "
_SIZE_MAX = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """One signature line."""

    name: str
    key_hash: bytes
    """4 bytes, to find the key."""
    signature: bytes
    """64 bytes by a log; 8 bytes of time and 64 by a witness; anything from a scheme that we do not know."""

    def line(self) -> str:
        """The line with its newline."""
        return f"{_DASH}{self.name} {b64encode(self.key_hash + self.signature).decode()}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A text and its signatures."""

    text: str
    """Ends in a newline."""
    signatures: tuple[NoteSignature, ...]

    def encode(self) -> str:
        """The note as it is published."""
        return self.text + "\n" + "".join(signature.line() for signature in self.signatures)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log says of itself."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()


def key_hash(name: str, public: bytes, algorithm: int = ALGORITHM_ED25519) -> bytes:
    """The 4 bytes by which a signature line names its key: SHA-256(name || 0x0A || algorithm || key)[:4]."""
    return sha256(name.encode() + b"\n" + bytes([algorithm]) + public).digest()[:4]


# SPEC ISSUANCE-15.2.1
def format_checkpoint(origin: str, size: int, root: bytes, extensions: tuple[str, ...] = ()) -> str:
    """The text of a checkpoint. Raises NoteMalformed for one that would not parse."""
    text = "".join(f"{line}\n" for line in (origin, str(size), b64encode(root).decode(), *extensions))
    parse_checkpoint(text)
    return text


def parse_checkpoint(text: str) -> Checkpoint:
    """Read the text of a checkpoint. Raises NoteMalformed."""
    lines = _check_text(text)[:-1].split("\n")
    if len(lines) < 3 or not all(lines):
        raise NoteMalformed("a checkpoint has an origin, a size, a root, and no empty line")
    origin, size, root, *extensions = lines
    if not size.isascii() or not size.isdigit() or str(int(size[:20])) != size or int(size) > _SIZE_MAX:
        raise NoteMalformed("the size is not a plain decimal number")
    digest = _decode_base64(root)
    if len(digest) != 32:
        raise NoteMalformed("the root has not 32 bytes")
    return Checkpoint(origin, int(size), digest, tuple(extensions))


def make_signature(name: str, public: bytes, signature: bytes) -> NoteSignature:
    """The line of a log's own signature over the text, made elsewhere (64 bytes). Raises NoteMalformed."""
    return NoteSignature(_check_name(name), key_hash(name, public), signature)


def to_be_cosigned(text: str, time_s: int) -> bytes:
    """What a witness signs: that he saw this checkpoint at that time (seconds since 1970)."""
    return f"cosignature/v1\ntime {time_s}\n{text}".encode()


def make_cosignature(name: str, public: bytes, time_s: int, signature: bytes) -> NoteSignature:
    """The line of a witness, from his signature over `to_be_cosigned`. Raises NoteMalformed."""
    stamp = time_s.to_bytes(8, "big")
    return NoteSignature(_check_name(name), key_hash(name, public, ALGORITHM_COSIGNATURE_V1), stamp + signature)


def parse(note: str) -> Note:
    """Split a note into text and signatures; verifies nothing. Raises NoteMalformed."""
    if len(note) > NOTE_BYTES_MAX or len(_encode(note)) > NOTE_BYTES_MAX:
        raise NoteMalformed("the note is too large")
    text, gap, tail = note.rpartition("\n\n")
    if not gap or not tail.endswith("\n"):
        raise NoteMalformed("an empty line and signature lines must follow the text")
    lines = tail[:-1].split("\n")
    if len(lines) > SIGNATURES_MAX:
        raise NoteMalformed("too many signatures")
    return Note(_check_text(text + "\n"), tuple(_parse_line(line) for line in lines))


def verify(note: Note, name: str, public: bytes) -> None:
    """Refuse a note that this log did not sign; lines of others are passed over.

    Raises SignatureInvalid: no line of this key, or one whose signature does not verify.
    """
    found = [one for one in note.signatures if (one.name, one.key_hash) == (name, key_hash(name, public))]
    if not found:
        raise SignatureInvalid(f"no signature by {name}")
    for one in found:
        ed25519.verify(public, note.text.encode(), one.signature)


def verify_cosignature(note: Note, name: str, public: bytes) -> int:
    """The time, in seconds since 1970, at which this witness saw the note.

    Raises SignatureInvalid: no line of this key, or one whose signature does not verify.
    """
    hint = key_hash(name, public, ALGORITHM_COSIGNATURE_V1)
    for one in note.signatures:
        if (one.name, one.key_hash) == (name, hint):
            time_s = int.from_bytes(one.signature[:8], "big")
            ed25519.verify(public, to_be_cosigned(note.text, time_s), one.signature[8:])
            return time_s
    raise SignatureInvalid(f"no cosignature by {name}")


def _parse_line(line: str) -> NoteSignature:
    name, space, blob = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not space:
        raise NoteMalformed("a signature line is a dash, a name and base64")
    raw = _decode_base64(blob)
    if len(raw) < 5:
        raise NoteMalformed("a signature line is too short")
    return NoteSignature(_check_name(name), raw[:4], raw[4:])


def _check_name(name: str) -> str:
    if not name or "+" in name or any(c.isspace() or ord(c) < 0x20 for c in name):
        raise NoteMalformed("a name has no spaces and no plus sign")
    return name


def _check_text(text: str) -> str:
    if not text.endswith("\n") or len(text) < 2 or any(ord(c) < 0x20 and c != "\n" for c in text):
        raise NoteMalformed("a text ends in a newline and has no control characters")
    _encode(text)
    return text


def _encode(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise NoteMalformed("the text is not Unicode") from error


def _decode_base64(text: str) -> bytes:
    try:
        raw = b64decode(text, validate=True)
    except (NotBase64, ValueError) as error:
        raise NoteMalformed("not base64") from error
    if b64encode(raw).decode() != text:
        raise NoteMalformed("base64 with stray bits")
    return raw
