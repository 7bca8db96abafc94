"""FOEC-1 through the binding: its vectors byte for byte, and what must be refused (ECASH 23)."""

import pickle

import pytest

from crypto.ecash_cases import (
    coin_row,
    coins,
    decode,
    facts,
    holder,
    issuers,
    owner,
    payment_fields,
    random_of,
    record,
    shares,
    unhex,
    vectors,
    withdraw_fields,
)
from specie.crypto import ecash
from specie.crypto.errors import BadPlan, BadPoint, WrongLength

OF_THE_ROOM = {
    "MALFORMED",
    "VERSION",
    "INVOICE_UNKNOWN",
    "INVOICE_CLOSED",
    "INVOICE_EXPIRED",
    "VALUE_ILLEGAL",
    "AMOUNT_MISMATCH",
    "POLICY_UNMET",
    "SERIAL_REPEATED",
    "SERIAL_SEEN",
    "SERIAL_BLACKLISTED",
    "PSEUDONYM_BASE",
}
"""Codes of the steps that need a till or a record."""

PAYMENTS = sorted(vectors()["payments"])


def decoded(payment: bytes) -> ecash.Payment:
    (one,) = ecash.decode_payments([payment_fields(payment)])
    assert isinstance(one, ecash.Payment), one
    return one


@pytest.mark.parametrize("name", PAYMENTS)
def test_payments_are_reproduced(name: str) -> None:
    entry = vectors()["payments"][name]
    fields = payment_fields(unhex(entry["P"]))
    expected = decoded(unhex(entry["P"]))
    made_of = {"p3-change-refund-pseudonym": ["change", "refund"]}.get(name, [])
    outputs = [output for group in made_of for output in vectors()[group].get("outputs", [])]
    outputs += vectors()["refresh"].get(name, {}).get("outputs", [])
    rows = [(new[0], new[1], new[2], old["counter"]) for new, old in zip(fields[5], outputs, strict=True)]
    merchant = decode(unhex(vectors()["invoices"][name]["payload"]))[3] if fields[7] else b""
    who = owner(name)
    plan = [coin_row(serial) for serial in expected.serials], facts(who, fields[2]), rows, merchant
    random = unhex(entry["rho"])
    keys = list(issuers().values())
    if entry["nonce_mode"] == "prepared":
        show = holder(who).prepare(keys, *plan, random)
        made = show.pay(fields[0])
        with pytest.raises(ValueError, match="used already"):
            show.pay(fields[0])
    else:
        made = holder(who).pay(keys, fields[0], *plan, random)
    assert made.parts() == (fields[3], fields[4], fields[6], fields[7])
    assert (made.info, made.r) == (unhex(entry["info"]), unhex(entry["R"]))
    assert ecash.verify_payments(keys, [made]) == [None]


# SPEC ECASH-23.1
def test_negative_payments_alone_and_among_good_ones() -> None:
    keys = list(issuers().values())
    good = [decoded(unhex(vectors()["payments"][name]["P"])) for name in PAYMENTS]
    batch, expected = [], []
    for case in vectors()["negative_payments"]:
        if case["code"] in OF_THE_ROOM:
            continue
        (one,) = ecash.decode_payments([payment_fields(unhex(case["P"]))])
        if not isinstance(one, ecash.Payment):
            assert one[0] == case["code"], case["name"]
            continue
        (alone,) = ecash.verify_payments(keys, [one])
        assert alone is not None and alone[0] == case["code"], case["name"]
        batch += [one, good[len(batch) % len(good)]]
        expected += [alone, None]
    assert len(batch) > 40
    assert ecash.verify_payments(keys, batch) == expected


def test_every_truncation_and_extension_of_a_field_is_refused() -> None:
    fields = payment_fields(unhex(vectors()["payments"]["p3-change-refund-pseudonym"]["P"]))
    for place in (3, 4, 6, 7):
        for spoiled in (fields[place][:-1], fields[place] + b"\0", fields[place][:-48], fields[place] * 2):
            row = (*fields[:place], spoiled, *fields[place + 1 :])
            assert ecash.decode_payments([row]) == [("LENGTH", -1)]  # type: ignore[list-item]
    assert ecash.decode_payments([(fields[0], [], *fields[2:])]) == [("COUNT", -1)]
    with pytest.raises(WrongLength):
        ecash.decode_payments([(b"short", *fields[1:])])


@pytest.mark.parametrize("name", sorted(vectors()["withdraw"]))
def test_withdrawals(name: str) -> None:
    entry = vectors()["withdraw"][name]
    request = decode(unhex(entry["request"]))
    key, fields = issuers()[request[1]], withdraw_fields(unhex(entry["request"]))
    wanted = [(coin["D"], coin["counter"]) for coin in entry["coins"]]
    made = holder(owner(name)).withdraw(key, fields[0], fields[2], fields[3], wanted, random_of(f"withdraw/{name}"))
    assert made == (fields[5], fields[6])
    (read,) = ecash.decode_withdrawals([fields])
    assert isinstance(read, ecash.Withdrawal)
    assert ecash.verify_withdrawals([(read, key)]) == [None]
    assert read.coin_ids() == [unhex(coin["cid"]) for coin in entry["coins"]]
    tokens = read.tokens(key)
    assert [token[0] for token in tokens] == [unhex(coin["M"]) for coin in entry["coins"]]
    ceremony, threshold = ("bank-2026-10", 1) if name.endswith("1-of-1") else ("bank-2026-09", 3)
    partials = {index: ecash.Signer(share).sign(tokens) for index, share in shares(ceremony).items()}
    places = sorted(partials)[-threshold:]
    signatures = ecash.combine(places, [partials[place] for place in places])
    assert signatures == b"".join(unhex(coin["sigma"]) for coin in entry["coins"])
    assert ecash.verify_tokens(key, tokens, signatures) == []
    spoiled = signatures[:-48] + ecash.pseudonym_base(bytes(32))
    assert ecash.verify_tokens(key, tokens, spoiled) == [len(tokens) - 1]
    public = dict((index, own) for index, own in record(ceremony.replace("-", "_"))[11])
    for index, own in partials.items():
        assert ecash.verify_tokens(ecash.ShareKey(public[index]), tokens, own) == []


def test_negative_withdrawals() -> None:
    for case in vectors()["negative_withdrawals"]:
        key = issuers().get(decode(unhex(case["request"]))[1])
        if key is None or case["code"] in OF_THE_ROOM:
            continue
        (read,) = ecash.decode_withdrawals([withdraw_fields(unhex(case["request"]))])
        answer = ecash.verify_withdrawals([(read, key)])[0] if isinstance(read, ecash.Withdrawal) else read
        assert answer is not None and answer[0] == case["code"], case["name"]


@pytest.mark.parametrize("name", sorted(vectors()["open"]))
def test_account_opening(name: str) -> None:
    request = decode(unhex(vectors()["open"][name]["request"]))
    offer = (request[1], request[2], request[3], [(kind, value) for kind, value in request[4]])
    made = holder(name).open(offer, random_of(f"open/{name}"))
    assert (holder(name).pk, *made) == (request[5], request[6], request[7])
    read = ecash.decode_opening(offer, request[5], request[6], request[7])
    assert isinstance(read, ecash.Opening) and read.verify() is None
    signatures = [ecash.Signer(share).sign(read.tokens()) for share in shares("ra-2026q3").values()]
    licence = decode(unhex(vectors()["open"][name]["licence"]))
    assert ecash.combine([3, 1], [signatures[2], signatures[0]]) == licence[4]
    assert ecash.verify_tokens(issuers()[request[1]], read.tokens(), licence[4]) == []
    assert ecash.decode_opening(offer, request[5], request[6][:-1], request[7]) == ("LENGTH", -1)


def test_a_double_spender_is_identified() -> None:
    guilt = vectors()["guilt"]
    first, second = ((unhex(guilt[t]), unhex(guilt[r])) for t, r in (("T", "R"), ("T_prime", "R_prime")))
    assert ecash.identify(first, second) == unhex(guilt["pk"])
    with pytest.raises(BadPlan):
        ecash.identify(first, first)


@pytest.mark.parametrize("name", sorted(vectors()["claims"]))
def test_claims(name: str) -> None:
    entry = vectors()["claims"][name]
    request = decode(unhex(entry["request"]))
    head = tuple(request[place] for place in range(1, 7))
    serials = [request[8][place : place + 48] for place in range(0, len(request[8]), 48)]
    rows = [(*coin_row(serial)[:5], *(unhex(coins()[serial][0][part]) for part in "AB")) for serial in serials]
    outputs = [(unhex(new["kid"]), new["D"], new["counter"]) for new in entry.get("outputs", [])]
    who, keys = owner(request[4]), list(issuers().values())
    made = holder(who).claim(keys, head, rows, outputs, random_of(f"claim/{name}"))
    assert made == (request[8], request[9], request.get(11, b""))
    lists = [[tuple(one) for one in request.get(place, [])] for place in (7, 10)]
    claim = (*head, lists[0], request[8], request[9], lists[1], request.get(11, b""))
    assert ecash.check_claim(claim) is None  # type: ignore[arg-type]
    pk = holder(who).pk if request[3] == 1 else b""
    entries = [row[4:7] for row in rows]
    assert ecash.verify_claim(keys, claim, entries, pk) is None  # type: ignore[arg-type]
    other = ("bank:other", *claim[1:])
    assert ecash.verify_claim(keys, other, entries, pk) == ("PROOF_INVALID", -1)  # type: ignore[arg-type]


def test_self_trace() -> None:
    request = decode(unhex(vectors()["self_trace"]["request"]))
    coin, output = coins()[request[6]]
    key = issuers()[unhex(coin["kid"])]
    row = (key, coin["D"], coin["counter"], output, unhex(coin["M"]))
    head = request[1], request[2], request[3], request[4]
    made = holder(owner(request[2])).self_trace(*head, [row], random_of("self/st1"))
    assert made == (request[6], request[7])
    own = (key, unhex(coin["M"]), unhex(coin["Q1"] + coin["Q2"]), unhex(coin["cid"]))
    assert ecash.verify_self_trace(*head, [own], *made) is None


@pytest.mark.parametrize("group", sorted(vectors()["tracing"]))
def test_tracing(group: str) -> None:
    entry, keys = vectors()["tracing"][group], dict(record("trustees")[11])
    answers = {}
    for index, text in entry["shares"].items():
        share = decode(unhex(text))
        subject = (share[1], share[3], share[4], share[2], share[5], unhex(entry["C1"]))
        name = "owner-p1" if group == "owner" else group.replace("_", "-")
        made = ecash.Trustee(shares("trustees")[int(index)]).decrypt(subject, random_of(f"tdec/{name}/{index}"))
        assert made == (share[6], share[7])
        assert ecash.is_share(subject, keys[int(index)], *made)
        assert not ecash.is_share(subject, keys[int(index) % 3 + 1], *made)
        answers[int(index)] = made[0]
    message = None if group == "owner" else unhex(coins()[unhex(entry["S"])][0]["M"])
    for pair in ([1, 2], [3, 1], [2, 3]):
        found = ecash.open_trace(unhex(entry["C2"]), pair, b"".join(answers[place] for place in pair), message)
        assert found == unhex(entry["pk" if group == "owner" else "S"])


@pytest.mark.parametrize("name", sorted(vectors()["dkg"]))
def test_ceremonies_and_records(name: str) -> None:
    entry = vectors()["dkg"][name]
    fields = record({"ra-2026q3": "ra"}.get(name, name.replace("-", "_")))
    role, threshold, places = fields[2], fields[6], [index for index, _ in fields[11]]
    ceremony = (fields[13], role, fields[3], fields.get(4, ""), fields[5], threshold, places)
    commitments, dealt, contexts = [], [], {}
    for dealer in entry["dealers"]:
        opened, context = decode(unhex(dealer["round2_open"])), ecash.dkg_context(ceremony, dealer["i"])
        made = ecash.Dealer(role, threshold, unhex(dealer["rho"]), "new", b"")
        assert (made.commitments(), made.prove(context)) == (opened[3], opened[4])
        assert ecash.dkg_check(role, threshold, opened[3], context, opened[4]) is None
        assert ecash.dkg_check(role, threshold, opened[3], context + b"x", opened[4]) == ("PROOF_INVALID", -1)
        assert ecash.dkg_check_share(role, threshold, opened[3], places[-1], made.share(places[-1])) is None
        commitments.append(opened[3])
        dealt.append(made.share(places[-1]))
        contexts[dealer["i"]] = context
    assert ecash.dkg_keys(role, threshold, commitments, places) == (fields[10], [own for _, own in fields[11]])
    assert ecash.dkg_sum(dealt) == shares(name)[places[-1]]
    dealers = [(contexts[index], constants, proof) for index, constants, proof in fields[12]]
    known = [(index, own) for index, own in fields[11]]
    assert ecash.check_record(role, threshold, fields[10], known, dealers) is None
    context, constants, proof = dealers[0]
    spoiled = [(context + b"x", constants, proof), *dealers[1:]]
    assert ecash.check_record(role, threshold, fields[10], known, spoiled) == ("PROOF_INVALID", 0)
    if len(dealers) > 1:
        assert ecash.check_record(role, threshold, fields[10], known, dealers[1:]) == ("KEY_SUM", -1)
        turned = [(known[0][0], known[1][1]), (known[1][0], known[0][1]), *known[2:]]
        assert ecash.check_record(role, threshold, fields[10], turned, dealers)[0] == "SHARE_INVALID"  # type: ignore[index]
    other = record("ra" if role == 1 else "bank_2026_10")[10]
    assert ecash.check_record(role, threshold, other, known, dealers) == ("LENGTH", -1)


def test_points_that_are_none() -> None:
    good = unhex(vectors()["basics"]["g"])
    identity, tail = b"\xc0" + bytes(47), b"\xc0" + bytes(46) + b"\x01"
    clear, sign = bytes([good[0] & 0x7F]) + good[1:], b"\xe0" + bytes(47)
    outside = b"\x80" + bytes(46) + b"\x04"
    answers = ecash.check_points(good + identity + tail + clear + sign + outside + good[:-1])
    assert answers[:5] == [None, "POINT_IDENTITY", "POINT_ENCODING", "POINT_ENCODING", "POINT_ENCODING"]
    assert answers[5] in {"POINT_SUBGROUP", "POINT_ENCODING"}
    assert answers[6] == "LENGTH"
    with pytest.raises(BadPoint):
        ecash.combine([1], [identity])


def test_secrets_do_not_show() -> None:
    for secret in (holder("alice"), ecash.Signer(bytes(128)), ecash.Trustee(bytes(32))):
        assert repr(secret).endswith("(***)")
        with pytest.raises(TypeError):
            pickle.dumps(secret)
