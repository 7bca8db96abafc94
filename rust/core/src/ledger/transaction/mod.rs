//! The bytes of a transaction: TxPublic and TxPrivate of LEDGER 6.1 and 6.2, read strictly and written.

mod fields;

use zeroize::Zeroize;

use fields::{put_leb128, Cursor};

use super::clsag::Signature;
use super::hash::h32;
use super::outputs::{OUTPUT_BYTES, STUB_BYTES};
use crate::Refusal;

/// The one version there is.
pub const VERSION: u16 = 1;
/// Most inputs.
pub const INPUTS_MAX: usize = 16;
/// Transfer: value moves between outputs.
pub const TRANSFER: u8 = 1;
/// Withdraw: value leaves the ledger.
pub const WITHDRAW: u8 = 2;
/// Fund: value moves into an escrow.
pub const FUND: u8 = 3;
/// Bytes of withdraw_ref and refund stub.
pub const WITHDRAW_BYTES: usize = 32 + STUB_BYTES;
/// Flag: the request key does not depend on the envelope.
pub const FLAG_PORTABLE: u8 = 1;
const FLAG_RING_PROOFS: u8 = 2;
/// Flag: a sealed note stands at the end.
pub const FLAG_NOTE: u8 = 4;

/// The part of a transaction that becomes ledger data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TxPublic {
    /// ver.
    pub version: u16,
    /// type: TRANSFER, WITHDRAW or FUND.
    pub kind: u8,
    /// The last height at which it may enter.
    pub expiry_height: u64,
    /// The fee.
    pub fee: u64,
    /// What leaves the outputs besides the fee.
    pub burn: u64,
    /// WITHDRAW: withdraw_ref | refund stub; FUND: the escrow operation; else nothing.
    pub extra: Vec<u8>,
    /// I of each input.
    pub key_images: Vec<[u8; 32]>,
    /// C' of each input.
    pub pseudo_outputs: Vec<[u8; 32]>,
    /// The outputs.
    pub outputs: Vec<[u8; OUTPUT_BYTES]>,
    /// The range proof over all C.
    pub range_proof: Vec<u8>,
}

impl TxPublic {
    /// Read the bytes: the transaction, and how many of them come before bp_len.
    ///
    /// Numbers are judged by `faults`, the form here. Refuses: Malformed (also for an unknown type).
    // SPEC LEDGER-6.1.1
    // SPEC LEDGER-7.3
    pub fn parse(bytes: &[u8]) -> Result<(Self, usize), Refusal> {
        let mut at = Cursor(bytes);
        let (version, kind) = (at.u16()?, at.u8()?);
        let (expiry_height, fee, burn) = (at.u64()?, at.u64()?, at.u64()?);
        let extra = match kind {
            TRANSFER => &[],
            WITHDRAW => at.bytes(WITHDRAW_BYTES)?,
            FUND => {
                let length = at.u16()?;
                at.bytes(usize::from(length))?
            }
            _ => return Err(Refusal::Malformed),
        };
        let inputs = usize::from(at.u8()?);
        let key_images = at.arrays(inputs)?;
        let pseudo_outputs = at.arrays(inputs)?;
        let count = usize::from(at.u8()?);
        let outputs = at.arrays(count)?;
        let head = bytes.len() - at.0.len();
        let length = at.u16()?;
        let range_proof = at.bytes(usize::from(length))?.to_vec();
        at.end()?;
        let public = Self {
            version,
            kind,
            expiry_height,
            fee,
            burn,
            extra: extra.to_vec(),
            key_images,
            pseudo_outputs,
            outputs,
            range_proof,
        };
        Ok((public, head))
    }

    /// The bytes up to and without bp_len. Refuses: TooLarge (numbers of things that do not fit their field).
    pub fn head(&self) -> Result<Vec<u8>, Refusal> {
        let mut out = Vec::with_capacity(2048);
        out.extend_from_slice(&self.version.to_le_bytes());
        out.push(self.kind);
        for number in [self.expiry_height, self.fee, self.burn] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        if self.kind == FUND {
            let length = u16::try_from(self.extra.len()).map_err(|_| Refusal::TooLarge)?;
            out.extend_from_slice(&length.to_le_bytes());
        }
        out.extend_from_slice(&self.extra);
        out.push(u8::try_from(self.key_images.len()).map_err(|_| Refusal::TooLarge)?);
        out.extend_from_slice(self.key_images.as_flattened());
        out.extend_from_slice(self.pseudo_outputs.as_flattened());
        out.push(u8::try_from(self.outputs.len()).map_err(|_| Refusal::TooLarge)?);
        out.extend_from_slice(self.outputs.as_flattened());
        Ok(out)
    }

    /// All bytes. Refuses: TooLarge.
    pub fn encode(&self) -> Result<Vec<u8>, Refusal> {
        let mut out = self.head()?;
        let length = u16::try_from(self.range_proof.len()).map_err(|_| Refusal::TooLarge)?;
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&self.range_proof);
        Ok(out)
    }
}

/// tx_id = H_32("tx/id"; TxPublic).
pub fn tx_id(tx_public: &[u8]) -> [u8; 32] {
    h32("tx/id", &[tx_public])
}

/// tx_leaf = H_32("tx/leaf"; tx_id, salt).
pub fn tx_leaf(tx_id: &[u8; 32], salt: &[u8; 32]) -> [u8; 32] {
    h32("tx/leaf", &[tx_id, salt])
}

/// What an input says besides its key image and its pseudo-output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// The indices of the ring members. They ascend strictly unless a delta is zero (V-13).
    pub indices: Vec<u64>,
    /// σ.
    pub signature: Signature,
}

/// The part of a transaction that never becomes ledger data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TxPrivate {
    /// FLAG_PORTABLE, FLAG_NOTE.
    pub flags: u8,
    /// The salt of bp_ctx and tx_leaf.
    pub salt: [u8; 32],
    /// h_a.
    pub anchor_height: u64,
    /// The inputs, in the order of their key images.
    pub inputs: Vec<Input>,
    /// The sealed note; empty if there is none.
    pub note: Vec<u8>,
}

impl TxPrivate {
    /// Read the bytes for so many inputs and members of a ring. Refuses: Malformed, NonCanonical.
    // SPEC LEDGER-7.3
    pub fn parse(bytes: &[u8], inputs: usize, ring_size: usize) -> Result<Self, Refusal> {
        let mut at = Cursor(bytes);
        let flags = at.u8()?;
        if flags & !(FLAG_PORTABLE | FLAG_RING_PROOFS | FLAG_NOTE) != 0 {
            return Err(Refusal::Malformed);
        }
        let (salt, anchor_height) = (at.array()?, at.u64()?);
        let inputs: Result<Vec<Input>, Refusal> =
            (0..inputs).map(|_| parse_input(&mut at, ring_size)).collect();
        let inputs = inputs?;
        if flags & FLAG_RING_PROOFS != 0 {
            // The node has the outputs at hand and needs no proof of them; only the form is judged.
            for _ in &inputs {
                let count = at.u16()?;
                at.bytes(32 * usize::from(count))?;
            }
        }
        let note = match flags & FLAG_NOTE {
            0 => &[],
            _ => {
                let length = at.u16()?;
                at.bytes(usize::from(length))?
            }
        };
        at.end()?;
        Ok(Self {
            flags,
            salt,
            anchor_height,
            inputs,
            note: note.to_vec(),
        })
    }

    /// The bytes, without ring proofs. Refuses: TooLarge.
    pub fn encode(&self) -> Result<Vec<u8>, Refusal> {
        let mut out = vec![self.flags & !FLAG_RING_PROOFS];
        out.extend_from_slice(&self.salt);
        out.extend_from_slice(&self.anchor_height.to_le_bytes());
        for input in &self.inputs {
            let mut last = 0;
            for index in &input.indices {
                put_leb128(&mut out, index.wrapping_sub(last));
                last = *index;
            }
            out.extend_from_slice(&input.signature.encode());
        }
        if self.flags & FLAG_NOTE != 0 {
            let length = u16::try_from(self.note.len()).map_err(|_| Refusal::TooLarge)?;
            out.extend_from_slice(&length.to_le_bytes());
            out.extend_from_slice(&self.note);
        }
        Ok(out)
    }

    /// Overwrite everything that could tell who paid (LEDGER-8.2.3).
    pub fn erase(&mut self) {
        self.salt.zeroize();
        self.note.zeroize();
        for input in &mut self.inputs {
            input.indices.zeroize();
            let signature = &mut input.signature;
            signature.c1.zeroize();
            signature.d.zeroize();
            for part in [&mut signature.s, &mut signature.l, &mut signature.r] {
                part.zeroize();
            }
        }
        self.inputs.clear();
    }
}

fn parse_input(at: &mut Cursor<'_>, ring_size: usize) -> Result<Input, Refusal> {
    let mut indices = Vec::with_capacity(ring_size);
    let mut last = 0u64;
    for _ in 0..ring_size {
        last = last.checked_add(at.leb128()?).ok_or(Refusal::NonCanonical)?;
        indices.push(last);
    }
    let signature = at.bytes(Signature::bytes(ring_size))?;
    Ok(Input {
        indices,
        signature: Signature::decode(signature).map_err(|_| Refusal::Malformed)?,
    })
}

/// An upper bound of the bytes of TxPublic and TxPrivate with their two lengths, with 5 bytes for each index delta.
pub fn plaintext_bytes_max(
    inputs: usize,
    outputs: usize,
    ring_size: usize,
    extra_bytes: usize,
    note_bytes: usize,
    proof_bytes: usize,
) -> usize {
    let public = 2 + 1 + 24 + extra_bytes + 1 + 64 * inputs + 1 + OUTPUT_BYTES * outputs + 2 + proof_bytes;
    let private = 1 + 32 + 8 + inputs * (5 * ring_size + Signature::bytes(ring_size));
    let note = if note_bytes == 0 { 0 } else { 2 + note_bytes };
    8 + public + private + note
}

#[cfg(test)]
mod tests {
    use super::*;

    fn public(kind: u8, extra: usize) -> TxPublic {
        TxPublic {
            version: 1,
            kind,
            expiry_height: 9,
            fee: 1,
            burn: 0,
            extra: vec![7; extra],
            key_images: vec![[1; 32], [2; 32]],
            pseudo_outputs: vec![[3; 32], [4; 32]],
            outputs: vec![[5; OUTPUT_BYTES], [6; OUTPUT_BYTES]],
            range_proof: vec![8; 641],
        }
    }

    fn private(indices: Vec<u64>) -> TxPrivate {
        let size = indices.len();
        let part = || vec![[9; 32]; size];
        let signature = Signature {
            c1: [1; 32],
            d: [2; 32],
            s: part(),
            l: part(),
            r: part(),
        };
        TxPrivate {
            flags: 0,
            salt: [3; 32],
            anchor_height: 4,
            inputs: vec![Input { indices, signature }],
            note: vec![],
        }
    }

    #[test]
    fn public_parts_come_back() {
        for (kind, extra) in [(1, 0), (2, WITHDRAW_BYTES), (3, 300), (3, 0)] {
            let tx = public(kind, extra);
            let bytes = tx.encode().unwrap();
            let (back, head) = TxPublic::parse(&bytes).unwrap();
            assert_eq!((&back, &bytes[..head]), (&tx, tx.head().unwrap().as_slice()));
            for length in 0..bytes.len() {
                assert!(TxPublic::parse(&bytes[..length]).is_err());
            }
            assert!(TxPublic::parse(&[bytes.as_slice(), &[0]].concat()).is_err());
        }
        assert_eq!(public(1, 0).encode().unwrap().len(), 1334);
        for kind in [0, 4, 255] {
            assert!(TxPublic::parse(&public(kind, 0).encode().unwrap()).is_err());
        }
    }

    #[test]
    fn private_parts_come_back() {
        let indices: Vec<u64> = (0..16).map(|i| 1u64 << (4 * i)).collect();
        let mut tx = private(indices);
        for flags in [0, FLAG_PORTABLE, FLAG_NOTE, FLAG_NOTE | FLAG_PORTABLE] {
            tx.flags = flags;
            tx.note = if flags & FLAG_NOTE != 0 {
                vec![1; 40]
            } else {
                vec![]
            };
            let bytes = tx.encode().unwrap();
            assert_eq!(TxPrivate::parse(&bytes, 1, 16).unwrap(), tx);
            assert!(TxPrivate::parse(&bytes, 1, 32).is_err() && TxPrivate::parse(&bytes, 2, 16).is_err());
            for length in 0..bytes.len() {
                assert!(TxPrivate::parse(&bytes[..length], 1, 16).is_err());
            }
            assert!(TxPrivate::parse(&[bytes.as_slice(), &[0]].concat(), 1, 16).is_err());
        }
        tx.erase();
        assert!(tx.inputs.is_empty() && tx.note.is_empty());
    }

    #[test]
    fn ring_proofs_are_read_over() {
        let mut bytes = private((1..=16).collect()).encode().unwrap();
        bytes[0] = FLAG_RING_PROOFS;
        assert!(TxPrivate::parse(&bytes, 1, 16).is_err());
        bytes.extend_from_slice(&[2, 0]);
        bytes.extend_from_slice(&[5; 64]);
        assert!(TxPrivate::parse(&bytes, 1, 16).is_ok());
    }

    // SPEC LEDGER-15.20
    #[test]
    fn loose_forms_are_refused() {
        let mut bytes = private((1..=16).collect()).encode().unwrap();
        bytes[0] = 8;
        assert!(TxPrivate::parse(&bytes, 1, 16).is_err(), "an unknown flag");
        let far = private(vec![u64::MAX, 5]).encode().unwrap();
        assert!(TxPrivate::parse(&far, 1, 2).is_err(), "indices beyond 64 bits");
    }
}
