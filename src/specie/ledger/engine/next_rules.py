"""What holds for the next block: parameters, authority table and epochs as they stand at its start.

Spec: LEDGER-7.26, 9.8.5, 9.10.4.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from specie.ledger.engine.ports import EpochEntry
from specie.ledger.engine.tip import Rules, Tip, current_epoch, live_epochs
from specie.ledger.messages.state import AuthorityEntry, Domain
from specie.ledger.protocol.parameters import take_effect
from specie.ledger.protocol.state import ScheduledChange


def with_next_rules(tip: Tip, accepted: Sequence[ScheduledChange]) -> Tip:
    """The tip of a block that was just made, looking ahead to the next one.

    `tip` still has the rules of its own block; `accepted` are the changes that it took.
    """
    rules = tip.rules
    height = tip.height + 1
    scheduled, last = rules.scheduled, rules.last_effective_height
    for change in accepted:
        scheduled = scheduled.apply(change.changes, change.version)
        last = max(last, change.effective_height)
    waiting = (*rules.pending, *accepted)
    ahead = replace(rules, height=height, scheduled=scheduled, last_effective_height=last, writes={}, pending=waiting)
    # SPEC LEDGER-9.8.5
    due = sorted((each for each in waiting if each.effective_height <= height), key=lambda each: each.version)
    if due:
        ahead = _take_effect(ahead, due)
    return replace(tip, rules=_with_epochs(ahead, tip.epochs))


def _take_effect(rules: Rules, due: Sequence[ScheduledChange]) -> Rules:
    parameters, authority = rules.parameters, dict(rules.authority)
    writes: dict[tuple[int, bytes], bytes] = {}
    for change in due:
        # a revocation overtakes changes that wait: the version in force never goes back
        version = max(parameters.version, change.version)
        parameters, made = take_effect(parameters, authority.get, version, change.changes)
        for domain, ident, value in made:
            writes[domain, ident] = value
            if domain == Domain.AUTHORITY:
                authority[ident] = AuthorityEntry.decode(value)
    pending = tuple(each for each in rules.pending if each not in due)
    return replace(rules, parameters=parameters, authority=authority, writes=writes, pending=pending)


def _with_epochs(rules: Rules, epochs: tuple[EpochEntry, ...]) -> Rules:
    current = current_epoch(epochs, rules.height)
    return replace(
        rules,
        live=live_epochs(epochs, rules.height, rules.parameters),
        epoch=current.epoch if current else 0,
        ratchet_commit=current.ratchet_commit if current else bytes(32),
    )
