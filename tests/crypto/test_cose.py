"""COSE objects: what is made parses, what breaks a rule is named by its first fault."""

from collections.abc import Callable

import pytest

from crypto.issue import signed
from specie.crypto import cose, es256
from specie.crypto.cose import reference
from specie.crypto.errors import WrongHeader, WrongLength
from specie.kernel import codec
from specie.kernel.errors import Refused

KID = bytes(range(16))
PAYLOAD = codec.encode({1: "a", 6: 1})
SIGNATURE = bytes(64)


def raw_object(
    protected: object, payload: bytes = PAYLOAD, unprotected: bytes = b"\xa0", head: bytes = b"\xd2\x84"
) -> bytes:
    inner = protected if isinstance(protected, bytes) else codec.encode(protected)
    return head + codec.encode(inner) + unprotected + codec.encode(payload) + codec.encode(SIGNATURE)


HEADER = {1: -8, 4: KID, 16: "dc-req"}
GOOD = raw_object(HEADER)

FAULTS: dict[str, tuple[bytes, type[Refused]]] = {
    "nothing": (b"", codec.Malformed),
    "text": (b"no cbor", codec.Malformed),
    "cut short": (GOOD[:-1], codec.Malformed),
    "trailing byte": (GOOD + b"\0", codec.Malformed),
    "no tag": (GOOD[1:], WrongHeader),
    "another tag": (b"\xd1" + GOOD[1:], codec.Malformed),
    "tag in two bytes": (b"\xd8\x12" + GOOD[1:], codec.NonCanonical),
    "indefinite array": (b"\xd2\x9f" + GOOD[2:] + b"\xff", codec.NonCanonical),
    "an array of three": (b"\xd2\x83" + GOOD[2:-66], WrongHeader),
    "unprotected header": (raw_object(HEADER, unprotected=b"\xa1\x01\x27"), WrongHeader),
    "unprotected array": (raw_object(HEADER, unprotected=b"\x80"), WrongHeader),
    "unprotected float": (raw_object(HEADER, unprotected=b"\xf9\x00\x00"), codec.Malformed),
    "unprotected null": (raw_object(HEADER, unprotected=b"\xf6"), codec.Malformed),
    "short signature": (GOOD[:-66] + codec.encode(bytes(63)), WrongHeader),
    "protected is no cbor": (raw_object(b"\xff"), codec.Malformed),
    "protected is empty": (raw_object(b""), codec.Malformed),
    "protected unsorted": (
        raw_object(b"\xa3\x04\x50" + KID + b"\x01\x27\x10\x66dc-req"),
        codec.NonCanonical,
    ),
    "protected key twice": (raw_object(b"\xa2\x01\x27\x01\x27"), codec.Malformed),
    "payload is no cbor": (raw_object(HEADER, b"\xa1"), codec.Malformed),
    "payload of two items": (raw_object(HEADER, b"\x01\x01"), codec.Malformed),
    "payload with a float": (raw_object(HEADER, b"\xfb" + bytes(8)), codec.Malformed),
    "payload with a tag": (raw_object(HEADER, b"\xc0\x61a"), codec.Malformed),
    "payload not shortest": (raw_object(HEADER, b"\x18\x01"), codec.NonCanonical),
    "payload not NFC": (raw_object(HEADER, b"\x63e\xcc\x81"), codec.NonCanonical),
    "payload not UTF-8": (raw_object(HEADER, b"\x61\xff"), codec.Malformed),
    "payload too deep": (raw_object(HEADER, b"\x81" * 9 + b"\x01"), codec.Malformed),
    "no kid": (raw_object({1: -8, 16: "dc-req"}), WrongHeader),
    "a further header": (raw_object(HEADER | {3: 1}), WrongHeader),
    "short kid": (raw_object(HEADER | {4: KID[:15]}), WrongHeader),
    "text kid": (raw_object(HEADER | {4: "a" * 16}), WrongHeader),
    "alg of another scheme": (raw_object(HEADER | {1: -37}), WrongHeader),
    "huge alg": (raw_object(HEADER | {1: -(2**64)}), WrongHeader),
    "bool alg": (raw_object(HEADER | {1: True}), WrongHeader),
    "typ is a number": (raw_object(HEADER | {16: 1}), WrongHeader),
    "typ is empty": (raw_object(HEADER | {16: ""}), WrongHeader),
    "typ is long": (raw_object(HEADER | {16: "a" * 65}), WrongHeader),
}


# SPEC ISSUANCE-3.3.1, ISSUANCE-3.3.2, ISSUANCE-3.3.3, ISSUANCE-3.3.5, ISSUANCE-3.3.6, ISSUANCE-3.3.7
@pytest.mark.parametrize("parse", [cose.parse_sign1, reference.parse_sign1], ids=["core", "reference"])
@pytest.mark.parametrize("name", FAULTS)
def test_faults_are_named(name: str, parse: Callable[[bytes], cose.Sign1]) -> None:
    data, expected = FAULTS[name]
    with pytest.raises(expected):
        parse(data)


# SPEC ISSUANCE-3.3.5
def test_size_comes_first() -> None:
    for parse in (cose.parse_sign1, reference.parse_sign1):
        with pytest.raises(codec.TooLarge):
            parse(b"\xff" * 11, bytes_max=10)
        assert parse(GOOD, bytes_max=len(GOOD)).typ == "dc-req"


# SPEC ISSUANCE-3.3.4
def test_the_type_separates_domains() -> None:
    tbs = cose.parse_sign1(GOOD).tbs
    assert tbs == codec.encode(["Signature1", codec.encode(HEADER), b"dc/1/dc-req", PAYLOAD])
    assert tbs == cose.to_be_signed("dc-req", KID, PAYLOAD)


# SPEC ISSUANCE-3.3.3
@pytest.mark.parametrize("alg", [cose.EDDSA, cose.ES256])
def test_what_is_made_parses(alg: int) -> None:
    data = cose.assemble_sign1("dc-appr", KID, PAYLOAD, SIGNATURE, alg)
    tbs = cose.to_be_signed("dc-appr", KID, PAYLOAD, alg)
    assert cose.parse_sign1(data) == cose.Sign1(KID, "dc-appr", alg, PAYLOAD, SIGNATURE, tbs)


def test_a_batch_names_each_status() -> None:
    parsed = cose.parse_sign1_many([GOOD, b"", b"\xd8\x12" + GOOD[1:], GOOD[1:], bytes(999)], bytes_max=500)
    assert [item.status for item in parsed] == [
        cose.OK,
        cose.MALFORMED,
        cose.NON_CANONICAL,
        cose.WRONG_HEADER,
        cose.TOO_LARGE,
    ]
    assert parsed[0][1:] == cose.parse_sign1(GOOD)
    assert parsed[1] == (cose.MALFORMED, b"", "", 0, b"", b"", b"")


def test_a_large_batch_is_its_items() -> None:
    datas = [signed("cms", f"dc-{index}", {1: index}) for index in range(100)]
    parsed = cose.parse_sign1_many(datas)
    assert [item[1:] for item in parsed] == [cose.parse_sign1(data) for data in datas]


def test_a_signature_has_64_bytes() -> None:
    with pytest.raises(WrongLength):
        cose.assemble_sign1("dc-req", KID, PAYLOAD, bytes(63))


def test_a_signer_matches_whole_messages_only() -> None:
    prefixes = [cose.to_be_signed_prefix(typ, KID) for typ in ("dc-req", "dc-pres")]
    good = cose.to_be_signed("dc-pres", KID, PAYLOAD)
    messages = [
        good,
        good + b"\0",
        good[:-1],
        prefixes[1],
        b"",
        cose.to_be_signed("dc-pre", KID, PAYLOAD),
        cose.to_be_signed("dc-pres", bytes(16), PAYLOAD),
        cose.to_be_signed("dc-pres", KID, PAYLOAD, cose.ES256),
        prefixes[1] + b"\x58\x01\x00",
        prefixes[1] + codec.encode(b"\x18\x01"),
        prefixes[0] + codec.encode(PAYLOAD),
    ]
    assert cose.match_to_be_signed_many(messages, prefixes) == [1, *[-1] * 9, 0]


# SPEC ISSUANCE-2.4.1
@pytest.mark.parametrize("algorithm", ["ed25519", "x25519", "es256"])
def test_keys_come_back(algorithm: str) -> None:
    public = es256.Es256Key.from_bytes(b"1" * 32).public() if algorithm == "es256" else b"1" * 32
    data = cose.cose_key(public, algorithm)
    assert cose.parse_key(data) == cose.Key(algorithm, public)
    assert len(cose.key_id(public, algorithm)) == 16


@pytest.mark.parametrize(
    "fields",
    [
        {1: 1, -1: 6},
        {1: 1, -1: 6, -2: bytes(31)},
        {1: 2, -1: 6, -2: bytes(32)},
        {1: True, -1: 6, -2: bytes(32)},
        {1: 1, -1: 5, -2: bytes(32)},
        {1: 1, -1: 6, -2: bytes(32), -4: bytes(32)},
        {1: 2, -1: 1, -2: bytes(32)},
        {1: 2, -1: 1, -2: bytes(32), -3: bytes(33)},
        [1],
    ],
)
def test_other_keys_are_refused(fields: object) -> None:
    with pytest.raises(WrongHeader):
        cose.parse_key(codec.encode(fields))


def test_a_public_key_of_another_length_has_no_id() -> None:
    for public, algorithm in ((bytes(31), "ed25519"), (bytes(65), "es256"), (bytes(32), "rsa")):
        with pytest.raises(WrongLength):
            cose.key_id(public, algorithm)
