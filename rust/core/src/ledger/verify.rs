//! The expensive rules of LEDGER §7 for many transactions together: balance, rings, range proofs.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::ChaCha20Poly1305;
use curve25519_dalek::traits::Identity;
use curve25519_dalek::RistrettoPoint;
use rayon::prelude::*;

use super::clsag::{answer_each, prepare, verify_batch_vartime, Fault, Member, Prepared, Statement};
use super::hash::{framed, h32, value_base};
use super::opened::{decode, Opened, Points, Rule};
use super::range::{self, Claim};
use super::table::{field, Members};
use crate::hash::Hash;

/// Transactions whose rings are checked by one multiscalar multiplication.
const BATCH: usize = 64;

/// One transaction to verify.
pub struct Job<'a> {
    /// The transaction; one that breaks a rule by itself is refused as Balance.
    pub tx: &'a Opened,
    /// Its points if they are at hand; else they are decoded again.
    pub points: Option<Points>,
    /// The root of the output log at its anchor height.
    pub out_root: Hash,
}

/// m of LEDGER §5.2.
pub fn message(chain_id: &Hash, tx_public: &[u8], anchor_height: u64, out_root: &Hash) -> [u8; 64] {
    framed(
        "tx/msg",
        &[chain_id, tx_public, &anchor_height.to_le_bytes(), out_root],
    )
}

/// k_req of LEDGER §5.2.
pub fn request_key(message: &[u8; 64], exporter: &Hash) -> Hash {
    h32("req/key", &[message, exporter])
}

/// The key of a sealed note.
pub fn note_key(request_key: &Hash, glue_values: &[[u8; 32]]) -> Hash {
    h32("note", &[request_key, glue_values.as_flattened()])
}

/// value·H by doubling and adding. Public values only.
fn times_value_base_vartime(value: u128) -> RistrettoPoint {
    let base = value_base();
    let bits = 128 - value.leading_zeros();
    (0..bits).rev().fold(RistrettoPoint::identity(), |sum, at| {
        let doubled = sum + sum;
        if value >> at & 1 == 1 {
            doubled + base
        } else {
            doubled
        }
    })
}

/// Exactly sum C' = sum C + (fee + burn)·H. It costs a few additions, so it stands for itself and names the culprit.
// SPEC LEDGER-7.19
fn balances(tx: &Opened, points: &Points) -> bool {
    let value = u128::from(tx.public.fee) + u128::from(tx.public.burn);
    let left: RistrettoPoint = points.inputs.iter().map(|input| *input.pseudo()).sum();
    let right: RistrettoPoint = points.commitments.iter().sum();
    left == right + times_value_base_vartime(value)
}

/// What is left of a transaction once only its batches are to be asked.
struct Ready<'a> {
    place: usize,
    inputs: Vec<Prepared<'a>>,
    claim: Claim<'a>,
}

/// The first broken rule of each transaction, on all cores; exactly what each alone would get.
///
/// `random`: 32 bytes of the operating system, fresh for each call. Public data, variable time.
// SPEC LEDGER-5.5.3
pub fn verify_many_vartime<T: Members>(
    table: &T,
    chain_id: &Hash,
    jobs: Vec<Job<'_>>,
    random: &[u8; 32],
) -> Vec<Option<Rule>> {
    let mut answers = vec![None; jobs.len()];
    let prepared: Vec<Result<Ready<'_>, (usize, Rule)>> = jobs
        .into_par_iter()
        .enumerate()
        .map(|(place, job)| make_ready(table, chain_id, job, place).map_err(|rule| (place, rule)))
        .collect();
    let mut ready = Vec::with_capacity(prepared.len());
    for one in prepared {
        match one {
            Ok(one) => ready.push(one),
            Err((place, rule)) => answers[place] = Some(rule),
        }
    }
    let size = ready.len().div_ceil(rayon::current_num_threads()).clamp(1, BATCH);
    // A batch that fails holds a bad ring for certain, and one transaction is a batch of one.
    // SPEC LEDGER-7.21
    let are_rings_true = answer_each(&ready, size, |run| rings_hold(run, random), |_| false);
    let mut claims = Vec::with_capacity(ready.len());
    let mut places = Vec::with_capacity(ready.len());
    for (one, is_true) in ready.into_iter().zip(are_rings_true) {
        if is_true {
            places.push(one.place);
            claims.push(one.claim);
        } else {
            answers[one.place] = Some(Rule::Rings);
        }
    }
    // SPEC LEDGER-7.22
    let are_ranges_true = range::verify_many_vartime(&claims);
    for (place, is_true) in places.into_iter().zip(are_ranges_true) {
        if !is_true {
            answers[place] = Some(Rule::Range);
        }
    }
    answers
}

fn rings_hold(run: &[Ready<'_>], random: &[u8; 32]) -> bool {
    let inputs: Vec<&Prepared<'_>> = run.iter().flat_map(|one| &one.inputs).collect();
    verify_batch_vartime(&inputs, &[], random)
}

/// Balance and glue of one transaction. Refuses: Balance, Glue, Rings.
fn make_ready<'a, T: Members>(
    table: &'a T,
    chain_id: &Hash,
    job: Job<'a>,
    place: usize,
) -> Result<Ready<'a>, Rule> {
    let tx = job.tx;
    if !tx.faults.is_empty() {
        return Err(Rule::Balance);
    }
    let points = job
        .points
        .or_else(|| decode(&tx.public, &tx.private))
        .ok_or(Rule::Balance)?;
    // Points that were kept may belong to a transaction that was erased meanwhile.
    if points.inputs.len() != tx.private.inputs.len() || !balances(tx, &points) {
        return Err(Rule::Balance);
    }
    let message = message(chain_id, &tx.tx_public, tx.private.anchor_height, &job.out_root);
    let k_ring = request_key(&message, &tx.exporter);
    let mut inputs = Vec::with_capacity(points.inputs.len());
    let mut fault = None;
    for (number, decoded) in points.inputs.into_iter().enumerate() {
        let input = &tx.private.inputs[number];
        let statement = Statement {
            message,
            k_ring,
            input_no: number as u8,
            indices: &input.indices,
            ring: members(table, &input.indices).ok_or(Rule::Rings)?,
            pseudo: tx.public.pseudo_outputs[number],
            key_image: tx.public.key_images[number],
            signature: &input.signature,
        };
        match prepare(&statement, decoded) {
            Ok(prepared) => inputs.push(prepared),
            // SPEC LEDGER-7.20
            Err(Fault::Glue) => return Err(Rule::Glue),
            Err(_) => fault = Some(Rule::Rings),
        }
    }
    let encoded = tx.public.outputs.iter().map(|output| field(output, 1)).collect();
    let claim = Claim {
        points: points.commitments,
        encoded,
        proof: &tx.public.range_proof,
        context: tx.bp_ctx,
    };
    fault.map_or(Ok(Ready { place, inputs, claim }), Err)
}

fn members<'a, T: Members>(table: &'a T, indices: &[u64]) -> Option<Vec<&'a Member>> {
    indices.iter().map(|index| table.member(*index)).collect()
}

/// The plaintext of the sealed note of a transaction whose rings have verified; None if there is none or it does
/// not open. The caller keeps the order of LEDGER-6.2.1.
pub fn open_note(tx: &Opened, chain_id: &Hash, out_root: &Hash) -> Option<Vec<u8>> {
    let message = message(chain_id, &tx.tx_public, tx.private.anchor_height, out_root);
    let glue: Vec<[u8; 32]> = tx.private.inputs.iter().map(|input| input.signature.c1).collect();
    let key = note_key(&request_key(&message, &tx.exporter), &glue);
    let payload = Payload {
        msg: &tx.private.note,
        aad: &message,
    };
    ChaCha20Poly1305::new(&key.into())
        .decrypt(&[0; 12].into(), payload)
        .ok()
}

/// The sealed form of a note. None only for one that is far too long for an envelope.
pub fn seal_note(
    note: &[u8],
    message: &[u8; 64],
    request_key: &Hash,
    glue_values: &[[u8; 32]],
) -> Option<Vec<u8>> {
    let key = note_key(request_key, glue_values);
    let payload = Payload {
        msg: note,
        aad: message,
    };
    // The key depends on fresh ring signatures, so it seals one note and the nonce can be zero.
    ChaCha20Poly1305::new(&key.into())
        .encrypt(&[0; 12].into(), payload)
        .ok()
}
