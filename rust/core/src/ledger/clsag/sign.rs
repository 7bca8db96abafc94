//! Making a ring signature (LEDGER §5.3): constant time in the real position, the key and the mask.

use core::ops::Deref;

use curve25519_dalek::Scalar;
use subtle::{Choice, ConditionallySelectable};
use zeroize::{Zeroize, Zeroizing};

use super::{Member, Signature, RING_SIZE_MAX};
use crate::ledger::group::{decode_nonzero, Backend, Bound, Ristretto};
use crate::ledger::hash;
use crate::Refusal;

/// What is to be signed; all public.
pub struct Request<'a, B: Backend = Ristretto> {
    /// m of LEDGER §5.2.
    pub message: &'a [u8; 64],
    /// The request key.
    pub k_ring: &'a [u8; 32],
    /// The position of the input in its transaction.
    pub input_no: u8,
    /// The places of the members in the output log, strictly ascending.
    pub indices: &'a [u64],
    /// The members, in the order of the indices.
    pub ring: &'a [&'a Member<B>],
    /// C'.
    pub pseudo: &'a [u8; 32],
}

/// Turns the items left by `shift` places; which way they moved does not show in time or memory access.
///
/// One layer for each bit of `shift`, each a masked choice between the items as they are and moved by 2^bit.
fn turn_left<T: ConditionallySelectable + Zeroize>(items: &mut Vec<T>, shift: usize) {
    let size = items.len();
    let mut layer = 0;
    while (1 << layer) < size {
        let bit = Choice::from(((shift >> layer) & 1) as u8);
        let step = 1 << layer;
        let moved: Vec<T> = (0..size)
            .map(|k| T::conditional_select(&items[k], &items[(k + step) % size], bit))
            .collect();
        // Half-turned lists would tell the position to whoever reads the memory later.
        core::mem::replace(items, moved).zeroize();
        layer += 1;
    }
}

/// Both secret scalars of one signature and the randomness, held together for the hedged nonces.
struct Hedge<'a> {
    x: &'a Scalar,
    z: &'a Scalar,
    bound: [u8; 64],
    random: &'a [u8; 64],
}

impl Hedge<'_> {
    /// α.
    // SPEC LEDGER-2.9
    fn nonce(&self) -> Zeroizing<Scalar> {
        let (x, z) = (
            Zeroizing::new(self.x.to_bytes()),
            Zeroizing::new(self.z.to_bytes()),
        );
        let items: [&[u8]; 4] = [x.deref(), z.deref(), &self.bound, &self.random[..32]];
        let mut wide = hash::framed("clsag/nonce", &items);
        let alpha = hash::to_scalar(&wide);
        wide.zeroize();
        Zeroizing::new(alpha)
    }

    /// The response that is drawn for the k-th member after the real one.
    fn response(&self, k: u8) -> Scalar {
        let (x, z) = (
            Zeroizing::new(self.x.to_bytes()),
            Zeroizing::new(self.z.to_bytes()),
        );
        hash::scalar(
            "nonce",
            &[x.deref(), z.deref(), &self.bound, &self.random[32..], &[k]],
        )
    }
}

/// The rounds of one signature, the real member first.
struct Rounds {
    s: Vec<Scalar>,
    c: Vec<Scalar>,
    l: Vec<[u8; 32]>,
    r: Vec<[u8; 32]>,
}

/// The members of a ring and its fixed parts while it is being signed, the real member first.
struct Turned<B: Backend> {
    keys: Vec<B::Point>,
    commitments: Vec<B::Point>,
    image_bases: Vec<B::Point>,
}

impl<B: Backend> Turned<B> {
    fn new(ring: &[&Member<B>], real: usize) -> Self {
        let pick = |part: fn(&Member<B>) -> B::Point| {
            let mut points: Vec<B::Point> = ring.iter().map(|member| part(member)).collect();
            turn_left(&mut points, real);
            points
        };
        Self {
            keys: pick(|member| member.key),
            commitments: pick(|member| member.commitment),
            image_bases: pick(|member| member.image_base),
        }
    }
}

/// A ring signature and its key image.
///
/// `x` opens the key of the member at `real`, `z` is the mask of its commitment minus that of the pseudo-output;
/// whether they do is not checked here, a wrong one gives a signature that does not verify. `random`: 64 fresh bytes.
///
/// Refuses, in this order: WrongLength (no members, more than 64, other lists of another length, `real` outside),
/// BadPoint (C').
// SPEC LEDGER-5.3.1
pub fn sign<B: Backend>(
    request: &Request<'_, B>,
    x: &Scalar,
    z: &Scalar,
    real: usize,
    random: &[u8; 64],
) -> Result<(Signature, [u8; 32]), Refusal> {
    let size = request.ring.len();
    if size == 0 || size > RING_SIZE_MAX || request.indices.len() != size || real >= size {
        return Err(Refusal::WrongLength);
    }
    let pseudo = decode_nonzero::<B>(request.pseudo).ok_or(Refusal::BadPoint)?;
    let mut members = Turned::<B>::new(request.ring, real);
    let image = members.image_bases[0] * *x;
    let auxiliary = members.image_bases[0] * *z;
    let key_image = B::encode(&image);
    let d = B::encode_auxiliary(&auxiliary);
    let transcript = B::transcript(&Bound {
        message: request.message,
        k_ring: request.k_ring,
        input_no: request.input_no,
        indices: request.indices,
        ring: request.ring,
        pseudo: request.pseudo,
        key_image: &key_image,
        auxiliary: &d,
    });
    let hedge = Hedge {
        x,
        z,
        bound: B::transcript_bytes(&transcript),
        random,
    };
    let mut rounds = run::<B>(&members, &transcript, pseudo, [image, auxiliary], &hedge);
    members.keys.zeroize();
    members.commitments.zeroize();
    members.image_bases.zeroize();
    // Back to the order of the ring.
    let back = size - real;
    turn_left(&mut rounds.s, back);
    turn_left(&mut rounds.c, back);
    turn_left(&mut rounds.l, back);
    turn_left(&mut rounds.r, back);
    let signature = Signature {
        c1: rounds.c[0].to_bytes(),
        d,
        s: rounds.s.iter().map(Scalar::to_bytes).collect(),
        l: rounds.l,
        r: rounds.r,
    };
    Ok((signature, key_image))
}

/// All rounds from the real member on. Which scalars belong to which member becomes public only in the order of
/// the ring, so every product here is computed in constant time.
fn run<B: Backend>(
    members: &Turned<B>,
    transcript: &B::Transcript,
    pseudo: B::Point,
    images: [B::Point; 2],
    hedge: &Hedge<'_>,
) -> Rounds {
    let size = members.keys.len();
    let (mu_p, mu_c) = B::aggregation(transcript);
    let image_side = B::multiscalar(&[mu_p, mu_c], &images);
    let alpha = hedge.nonce();
    let mut rounds = Rounds {
        s: Vec::with_capacity(size),
        c: Vec::with_capacity(size),
        l: Vec::with_capacity(size),
        r: Vec::with_capacity(size),
    };
    rounds.s.push(Scalar::ZERO);
    rounds.c.push(Scalar::ZERO);
    rounds.l.push(B::encode(&B::mul_base(&alpha)));
    rounds.r.push(B::encode(&(members.image_bases[0] * *alpha)));
    let mut current = B::challenge(transcript, &rounds.l[0], &rounds.r[0]);
    for k in 1..size {
        let s = hedge.response((k & 0xff) as u8);
        let difference = members.commitments[k] - pseudo;
        let l = B::mul_base(&s)
            + B::multiscalar(&[current * mu_p, current * mu_c], &[members.keys[k], difference]);
        let r = B::multiscalar(&[s, current], &[members.image_bases[k], image_side]);
        rounds.s.push(s);
        rounds.c.push(current);
        rounds.l.push(B::encode(&l));
        rounds.r.push(B::encode(&r));
        current = B::challenge(transcript, &rounds.l[k], &rounds.r[k]);
    }
    let secret = Zeroizing::new(mu_p * hedge.x + mu_c * hedge.z);
    rounds.s[0] = *alpha - current * *secret;
    rounds.c[0] = current;
    rounds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turning_is_a_rotation() {
        for size in [1usize, 2, 3, 11, 16, 64] {
            for shift in 0..=size {
                let mut items: Vec<u32> = (0..size as u32).collect();
                turn_left(&mut items, shift);
                let expected: Vec<u32> = (0..size).map(|k| ((k + shift) % size) as u32).collect();
                assert_eq!(items, expected, "{size} {shift}");
            }
        }
    }
}
