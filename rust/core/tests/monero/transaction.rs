//! A real transaction of Monero is accepted by the code that checks ours, and no mutation of it is.

use curve25519_dalek::constants::EIGHT_TORSION;
use curve25519_dalek::edwards::EdwardsPoint;
use curve25519_dalek::Scalar;
use rayon::prelude::*;
use specie_core::ledger::clsag::{self, Balance, Fault, Member, Prepared, Signature, Statement};
use specie_core::ledger::group::Backend;

use super::backend::{decode_any, MoneroEdwards};
use super::transaction_parts::{load, Input, Transaction};

fn statement<'a>(
    transaction: &Transaction,
    input: &'a Input,
    signature: &'a Signature,
) -> Statement<'a, MoneroEdwards> {
    Statement {
        message: transaction.message,
        k_ring: [0; 32],
        input_no: 0,
        indices: &input.indices,
        ring: input.ring.iter().collect(),
        pseudo: input.pseudo,
        key_image: input.key_image,
        signature,
    }
}

/// The signatures of the transaction, written out.
fn expanded(transaction: &Transaction) -> Vec<Signature> {
    let expand = |input: &Input| {
        let (signature, last) = clsag::expand_vartime(&statement(transaction, input, &input.short)).unwrap();
        assert_eq!(last, input.short.c1);
        signature
    };
    transaction.inputs.iter().map(expand).collect()
}

fn balance(transaction: &Transaction) -> Balance<MoneroEdwards> {
    let decode = |bytes: &[u8; 32]| MoneroEdwards::decode(bytes).unwrap();
    Balance {
        left: transaction
            .inputs
            .iter()
            .map(|input| decode(&input.pseudo))
            .collect(),
        right: transaction.commitments.iter().map(decode).collect(),
        value: u128::from(transaction.fee),
    }
}

/// By the glue and one multiscalar multiplication.
fn is_accepted(statement: &Statement<'_, MoneroEdwards>) -> bool {
    let prepared = clsag::check_glue(statement);
    prepared.is_ok_and(|prepared| clsag::verify_batch_vartime(&[&prepared], &[], &[7; 32]))
}

// SPEC LEDGER-18.2
#[test]
fn the_real_transaction_is_accepted() {
    let Some(transaction) = load() else { return };
    let signatures = expanded(&transaction);
    let inputs: Vec<_> = transaction.inputs.iter().zip(&signatures).collect();
    let statements: Vec<_> = inputs
        .iter()
        .map(|(input, sigma)| statement(&transaction, input, sigma))
        .collect();
    assert!(statements.iter().all(clsag::verify_one_vartime));
    assert!(statements.iter().all(clsag::verify_classic_vartime));
    let prepared: Vec<Prepared<'_, _>> = statements
        .iter()
        .map(|one| clsag::check_glue(one).ok().unwrap())
        .collect();
    let prepared: Vec<&Prepared<'_, _>> = prepared.iter().collect();
    let mut balance = balance(&transaction);
    assert!(balance.holds_vartime());
    assert!(clsag::verify_batch_vartime(&prepared, &[&balance], &[1; 32]));
    balance.value += 1;
    assert!(!balance.holds_vartime());
    assert!(!clsag::verify_batch_vartime(&prepared, &[&balance], &[1; 32]));
}

/// Every byte of the written-out signature, of the key image and of the pseudo-output, with every bit of it turned.
// SPEC LEDGER-18.2
#[test]
fn every_mutation_of_one_byte_is_rejected() {
    let masks: Vec<u8> = (0..8).map(|bit| 1 << bit).collect();
    mutate_every_byte(&masks);
}

/// The same with all 255 other values of each byte: about two minutes on two cores.
#[test]
#[ignore = "long"]
fn every_other_value_of_every_byte_is_rejected() {
    let masks: Vec<u8> = (1..=255).collect();
    mutate_every_byte(&masks);
}

fn mutate_every_byte(masks: &[u8]) {
    let Some(transaction) = load() else { return };
    for (input, signature) in transaction.inputs.iter().zip(expanded(&transaction)) {
        let bytes = [&signature.encode()[..], &input.key_image, &input.pseudo].concat();
        let tampered = |(place, mask): (usize, u8)| {
            let mut bytes = bytes.clone();
            bytes[place] ^= mask;
            let size = Signature::bytes(16);
            let signature = Signature::decode(&bytes[..size]).unwrap();
            let mut statement = statement(&transaction, input, &signature);
            statement.key_image.copy_from_slice(&bytes[size..size + 32]);
            statement.pseudo.copy_from_slice(&bytes[size + 32..]);
            assert!(!is_accepted(&statement), "byte {place} xor {mask:02x}");
            // The equations one by one say the same.
            assert!(
                mask != 1 || !clsag::verify_one_vartime(&statement),
                "byte {place}"
            );
        };
        let cases: Vec<(usize, u8)> = (0..bytes.len())
            .flat_map(|place| masks.iter().map(move |mask| (place, *mask)))
            .collect();
        cases.into_par_iter().for_each(tampered);
    }
}

/// The short form as Monero transmits it: one bit of each byte, and the message.
#[test]
fn mutations_of_the_short_form_are_rejected() {
    let Some(mut transaction) = load() else { return };
    let input = &transaction.inputs[0];
    let size = input.short.encode().len();
    assert_eq!(size, 64 + 32 * 16);
    for place in 0..size {
        let mut short = input.short.clone();
        let item = match place / 32 {
            0 => &mut short.c1,
            1 => &mut short.d,
            j => &mut short.s[j - 2],
        };
        item[place % 32] ^= 1 << (place % 8);
        assert!(
            !clsag::verify_classic_vartime(&statement(&transaction, input, &short)),
            "byte {place}"
        );
    }
    transaction.message[3] ^= 1;
    let input = &transaction.inputs[0];
    assert!(!clsag::verify_classic_vartime(&statement(
        &transaction,
        input,
        &input.short
    )));
}

// SPEC LEDGER-15.4
#[test]
fn points_with_torsion_are_rejected() {
    let Some(transaction) = load() else { return };
    let signatures = expanded(&transaction);
    let input = &transaction.inputs[0];
    let shifted = |bytes: &[u8; 32], torsion: &EdwardsPoint| {
        let point = decode_any(bytes).unwrap() + torsion;
        point.compress().to_bytes()
    };
    for torsion in &EIGHT_TORSION[1..] {
        let mut claim = statement(&transaction, input, &signatures[0]);
        claim.key_image = shifted(&input.key_image, torsion);
        assert!(!is_accepted(&claim));
        let mut sigma = signatures[0].clone();
        sigma.l[3] = shifted(&sigma.l[3], torsion);
        assert_eq!(
            clsag::check_glue(&statement(&transaction, input, &sigma)).err(),
            Some(Fault::Point)
        );
    }
}

#[test]
fn both_rings_exchanged_are_rejected() {
    let Some(mut transaction) = load() else { return };
    let signatures = expanded(&transaction);
    let ring = std::mem::take(&mut transaction.inputs[0].ring);
    let other = std::mem::replace(&mut transaction.inputs[1].ring, ring);
    transaction.inputs[0].ring = other;
    for (input, sigma) in transaction.inputs.iter().zip(&signatures) {
        assert!(!is_accepted(&statement(&transaction, input, sigma)));
    }
}

/// A signature that this crate makes over Monero's group is a CLSAG of Monero's in its short form.
#[test]
fn our_signer_makes_short_signatures_that_verify() {
    let Some(transaction) = load() else { return };
    let mut members: Vec<Member<MoneroEdwards>> = transaction.inputs[0].ring.clone();
    let (x, z, mask) = (Scalar::from(77u8), Scalar::from(5u8), Scalar::from(1234u16));
    for real in 0..members.len() {
        let key = MoneroEdwards::encode(&MoneroEdwards::mul_base(&x));
        let pseudo = MoneroEdwards::mul_base(&mask) + MoneroEdwards::value_base();
        let commitment = MoneroEdwards::encode(&(pseudo + MoneroEdwards::mul_base(&z)));
        let decoy = std::mem::replace(&mut members[real], Member::decode(&key, &commitment).unwrap());
        let ring: Vec<&Member<MoneroEdwards>> = members.iter().collect();
        let pseudo = MoneroEdwards::encode(&pseudo);
        let indices: Vec<u64> = (0..16).collect();
        let request = clsag::Request {
            message: &transaction.message,
            k_ring: &[0; 32],
            input_no: 0,
            indices: &indices,
            ring: &ring,
            pseudo: &pseudo,
        };
        let (signature, key_image) = clsag::sign(&request, &x, &z, real, &[9; 64]).unwrap();
        let claim = Statement {
            message: transaction.message,
            k_ring: [0; 32],
            input_no: 0,
            indices: &indices,
            ring: ring.clone(),
            pseudo,
            key_image,
            signature: &signature,
        };
        assert!(clsag::verify_classic_vartime(&claim));
        assert!(is_accepted(&claim));
        members[real] = decoy;
    }
}
