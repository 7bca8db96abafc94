"""The light verifiers against a chain that the oracle made, and against everything that is not one. Spec: LEDGER 13."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cache, partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import makers
from oracle.issuance import merkle
from oracle.ledger import blocks, holder, outputs, sparse, world
from oracle.ledger.hashes import sha, u64
from specie.kernel.errors import Refused
from specie.ledger.errors import ProofInvalid
from specie.ledger.messages.address import Network
from specie.ledger.messages.header import Header
from specie.ledger.messages.receipts import SparseProof
from specie.ledger.protocol import light, light_block, light_proofs, light_trees

CHALLENGE = b"what the reader asked"
ALICE = (0, 0)


@cache
def chain() -> world.Chain:
    """A lively chain, and at its end a block with an output for each kind of proof."""
    return built()[0]


@cache
def built() -> tuple[world.Chain, list[world.Sent]]:
    made = world.lively()
    sent = made.transfer()
    made.mint([4, 5])
    made.close()
    return made, sent


@cache
def trusted() -> light.Trusted:
    key = world.VALIDATOR.public_key().public_bytes_raw()
    return light.Trusted(chain().id, (key,), Network.DEV)


def headers() -> list[Header]:
    return [Header.decode(header.encode()) for header in chain().headers]


def pairs() -> list[tuple[bytes, bytes]]:
    return [(header.encode(), final) for header, final in zip(chain().headers, chain().finalities, strict=True)]


@cache
def proofs() -> dict[str, tuple[bytes, Callable[[bytes], object]]]:
    """Of each kind of proof: its bytes, and who judges them."""
    made, sent = built()
    for_alice = [each for each in sent if each.address == made.alice.address(*ALICE)]
    return {
        "receipt": (made.receipt(7, 1), partial(light.verify_receipt, trusted())),
        "state": (made.state_receipt(9, b""), partial(light.verify_state_receipt, trusted())),
        # what is absent is named: of an id that was never used, every neighbour is absent too
        "absent": (
            made.state_receipt(3, b"\x01" * 32),
            partial(light.verify_state_receipt, trusted(), domain=3, ident=b"\x01" * 32),
        ),
        "payment": (holder.payment(made, sent[0]), partial(light_proofs.verify_payment, trusted())),
        "receive": (
            holder.receive(made, made.bob, sent[0], CHALLENGE),
            partial(light_proofs.verify_receive, trusted(), challenge=CHALLENGE),
        ),
        "reserve": (
            holder.reserve(made, made.alice, [(ALICE, each) for each in for_alice], CHALLENGE),
            partial(light_proofs.verify_reserve, trusted(), challenge=CHALLENGE),
        ),
    }


KINDS = ["receipt", "state", "absent", "payment", "receive", "reserve"]


# SPEC LEDGER-13.2
def test_the_verifiers_do_not_load_the_core() -> None:
    names = ("light", "light_block", "light_proofs", "light_trees", "light_group")
    program = "import sys\n" + "\n".join(f"import specie.ledger.protocol.{name}" for name in names)
    program += "\nprint([name for name in sys.modules if name.startswith(('specie._core', 'specie.crypto'))])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


# -- headers and blocks ---------------------------------------------------------------------------------------


# SPEC LEDGER-13.1
def test_a_chain_of_headers_verifies_from_anywhere() -> None:
    whole = light.verify_headers(trusted(), pairs())
    assert whole == headers()
    assert light.verify_headers(trusted(), pairs()[4:], whole[3]) == whole[4:]
    assert light.verify_headers(trusted(), pairs()[4:]) == whole[4:]


# SPEC LEDGER-13.1
@pytest.mark.parametrize("fault", ["gap", "order", "finality", "chain", "stranger"])
def test_a_header_is_taken_only_in_its_place_and_final(fault: str) -> None:
    items, who = pairs(), trusted()
    match fault:
        case "gap":
            del items[2]
        case "order":
            items[2], items[3] = items[3], items[2]
        case "finality":
            items[2] = items[2][0], items[3][1]
        case "chain":
            who = light.Trusted(bytes(32), who.validators, who.net)
        case "stranger":
            who = light.Trusted(who.chain_id, (bytes(32),), who.net)
    with pytest.raises(ProofInvalid):
        light.verify_headers(who, items)


# SPEC LEDGER-16.2.5
def test_a_second_validator_is_named_by_its_index() -> None:
    who = light.Trusted(chain().id, (b"\x01" * 32, *trusted().validators), Network.DEV)
    header, final = pairs()[1]
    with pytest.raises(ProofInvalid):
        light.verify_headers(who, [(header, final)])
    assert light.verify_headers(who, [(header, b"\x01\x01" + final[2:])])
    with pytest.raises(ProofInvalid):
        light.verify_headers(who, [(header, b"\x01\x02" + final[2:])])


# SPEC LEDGER-13.1
def test_one_validator_of_many_makes_nothing_final() -> None:
    genesis = makers.genesis(provider="cometbft", validators=tuple(bytes([n]) * 32 for n in range(1, 5)))
    assert light.Trusted.of(genesis).validators == ()
    assert light.Trusted.of(makers.genesis()).validators == makers.genesis().validators


# SPEC LEDGER-8.4.1
def test_the_block_equation_holds_for_every_block() -> None:
    sequences: dict[bytes, int] = {}
    for header, data in zip(headers(), chain().records, strict=True):
        record = light_block.verify_record(header, data)
        light_block.verify_equation(header, record, sequences)
        light_block.verify_equation(header, record)


def resealed(change: Callable[[blocks.Record], None], height: int) -> tuple[Header, bytes]:
    """A record with a change, under a header that goes with it."""
    record = blocks.Record.decode(chain().records[height])
    change(record)
    header = blocks.Header.decode(chain().headers[height].encode())
    header.totals, header.record_hash = record.totals, sha(record.encode())
    return Header.decode(header.encode()), record.encode()


def more(place: int) -> Callable[[blocks.Record], None]:
    def change(record: blocks.Record) -> None:
        record.totals = tuple(value + (at == place) for at, value in enumerate(record.totals))

    return change


def other_sum(record: blocks.Record) -> None:
    record.ps_sum = record.outputs[0][32:64]


def swap_commitments(record: blocks.Record) -> None:
    one, two = record.outputs[:2]
    record.outputs[0] = one[:32] + one[:32] + one[64:]
    record.outputs[1] = two


def bad_point(record: blocks.Record) -> None:
    record.outputs[0] = record.outputs[0][:32] + b"\xff" * 32 + record.outputs[0][64:]


def identity(record: blocks.Record) -> None:
    record.outputs[0] = record.outputs[0][:32] + bytes(32) + record.outputs[0][64:]


def other_amount(record: blocks.Record) -> None:
    made = record.public[0]
    record.public[0] = made._replace(output=made.output[:99] + u64(1) + made.output[107:])


def other_ctx(record: blocks.Record) -> None:
    record.public[0] = record.public[0]._replace(ctx=bytes(32))


def twice(record: blocks.Record) -> None:
    record.public.append(record.public[-1])


def no_public(record: blocks.Record) -> None:
    record.public.pop()


# SPEC LEDGER-8.4.1, LEDGER-15.11
@pytest.mark.parametrize("height", [2, 3, 4, 6])
@pytest.mark.parametrize("place", range(6))
def test_a_total_that_is_one_too_high_is_found(height: int, place: int) -> None:
    header, data = resealed(more(place), height)
    with pytest.raises(ProofInvalid):
        light_block.verify_equation(header, light_block.verify_record(header, data))


@pytest.mark.parametrize(
    "change", [other_sum, swap_commitments, bad_point, identity, other_amount, other_ctx, twice, no_public]
)
def test_a_record_that_does_not_balance_is_refused(change: Callable[[blocks.Record], None]) -> None:
    header, data = resealed(change, 3)
    with pytest.raises(Refused):
        light_block.verify_equation(header, light_block.verify_record(header, data))


def test_a_mint_for_another_total_is_refused() -> None:
    cheat = world.Chain()
    cheat.mint([1, 2], spoil=1)
    cheat.close()
    header = Header.decode(cheat.headers[1].encode())
    record = light_block.verify_record(header, cheat.records[1])
    with pytest.raises(ProofInvalid, match="not its value"):
        light_block.verify_equation(header, record)


def test_a_record_of_another_header_is_refused() -> None:
    with pytest.raises(ProofInvalid):
        light_block.verify_record(headers()[2], chain().records[3])


# -- receipts and proofs --------------------------------------------------------------------------------------


# SPEC LEDGER-13.2
@pytest.mark.parametrize("kind", KINDS)
def test_a_good_proof_verifies(kind: str) -> None:
    data, judge = proofs()[kind]
    judge(data)


# SPEC LEDGER-13.3
def test_every_receipt_of_the_chain_verifies_for_its_own_leaf() -> None:
    for height, header in enumerate(chain().headers):
        for position in range(header.tx_count):
            data = chain().receipt(height, position)
            receipt = light.verify_receipt(trusted(), data)
            assert light.verify_receipt(trusted(), data, receipt.leaf).header.height == height
            with pytest.raises(ProofInvalid):
                light.verify_receipt(trusted(), data, bytes(32))


def test_a_receipt_is_for_its_frame() -> None:
    record = blocks.Record.decode(chain().records[3])
    at = len(record.leaves)
    light.verify_operation(trusted(), chain().receipt(3, at), record.frames[0])
    with pytest.raises(ProofInvalid):
        light.verify_operation(trusted(), chain().receipt(3, at), record.frames[1])


# SPEC LEDGER-13.2
@pytest.mark.parametrize("kind", KINDS)
def test_every_flipped_bit_is_refused(kind: str) -> None:
    """A sample of the bits of the long proofs, each byte of the short ones."""
    data, judge = proofs()[kind]
    chosen = random.Random(kind)
    for at in sorted(chosen.sample(range(len(data)), 160)):
        spoilt = bytearray(data)
        spoilt[at] ^= 1 << chosen.randrange(8)
        with pytest.raises(Refused):
            judge(bytes(spoilt))


@pytest.mark.parametrize("kind", KINDS)
def test_bytes_too_few_or_too_many_are_refused(kind: str) -> None:
    data, judge = proofs()[kind]
    for spoilt in (b"", data[:3], data[:-1], data + b"\x00", data[: len(data) // 2]):
        with pytest.raises(Refused):
            judge(spoilt)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(KINDS), st.binary(max_size=200), st.integers(0, 700), st.integers(0, 60))
def test_any_bytes_are_accepted_or_refused(kind: str, noise: bytes, at: int, dropped: int) -> None:
    """Never another exception: noise alone, behind a magic, and inside of a good proof."""
    data, judge = proofs()[kind]
    for spoilt in (noise, data[:5] + noise, data[:at] + noise + data[at + dropped :]):
        try:
            judge(spoilt)
        except Refused:
            continue
        assert spoilt == data


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=40), st.sampled_from([1, 2, 3, 4, 6]), st.floats(0, 1), st.integers(0, 40))
def test_any_record_is_accepted_or_refused(noise: bytes, height: int, where: float, dropped: int) -> None:
    """Under a header that goes with the bytes, so that every step is reached."""
    data = chain().records[height]
    at = int(where * len(data))
    spoilt = data[:at] + noise + data[at + dropped :]
    header = blocks.Header.decode(chain().headers[height].encode())
    header.record_hash = sha(spoilt)
    light_header = Header.decode(header.encode())
    try:
        light_block.verify_equation(light_header, light_block.verify_record(light_header, spoilt))
    except Refused:
        return
    assert light_block.verify_record(light_header, spoilt).encode() == spoilt


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**40), st.binary(min_size=1, max_size=6))
def test_any_mint_is_accepted_or_refused(where: int, noise: bytes) -> None:
    """The frame's bytes are not covered by the equation: they are overwritten, and tx_root goes with them."""
    record = blocks.Record.decode(chain().records[1])
    at = next(at for at, each in enumerate(record.carried) if each.type == 16)
    frame = record.carried[at].data
    cut = where % (len(frame) - len(noise))
    record.carried[at] = blocks.Carried(16, frame[:cut] + noise + frame[cut + len(noise) :])
    header = blocks.Header.decode(chain().headers[1].encode())
    header.record_hash, header.tx_root = sha(record.encode()), record.tx_root()
    light_header = Header.decode(header.encode())
    with suppress(Refused):
        found = light_block.verify_record(light_header, record.encode())
        light_block.verify_equation(light_header, found)
        # only what the public equation does not speak of may differ: the signatures behind sig_E
        assert noise == frame[cut : cut + len(noise)] or cut + len(noise) > len(frame) - 80


# SPEC LEDGER-13.5
@pytest.mark.parametrize("kind", ["receive", "reserve"])
def test_a_proof_for_another_reader_is_refused(kind: str) -> None:
    data = proofs()[kind][0]
    judge = {"receive": light_proofs.verify_receive, "reserve": light_proofs.verify_reserve}[kind]
    for challenge in (b"", b"another"):
        with pytest.raises(ProofInvalid, match="challenge"):
            judge(trusted(), data, challenge)
    # and the challenge inside cannot be changed without the secret
    made, sent = built()
    forged = holder.receive(made, made.bob, sent[0], CHALLENGE)[: -len(CHALLENGE)] + CHALLENGE.upper()
    with pytest.raises(ProofInvalid, match="shared secret"):
        light_proofs.verify_receive(trusted(), forged, CHALLENGE.upper())


def test_a_proof_about_a_mint_names_the_mint() -> None:
    cheat = world.Chain()
    mint_id, values = b"\x05" * 32, [3, 4]
    cheat.noise = lambda size: mint_id[:size].ljust(size, b"\x05")  # type: ignore[method-assign]
    minted = cheat.mint(values)
    cheat.close()
    ctx = outputs.ctx_mint(cheat.id, mint_id)
    who = light.Trusted(cheat.id, trusted().validators, Network.DEV)
    data = holder.payment(cheat, minted[0], ctx)
    assert light_proofs.verify_payment(who, data, mint_id).value == minted[0].value
    for other in (None, bytes(32)):
        with pytest.raises(ProofInvalid):
            light_proofs.verify_payment(who, data, other)
    light_proofs.verify_receive(who, holder.receive(cheat, cheat.alice, minted[0], CHALLENGE, ctx), CHALLENGE, mint_id)


def test_an_output_made_for_somebody_else_proves_no_receipt() -> None:
    made, sent = built()
    with pytest.raises(ProofInvalid):
        data = holder.receive(made, made.alice, sent[0], CHALLENGE)
        light_proofs.verify_receive(trusted(), data, CHALLENGE)


def test_a_reserve_counts_no_output_twice_and_none_that_is_spent() -> None:
    made, sent = built()
    mine = next(each for each in sent if each.address == made.alice.address(*ALICE))
    twice_over = holder.reserve(made, made.alice, [(ALICE, mine), (ALICE, mine)], CHALLENGE)
    with pytest.raises(Refused):
        light_proofs.verify_reserve(trusted(), twice_over, CHALLENGE)
    x = holder.spend_key(made.alice, ALICE, mine, outputs.ctx_transfer(made.id))
    later = world.lively()
    again = later.transfer()
    spent = next(each for each in again if each.address == later.alice.address(*ALICE))
    assert spent.output == mine.output
    later.draft.record.images.append(outputs.key_image(x, mine.output.P))
    later.close()
    with pytest.raises(ProofInvalid):
        light_proofs.verify_reserve(
            trusted(), holder.reserve(later, later.alice, [(ALICE, spent)], CHALLENGE), CHALLENGE
        )


# -- trees ----------------------------------------------------------------------------------------------------


def test_every_output_is_proved_and_no_other() -> None:
    tip = headers()[-1]
    for index in range(120, len(chain().entries)):
        class_, height, output = chain().entries[index]
        path = chain().output_path(index)
        light.verify_output(tip, index, class_, height, output, path)
        wrong = [(index - 1, class_, height), (index, 1 - class_, height), (index, class_, height - 1)]
        for i, c, h in [*wrong, (index, 2, height), (index, class_, tip.height + 1)]:
            with pytest.raises(ProofInvalid):
                light.verify_output(tip, i, c, h % 2**64, output, path)


def test_the_log_only_grows() -> None:
    leaves, all_headers = blocks.log_leaves(chain().entries), headers()
    for old in all_headers:
        for new in all_headers[old.height :]:
            path = merkle.consistency_proof(leaves[: new.out_size], old.out_size)
            light.verify_growth(old, new, path)
            with pytest.raises(ProofInvalid):
                light.verify_growth(old, new, [*path, bytes(32)])
            if old.out_size < new.out_size:
                with pytest.raises(ProofInvalid):
                    light.verify_growth(new, old, path)
                with pytest.raises(ProofInvalid):
                    light.verify_growth(old, new, path[:-1])


def test_spent_and_unspent_exclude_each_other() -> None:
    tip = headers()[-1]
    for image, height in chain().images.items():
        proof = chain().image_proof(image)
        light.verify_spent(tip, image, height, proof)
        with pytest.raises(ProofInvalid):
            light.verify_unspent(tip, image, proof)
        with pytest.raises(ProofInvalid):
            light.verify_spent(tip, image, height + 1, proof)
    absent = bytes(32)
    light.verify_unspent(tip, absent, chain().image_proof(absent))
    with pytest.raises(ProofInvalid):
        light.verify_spent(tip, absent, 1, chain().image_proof(absent))


def entries(count: int, seed: int = 0) -> dict[bytes, bytes]:
    chosen = random.Random(seed)
    return {chosen.randbytes(32): chosen.randbytes(32) for _ in range(count)}


# SPEC LEDGER-13.4
@given(
    st.dictionaries(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32), max_size=12), st.data()
)
def test_sparse_proofs_of_the_oracle_verify(tree: dict[bytes, bytes], data: st.DataObject) -> None:
    near = [bytes([key[0] ^ 1, *key[1:]]) for key in tree] + [bytes([*key[:31], key[31] ^ 1]) for key in tree]
    key = data.draw(st.sampled_from([*tree, *near, bytes(32)]))
    root, proof = sparse.root(tree), SparseProof.decode(sparse.prove(tree, key))
    light_trees.verify_sparse(root, key, tree.get(key), proof)
    for wrong in (None if key in tree else bytes(32), b"\x01" * 32):
        if wrong != tree.get(key):
            with pytest.raises(ProofInvalid):
                light_trees.verify_sparse(root, key, wrong, proof)


def judge_sparse(root: bytes, key: bytes, value: bytes | None, data: bytes) -> bool:
    try:
        light_trees.verify_sparse(root, key, value, SparseProof.decode(data))
    except Refused:
        return False
    return True


def judge_oracle(root: bytes, key: bytes, value: bytes | None, data: bytes) -> bool:
    try:
        sparse.check(root, key, value, data)
    except ValueError:
        return False
    return True


# SPEC LEDGER-13.4
def test_malformed_sparse_proofs_are_refused() -> None:
    tree = entries(30)
    root = sparse.root(tree)
    key = min(tree)
    good = sparse.prove(tree, key)
    depth = int.from_bytes(good[1:3], "little")
    width = (depth + 7) // 8
    absent = bytes([key[0] ^ 1]) + key[1:]
    other = sparse.prove({key: tree[key]}, absent)
    alone = sparse.root({key: tree[key]})
    assert judge_sparse(root, key, tree[key], good) and judge_sparse(alone, absent, None, other)
    faults = {
        "kind 3": (root, key, tree[key], b"\x03" + good[1:]),
        "depth 257": (root, key, tree[key], good[:1] + (257).to_bytes(2, "little") + good[3:]),
        "a bit beyond depth": (
            root,
            key,
            tree[key],
            good[: 2 + width] + bytes([good[2 + width] | 1]) + good[3 + width :],
        ),
        "a sibling too few": (root, key, tree[key], good[:-32]),
        "trailing bytes": (root, key, tree[key], good + b"\x00"),
        "an empty sibling": (root, key, tree[key], good[: 3 + width] + bytes(32) + good[35 + width :]),
        "the key asked for": (alone, key, None, b"\x02\x00\x00" + key + tree[key]),
        "another place": (root, bytes([key[0] ^ 128]) + key[1:], None, b"\x02" + good[1:] + key + tree[key]),
    }
    for name, case in faults.items():
        assert not judge_sparse(*case), name
        assert not judge_oracle(*case), name
    assert depth % 8, "the fault beyond the depth needs a spare bit"


# SPEC LEDGER-13.4
@settings(max_examples=300)
@given(st.binary(max_size=180), st.booleans(), st.integers(0, 2))
def test_both_readers_of_sparse_proofs_agree(noise: bytes, present: bool, kind: int) -> None:
    tree = entries(5)
    root, key = sparse.root(tree), min(tree)
    good = sparse.prove(tree, key)
    value = tree[key] if present else None
    for data in (noise, bytes([kind]) + noise, bytes([kind]) + good[1:] + noise, good[: len(noise)] + noise):
        assert judge_sparse(root, key, value, data) == judge_oracle(root, key, value, data)
