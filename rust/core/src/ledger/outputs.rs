//! One-time outputs: made by a sender, or in the open by the ledger (LEDGER §4).
//!
//! | symbol | here |
//! |---|---|
//! | n, ctx | anchor, context |
//! | r, R | the random number and its point |
//! | S_d, S_v, q | the shared secrets |
//! | P, C, b | one-time key, commitment, mask |

use chacha20poly1305::aead::{AeadInPlace, KeyInit};
use chacha20poly1305::ChaCha20Poly1305;
use curve25519_dalek::traits::MultiscalarMul;
use curve25519_dalek::{RistrettoPoint, Scalar};
use zeroize::{Zeroize, Zeroizing};

use super::group::{Backend, Ristretto};
use super::hash;
use super::keys::Address;
use crate::Refusal;

/// Bytes of an output: P | C | R | vt | ea | an | memo.
pub const OUTPUT_BYTES: usize = 267;

/// Bytes of a refund stub: P | R | vt | an | memo.
pub const STUB_BYTES: usize = 227;

/// Bytes of a memo before it is sealed.
pub const MEMO_BYTES: usize = 128;

/// Bytes of a sealed memo.
pub const SEALED_MEMO_BYTES: usize = MEMO_BYTES + 16;

/// Bytes of the tag that a scan compares.
pub const TAG_BYTES: usize = 3;

/// An output, cut into its fields; nothing is judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fields {
    /// P.
    pub key: [u8; 32],
    /// C.
    pub commitment: [u8; 32],
    /// R.
    pub ephemeral: [u8; 32],
    /// vt.
    pub tag: [u8; TAG_BYTES],
    /// ea.
    pub amount: [u8; 8],
    /// an.
    pub anchor: [u8; 16],
    /// The sealed memo.
    pub memo: [u8; SEALED_MEMO_BYTES],
}

/// The next `N` bytes.
fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], Refusal> {
    let (head, tail) = rest.split_at_checked(N).ok_or(Refusal::WrongLength)?;
    *rest = tail;
    head.try_into().map_err(|_| Refusal::WrongLength)
}

impl Fields {
    /// Cuts 267 bytes. Refuses: WrongLength.
    pub fn parse(output: &[u8]) -> Result<Self, Refusal> {
        let mut rest = output;
        let fields = Self {
            key: take(&mut rest)?,
            commitment: take(&mut rest)?,
            ephemeral: take(&mut rest)?,
            tag: take(&mut rest)?,
            amount: take(&mut rest)?,
            anchor: take(&mut rest)?,
            memo: take(&mut rest)?,
        };
        if rest.is_empty() {
            Ok(fields)
        } else {
            Err(Refusal::WrongLength)
        }
    }

    /// The 267 bytes.
    pub fn encode(&self) -> [u8; OUTPUT_BYTES] {
        let parts: [&[u8]; 7] = [
            &self.key,
            &self.commitment,
            &self.ephemeral,
            &self.tag,
            &self.amount,
            &self.anchor,
            &self.memo,
        ];
        join(&parts)
    }

    /// The 227 bytes of a refund stub: without C and ea.
    pub fn encode_stub(&self) -> [u8; STUB_BYTES] {
        join(&[&self.key, &self.ephemeral, &self.tag, &self.anchor, &self.memo])
    }
}

/// The parts one after the other; together they have `N` bytes.
fn join<const N: usize>(parts: &[&[u8]]) -> [u8; N] {
    let mut out = [0; N];
    let bytes = parts.iter().flat_map(|part| part.iter());
    out.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    out
}

/// mask·G + value·H, in constant time.
pub fn commit(value: u64, mask: &Scalar) -> RistrettoPoint {
    let scalars = [Scalar::from(value), *mask];
    RistrettoPoint::multiscalar_mul(scalars, [*hash::value_base(), Ristretto::base()])
}

/// What sender and recipient both know of an output; a secret.
pub(super) struct Shared {
    q: Zeroizing<[u8; 64]>,
}

impl Shared {
    /// q = H_64("q"; S_v, R, ctx).
    pub(super) fn new(shared_view: &RistrettoPoint, ephemeral: &[u8; 32], ctx: &[u8; 32]) -> Self {
        let point = Zeroizing::new(Ristretto::encode(shared_view));
        Self {
            q: Zeroizing::new(hash::framed("q", &[point.as_slice(), ephemeral, ctx])),
        }
    }

    /// H_s("otk"; q): the one-time key minus the spend key of the address.
    pub(super) fn key_offset(&self) -> Zeroizing<Scalar> {
        let wide = Zeroizing::new(hash::framed("otk", &[self.q.as_slice()]));
        Zeroizing::new(hash::to_scalar(&wide))
    }

    /// b = H_s("mask"; q, v, K_s^i).
    pub(super) fn mask(&self, value: u64, spend_key: &[u8]) -> Zeroizing<Scalar> {
        let items: [&[u8]; 3] = [self.q.as_slice(), &value.to_le_bytes(), spend_key];
        let wide = Zeroizing::new(hash::framed("mask", &items));
        Zeroizing::new(hash::to_scalar(&wide))
    }

    /// ea to v and back, as bytes.
    pub(super) fn turn_amount(&self, amount: [u8; 8], key: &[u8; 32]) -> [u8; 8] {
        let pad = hash::h8("amt", &[self.q.as_slice(), key]);
        core::array::from_fn(|i| amount[i] ^ pad[i])
    }

    /// an to n and back.
    pub(super) fn turn_anchor(&self, anchor: [u8; 16], key: &[u8; 32]) -> [u8; 16] {
        let pad = hash::h16("anc", &[self.q.as_slice(), key]);
        core::array::from_fn(|i| anchor[i] ^ pad[i])
    }

    /// The key of a memo to somebody else.
    pub(super) fn memo_key(&self, key: &[u8; 32]) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(hash::h32("memo", &[self.q.as_slice(), key]))
    }
}

/// The key of a memo to oneself.
pub(super) fn own_memo_key(s_b: &[u8; 32], key: &[u8; 32]) -> Zeroizing<[u8; 32]> {
    Zeroizing::new(hash::h32("memo/own", &[s_b, key]))
}

fn seal_memo(
    memo_key: &[u8; 32],
    key: &[u8; 32],
    commitment: &[u8; 32],
    memo: &[u8; MEMO_BYTES],
) -> [u8; SEALED_MEMO_BYTES] {
    let mut out = [0; SEALED_MEMO_BYTES];
    let (body, tag) = out.split_at_mut(MEMO_BYTES);
    body.copy_from_slice(memo);
    let aad: [u8; 64] = join(&[key, commitment]);
    let cipher = ChaCha20Poly1305::new(memo_key.into());
    // A key is used once, since P is never the same twice; so the nonce can be zero.
    if let Ok(found) = cipher.encrypt_in_place_detached(&[0; 12].into(), &aad, body) {
        tag.copy_from_slice(&found);
    }
    out
}

/// The memo of an output under this key, if it opens.
pub(super) fn open_memo(memo_key: &[u8; 32], fields: &Fields) -> Option<[u8; MEMO_BYTES]> {
    let (body, tag) = fields.memo.split_at(MEMO_BYTES);
    let mut memo: [u8; MEMO_BYTES] = body.try_into().ok()?;
    let aad: [u8; 64] = join(&[&fields.key, &fields.commitment]);
    let cipher = ChaCha20Poly1305::new(memo_key.into());
    let opened = cipher.decrypt_in_place_detached(&[0; 12].into(), &aad, &mut memo, tag.into());
    opened.ok().map(|()| memo)
}

/// r = H_s("eph"; n, ctx, v, K_s^i, K_v^i, K_d^i), the random number of an output.
pub(super) fn ephemeral(anchor: &[u8; 16], ctx: &[u8; 32], value: u64, to: &Address) -> Zeroizing<Scalar> {
    let items: [&[u8]; 6] = [
        anchor,
        ctx,
        &value.to_le_bytes(),
        to.spend_bytes(),
        to.view_bytes(),
        to.detect_bytes(),
    ];
    let wide = Zeroizing::new(hash::framed("eph", &items));
    Zeroizing::new(hash::to_scalar(&wide))
}

/// vt: the first bytes of Hn("vt"; S_d, R, ctx), from the encoding of S_d.
pub(super) fn detect_tag(shared: &[u8; 32], ephemeral: &[u8; 32], ctx: &[u8; 32]) -> [u8; TAG_BYTES] {
    let mut wide = hash::framed("vt", &[shared, ephemeral, ctx]);
    let tag = [wide[0], wide[1], wide[2]];
    wide.zeroize();
    tag
}

/// What every kind of output begins with.
struct Start {
    ephemeral: [u8; 32],
    tag: [u8; TAG_BYTES],
    key: [u8; 32],
    shared: Shared,
}

fn start(to: &Address, ctx: &[u8; 32], value: u64, anchor: &[u8; 16]) -> Start {
    let r = ephemeral(anchor, ctx, value, to);
    let point = Ristretto::encode(&(to.spend * *r));
    let shared_detect = Zeroizing::new(Ristretto::encode(&(to.detect * *r)));
    let shared = Shared::new(&(to.view * *r), &point, ctx);
    let key = to.spend + RistrettoPoint::mul_base(&shared.key_offset());
    Start {
        ephemeral: point,
        tag: detect_tag(&shared_detect, &point, ctx),
        key: Ristretto::encode(&key),
        shared,
    }
}

/// An output to an address with a hidden amount, and the mask of its commitment.
///
/// `anchor`: 16 random bytes, never used before. `own`: s_b of the maker, for change; its memo is then for the
/// holder of s_b.
pub fn make_output(
    to: &Address,
    ctx: &[u8; 32],
    value: u64,
    anchor: &[u8; 16],
    memo: &[u8; MEMO_BYTES],
    own: Option<&[u8; 32]>,
) -> ([u8; OUTPUT_BYTES], Zeroizing<Scalar>) {
    let begun = start(to, ctx, value, anchor);
    let mask = begun.shared.mask(value, to.spend_bytes());
    let commitment = Ristretto::encode(&commit(value, &mask));
    let memo_key = match own {
        Some(s_b) => own_memo_key(s_b, &begun.key),
        None => begun.shared.memo_key(&begun.key),
    };
    let fields = Fields {
        key: begun.key,
        commitment,
        ephemeral: begun.ephemeral,
        tag: begun.tag,
        amount: begun.shared.turn_amount(value.to_le_bytes(), &begun.key),
        anchor: begun.shared.turn_anchor(*anchor, &begun.key),
        memo: seal_memo(&memo_key, &begun.key, &commitment, memo),
    };
    (fields.encode(), mask)
}

/// An output of kind 3 or 4: made by the ledger, amount, mask and anchor public, memo of zeros.
pub fn public_output(
    to: &Address,
    ctx: &[u8; 32],
    anchor: &[u8; 16],
    value: u64,
    mask: &Scalar,
) -> [u8; OUTPUT_BYTES] {
    let begun = start(to, ctx, value, anchor);
    let fields = Fields {
        key: begun.key,
        commitment: Ristretto::encode(&commit(value, mask)),
        ephemeral: begun.ephemeral,
        tag: begun.tag,
        amount: value.to_le_bytes(),
        anchor: *anchor,
        memo: [0; SEALED_MEMO_BYTES],
    };
    fields.encode()
}

/// The stub of a refund (kind 5) to an address: its commitment will have the public `mask`, its anchor is hidden.
pub fn refund_stub(
    to: &Address,
    ctx: &[u8; 32],
    value: u64,
    mask: &Scalar,
    anchor: &[u8; 16],
    memo: &[u8; MEMO_BYTES],
) -> [u8; STUB_BYTES] {
    let begun = start(to, ctx, value, anchor);
    let commitment = Ristretto::encode(&commit(value, mask));
    let memo_key = begun.shared.memo_key(&begun.key);
    let fields = Fields {
        key: begun.key,
        commitment,
        ephemeral: begun.ephemeral,
        tag: begun.tag,
        amount: value.to_le_bytes(),
        anchor: begun.shared.turn_anchor(*anchor, &begun.key),
        memo: seal_memo(&memo_key, &begun.key, &commitment, memo),
    };
    fields.encode_stub()
}

/// True if an output with a hidden opening pays `value` to this address: R, P and C are recomputed from the anchor.
///
/// This is the verifier of a payment proof (LEDGER §13); that the output is on the ledger is shown by other means.
pub fn payment_matches(output: &Fields, ctx: &[u8; 32], anchor: &[u8; 16], to: &Address, value: u64) -> bool {
    let begun = start(to, ctx, value, anchor);
    let mask = begun.shared.mask(value, to.spend_bytes());
    let commitment = Ristretto::encode(&commit(value, &mask));
    output.ephemeral == begun.ephemeral && output.key == begun.key && output.commitment == commitment
}
