//! What a transaction is made from, and the size of what comes out.

use curve25519_dalek::Scalar;

use super::clsag::RING_SIZE_MAX;
use super::envelope::class_of;
use super::hpke::{Suite, TAG_BYTES};
use super::keys::Address;
use super::opened::{AMOUNT_MAX, RING_SIZES};
use super::outputs::{MEMO_BYTES, OUTPUT_BYTES};
use super::range;
use super::transaction::{plaintext_bytes_max, FUND, INPUTS_MAX, TRANSFER, WITHDRAW, WITHDRAW_BYTES};
use crate::hash::Hash;
use crate::Refusal;

/// One output that is spent, among its decoys.
pub struct PlanInput {
    /// The context that the output was made in.
    pub ctx: Hash,
    /// Its kind, 1 to 5.
    pub kind: u8,
    /// The output.
    pub output: [u8; OUTPUT_BYTES],
    /// Its public mask, for the kinds 3 to 5.
    pub mask: Option<Scalar>,
    /// The indices of the ring, strictly ascending.
    pub indices: Vec<u64>,
    /// P | C of each member.
    pub members: Vec<[u8; 64]>,
    /// The place of the output in the ring.
    pub real: usize,
}

/// One output to make.
pub struct PlanOutput {
    /// Whom it is for.
    pub to: Address,
    /// How much.
    pub value: u64,
    /// What to tell the recipient.
    pub memo: [u8; MEMO_BYTES],
    /// Change: the memo is for the holder of s_b.
    pub own: bool,
}

/// All that a transaction is made from.
pub struct Plan {
    /// The chain.
    pub chain_id: Hash,
    /// TRANSFER, WITHDRAW or FUND.
    pub kind: u8,
    /// The last height at which it may enter.
    pub expiry_height: u64,
    /// The fee.
    pub fee: u64,
    /// What leaves the outputs besides the fee.
    pub burn: u64,
    /// As in TxPublic.
    pub extra: Vec<u8>,
    /// 1 to 16.
    pub inputs: Vec<PlanInput>,
    /// 2, 4, 8 or 16.
    pub outputs: Vec<PlanOutput>,
    /// h_a.
    pub anchor_height: u64,
    /// The root of the output log at h_a.
    pub out_root: Hash,
    /// The epoch.
    pub epoch: u32,
    /// The suite of its key.
    pub suite: u8,
    /// Its public key.
    pub epoch_key: Vec<u8>,
    /// Do not bind the signatures to the envelope.
    pub portable: bool,
    /// Plaintext of the sealed note; empty for none.
    pub note: Vec<u8>,
}

/// A finished transaction.
pub struct Built {
    /// What to submit.
    pub envelope: Vec<u8>,
    /// SHA-256 of it.
    pub env_id: Hash,
    /// TxPublic.
    pub tx_public: Vec<u8>,
    /// tx_id.
    pub tx_id: Hash,
    /// tx_leaf.
    pub tx_leaf: Hash,
    /// I of the inputs, in the order of TxPublic.
    pub key_images: Vec<[u8; 32]>,
    /// n of each output, in the order of the plan.
    pub anchors: Vec<[u8; 16]>,
    /// The place in TxPublic of each output of the plan.
    pub order: Vec<usize>,
}

/// Refuses: BadPlan.
pub(super) fn check_shape(plan: &Plan) -> Result<(), Refusal> {
    let is_extra_fit = match plan.kind {
        TRANSFER => plan.extra.is_empty() && plan.burn == 0,
        WITHDRAW => plan.extra.len() == WITHDRAW_BYTES && plan.burn > 0,
        FUND => u16::try_from(plan.extra.len()).is_ok() && plan.burn > 0,
        _ => false,
    };
    let amounts = plan
        .outputs
        .iter()
        .map(|output| output.value)
        .chain([plan.fee, plan.burn]);
    let ring_size = plan.inputs.first().map_or(0, |input| input.indices.len());
    let is_ring = |input: &PlanInput| {
        input.indices.len() == ring_size
            && input.members.len() == ring_size
            && input.indices.windows(2).all(|pair| pair[0] < pair[1])
            && input
                .members
                .get(input.real)
                .is_some_and(|member| member[..] == input.output[..64])
    };
    let is_fit = is_extra_fit
        && (1..=INPUTS_MAX).contains(&plan.inputs.len())
        && range::COUNTS.contains(&plan.outputs.len())
        && RING_SIZES.contains(&ring_size)
        && amounts.into_iter().all(|amount| amount <= AMOUNT_MAX)
        && plan.inputs.iter().all(is_ring);
    if is_fit {
        Ok(())
    } else {
        Err(Refusal::BadPlan)
    }
}

/// The bytes of the envelope of a transaction of this shape, known before it is built, so that its fee is known.
///
/// An index delta counts 5 bytes, so near a border the real envelope can be of the class below; `note_bytes` is the
/// length of the plaintext. Refuses: WrongHeader (suite), WrongLength (outputs), TooLarge.
pub fn envelope_class(
    inputs: usize,
    outputs: usize,
    suite: u8,
    ring_size: usize,
    extra_bytes: usize,
    note_bytes: usize,
) -> Result<usize, Refusal> {
    let proof_bytes = range::proof_bytes(outputs).ok_or(Refusal::WrongLength)?;
    if inputs > INPUTS_MAX || ring_size > RING_SIZE_MAX || extra_bytes.max(note_bytes) > 65536 {
        return Err(Refusal::TooLarge);
    }
    let sealed_note = if note_bytes == 0 {
        0
    } else {
        note_bytes + TAG_BYTES
    };
    let bytes = plaintext_bytes_max(inputs, outputs, ring_size, extra_bytes, sealed_note, proof_bytes);
    class_of(Suite::from_byte(suite)?, bytes)
}
