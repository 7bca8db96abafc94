//! The check of one ring signature (LEDGER §5.4). All that is handled here is public.

use curve25519_dalek::Scalar;

use super::{Member, Signature, Statement, RING_SIZE_MAX};
use crate::ledger::group::{decode_nonzero, decode_scalar, Backend, Bound, Ristretto};

/// The first step of LEDGER §5.4 that a signature fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The numbers of members, indices, s, L and R differ, are zero or too many, or the indices do not ascend.
    Shape,
    /// c_1 or a response is not below the group order (V-11).
    Scalar,
    /// D, I, C', an L or an R does not decode or is the identity (V-10).
    Point,
    /// C' is the commitment of a member, so D would be the identity and name it (V-17).
    Pseudo,
    /// The recomputed c_1 differs from the transmitted one (V-16).
    Glue,
}

/// A signature with its scalars and points decoded, none of the points being the identity.
pub struct Decoded<B: Backend = Ristretto> {
    c1: Scalar,
    s: Vec<Scalar>,
    l: Vec<B::Point>,
    r: Vec<B::Point>,
    auxiliary: B::Point,
    key_image: B::Point,
    pseudo: B::Point,
}

impl<B: Backend> Decoded<B> {
    /// Decodes σ, C' and I. Refuses: Scalar, Point.
    // SPEC LEDGER-7.12
    // SPEC LEDGER-7.13
    pub fn new(signature: &Signature, pseudo: &[u8; 32], key_image: &[u8; 32]) -> Result<Self, Fault> {
        let c1 = decode_scalar(&signature.c1).ok_or(Fault::Scalar)?;
        let s: Option<Vec<Scalar>> = signature.s.iter().map(decode_scalar).collect();
        let s = s.ok_or(Fault::Scalar)?;
        let points = |items: &[[u8; 32]]| -> Result<Vec<B::Point>, Fault> {
            let decoded: Option<Vec<B::Point>> = items.iter().map(decode_nonzero::<B>).collect();
            decoded.ok_or(Fault::Point)
        };
        let auxiliary = B::decode_auxiliary(&signature.d).filter(|point| !B::is_identity(point));
        Ok(Self {
            c1,
            s,
            auxiliary: auxiliary.ok_or(Fault::Point)?,
            key_image: decode_nonzero::<B>(key_image).ok_or(Fault::Point)?,
            pseudo: decode_nonzero::<B>(pseudo).ok_or(Fault::Point)?,
            l: points(&signature.l)?,
            r: points(&signature.r)?,
        })
    }

    /// C', for the balance of the transaction.
    pub fn pseudo(&self) -> &B::Point {
        &self.pseudo
    }
}

/// An input that has passed the steps 1 to 3; what is left are its 2N equations.
pub struct Prepared<'a, B: Backend = Ristretto> {
    pub(super) ring: Vec<&'a Member<B>>,
    pub(super) decoded: Decoded<B>,
    /// The challenges c_1..c_N.
    pub(super) c: Vec<Scalar>,
    pub(super) weight_keys: Scalar,
    pub(super) weight_commitments: Scalar,
    /// Every byte that the batch weights have to depend on.
    pub(super) bytes: Vec<u8>,
}

impl<B: Backend> Prepared<'_, B> {
    /// The number of members.
    pub fn ring_size(&self) -> usize {
        self.ring.len()
    }

    pub(super) fn s(&self) -> &[Scalar] {
        &self.decoded.s
    }

    pub(super) fn l(&self) -> &[B::Point] {
        &self.decoded.l
    }

    pub(super) fn r(&self) -> &[B::Point] {
        &self.decoded.r
    }

    pub(super) fn auxiliary(&self) -> &B::Point {
        &self.decoded.auxiliary
    }

    pub(super) fn key_image(&self) -> &B::Point {
        &self.decoded.key_image
    }

    pub(super) fn pseudo(&self) -> &B::Point {
        &self.decoded.pseudo
    }
}

fn has_shape<B: Backend>(statement: &Statement<'_, B>) -> bool {
    let size = statement.ring.len();
    let signature = statement.signature;
    let lengths = [
        statement.indices.len(),
        signature.s.len(),
        signature.l.len(),
        signature.r.len(),
    ];
    size > 0
        && size <= RING_SIZE_MAX
        && lengths.iter().all(|length| *length == size)
        && statement.indices.windows(2).all(|pair| pair[0] < pair[1])
}

/// The steps 1 and 3 of LEDGER §5.4 over a signature that was decoded before: hashing only.
///
/// `decoded` must come from the same signature, pseudo-output and key image. Refuses: Shape, Pseudo, Glue.
pub fn prepare<'a, B: Backend>(
    statement: &Statement<'a, B>,
    decoded: Decoded<B>,
) -> Result<Prepared<'a, B>, Fault> {
    if !has_shape(statement) || decoded.s.len() != statement.ring.len() {
        return Err(Fault::Shape);
    }
    if statement
        .ring
        .iter()
        .any(|member| member.commitment_bytes == statement.pseudo)
    {
        return Err(Fault::Pseudo);
    }
    let signature = statement.signature;
    let transcript = B::transcript(&Bound {
        message: &statement.message,
        k_ring: &statement.k_ring,
        input_no: statement.input_no,
        indices: statement.indices,
        ring: &statement.ring,
        pseudo: &statement.pseudo,
        key_image: &statement.key_image,
        auxiliary: &signature.d,
    });
    // c_1 is transmitted; each next one follows from the points of the one before, and the last gives c_1 again.
    let mut c = Vec::with_capacity(statement.ring.len());
    let mut current = decoded.c1;
    for (l, r) in signature.l.iter().zip(&signature.r) {
        c.push(current);
        current = B::challenge(&transcript, l, r);
    }
    if current != decoded.c1 {
        return Err(Fault::Glue);
    }
    let (weight_keys, weight_commitments) = B::aggregation(&transcript);
    let mut bytes = B::transcript_bytes(&transcript).to_vec();
    bytes.extend_from_slice(&signature.encode());
    Ok(Prepared {
        ring: statement.ring.clone(),
        decoded,
        c,
        weight_keys,
        weight_commitments,
        bytes,
    })
}

/// The steps 1 to 3 of LEDGER §5.4. Refuses, in this order: Shape, Scalar, Point, Pseudo, Glue.
// SPEC LEDGER-5.5.1
pub fn check_glue<'a, B: Backend>(statement: &Statement<'a, B>) -> Result<Prepared<'a, B>, Fault> {
    if !has_shape(statement) {
        return Err(Fault::Shape);
    }
    let decoded = Decoded::new(statement.signature, &statement.pseudo, &statement.key_image)?;
    prepare(statement, decoded)
}

/// Step 4 of LEDGER §5.4: the 2N equations one by one, without weights and without randomness.
///
/// This is the judge of last instance; a batch of one is quicker.
pub fn equations_hold_vartime<B: Backend>(input: &Prepared<'_, B>) -> bool {
    let (mu_p, mu_c) = (input.weight_keys, input.weight_commitments);
    let image_side = B::vartime_multiscalar(&[mu_p, mu_c], &[*input.key_image(), *input.auxiliary()]);
    (0..input.ring_size()).all(|j| {
        let (s, c, member) = (input.s()[j], input.c[j], input.ring[j]);
        let difference = member.commitment - *input.pseudo();
        let l = B::vartime_multiscalar(&[s, c * mu_p, c * mu_c], &[B::base(), member.key, difference]);
        let r = B::vartime_multiscalar(&[s, c], &[member.image_base, image_side]);
        l == input.l()[j] && r == input.r()[j]
    })
}

/// All four steps of LEDGER §5.4.
// SPEC LEDGER-5.4.1
pub fn verify_one_vartime<B: Backend>(statement: &Statement<'_, B>) -> bool {
    check_glue(statement).is_ok_and(|input| equations_hold_vartime(&input))
}
