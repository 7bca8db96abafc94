"""Judging envelopes in batches: the core opens and verifies on all cores, the rules stand in `protocol.rules`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from specie.crypto.transactions import EpochKey, OpenedTransaction, open_envelopes, verify_transactions
from specie.kernel.clock import Randomness
from specie.ledger.engine.chain import Chain
from specie.ledger.engine.ports import EpochEntry, EpochKeys
from specie.ledger.engine.tip import Tip
from specie.ledger.errors import NotReady, Rejected
from specie.ledger.protocol.rules import (
    Candidate,
    can_prove,
    candidate_of,
    check_head,
    read_head,
    refusal_of,
)

Item = tuple[bytes, bytes]
"""(SHA-256 of the envelope, envelope)"""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a look at one envelope gave."""

    candidate: Candidate | None = None
    """None where V-1 to V-3 failed, or the key is missing."""
    refusal: Exception | None = None


NOT_READY = Judgement(refusal=NotReady("this node lacks the key of a live epoch"))
Cheap = Callable[[Candidate], Exception | None]


class Judge:
    """Opens and judges envelopes; keeps nothing of them."""

    def __init__(self, chain: Chain, epoch_keys: EpochKeys, randomness: Randomness) -> None:
        self._chain = chain
        self._epoch_keys = epoch_keys
        self._randomness = randomness

    def judge(self, tip: Tip, items: Sequence[Item], cheap: Cheap | None) -> list[Judgement]:
        """Each envelope as a candidate whose lasting rules were judged, or the refusal of V-1 to V-3.

        With `cheap`, whatever it refuses is refused here and never verified; without it, all are verified that can be,
        so that a block judges the same whatever this node had seen before.
        """
        answers = [NOT_READY] * len(items)
        places, sealed = self._admit(tip, items, answers)
        rules, outputs_at = tip.rules, self._chain.outputs_at
        proving: list[tuple[Candidate, OpenedTransaction]] = []
        for place, (_, epoch, data), transaction in zip(places, sealed, self._open(tip, sealed), strict=True):
            if transaction is None:
                continue  # NOT_READY stands there
            if isinstance(transaction, str):
                answers[place] = Judgement(refusal=refusal_of(transaction))
                continue
            candidate = candidate_of(transaction, items[place][0], len(data), epoch, self._chain.classes)
            refusal = None if cheap is None else cheap(candidate)
            answers[place] = Judgement(candidate, refusal)
            if refusal is None and can_prove(rules.parameters, rules.height, candidate, outputs_at):
                proving.append((candidate, transaction))
            else:
                transaction.erase()
        self._prove(tip, proving)
        return answers

    def _open(self, tip: Tip, sealed: list[tuple[EpochKey, int, bytes]]) -> Sequence[OpenedTransaction | str | None]:
        """What the envelopes hold, or the rule that they fail; None for all where a key was erased meanwhile."""
        if not sealed:
            return []
        try:
            return open_envelopes(tip.chain_id, sealed, tip.rules.parameters.ring_size)
        except ValueError:  # a block ended the epoch while its key was in our hands
            return [None] * len(sealed)

    # SPEC LEDGER-7.1, LEDGER-7.25
    def _admit(
        self, tip: Tip, items: Sequence[Item], answers: list[Judgement]
    ) -> tuple[list[int], list[tuple[EpochKey, int, bytes]]]:
        """V-1: the places and contents of envelopes that may be opened; refusals go into `answers`."""
        epochs: dict[int, EpochEntry] = {entry.epoch: entry for entry in tip.epochs if entry.epoch in tip.rules.live}
        places: list[int] = []
        sealed: list[tuple[EpochKey, int, bytes]] = []
        for place, (_, data) in enumerate(items):
            try:
                head = read_head(data)
                entry = epochs.get(head.epoch)
                check_head(head, entry)
                key = self._epoch_keys.key(head.epoch)
            except Rejected as refusal:
                answers[place] = Judgement(refusal=refusal)
                continue
            if key is not None:
                places.append(place)
                sealed.append((key, head.epoch, data))
        return places, sealed

    # SPEC LEDGER-7.19, LEDGER-7.20, LEDGER-7.21, LEDGER-7.22, LEDGER-8.2.3
    def _prove(self, tip: Tip, proving: list[tuple[Candidate, OpenedTransaction]]) -> None:
        """V-15 to V-18 in one batch; then rings and signatures are erased."""
        if not proving:
            return
        work = [(transaction, self._chain.log_at[candidate.anchor_height].root) for candidate, transaction in proving]
        labels = verify_transactions(self._chain.table, tip.chain_id, work, self._randomness.bytes(32))
        for (candidate, transaction), label in zip(proving, labels, strict=True):
            candidate.fault = label
            candidate.is_proven = True
            transaction.erase()
