"""What this room refuses. The Rust core raises these classes too, by name."""

from specie.kernel.errors import Refused


class WrongLength(Refused):
    """A key, signature, hash, id or random string does not have the length its type demands."""

    code = "crypto.wrong_length"
    status = 400


class WeakKey(Refused):
    """The public key is not canonical or is of small order, or an exchange with it gives zero."""

    code = "crypto.weak_key"
    status = 422


class WrongHeader(Refused):
    """A COSE object does not have the shape or the headers of the profile."""

    code = "cose.wrong_header"
    status = 400


class SignatureInvalid(Refused):
    """A signature does not verify."""

    code = "crypto.signature_invalid"
    status = 422


class OpenFailed(Refused):
    """A ciphertext does not open under this key and context."""

    code = "crypto.open_failed"
    status = 422


class UnitsOutOfRange(Refused):
    """An issue has no units or more than 1000, or a field of it is out of its bounds."""

    code = "crypto.units_out_of_range"
    status = 422


class OutOfTree(Refused):
    """An index or a size does not lie inside the tree."""

    code = "crypto.out_of_tree"
    status = 422


class ProofInvalid(Refused):
    """An inclusion, consistency or sum proof does not lead to the root."""

    code = "crypto.proof_invalid"
    status = 422


class NoteMalformed(Refused):
    """A text is not a signed note or not a checkpoint."""

    code = "note.malformed"
    status = 400


class StaleExtension(Exception):
    """The Rust extension was built from other sources than those of this checkout."""

    def __init__(self) -> None:
        super().__init__("the Rust extension is older than its sources; run `make setup`")
