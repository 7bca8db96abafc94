//! Range proofs: Bulletproofs+ (ePrint 2020/735) aggregated over 2, 4, 8 or 16 commitments, 64 bits (LEDGER §2).
//!
//! The commitments are C = b·G + v·H, so G carries the mask. The transcript starts with the label "PL1/bp+" and
//! one message "ctx", which binds a proof to its transaction or mint and to its chain.

use std::sync::OnceLock;

use curve25519_dalek::constants::{RISTRETTO_BASEPOINT_COMPRESSED, RISTRETTO_BASEPOINT_POINT};
use curve25519_dalek::ristretto::CompressedRistretto;
use curve25519_dalek::{RistrettoPoint, Scalar};
use rand_core::CryptoRngCore;
use tari_bulletproofs_plus::commitment_opening::CommitmentOpening;
use tari_bulletproofs_plus::generators::pedersen_gens::ExtensionDegree;
use tari_bulletproofs_plus::range_parameters::RangeParameters;
use tari_bulletproofs_plus::range_proof::{RangeProof, VerifyAction};
use tari_bulletproofs_plus::range_statement::RangeStatement;
use tari_bulletproofs_plus::range_witness::RangeWitness;
use tari_bulletproofs_plus::{PedersenGens, Transcript};

use super::clsag::answer_each;
use super::hash::{framed, value_base};
use crate::Refusal;

/// The numbers of outputs that a proof can cover.
pub const COUNTS: [usize; 4] = [2, 4, 8, 16];
/// Proofs that are checked by one multiscalar multiplication.
const BATCH: usize = 64;
const LABEL: &[u8] = b"PL1/bp+";
const BITS: usize = 64;

type Parameters = RangeParameters<RistrettoPoint>;
type Statement = RangeStatement<RistrettoPoint>;
type Proof = RangeProof<RistrettoPoint>;

/// The bytes of a proof over so many commitments; None for a number that is not allowed.
pub const fn proof_bytes(count: usize) -> Option<usize> {
    match count {
        2 => Some(641),
        4 => Some(705),
        8 => Some(769),
        16 => Some(833),
        _ => None,
    }
}

/// bp_ctx = H_64("bp/ctx"; chain_id, salt, bytes).
// SPEC LEDGER-2.5
pub fn context(chain_id: &[u8; 32], salt: &[u8; 32], bytes: &[u8]) -> [u8; 64] {
    framed("bp/ctx", &[chain_id, salt, bytes])
}

/// The generators for a number of commitments. A set of its own for each keeps the tables of the small ones short.
fn parameters(count: usize) -> Option<&'static Parameters> {
    static FOUND: [OnceLock<Option<Parameters>>; 4] = [const { OnceLock::new() }; 4];
    let slot = COUNTS.iter().position(|allowed| *allowed == count)?;
    FOUND[slot].get_or_init(|| make_parameters(count)).as_ref()
}

fn make_parameters(count: usize) -> Option<Parameters> {
    // SPEC LEDGER-2.4
    let bases = PedersenGens {
        h_base: *value_base(),
        h_base_compressed: value_base().compress(),
        g_base_vec: vec![RISTRETTO_BASEPOINT_POINT],
        g_base_compressed_vec: vec![RISTRETTO_BASEPOINT_COMPRESSED],
        extension_degree: ExtensionDegree::DefaultPedersen,
    };
    RangeParameters::init(BITS, count, bases).ok()
}

fn transcript(context: &[u8; 64]) -> Transcript {
    let mut transcript = Transcript::new(LABEL);
    transcript.append_message(b"ctx", context);
    transcript
}

fn statement(points: Vec<RistrettoPoint>, encoded: Vec<CompressedRistretto>) -> Option<Statement> {
    let count = points.len();
    Some(RangeStatement {
        generators: parameters(count)?.clone(),
        commitments: points,
        commitments_compressed: encoded,
        minimum_value_promises: vec![None; count],
        seed_nonce: None,
    })
}

/// Prove that every value is below 2^64: (value, mask) in the order of the outputs. In constant time.
///
/// Refuses: WrongLength, for a number of openings that is not allowed.
pub fn prove<R: CryptoRngCore>(
    openings: &[(u64, Scalar)],
    context: &[u8; 64],
    random: &mut R,
) -> Result<Vec<u8>, Refusal> {
    let gens = parameters(openings.len()).ok_or(Refusal::WrongLength)?.pc_gens();
    let commit = |(value, mask): &(u64, Scalar)| gens.commit(&Scalar::from(*value), &[*mask]);
    let points: Result<Vec<RistrettoPoint>, _> = openings.iter().map(commit).collect();
    let points = points.map_err(|_| Refusal::WrongLength)?;
    let encoded = points.iter().map(RistrettoPoint::compress).collect();
    let statement = statement(points, encoded).ok_or(Refusal::WrongLength)?;
    let opened = openings
        .iter()
        .map(|(value, mask)| CommitmentOpening::new(*value, vec![*mask]));
    let witness = RangeWitness::init(opened.collect()).map_err(|_| Refusal::WrongLength)?;
    let proof = Proof::prove_with_rng(&mut transcript(context), &statement, &witness, random);
    Ok(proof.map_err(|_| Refusal::WrongLength)?.to_bytes())
}

/// One proof to check, its commitments decoded.
pub struct Claim<'a> {
    /// The commitments, in the order of the outputs.
    pub points: Vec<RistrettoPoint>,
    /// Their encodings.
    pub encoded: Vec<[u8; 32]>,
    /// The proof.
    pub proof: &'a [u8],
    /// bp_ctx.
    pub context: [u8; 64],
}

impl<'a> Claim<'a> {
    /// The claim over encoded commitments; None if one of them does not decode.
    pub fn decode(commitments: &[u8], proof: &'a [u8], context: [u8; 64]) -> Option<Self> {
        let encoded: Result<Vec<[u8; 32]>, _> = commitments.chunks(32).map(<[u8; 32]>::try_from).collect();
        let encoded = encoded.ok()?;
        let decode = |bytes: &[u8; 32]| CompressedRistretto(*bytes).decompress();
        let points: Option<Vec<RistrettoPoint>> = encoded.iter().map(decode).collect();
        Some(Self {
            points: points?,
            encoded,
            proof,
            context,
        })
    }

    /// The parsed form; None for a wrong number of outputs or a proof that is not of that number.
    fn parsed(&self) -> Option<(Statement, Proof)> {
        if Some(self.proof.len()) != proof_bytes(self.points.len()) || self.proof[0] != 1 {
            return None;
        }
        let encoded = self
            .encoded
            .iter()
            .map(|bytes| CompressedRistretto(*bytes))
            .collect();
        Some((
            statement(self.points.clone(), encoded)?,
            Proof::from_bytes(self.proof).ok()?,
        ))
    }
}

/// Whether all of these proofs hold; they have one number of outputs.
fn all_hold(claims: &[&Claim<'_>]) -> bool {
    let (mut statements, mut proofs) = (Vec::with_capacity(claims.len()), Vec::with_capacity(claims.len()));
    for claim in claims {
        let Some((statement, proof)) = claim.parsed() else {
            return false;
        };
        statements.push(statement);
        proofs.push(proof);
    }
    let mut transcripts: Vec<Transcript> = claims.iter().map(|claim| transcript(&claim.context)).collect();
    RangeProof::verify_batch(&mut transcripts, &statements, &proofs, VerifyAction::VerifyOnly).is_ok()
}

/// For each claim whether it holds, on all cores; exactly what each alone would get. Public data, variable time.
// SPEC LEDGER-7.22
pub fn verify_many_vartime(claims: &[Claim<'_>]) -> Vec<bool> {
    let mut answers = vec![false; claims.len()];
    // A batch of mixed numbers would pay for the generators of its largest proof.
    for count in COUNTS {
        let places: Vec<usize> = (0..claims.len())
            .filter(|i| claims[*i].points.len() == count)
            .collect();
        let group: Vec<&Claim<'_>> = places.iter().map(|i| &claims[*i]).collect();
        let size = group.len().div_ceil(rayon::current_num_threads()).clamp(1, BATCH);
        // A batch accepts a bad proof with a chance of 2^-252, and one proof is a batch of one.
        let found = answer_each(&group, size, all_hold, |_| false);
        places
            .iter()
            .zip(found)
            .for_each(|(place, holds)| answers[*place] = holds);
    }
    answers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::random::Stream;

    fn openings(count: usize) -> Vec<(u64, Scalar)> {
        let value = |i: usize| if i == 0 { u64::MAX } else { i as u64 - 1 };
        (0..count)
            .map(|i| (value(i), Scalar::from(77 + i as u64)))
            .collect()
    }

    fn commitments(openings: &[(u64, Scalar)]) -> Vec<u8> {
        let commit = |(v, b): &(u64, Scalar)| RistrettoPoint::mul_base(b) + value_base() * Scalar::from(*v);
        openings
            .iter()
            .flat_map(|one| commit(one).compress().to_bytes())
            .collect()
    }

    fn proof(count: usize) -> Vec<u8> {
        prove(&openings(count), &[6; 64], &mut Stream::new(&[1; 32])).unwrap()
    }

    fn holds(commitments: &[u8], proof: &[u8], context: [u8; 64]) -> bool {
        Claim::decode(commitments, proof, context).is_some_and(|claim| verify_many_vartime(&[claim])[0])
    }

    #[test]
    fn proofs_of_all_numbers_hold() {
        for count in COUNTS {
            let proof = proof(count);
            assert_eq!(Some(proof.len()), proof_bytes(count));
            assert!(holds(&commitments(&openings(count)), &proof, [6; 64]));
        }
        assert!(prove(&openings(3), &[6; 64], &mut Stream::new(&[1; 32])).is_err());
    }

    // SPEC LEDGER-15.12
    #[test]
    fn wrong_proofs_are_refused() {
        let (good, points) = (proof(2), commitments(&openings(2)));
        assert!(!holds(&points, &good, [7; 64]), "transplanted");
        let swapped = [&points[32..], &points[..32]].concat();
        assert!(!holds(&swapped, &good, [6; 64]), "order");
        assert!(!holds(&points, &proof(4), [6; 64]), "wrong m");
        assert!(!holds(&commitments(&openings(4)), &good, [6; 64]), "wrong m");
        assert!(!holds(&points[..32], &good, [6; 64]));
        // Values 2^64 and -1 have no opening as u64: the commitments are moved instead.
        let mut moved = points.clone();
        for offset in [Scalar::ONE, -Scalar::ONE] {
            let first = CompressedRistretto::from_slice(&points[..32])
                .unwrap()
                .decompress()
                .unwrap();
            moved[..32].copy_from_slice((first + value_base() * offset).compress().as_bytes());
            assert!(!holds(&moved, &good, [6; 64]));
        }
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1 << (at % 8);
            assert!(!holds(&points, &bad, [6; 64]), "byte {at}");
        }
    }

    // SPEC LEDGER-15.21
    #[test]
    fn a_batch_answers_as_one_by_one() {
        let (two, four) = (proof(2), proof(4));
        let mut bad = two.clone();
        bad[40] ^= 1;
        let (points2, points4) = (commitments(&openings(2)), commitments(&openings(4)));
        for place in 0..9 {
            let claim = |i: usize| match i {
                _ if i == place => Claim::decode(&points2, &bad, [6; 64]).unwrap(),
                _ if i & 1 == 0 => Claim::decode(&points4, &four, [6; 64]).unwrap(),
                _ => Claim::decode(&points2, &two, [6; 64]).unwrap(),
            };
            let answers = verify_many_vartime(&(0..9).map(claim).collect::<Vec<_>>());
            assert_eq!(answers, (0..9).map(|i| i != place).collect::<Vec<_>>());
        }
    }
}
