"""Readiness and figures of a verification node."""

from __future__ import annotations

from pathlib import Path

from prometheus_client import CollectorRegistry

from ledger.service.world import living
from specie.ledger.engine.ports import ChainFacts, Observer
from specie.ledger.service import LedgerMetrics, readiness
from tests.app.serving import run


def test_a_node_is_ready_when_it_holds_the_key_of_its_epoch(tmp_path: Path) -> None:
    async def story() -> None:
        async with living(tmp_path) as world:
            checks = await readiness(world.engine, lambda epoch: world.keeper.key(epoch) is not None)()
            assert checks == {"database": True, "epoch_key": True, "blocks": True}
            without = await readiness(world.engine, lambda _: False)()
            assert without["epoch_key"] == "the key of epoch 1 is not here"

    run(story())


def test_figures_have_the_names_of_the_chapter(tmp_path: Path) -> None:
    registry = CollectorRegistry()
    metrics = LedgerMetrics(registry)

    async def story() -> None:
        async with living(tmp_path) as world:
            tip = world.engine.machine.tip
            facts = ChainFacts(tip.genesis, tip.chain_id, 12, tip.time_ms, tip.rules.parameters, tip.epochs)
            assert await metrics.frames(facts) == []

    run(story())
    metrics.block(12, 3, 0.1)
    metrics.verified(3, 0.01)
    metrics.refused("ledger.key_image_spent")
    metrics.waiting(4)
    metrics.supply(700, 0)
    metrics.alarm("SUPPLY", "")
    read = registry.get_sample_value
    assert read("specie_ledger_height") == 12
    assert read("specie_ledger_block_seconds_count") == 1
    assert read("specie_ledger_verify_seconds_count", {"rule": "all"}) == 1
    assert read("specie_ledger_batch_size_sum") == 3
    assert read("specie_ledger_mempool") == 4
    assert read("specie_ledger_refusals_total", {"code": "ledger.key_image_spent"}) == 1
    assert read("specie_ledger_ring_size") == 16
    assert read("specie_ledger_epoch_age_blocks") == 10
    assert read("specie_ledger_escrow_pool_minor") == 700
    assert read("specie_ledger_supply_difference_minor") == 0


def test_the_metrics_hear_all_that_the_engine_reports() -> None:
    said = {name for name in vars(Observer) if not name.startswith("_")}
    assert said <= set(dir(LedgerMetrics))
