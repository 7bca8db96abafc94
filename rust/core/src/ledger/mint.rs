//! The ledger part of a mint: outputs for the owner of the units, kernel and range proof (LEDGER 9.1).
//!
//! ```text
//! n_out u8 | n_out × output(267) | E 32 | bp_len u16 | range proof | sig_E 64
//! E = ΣC − V·H = e·G        sig_E = A || s, c = H_s("mint/kernel"; A, E, core), core = the frame before sig_E
//! ```

use curve25519_dalek::{RistrettoPoint, Scalar};
use rayon::prelude::*;
use zeroize::Zeroizing;

use super::dleq::{schnorr_sign, schnorr_verify_vartime};
use super::group::{decode_nonzero, Backend, Ristretto};
use super::hash::{h32, value_base};
use super::keys::Address;
use super::opened::AMOUNT_MAX;
use super::outputs::{make_output, MEMO_BYTES, OUTPUT_BYTES};
use super::random::Stream;
use super::range;
use super::table::field;
use crate::hash::Hash;
use crate::Refusal;

const TAG: &str = "mint/kernel";
const NONCE_TAG: &str = "mint/nonce";
const NO_SALT: Hash = [0; 32];

/// ctx of kind 2.
pub fn mint_context(chain_id: &Hash, mint_id: &Hash) -> Hash {
    h32("ctx", &[chain_id, &[2], mint_id])
}

/// Bytes from n_out to the end of sig_E. Refuses: WrongLength (a number of outputs that is not allowed).
pub fn mint_bytes(outputs: usize) -> Result<usize, Refusal> {
    let proof = range::proof_bytes(outputs).ok_or(Refusal::WrongLength)?;
    Ok(1 + outputs * OUTPUT_BYTES + 32 + 2 + proof + 64)
}

/// What a mint is made from.
pub struct Mint<'a> {
    /// The frame up to and including V.
    pub head: &'a [u8],
    /// The chain.
    pub chain_id: &'a Hash,
    /// The mint.
    pub mint_id: &'a Hash,
    /// The owner of the units.
    pub to: &'a Address,
    /// One value for each output, at most 16; zeros are added up to 2, 4, 8 or 16.
    pub values: &'a [u64],
}

/// The bytes from n_out to the end of sig_E. `random`: 64 fresh bytes.
///
/// Refuses: BadPlan (no values, too many, one beyond 2^62 - 1), Unbalanced (their sum is not V at the end of `head`).
pub fn build(mint: &Mint<'_>, random: &[u8; 64]) -> Result<Vec<u8>, Refusal> {
    let count = mint.values.len();
    let padded = range::COUNTS
        .into_iter()
        .find(|allowed| count <= *allowed)
        .ok_or(Refusal::BadPlan)?;
    if count == 0 || mint.values.iter().any(|value| *value > AMOUNT_MAX) {
        return Err(Refusal::BadPlan);
    }
    let sum: u128 = mint.values.iter().map(|value| u128::from(*value)).sum();
    let stated = mint
        .head
        .last_chunk::<8>()
        .map(|bytes| u128::from(u64::from_le_bytes(*bytes)));
    if stated != Some(sum) {
        return Err(Refusal::Unbalanced);
    }
    let values: Vec<u64> = mint
        .values
        .iter()
        .copied()
        .chain(core::iter::repeat(0))
        .take(padded)
        .collect();
    let mut stream = hedged_stream(mint, random);
    let ctx = mint_context(mint.chain_id, mint.mint_id);
    let mut made: Vec<([u8; OUTPUT_BYTES], u64, Zeroizing<Scalar>)> = Vec::with_capacity(padded);
    for value in values {
        let anchor = stream.take();
        let (output, mask) = make_output(mint.to, &ctx, value, &anchor, &[0; MEMO_BYTES], None);
        made.push((output, value, mask));
    }
    made.sort_by_key(|(output, _, _)| field(output, 2));
    let e = Zeroizing::new(made.iter().map(|(_, _, mask)| **mask).sum::<Scalar>());
    let kernel = Ristretto::encode(&RistrettoPoint::mul_base(&e));

    let mut frame = mint.head.to_vec();
    frame.push(padded as u8);
    made.iter()
        .for_each(|(output, _, _)| frame.extend_from_slice(output));
    frame.extend_from_slice(&kernel);
    let context = range::context(mint.chain_id, &NO_SALT, &frame);
    let openings = Zeroizing::new(
        made.iter()
            .map(|(_, value, mask)| (*value, **mask))
            .collect::<Vec<_>>(),
    );
    let proof = range::prove(&openings, &context, &mut stream)?;
    frame.extend_from_slice(&(proof.len() as u16).to_le_bytes());
    frame.extend_from_slice(&proof);
    let nonce_random = Zeroizing::new(stream.take());
    let signature = schnorr_sign(TAG, NONCE_TAG, &e, &kernel, &[&frame], &nonce_random);
    frame.extend_from_slice(&signature);
    Ok(frame.split_off(mint.head.len()))
}

/// Depends on the whole mint and on fresh randomness; the secrets of a mint are all drawn from it.
// SPEC LEDGER-2.9
fn hedged_stream(mint: &Mint<'_>, random: &[u8; 64]) -> Stream {
    let values: Zeroizing<Vec<u8>> =
        Zeroizing::new(mint.values.iter().flat_map(|value| value.to_le_bytes()).collect());
    let items: [&[u8]; 8] = [
        random,
        mint.head,
        mint.chain_id,
        mint.mint_id,
        mint.to.spend_bytes(),
        mint.to.view_bytes(),
        mint.to.detect_bytes(),
        &values,
    ];
    Stream::new(&Zeroizing::new(h32("nonce", &items)))
}

/// A kernel to check.
pub struct Kernel<'a> {
    /// n × 267 bytes.
    pub outputs: &'a [u8],
    /// V.
    pub value: u64,
    /// E.
    pub kernel: &'a [u8],
    /// sig_E.
    pub signature: &'a [u8],
    /// The frame before sig_E.
    pub core: &'a [u8],
}

/// What is wrong with a kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KernelFault {
    /// E is not ΣC − V·H, or one of the points does not decode or is the identity.
    Differs,
    /// sig_E does not verify.
    Proof,
}

/// Check one kernel. Public data, variable time.
// SPEC LEDGER-9.1.14
pub fn verify_vartime(claim: &Kernel<'_>) -> Result<(), KernelFault> {
    let kernel: &[u8; 32] = claim.kernel.try_into().map_err(|_| KernelFault::Differs)?;
    let expected = sum_of_commitments(claim.outputs).ok_or(KernelFault::Differs)?;
    let expected = expected - value_base() * Scalar::from(claim.value);
    if decode_nonzero::<Ristretto>(kernel) != Some(expected) {
        return Err(KernelFault::Differs);
    }
    if schnorr_verify_vartime(TAG, kernel, &[claim.core], claim.signature) {
        Ok(())
    } else {
        Err(KernelFault::Proof)
    }
}

fn sum_of_commitments(outputs: &[u8]) -> Option<RistrettoPoint> {
    let chunks = outputs.chunks_exact(OUTPUT_BYTES);
    if !chunks.remainder().is_empty() || outputs.is_empty() {
        return None;
    }
    chunks
        .map(|output| decode_nonzero::<Ristretto>(output[32..64].try_into().ok()?))
        .sum()
}

/// Check many on all cores.
pub fn verify_many_vartime(claims: &[Kernel<'_>]) -> Vec<Result<(), KernelFault>> {
    claims.par_iter().map(verify_vartime).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::keys::WalletKeys;
    use crate::ledger::outputs::Fields;
    use crate::ledger::scan::Status;

    const CHAIN: Hash = [3; 32];
    const MINT: Hash = [4; 32];

    fn built(values: &[u64]) -> (Vec<u8>, Result<Vec<u8>, Refusal>, WalletKeys) {
        let keys = WalletKeys::from_seed(&[8; 32]).unwrap();
        keys.extend(0, 2).unwrap();
        let to = keys.address((0, 1)).unwrap();
        let head = [b"head".as_slice(), &values.iter().sum::<u64>().to_le_bytes()].concat();
        let mint = Mint {
            head: &head,
            chain_id: &CHAIN,
            mint_id: &MINT,
            to: &to,
            values,
        };
        let tail = build(&mint, &[5; 64]);
        (head, tail, keys)
    }

    #[test]
    fn a_mint_pays_its_owner_and_verifies() {
        for (values, count) in [(&[5u64][..], 2), (&[5, 6, 7], 4), (&[1; 16], 16)] {
            let (head, tail, keys) = built(values);
            let tail = tail.unwrap();
            assert_eq!((tail.len(), tail[0]), (mint_bytes(count).unwrap(), count as u8));
            let frame = [head.as_slice(), &tail].concat();
            let outputs = &tail[1..1 + count * OUTPUT_BYTES];
            let (core, signature) = frame.split_at(frame.len() - 64);
            let kernel = &tail[1 + outputs.len()..][..32];
            let claim = |value| Kernel {
                outputs,
                value,
                kernel,
                signature,
                core,
            };
            let total: u64 = values.iter().sum();
            assert_eq!(verify_vartime(&claim(total)), Ok(()));
            assert_eq!(verify_vartime(&claim(total + 1)), Err(KernelFault::Differs));
            let moved = Kernel {
                core: &core[1..],
                ..claim(total)
            };
            assert_eq!(verify_vartime(&moved), Err(KernelFault::Proof));
            let none = Kernel {
                outputs: &[],
                ..claim(total)
            };
            assert_eq!(verify_vartime(&none), Err(KernelFault::Differs));
            let before_proof = frame.len() - 64 - 2 - range::proof_bytes(count).unwrap();
            let context = range::context(&CHAIN, &NO_SALT, &frame[..before_proof]);
            let commitments: Vec<u8> = outputs
                .chunks(OUTPUT_BYTES)
                .flat_map(|output| output[32..64].to_vec())
                .collect();
            let proof = &frame[before_proof + 2..frame.len() - 64];
            let claim = range::Claim::decode(&commitments, proof, context).unwrap();
            assert_eq!(range::verify_many_vartime(&[claim]), [true]);
            let ctx = mint_context(&CHAIN, &MINT);
            let found: u64 = outputs
                .chunks(OUTPUT_BYTES)
                .map(|output| {
                    keys.open(&ctx, &Fields::parse(output).unwrap(), 2, None)
                        .unwrap()
                        .unwrap()
                })
                .inspect(|opened| assert_eq!(opened.status, Status::Ours))
                .map(|opened| opened.value)
                .sum();
            assert_eq!(found, total);
        }
    }

    #[test]
    fn what_does_not_add_up_is_refused() {
        assert_eq!(built(&[]).1, Err(Refusal::BadPlan));
        assert_eq!(built(&[1; 17]).1, Err(Refusal::BadPlan));
        assert_eq!(built(&[1 << 62]).1, Err(Refusal::BadPlan));
        let keys = WalletKeys::from_seed(&[8; 32]).unwrap();
        let to = keys.address((0, 1)).unwrap();
        let head = 6u64.to_le_bytes();
        let mint = Mint {
            head: &head,
            chain_id: &CHAIN,
            mint_id: &MINT,
            to: &to,
            values: &[5],
        };
        assert_eq!(build(&mint, &[5; 64]), Err(Refusal::Unbalanced));
        assert_eq!(mint_bytes(3), Err(Refusal::WrongLength));
    }
}
