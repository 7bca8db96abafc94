"""Merlin transcripts over STROBE-128, as far as proofs of the ledger use them: append messages, draw challenges.

Sources: merlin.cool, the STROBE 1.0.2 specification, FIPS 202 for the permutation.
"""

from __future__ import annotations

RATE = 166
WORD = 2**64 - 1
A, C, I, M = 2, 4, 1, 16  # noqa: E741


def rotated(word: int, by: int) -> int:
    by %= 64
    return (word << by | word >> 64 - by) & WORD


def round_constants() -> list[int]:
    """The linear feedback shift register of FIPS 202 section 3.2.5."""
    constants, register = [], 1
    for _ in range(24):
        constant = 0
        for j in range(7):
            constant |= (register & 1) << (1 << j) - 1
            register = register << 1 ^ (register >> 7) * 0x171
        constants.append(constant)
    return constants


CONSTANTS = round_constants()


def keccak(state: bytearray) -> None:
    """Keccak-f[1600] on 200 bytes."""
    a = [[int.from_bytes(state[8 * (x + 5 * y) :][:8], "little") for y in range(5)] for x in range(5)]
    for constant in CONSTANTS:
        c = [a[x][0] ^ a[x][1] ^ a[x][2] ^ a[x][3] ^ a[x][4] for x in range(5)]
        d = [c[x - 1] ^ rotated(c[(x + 1) % 5], 1) for x in range(5)]
        a = [[a[x][y] ^ d[x] for y in range(5)] for x in range(5)]
        x, y, word = 1, 0, a[1][0]
        for t in range(24):
            x, y = y, (2 * x + 3 * y) % 5
            word, a[x][y] = a[x][y], rotated(word, (t + 1) * (t + 2) // 2)
        for y in range(5):
            row = [a[x][y] for x in range(5)]
            for x in range(5):
                a[x][y] = row[x] ^ (~row[(x + 1) % 5] & row[(x + 2) % 5] & WORD)
        a[0][0] ^= constant
    for x in range(5):
        for y in range(5):
            state[8 * (x + 5 * y) : 8 * (x + 5 * y) + 8] = a[x][y].to_bytes(8, "little")


class Transcript:
    """Label and messages go in, challenges come out."""

    def __init__(self, label: bytes) -> None:
        self.state = bytearray(bytes([1, RATE + 2, 1, 0, 1, 96]) + b"STROBEv1.0.2" + bytes(182))
        keccak(self.state)
        self.at = self.begun = 0
        self.operate(M | A, b"Merlin v1.0")
        self.append(b"dom-sep", label)

    def permute(self) -> None:
        self.state[self.at] ^= self.begun
        self.state[self.at + 1] ^= 0x04
        self.state[RATE + 1] ^= 0x80
        keccak(self.state)
        self.at = self.begun = 0

    def absorb(self, data: bytes) -> None:
        for byte in data:
            self.state[self.at] ^= byte
            self.at += 1
            if self.at == RATE:
                self.permute()

    def operate(self, flags: int, data: bytes = b"") -> None:
        before, self.begun = self.begun, self.at + 1
        self.absorb(bytes([before, flags]))
        if flags & C and self.at:
            self.permute()
        self.absorb(data)

    def append(self, label: bytes, message: bytes) -> None:
        self.operate(M | A, label + len(message).to_bytes(4, "little"))
        self.operate(A, message)

    def challenge(self, label: bytes, size: int) -> bytes:
        self.operate(M | A, label + size.to_bytes(4, "little"))
        self.operate(I | A | C)
        out = bytearray()
        for _ in range(size):
            out.append(self.state[self.at])
            self.state[self.at] = 0
            self.at += 1
            if self.at == RATE:
                self.permute()
        return bytes(out)
