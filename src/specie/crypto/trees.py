"""The two trees of the ledger, kept in memory by the core (LEDGER 8.1).

`OutputTable` is the output log: every output decoded for rings, and the RFC 6962 tree over the leaf data
class u8 || height u64 || output(267).

    append([(class, height, output 267), ...])    all of them or none; raises BadPoint, WrongLength
    size()  root()  root_at(size)                 of any earlier size; raises OutOfTree
    root_with(entries)                            the root as it would be; nothing is appended
    inclusion(index, size)  consistency(old, new) paths of RFC 9162, checked by `specie.crypto.merkle`; OutOfTree
    members([index, ...])                         [(class, height, P | C | H_p(P), 96 bytes), ...]; OutOfTree
    used(points)  reserve(points)                 n * 32 bytes: per point 1 if it is an R or P of the log or reserved

`SparseTree` is a sparse Merkle tree, with keys and value hashes of 32 bytes. A clone shares its nodes, costs
nothing, and stays as it is.

    update([(key, value hash), ...])    each node above is hashed once; of a repeated key the last value counts
    root()  size()  get(key)  clone()   the root of the empty tree is 32 zero bytes
    prove(key)                          that the key is present with its value, or absent

    proof = kind u8 | depth u16 | bitmap | siblings 32 each, from the root down | kind 2: key 32, value hash 32

Numbers are little-endian; the bits of a key and of the bitmap are taken from the most significant one. All of
these work with the interpreter lock released.
"""

from specie.crypto.core import _core

__all__ = ["EMPTY_ROOT", "OutputTable", "SparseTree", "sparse_verify"]

EMPTY_ROOT = bytes(32)
"""The root of a sparse tree without keys."""

OutputTable = _core.OutputTable
SparseTree = _core.SparseTree


# SPEC LEDGER-13.4
def sparse_verify(root: bytes, key: bytes, value_hash: bytes | None, proof: bytes) -> bool:
    """Whether a proof shows this value hash under this key, or with None that the key is absent.

    Raises WrongLength for a root, key or value hash that has not 32 bytes; any other proof is merely false.
    """
    return _core.sparse_verify(root, key, value_hash, proof)
