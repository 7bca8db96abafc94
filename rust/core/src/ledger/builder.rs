//! Building a transaction: outputs, range proof, ring signatures, envelope (LEDGER §4.2, §5.3, §6).

use curve25519_dalek::Scalar;
use rand_core::RngCore;
use rayon::prelude::*;
use zeroize::Zeroizing;

use super::clsag::{sign, Member, Request, Signature};
use super::envelope::Sealer;
use super::group::{Backend, Ristretto};
use super::hash::{h32, to_scalar};
use super::keys::WalletKeys;
use super::outputs::{commit, make_output, Fields, OUTPUT_BYTES};
use super::plan::{check_shape, Built, Plan, PlanInput};
use super::random::Stream;
use super::range;
use super::scan::{Opened, Status};
use super::table::field;
use super::transaction::{tx_id, tx_leaf, Input, TxPrivate, TxPublic, FLAG_NOTE, FLAG_PORTABLE, VERSION};
use super::verify::{message, request_key, seal_note};
use crate::hash::{sha256, Hash};
use crate::Refusal;

/// ctx of kind 1: transfer, withdraw, fund.
pub fn transfer_context(chain_id: &Hash) -> Hash {
    h32("ctx", &[chain_id, &[1]])
}

/// An input opened by its owner.
struct Spend<'a> {
    plan: &'a PlanInput,
    opened: Opened,
    key_image: [u8; 32],
    pseudo_mask: Zeroizing<Scalar>,
}

/// The inputs with their secrets, ascending by key image. Refuses: BadPlan (not ours), WrongTier, Unbalanced.
fn open_inputs<'a>(keys: &WalletKeys, plan: &'a Plan) -> Result<Vec<Spend<'a>>, Refusal> {
    let mut spends = Vec::with_capacity(plan.inputs.len());
    for input in &plan.inputs {
        let fields = Fields::parse(&input.output)?;
        let opened = keys.open(&input.ctx, &fields, input.kind, input.mask.as_ref())?;
        let opened = opened
            .filter(|found| found.status == Status::Ours)
            .ok_or(Refusal::BadPlan)?;
        let key_image = opened.key_image.ok_or(Refusal::WrongTier)?;
        spends.push(Spend {
            plan: input,
            opened,
            key_image,
            pseudo_mask: Zeroizing::new(Scalar::ZERO),
        });
    }
    spends.sort_by_key(|spend| spend.key_image);
    if spends
        .windows(2)
        .any(|pair| pair[0].key_image == pair[1].key_image)
    {
        return Err(Refusal::BadPlan);
    }
    let value_in: u128 = spends.iter().map(|spend| u128::from(spend.opened.value)).sum();
    let outputs: u128 = plan.outputs.iter().map(|output| u128::from(output.value)).sum();
    if value_in != outputs + u128::from(plan.fee) + u128::from(plan.burn) {
        return Err(Refusal::Unbalanced);
    }
    Ok(spends)
}

/// A stream that depends on the secrets, on the whole plan and on fresh randomness.
// SPEC LEDGER-2.9
fn hedged_stream(plan: &Plan, spends: &[Spend<'_>], random: &[u8; 64]) -> Stream {
    let mut secrets = Zeroizing::new(Vec::new());
    for spend in spends {
        if let Some(secret) = &spend.opened.secret {
            secrets.extend_from_slice(secret.as_bytes());
        }
        secrets.extend_from_slice(spend.opened.mask.as_bytes());
    }
    let mut context = Zeroizing::new(Vec::new());
    for number in [
        plan.expiry_height,
        plan.fee,
        plan.burn,
        plan.anchor_height,
        u64::from(plan.epoch),
    ] {
        context.extend_from_slice(&number.to_le_bytes());
    }
    for spend in spends {
        spend
            .plan
            .indices
            .iter()
            .for_each(|index| context.extend_from_slice(&index.to_le_bytes()));
        context.extend_from_slice(spend.plan.members.as_flattened());
    }
    for output in &plan.outputs {
        context.extend_from_slice(
            &[
                output.to.spend_bytes(),
                output.to.view_bytes(),
                output.to.detect_bytes(),
            ]
            .concat(),
        );
        context.extend_from_slice(&output.value.to_le_bytes());
        context.extend_from_slice(&output.memo);
        context.push(u8::from(output.own));
    }
    let kinds = [plan.kind, plan.suite, u8::from(plan.portable)];
    let items: [&[u8]; 9] = [
        &secrets,
        random,
        &plan.chain_id,
        &kinds,
        &plan.extra,
        &context,
        &plan.out_root,
        &plan.epoch_key,
        &plan.note,
    ];
    Stream::new(&Zeroizing::new(h32("nonce", &items)))
}

fn random_scalar(random: &mut Stream) -> Zeroizing<Scalar> {
    let wide = Zeroizing::new(random.take::<64>());
    Zeroizing::new(to_scalar(&wide))
}

/// Masks of the pseudo-outputs: random, with the sum of the outputs' masks.
fn choose_masks(spends: &mut [Spend<'_>], total: &Scalar, random: &mut Stream) {
    let mut rest = Zeroizing::new(*total);
    let last = spends.len().saturating_sub(1);
    for (number, spend) in spends.iter_mut().enumerate() {
        if number == last {
            spend.pseudo_mask = Zeroizing::new(*rest);
        } else {
            spend.pseudo_mask = random_scalar(random);
            *rest -= *spend.pseudo_mask;
        }
    }
}

/// An output made: where it stood in the plan, its bytes, and the opening of its commitment.
struct Made {
    place: usize,
    output: [u8; OUTPUT_BYTES],
    value: u64,
    mask: Zeroizing<Scalar>,
}

/// The outputs, ascending by R, and the anchors in the order of the plan. Refuses: WrongTier.
fn make_outputs(
    keys: &WalletKeys,
    plan: &Plan,
    random: &mut Stream,
) -> Result<(Vec<Made>, Vec<[u8; 16]>), Refusal> {
    let ctx = transfer_context(&plan.chain_id);
    let s_b = keys.balance_secret()?;
    let mut made = Vec::with_capacity(plan.outputs.len());
    let mut anchors = Vec::with_capacity(plan.outputs.len());
    for (place, wanted) in plan.outputs.iter().enumerate() {
        let anchor = random.take();
        let own = wanted.own.then_some(s_b);
        let (output, mask) = make_output(&wanted.to, &ctx, wanted.value, &anchor, &wanted.memo, own);
        made.push(Made {
            place,
            output,
            value: wanted.value,
            mask,
        });
        anchors.push(anchor);
    }
    made.sort_by_key(|one| field(&one.output, 2));
    Ok((made, anchors))
}

/// Build a transaction. `random`: 64 fresh bytes; the same plan with the same bytes gives the same transaction.
///
/// Refuses, in this order: BadPlan, WrongTier, Unbalanced, BadPoint (a ring member), WrongHeader, WrongLength and
/// WeakKey (suite and key of the epoch), TooLarge (no envelope is that large).
pub fn build(keys: &WalletKeys, plan: &Plan, random: &[u8; 64]) -> Result<Built, Refusal> {
    check_shape(plan)?;
    let mut spends = open_inputs(keys, plan)?;
    let mut stream = hedged_stream(plan, &spends, random);
    let (made, anchors) = make_outputs(keys, plan, &mut stream)?;
    let total: Scalar = made.iter().map(|one| *one.mask).sum();
    choose_masks(&mut spends, &total, &mut stream);
    let mut public = TxPublic {
        version: VERSION,
        kind: plan.kind,
        expiry_height: plan.expiry_height,
        fee: plan.fee,
        burn: plan.burn,
        extra: plan.extra.clone(),
        key_images: spends.iter().map(|spend| spend.key_image).collect(),
        pseudo_outputs: spends.iter().map(pseudo_output).collect(),
        outputs: made.iter().map(|one| one.output).collect(),
        range_proof: Vec::new(),
    };
    // SPEC LEDGER-2.6
    let salt = stream.take();
    let bp_ctx = range::context(&plan.chain_id, &salt, &public.head()?);
    let openings = Zeroizing::new(made.iter().map(|one| (one.value, *one.mask)).collect::<Vec<_>>());
    public.range_proof = range::prove(&openings, &bp_ctx, &mut stream)?;
    let tx_public = public.encode()?;
    let envelope = seal_transaction(plan, &spends, &tx_public, salt, &mut stream)?;
    let id = tx_id(&tx_public);
    let mut order = vec![0; made.len()];
    made.iter()
        .enumerate()
        .for_each(|(at, one)| order[one.place] = at);
    Ok(Built {
        env_id: sha256(&[&envelope]),
        envelope,
        tx_leaf: tx_leaf(&id, &salt),
        tx_id: id,
        tx_public,
        key_images: public.key_images,
        anchors,
        order,
    })
}

fn pseudo_output(spend: &Spend<'_>) -> [u8; 32] {
    Ristretto::encode(&commit(spend.opened.value, &spend.pseudo_mask))
}

/// Share, signatures, note, envelope: in this order, since the signatures depend on the share.
fn seal_transaction(
    plan: &Plan,
    spends: &[Spend<'_>],
    tx_public: &[u8],
    salt: [u8; 32],
    random: &mut Stream,
) -> Result<Vec<u8>, Refusal> {
    let share: Zeroizing<[u8; 64]> = Zeroizing::new(random.take());
    let sealer = Sealer::new(
        &plan.chain_id,
        plan.suite,
        plan.epoch,
        &plan.epoch_key,
        share.as_slice(),
    )?;
    let exporter = if plan.portable {
        Zeroizing::new([0; 32])
    } else {
        sealer.exporter()
    };
    let message = message(&plan.chain_id, tx_public, plan.anchor_height, &plan.out_root);
    let k_req = Zeroizing::new(request_key(&message, &exporter));
    let signatures = sign_inputs(spends, &message, &k_req, random)?;
    let glue: Vec<[u8; 32]> = signatures.iter().map(|signature| signature.c1).collect();
    let note = match plan.note.as_slice() {
        [] => Vec::new(),
        note => seal_note(note, &message, &k_req, &glue).ok_or(Refusal::TooLarge)?,
    };
    let mut flags = 0;
    if plan.portable {
        flags |= FLAG_PORTABLE;
    }
    if !note.is_empty() {
        flags |= FLAG_NOTE;
    }
    let inputs = spends.iter().zip(signatures).map(|(spend, signature)| Input {
        indices: spend.plan.indices.clone(),
        signature,
    });
    let private = TxPrivate {
        flags,
        salt,
        anchor_height: plan.anchor_height,
        inputs: inputs.collect(),
        note,
    };
    sealer.seal(tx_public, &private.encode()?)
}

/// Refuses: BadPoint.
fn sign_inputs(
    spends: &[Spend<'_>],
    message: &[u8; 64],
    k_ring: &Hash,
    random: &mut Stream,
) -> Result<Vec<Signature>, Refusal> {
    let mut seeds = vec![Zeroizing::new([0; 64]); spends.len()];
    seeds
        .iter_mut()
        .for_each(|seed| random.fill_bytes(seed.as_mut_slice()));
    let jobs: Vec<(usize, &Spend<'_>, &[u8; 64])> = spends
        .iter()
        .zip(&seeds)
        .enumerate()
        .map(|(number, (spend, seed))| (number, spend, &**seed))
        .collect();
    jobs.into_par_iter()
        .map(|(number, spend, seed)| sign_one(spend, message, k_ring, number as u8, seed))
        .collect()
}

fn sign_one(
    spend: &Spend<'_>,
    message: &[u8; 64],
    k_ring: &Hash,
    input_no: u8,
    random: &[u8; 64],
) -> Result<Signature, Refusal> {
    let decode = |member: &[u8; 64]| {
        let (mut key, mut commitment) = ([0; 32], [0; 32]);
        key.copy_from_slice(&member[..32]);
        commitment.copy_from_slice(&member[32..]);
        Member::<Ristretto>::decode(&key, &commitment).ok_or(Refusal::BadPoint)
    };
    let members: Vec<Member> = spend.plan.members.iter().map(decode).collect::<Result<_, _>>()?;
    let ring: Vec<&Member> = members.iter().collect();
    let pseudo = pseudo_output(spend);
    let request = Request {
        message,
        k_ring,
        input_no,
        indices: &spend.plan.indices,
        ring: &ring,
        pseudo: &pseudo,
    };
    let x = spend.opened.secret.as_ref().ok_or(Refusal::WrongTier)?;
    let z = Zeroizing::new(*spend.opened.mask - *spend.pseudo_mask);
    Ok(sign(&request, x, &z, spend.plan.real, random)?.0)
}
