//! CLSAG-X: the ring signature CLSAG (ePrint 2019/654) with its intermediate points written out (LEDGER §5).
//!
//! σ = (c_1, D, s_1..s_N, L_1..L_N, R_1..R_N). (c_1, s) and (s, L, R) determine each other on valid signatures, so
//! the security of CLSAG carries over; with L and R at hand many signatures are checked by one multiscalar
//! multiplication.
//!
//! | symbol | here |
//! |---|---|
//! | P_j, C_j, H_j | `Member::key`, `commitment`, `image_base` |
//! | C', I, D | `pseudo`, `key_image`, `d` |
//! | x, z | the secret of P_π, and the difference of the masks of C_π and C' |
//! | α | the nonce |

mod batch;
mod classic;
mod sign;
mod verify;

pub use batch::{answer_each, verify_batch_vartime, Balance, Weights};
pub use classic::{expand_vartime, verify_classic_vartime};
pub use sign::{sign, Request};
pub use verify::{check_glue, equations_hold_vartime, prepare, verify_one_vartime, Decoded, Fault, Prepared};

pub use super::group::Member;
use super::group::{Backend, Ristretto};
use crate::Refusal;

/// The largest ring that is handled.
pub const RING_SIZE_MAX: usize = 64;

/// σ, every part still encoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// The glue value c_1.
    pub c1: [u8; 32],
    /// D.
    pub d: [u8; 32],
    /// s_1..s_N.
    pub s: Vec<[u8; 32]>,
    /// L_1..L_N.
    pub l: Vec<[u8; 32]>,
    /// R_1..R_N.
    pub r: Vec<[u8; 32]>,
}

impl Signature {
    /// The bytes of a signature over `ring_size` members.
    pub const fn bytes(ring_size: usize) -> usize {
        64 + 96 * ring_size
    }

    /// c_1 | D | s | L | R.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(Self::bytes(self.s.len()));
        out.extend_from_slice(&self.c1);
        out.extend_from_slice(&self.d);
        for part in [&self.s, &self.l, &self.r] {
            part.iter().for_each(|item| out.extend_from_slice(item));
        }
        out
    }

    /// The parts of the bytes, unjudged. Refuses: WrongLength, unless they are σ of 1 to `RING_SIZE_MAX` members.
    pub fn decode(bytes: &[u8]) -> Result<Self, Refusal> {
        let size = bytes.len().saturating_sub(64) / 96;
        if size == 0 || size > RING_SIZE_MAX || bytes.len() != Self::bytes(size) {
            return Err(Refusal::WrongLength);
        }
        let mut items = bytes.chunks_exact(32).map(|chunk| {
            let mut item = [0; 32];
            item.copy_from_slice(chunk);
            item
        });
        let mut take = |count: usize| -> Vec<[u8; 32]> { items.by_ref().take(count).collect() };
        let head = take(2);
        Ok(Self {
            c1: head[0],
            d: head[1],
            s: take(size),
            l: take(size),
            r: take(size),
        })
    }
}

/// What one ring signature claims.
pub struct Statement<'a, B: Backend = Ristretto> {
    /// m of LEDGER §5.2.
    pub message: [u8; 64],
    /// The request key.
    pub k_ring: [u8; 32],
    /// The position of the input in its transaction.
    pub input_no: u8,
    /// The places of the members in the output log, strictly ascending.
    pub indices: &'a [u64],
    /// The members, from the node's own table, in the order of the indices.
    pub ring: Vec<&'a Member<B>>,
    /// C'.
    pub pseudo: [u8; 32],
    /// I.
    pub key_image: [u8; 32],
    /// σ.
    pub signature: &'a Signature,
}
