//! Which operations a signer runs does not depend on its secrets.
//!
//! The back end here writes down every operation of the group with its number of operands. Each of those that the
//! production back end offers for secrets is constant time in the crate that implements the group.

use std::cell::RefCell;

use curve25519_dalek::{RistrettoPoint, Scalar};
use specie_core::ledger::clsag::{self, Member, Request};
use specie_core::ledger::group::{Backend, Bound, Ristretto};
use specie_core::ledger::hash;

thread_local! {
    static SEEN: RefCell<Vec<(&'static str, usize)>> = const { RefCell::new(Vec::new()) };
}

fn note(operation: &'static str, operands: usize) {
    SEEN.with_borrow_mut(|seen| seen.push((operation, operands)));
}

/// Ristretto that keeps a record.
struct Traced;

impl Backend for Traced {
    type Point = RistrettoPoint;
    type Transcript = [u8; 64];

    fn decode(bytes: &[u8; 32]) -> Option<RistrettoPoint> {
        note("decode", 1);
        Ristretto::decode(bytes)
    }

    fn encode(point: &RistrettoPoint) -> [u8; 32] {
        note("encode", 1);
        Ristretto::encode(point)
    }

    fn is_identity(point: &RistrettoPoint) -> bool {
        note("is_identity", 1);
        Ristretto::is_identity(point)
    }

    fn identity() -> RistrettoPoint {
        Ristretto::identity()
    }

    fn base() -> RistrettoPoint {
        Ristretto::base()
    }

    fn mul_base(scalar: &Scalar) -> RistrettoPoint {
        note("mul_base", 1);
        Ristretto::mul_base(scalar)
    }

    fn value_base() -> RistrettoPoint {
        Ristretto::value_base()
    }

    fn image_base(key: &[u8; 32]) -> RistrettoPoint {
        note("image_base", 1);
        Ristretto::image_base(key)
    }

    fn multiscalar(scalars: &[Scalar], points: &[RistrettoPoint]) -> RistrettoPoint {
        note("multiscalar", points.len());
        Ristretto::multiscalar(scalars, points)
    }

    fn vartime_multiscalar(scalars: &[Scalar], points: &[RistrettoPoint]) -> RistrettoPoint {
        note("vartime", points.len());
        Ristretto::vartime_multiscalar(scalars, points)
    }

    fn transcript(bound: &Bound<'_, Self>) -> [u8; 64] {
        note("transcript", bound.ring.len());
        let mut members = Vec::new();
        bound
            .ring
            .iter()
            .for_each(|member| members.extend_from_slice(&member.key_bytes));
        hash::framed(
            "traced",
            &[bound.message, &members, bound.key_image, bound.auxiliary],
        )
    }

    fn transcript_bytes(transcript: &[u8; 64]) -> [u8; 64] {
        *transcript
    }

    fn aggregation(transcript: &[u8; 64]) -> (Scalar, Scalar) {
        note("aggregation", 1);
        (
            hash::scalar("one", &[transcript]),
            hash::scalar("two", &[transcript]),
        )
    }

    fn challenge(transcript: &[u8; 64], left: &[u8; 32], right: &[u8; 32]) -> Scalar {
        note("challenge", 2);
        hash::scalar("traced", &[transcript, left, right])
    }
}

/// The operations of one signature.
fn operations(members: &[Member<Traced>], real: usize, x: &Scalar, z: &Scalar) -> Vec<(&'static str, usize)> {
    let ring: Vec<&Member<Traced>> = members.iter().collect();
    let indices: Vec<u64> = (0..ring.len() as u64).collect();
    let pseudo = Ristretto::encode(&Ristretto::base());
    let request = Request {
        message: &[1; 64],
        k_ring: &[2; 32],
        input_no: 0,
        indices: &indices,
        ring: &ring,
        pseudo: &pseudo,
    };
    SEEN.take();
    clsag::sign(&request, x, z, real, &[3; 64]).unwrap();
    SEEN.take()
}

// SPEC LEDGER-5.3.1, LEDGER-15.30
#[test]
fn a_signature_runs_the_same_operations_for_all_secrets() {
    let point = |k: u8| Ristretto::encode(&hash::point("member", &[&[k]]));
    let members: Vec<Member<Traced>> = (0..16)
        .map(|k| Member::decode(&point(k), &point(k + 16)).unwrap())
        .collect();
    let expected = operations(&members, 0, &Scalar::ONE, &Scalar::ZERO);
    assert!(expected.iter().all(|(operation, _)| *operation != "vartime"));
    // I and D, then L and R of every member; one challenge and one product with G for each.
    let count = |name: &str| {
        expected
            .iter()
            .filter(|(operation, _)| *operation == name)
            .count()
    };
    assert_eq!(
        (count("encode"), count("challenge"), count("mul_base")),
        (2 + 2 * 16, 16, 16)
    );
    for real in 0..16 {
        for (x, z) in [
            (hash::scalar("x", &[]), -Scalar::ONE),
            (-Scalar::ONE, hash::scalar("z", &[])),
        ] {
            assert_eq!(operations(&members, real, &x, &z), expected, "{real}");
        }
    }
}
