//! Transactions from plan to verdict: what is built verifies, and what is changed is refused by the right rule.

mod building;
mod refusing;

use std::sync::OnceLock;

use super::builder::{build, transfer_context};
use super::clsag::Signature;
use super::envelope::{EpochKey, Sealer};
use super::keys::WalletKeys;
use super::opened::{judge, open, Arrived, Opened, Rule};
use super::outputs::{make_output, Fields, OUTPUT_BYTES};
use super::plan::{envelope_class, Built, Plan, PlanInput, PlanOutput};
use super::table::{Entry, OutputTable};
use super::transaction::{TxPrivate, TxPublic, WITHDRAW_BYTES};
use super::verify::{open_note, verify_many_vartime, Job};
use crate::Refusal;

const CHAIN: [u8; 32] = [3; 32];
const VALUE: u64 = 1000;

struct World {
    keys: WalletKeys,
    outputs: Vec<[u8; OUTPUT_BYTES]>,
    table: OutputTable,
    root: [u8; 32],
    epoch: [EpochKey; 2],
}

fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| {
        let keys = WalletKeys::from_seed(&[1; 32]).unwrap();
        keys.extend(0, 4).unwrap();
        let to = keys.address((0, 1)).unwrap();
        let ctx = transfer_context(&CHAIN);
        let output = |i: u8| make_output(&to, &ctx, VALUE, &[i; 16], &[0; 128], None).0;
        let outputs: Vec<_> = (0..80).map(output).collect();
        let mut table = OutputTable::new();
        let entries: Vec<_> = outputs
            .iter()
            .map(|output| Entry {
                class: 0,
                height: 1,
                output,
            })
            .collect();
        table.append(&entries).unwrap();
        let root = table.log().root_at(80).unwrap();
        let epoch = [1, 2].map(|suite| EpochKey::generate(suite, &[7; 64]).unwrap());
        World {
            keys,
            outputs,
            table,
            root,
            epoch,
        }
    })
}

/// Spends the outputs at `spent`; two outputs, fee 1.
fn plan(spent: &[usize], suite: u8, ring_size: usize) -> Plan {
    let world = world();
    let input = |real: &usize| {
        let start = (real + 1).saturating_sub(ring_size);
        let indices: Vec<u64> = (start..start + ring_size).map(|i| i as u64).collect();
        let member = |i: &u64| world.outputs[*i as usize][..64].try_into().unwrap();
        PlanInput {
            ctx: transfer_context(&CHAIN),
            kind: 1,
            output: world.outputs[*real],
            mask: None,
            members: indices.iter().map(member).collect(),
            indices,
            real: real - start,
        }
    };
    let total = VALUE * spent.len() as u64;
    let output = |value: u64, own: bool| {
        let to = world.keys.address((0, 2)).unwrap();
        PlanOutput {
            to,
            value,
            memo: [9; 128],
            own,
        }
    };
    Plan {
        chain_id: CHAIN,
        kind: 1,
        expiry_height: 50,
        fee: 1,
        burn: 0,
        extra: Vec::new(),
        inputs: spent.iter().map(input).collect(),
        outputs: vec![output(total - 11, true), output(10, false)],
        anchor_height: 1,
        out_root: world.root,
        epoch: 6,
        suite,
        epoch_key: world.epoch[usize::from(suite) - 1].public().to_vec(),
        portable: false,
        note: Vec::new(),
    }
}

fn built(plan: &Plan) -> Built {
    build(&world().keys, plan, &[4; 64]).unwrap()
}

fn opened_as(envelope: &[u8], suite: u8, ring_size: usize) -> Result<Opened, Rule> {
    let key = &world().epoch[usize::from(suite) - 1];
    open(
        &CHAIN,
        &Arrived {
            key,
            epoch: 6,
            envelope,
        },
        ring_size,
    )
}

fn opened(plan: &Plan) -> Opened {
    opened_as(&built(plan).envelope, plan.suite, 16).unwrap()
}

fn verdicts(txs: &[&Opened], out_root: [u8; 32]) -> Vec<Option<Rule>> {
    let jobs = txs.iter().map(|tx| Job {
        tx,
        points: None,
        out_root,
    });
    verify_many_vartime(&world().table, &CHAIN, jobs.collect(), &[5; 32])
}

fn verdict(tx: &Opened) -> Option<Rule> {
    verdicts(&[tx], world().root)[0]
}

/// A transaction whose parts were changed, in an envelope of its own.
fn sealed(public: &[u8], private: &[u8]) -> Result<Opened, Rule> {
    let key = &world().epoch[0];
    let sealer = Sealer::new(&CHAIN, 1, 6, key.public(), &[2; 64]).unwrap();
    opened_as(&sealer.seal(public, private).unwrap(), 1, 16)
}

fn portable() -> Opened {
    let mut plan = plan(&[20, 30], 1, 16);
    plan.portable = true;
    opened(&plan)
}
