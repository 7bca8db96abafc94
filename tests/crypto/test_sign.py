"""COSE_Sign: an explicit list of persons, each with a signature of his own."""

import pytest
from cbor2 import CBORTag

from specie.crypto import cose, ed25519, es256
from specie.crypto.errors import SignatureInvalid, WeakKey, WrongHeader, WrongLength
from specie.kernel import codec
from specie.kernel.clock import SeededRandomness
from specie.kernel.errors import Refused

PAYLOAD = codec.encode({1: 7})
KEY = ed25519.generate_key(SeededRandomness(1))
OFFICER = es256.Es256Key.from_bytes(b"1" * 32)


def row(kid: bytes = bytes(16), alg: int = -8, signature: bytes = bytes(64)) -> list[object]:
    return [codec.encode({1: alg, 4: kid}), {}, signature]


def raw(rows: object, header: object = None, payload: bytes = PAYLOAD, outer: object = None) -> bytes:
    protected = codec.encode({16: "dc-policy"} if header is None else header)
    return codec.encode(CBORTag(98, [protected, outer or {}, payload, rows]))


# SPEC ISSUANCE-3.5.1, ISSUANCE-3.5.2
def test_each_signature_verifies_under_its_own_key() -> None:
    kids = {cose.key_id(KEY.public()): KEY.public(), cose.key_id(OFFICER.public(), "es256"): OFFICER.public()}
    one, two = kids
    signatures = [
        (one, cose.EDDSA, KEY.sign(cose.to_be_signed_by_many("dc-policy", one, PAYLOAD))),
        (two, cose.ES256, OFFICER.sign(cose.to_be_signed_by_many("dc-policy", two, PAYLOAD, cose.ES256))),
    ]
    parsed = cose.parse_sign(cose.assemble_sign("dc-policy", PAYLOAD, signatures))
    assert (parsed.typ, parsed.payload) == ("dc-policy", PAYLOAD)
    assert [signer[:3] for signer in parsed.signers] == sorted(
        (kid, alg, signature) for kid, alg, signature in signatures
    )
    for signer in parsed.signers:
        verify = ed25519.verify if signer.alg == cose.EDDSA else es256.verify
        verify(kids[signer.kid], signer.tbs, signer.signature)
        with pytest.raises(SignatureInvalid):
            verify(kids[signer.kid], signer.tbs + b"\0", signer.signature)


def test_the_structure_is_that_of_the_rfc() -> None:
    body, signer = codec.encode({16: "dc-policy"}), codec.encode({1: -8, 4: bytes(16)})
    expected = codec.encode(["Signature", body, signer, b"dc/1/dc-policy", PAYLOAD])
    assert cose.to_be_signed_by_many("dc-policy", bytes(16), PAYLOAD) == expected


FAULTS: dict[str, tuple[bytes, type[Refused]]] = {
    "nothing": (b"", codec.Malformed),
    "tag of Sign1": (b"\xd2" + raw([row()])[2:], codec.Malformed),
    "no tag": (raw([row()])[2:], WrongHeader),
    "nobody": (raw([]), WrongHeader),
    "too many": (raw([row(bytes([i]) * 16) for i in range(65)]), WrongHeader),
    "unprotected header": (raw([row()], outer={1: 1}), WrongHeader),
    "header with more": (raw([row()], {1: -8, 16: "dc-policy"}), WrongHeader),
    "typ is empty": (raw([row()], {16: ""}), WrongHeader),
    "payload is no cbor": (raw([row()], payload=b"\xff"), codec.Malformed),
    "payload not shortest": (raw([row()], payload=b"\x18\x01"), codec.NonCanonical),
    "twice the same person": (raw([row(), row()]), WrongHeader),
    "short kid": (raw([row(bytes(15))]), WrongHeader),
    "another alg": (raw([row(alg=-37)]), WrongHeader),
    "short signature": (raw([row(signature=bytes(63))]), WrongHeader),
    "a signer's unprotected header": (raw([[row()[0], {1: 1}, bytes(64)]]), WrongHeader),
    "a signer's header is no cbor": (raw([[b"\xff", {}, bytes(64)]]), codec.Malformed),
    "a signer with two parts": (raw([[b"", {}]]), WrongHeader),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults_are_named(name: str) -> None:
    data, expected = FAULTS[name]
    with pytest.raises(expected):
        cose.parse_sign(data)


# SPEC ISSUANCE-3.3.5
def test_size_comes_first() -> None:
    with pytest.raises(codec.TooLarge):
        cose.parse_sign(raw([row()]), bytes_max=20)


def test_assembling_checks_its_signatures() -> None:
    for signatures in ([], [(bytes(16), -8, bytes(63))], [(bytes(16), -8, bytes(64))] * 65):
        with pytest.raises(WrongLength):
            cose.assemble_sign("dc-policy", PAYLOAD, signatures)


def test_es256_is_deterministic_and_strict() -> None:
    signature = OFFICER.sign(b"m")
    assert OFFICER.sign(b"m") == signature
    es256.verify(OFFICER.public(), b"m", signature)
    for public, value in (
        (OFFICER.public(), bytes(64)),
        (OFFICER.public(), signature[:63]),
        (OFFICER.public()[:64], signature),
        (b"\x04" + bytes(64), signature),
    ):
        assert not es256.is_signature(public, b"m", value)
    with pytest.raises(WeakKey):
        es256.check_public(b"\x04" + bytes(64))
    with pytest.raises(WeakKey):
        es256.Es256Key.from_bytes(bytes(32))
    with pytest.raises(WrongLength):
        es256.Es256Key.from_bytes(bytes(31))
