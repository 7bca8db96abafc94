"""The simulated enclave: what it says of itself, what it seals, and who believes its quotes."""

from __future__ import annotations

from pathlib import Path

import pytest

from specie.crypto import ed25519
from specie.crypto.secret import Secret
from specie.enclave.api import BANNER, Enclave, QuoteRules, QuoteVerifier, report_data
from specie.enclave.errors import MeasurementRefused, NotAttested, SimulatedRefused, UnsealFailed
from specie.enclave.simulated import SimulatedEnclave, SimulatedVerifier, measure_package, measure_release, verify_quote
from specie.enclave.simulated.quotes import CLOCK_SKEW_S
from specie.kernel import codec
from specie.kernel.clock import ManualClock, SeededRandomness
from specie.kernel.errors import Refused

CHAIN = bytes([7]) * 32
NONCE = bytes([9]) * 32
CODE = measure_release("1")


def make(
    root: int = 1, measurement: bytes = CODE, clock: ManualClock | None = None, **options: str
) -> SimulatedEnclave:
    return SimulatedEnclave(
        Secret(bytes([root]) * 32),
        measurement=measurement,
        clock=clock or ManualClock(),
        randomness=SeededRandomness(root),
        **options,  # type: ignore[arg-type]
    )


def said(nonce: bytes = NONCE, label: str = "pl1-tn-v1", owner: bytes = CHAIN) -> bytes:
    return report_data(label, owner, bytes([1]) * 32, nonce)


def believing(enclave: SimulatedEnclave, **changed: object) -> QuoteRules:
    values: dict[str, object] = {
        "measurements": frozenset((CODE,)),
        "hardware": False,
        "development_roots": frozenset((enclave.development_root,)),
    }
    return QuoteRules(**(values | changed))  # type: ignore[arg-type]


def now_s(clock: ManualClock | None = None) -> int:
    return (clock or ManualClock()).now_us() // 1_000_000


def test_it_is_an_enclave_and_a_verifier() -> None:
    assert isinstance(make(), Enclave)
    assert isinstance(SimulatedVerifier(), QuoteVerifier)


# SPEC KMS-2.3, LEDGER-1.2
def test_it_says_that_it_is_simulated_wherever_it_appears() -> None:
    enclave = make()
    assert enclave.kind == "simulated" == enclave.measurement().kind
    assert "simulated" in enclave.assurance
    assert b"simulated" in enclave.quote(said())
    assert "SIMULATED" in BANNER
    assert "SIMULATED" in repr(enclave)


def test_a_quote_is_believed_for_the_report_data_that_was_expected() -> None:
    enclave = make()
    measured = SimulatedVerifier().verify(enclave.quote(said()), None, said(), believing(enclave), now_s())
    assert measured == enclave.measurement()


# SPEC LEDGER-12.2.1
def test_hardware_mode_refuses_every_simulated_quote() -> None:
    enclave = make()
    for rules in (QuoteRules(frozenset((CODE,))), believing(enclave, hardware=True)):
        with pytest.raises(SimulatedRefused):
            verify_quote(enclave.quote(said()), said(), rules, now_s())


# SPEC KMS-2.9, KMS-2.10
@pytest.mark.parametrize(
    "other",
    [
        said(bytes(32)),
        said(label="pl1-node-v1"),
        said(owner=bytes(32)),
        report_data("pl1-tn-v1", CHAIN, bytes(32), NONCE),
    ],
    ids=["nonce", "label", "chain", "key"],
)
def test_a_quote_serves_once(other: bytes) -> None:
    enclave = make()
    with pytest.raises(NotAttested):
        verify_quote(enclave.quote(other), said(), believing(enclave), now_s())


def test_a_stranger_vouches_for_nobody() -> None:
    enclave, stranger = make(), make(2)
    with pytest.raises(NotAttested):
        verify_quote(stranger.quote(said()), said(), believing(enclave), now_s())


def test_other_code_is_refused_by_name() -> None:
    other = make(measurement=measure_release("2"))
    with pytest.raises(MeasurementRefused) as caught:
        verify_quote(other.quote(said()), said(), believing(other), now_s())
    assert caught.value.facts["measurement"] == measure_release("2")


# SPEC KMS-2.6
def test_a_platform_that_is_out_of_date_is_refused() -> None:
    enclave = make(platform="OutOfDate")
    with pytest.raises(NotAttested, match="OutOfDate"):
        verify_quote(enclave.quote(said()), said(), believing(enclave), now_s())


@pytest.mark.parametrize("seconds", [-86_401, CLOCK_SKEW_S + 1])
def test_quotes_have_an_age(seconds: int) -> None:
    clock = ManualClock()
    clock.advance(seconds=seconds)
    enclave = make(clock=clock)
    with pytest.raises(NotAttested):
        verify_quote(enclave.quote(said()), said(), believing(enclave), now_s())


def test_any_flipped_bit_is_refused() -> None:
    enclave = make()
    quote = enclave.quote(said())
    for place in range(0, len(quote) * 8, 5):
        spoiled = bytearray(quote)
        spoiled[place // 8] ^= 1 << (place % 8)
        with pytest.raises(Refused):
            verify_quote(bytes(spoiled), said(), believing(enclave), now_s())


@pytest.mark.parametrize("data", [b"", b"\x00", codec.encode({1: "gramine"}), codec.encode([1]), bytes(2000)])
def test_what_is_no_quote_is_not_attested(data: bytes) -> None:
    with pytest.raises(NotAttested):
        verify_quote(data, said(), QuoteRules(frozenset()), now_s())


def test_sealed_bytes_open_for_the_same_code_machine_owner_and_label_alone() -> None:
    sealed = make().seal(CHAIN, "epoch", b"secret")
    assert make().unseal(CHAIN, "epoch", sealed) == b"secret"
    others = [
        (make(2), CHAIN, "epoch"),
        (make(measurement=measure_release("2")), CHAIN, "epoch"),
        (make(), bytes(32), "epoch"),
        (make(), CHAIN, "epochs"),
    ]
    for enclave, owner, label in others:
        with pytest.raises(UnsealFailed):
            enclave.unseal(owner, label, sealed)
    for spoiled in (b"", sealed[:20], sealed[:-1], sealed[:-1] + bytes([sealed[-1] ^ 1])):
        with pytest.raises(UnsealFailed):
            make().unseal(CHAIN, "epoch", spoiled)


def test_owner_and_label_do_not_run_into_each_other() -> None:
    one, other = make().sealing_key(b"ab", "c"), make().sealing_key(b"a", "bc")
    assert one.reveal() != other.reveal()


def test_its_key_survives_a_restart_and_an_upgrade() -> None:
    assert make().public_key == make(measurement=measure_release("2")).public_key != make(2).public_key
    enclave = make()
    assert ed25519.is_signature(enclave.public_key, b"said", enclave.sign(b"said"))


def test_sizes_are_checked() -> None:
    with pytest.raises(ValueError, match="64"):
        make().quote(bytes(63))
    with pytest.raises(ValueError, match="32"):
        make(measurement=bytes(31))
    with pytest.raises(ValueError, match="32"):
        report_data("pl1-tn-v1", CHAIN, b"", bytes(31))


def test_the_measurement_of_a_package_changes_with_its_code(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1\n")
    first = measure_package(tmp_path)
    (tmp_path / "notes.txt").write_text("not code")
    assert measure_package(tmp_path) == first
    (tmp_path / "a.py").write_text("x = 2\n")
    second = measure_package(tmp_path)
    (tmp_path / "a.py").rename(tmp_path / "b.py")
    assert len({first, second, measure_package(tmp_path)}) == 3
