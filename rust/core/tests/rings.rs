//! Ring signatures over the production group: single verification, batches, and what both must reject.

use curve25519_dalek::Scalar;
use specie_core::ledger::clsag::{self, Balance, Fault, Member, Prepared, Request, Signature, Statement};
use specie_core::ledger::group::{Backend, Ristretto};
use specie_core::ledger::{hash, outputs};
use specie_core::Refusal::{BadPoint, WrongLength};

/// A small generator for test cases; its quality does not matter.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (self.0 >> 33) as usize % below
    }

    fn scalar(&mut self) -> Scalar {
        self.0 = self.0.wrapping_add(1);
        hash::scalar("dice", &[&self.0.to_le_bytes()])
    }
}

struct Case {
    message: [u8; 64],
    k_ring: [u8; 32],
    input_no: u8,
    indices: Vec<u64>,
    ring: Vec<Member>,
    pseudo: [u8; 32],
    key_image: [u8; 32],
    signature: Signature,
}

impl Case {
    /// A valid signature of the member at `real`.
    fn new(dice: &mut Dice, size: usize, real: usize) -> Self {
        let (x, mask, pseudo_mask) = (dice.scalar(), dice.scalar(), dice.scalar());
        let member = |dice: &mut Dice, secret: &Scalar, mask: &Scalar| {
            let key = Ristretto::encode(&Ristretto::mul_base(secret));
            let commitment = outputs::commit(dice.roll(1000) as u64, mask);
            Member::decode(&key, &Ristretto::encode(&commitment)).unwrap()
        };
        let mut ring: Vec<Member> = Vec::new();
        for _ in 0..size {
            let (secret, mask) = (dice.scalar(), dice.scalar());
            ring.push(member(dice, &secret, &mask));
        }
        ring[real] = member(dice, &x, &mask);
        let z = mask - pseudo_mask;
        let pseudo = Ristretto::encode(&(ring[real].commitment - Ristretto::mul_base(&z)));
        let mut case = Self {
            message: [dice.roll(256) as u8; 64],
            k_ring: [dice.roll(256) as u8; 32],
            input_no: dice.roll(16) as u8,
            indices: (0..size as u64).map(|k| 3 * k + dice.roll(3) as u64).collect(),
            ring,
            pseudo,
            key_image: [0; 32],
            signature: Signature::decode(&vec![0; Signature::bytes(size)]).unwrap(),
        };
        let members: Vec<&Member> = case.ring.iter().collect();
        let request = Request {
            message: &case.message,
            k_ring: &case.k_ring,
            input_no: case.input_no,
            indices: &case.indices,
            ring: &members,
            pseudo: &case.pseudo,
        };
        let made = clsag::sign(&request, &x, &z, real, &[dice.roll(256) as u8; 64]).unwrap();
        (case.signature, case.key_image) = made;
        case
    }

    fn statement(&self) -> Statement<'_> {
        Statement {
            message: self.message,
            k_ring: self.k_ring,
            input_no: self.input_no,
            indices: &self.indices,
            ring: self.ring.iter().collect(),
            pseudo: self.pseudo,
            key_image: self.key_image,
            signature: &self.signature,
        }
    }

    /// The answer of single verification; a batch of one must agree.
    fn is_accepted(&self) -> bool {
        let statement = self.statement();
        let alone = clsag::verify_one_vartime(&statement);
        let batch = clsag::check_glue(&statement)
            .is_ok_and(|input| clsag::verify_batch_vartime(&[&input], &[], &[5; 32]));
        assert_eq!(alone, batch);
        alone
    }

    fn fault(&self) -> Option<Fault> {
        clsag::check_glue(&self.statement()).err()
    }
}

#[test]
fn every_ring_size_and_position_signs() {
    let mut dice = Dice(1);
    for size in [1, 2, 3, 11, 16, 32, 64] {
        for real in 0..size.min(18) {
            let case = Case::new(&mut dice, size, real);
            assert!(case.is_accepted(), "{real} of {size}");
            assert!(clsag::verify_classic_vartime(&case.statement()));
            let bytes = case.signature.encode();
            assert_eq!(bytes.len(), 64 + 96 * size);
            assert_eq!(Signature::decode(&bytes), Ok(case.signature));
        }
    }
}

// SPEC LEDGER-15.9
#[test]
fn every_byte_of_the_statement_counts() {
    let mut dice = Dice(2);
    let spoil: [fn(&mut Case); 8] = [
        |case| case.message[63] ^= 1,
        |case| case.k_ring[0] ^= 1,
        |case| case.input_no ^= 1,
        |case| case.indices[15] += 1,
        |case| case.ring.swap(3, 4),
        |case| case.ring[2] = Member { ..case.ring[3] },
        |case| case.key_image = Ristretto::encode(&Ristretto::base()),
        |case| case.pseudo = Ristretto::encode(&Ristretto::base()),
    ];
    for spoil in spoil {
        let mut case = Case::new(&mut dice, 16, 9);
        spoil(&mut case);
        assert!(!case.is_accepted());
    }
}

// SPEC LEDGER-15.9
#[test]
fn every_bit_of_the_signature_counts() {
    let mut case = Case::new(&mut Dice(3), 16, 4);
    let bytes = case.signature.encode();
    for place in 0..bytes.len() {
        let mut bytes = bytes.clone();
        bytes[place] ^= 1 << (place % 8);
        case.signature = Signature::decode(&bytes).unwrap();
        assert!(!case.is_accepted(), "byte {place}");
    }
}

// SPEC LEDGER-15.3
#[test]
fn the_identity_is_refused_everywhere() {
    let mut dice = Dice(4);
    let spoil: [fn(&mut Case); 5] = [
        |case| case.key_image = [0; 32],
        |case| case.pseudo = [0; 32],
        |case| case.signature.d = [0; 32],
        |case| case.signature.l[7] = [0; 32],
        |case| case.signature.r[7] = [0; 32],
    ];
    for spoil in spoil {
        let mut case = Case::new(&mut dice, 16, 0);
        spoil(&mut case);
        assert_eq!(case.fault(), Some(Fault::Point));
    }
    let key = Ristretto::encode(&Ristretto::base());
    assert!(Member::<Ristretto>::decode(&[0; 32], &key).is_none());
    assert!(Member::<Ristretto>::decode(&key, &[0; 32]).is_none());
}

// SPEC LEDGER-15.5
#[test]
fn a_scalar_plus_the_group_order_is_refused() {
    let order: [u8; 32] = {
        let mut bytes = (Scalar::ZERO - Scalar::ONE).to_bytes();
        bytes[0] += 1;
        bytes
    };
    let add = |bytes: &mut [u8; 32]| {
        let mut carry = 0u16;
        for (byte, add) in bytes.iter_mut().zip(order) {
            carry += u16::from(*byte) + u16::from(add);
            *byte = carry as u8;
            carry >>= 8;
        }
    };
    let mut case = Case::new(&mut Dice(5), 16, 15);
    add(&mut case.signature.c1);
    assert_eq!(case.fault(), Some(Fault::Scalar));
    let mut case = Case::new(&mut Dice(5), 16, 15);
    add(&mut case.signature.s[15]);
    assert_eq!(case.fault(), Some(Fault::Scalar));
}

// SPEC LEDGER-15.6
// SPEC LEDGER-15.7
#[test]
fn lengths_and_indices_must_fit() {
    let mut dice = Dice(6);
    let spoil: [fn(&mut Case); 7] = [
        |case| {
            case.signature.s.pop();
        },
        |case| {
            case.signature.l.pop();
        },
        |case| {
            case.signature.r.pop();
        },
        |case| {
            case.ring.pop();
        },
        |case| {
            case.indices.pop();
        },
        |case| case.indices[3] = case.indices[4],
        |case| case.indices.swap(0, 1),
    ];
    for spoil in spoil {
        let mut case = Case::new(&mut dice, 16, 2);
        spoil(&mut case);
        assert_eq!(case.fault(), Some(Fault::Shape));
        assert!(!case.is_accepted());
    }
    for size in [0, 63, 64, 159, 161, 64 + 96 * 65] {
        assert!(Signature::decode(&vec![0; size]).is_err());
    }
}

// SPEC LEDGER-15.10
#[test]
fn the_commitment_of_a_member_as_pseudo_output_is_refused() {
    let mut case = Case::new(&mut Dice(7), 16, 2);
    case.pseudo = case.ring[11].commitment_bytes;
    assert_eq!(case.fault(), Some(Fault::Pseudo));
}

/// Ten thousand mixes of good and bad signatures and balances: the batch must answer as single verification does.
// SPEC LEDGER-15.21
// SPEC LEDGER-5.5.3
#[test]
fn a_batch_answers_as_single_verification_does() {
    let mut dice = Dice(8);
    let mut cases: Vec<Case> = (0..12).map(|k| Case::new(&mut dice, 2 + k % 3, k % 2)).collect();
    for (k, case) in cases.iter_mut().enumerate().skip(6) {
        // The glue holds; only the equations can tell.
        let place = k % case.ring.len();
        case.signature.s[place] = (Scalar::from(k as u64)).to_bytes();
    }
    let statements: Vec<Statement<'_>> = cases.iter().map(Case::statement).collect();
    let prepared: Vec<Prepared<'_>> = statements
        .iter()
        .map(|one| clsag::check_glue(one).ok().unwrap())
        .collect();
    let expected: Vec<bool> = statements.iter().map(clsag::verify_one_vartime).collect();
    assert_eq!(expected.iter().filter(|good| **good).count(), 6);
    let value = *hash::value_base();
    let balance = |fee: u128| Balance::<Ristretto> {
        left: vec![Ristretto::base() + value * Scalar::from(7u8)],
        right: vec![Ristretto::base()],
        value: fee,
    };
    let balances = [balance(7), balance(8)];
    let is_good = |(input, fee): &(usize, usize)| expected[*input] && balances[*fee].holds_vartime();
    for round in 0..10_000u32 {
        let count = 1 + dice.roll(4);
        let odds = 1 + dice.roll(4);
        let items: Vec<(usize, usize)> = (0..count)
            .map(|_| {
                let bad = if dice.roll(odds) == 1 { 6 } else { 0 };
                (dice.roll(6) + bad, usize::from(dice.roll(8) == 0))
            })
            .collect();
        let random = hash::h32("round", &[&round.to_le_bytes()]);
        let holds = |run: &[(usize, usize)]| {
            let inputs: Vec<&Prepared<'_>> = run.iter().map(|(input, _)| &prepared[*input]).collect();
            let sums: Vec<&Balance> = run.iter().map(|(_, fee)| &balances[*fee]).collect();
            clsag::verify_batch_vartime(&inputs, &sums, &random)
        };
        let answers = clsag::answer_each(&items, 1 + dice.roll(4), holds, is_good);
        assert_eq!(
            answers,
            items.iter().map(is_good).collect::<Vec<bool>>(),
            "round {round}"
        );
    }
}

/// A generator that gives the same 32 bytes for ever does not make the weights foreseeable or zero.
// SPEC LEDGER-5.5.2, LEDGER-15.22
#[test]
fn weights_of_a_broken_generator_still_differ() {
    let mut weights = clsag::Weights::new(&[0; 32]);
    let mut drawn: Vec<[u8; 32]> = (0..4096).map(|_| weights.next_weight().to_bytes()).collect();
    assert!(drawn
        .iter()
        .all(|weight| *weight != [0; 32] && weight[16..] == [0; 16]));
    drawn.sort_unstable();
    drawn.dedup();
    assert_eq!(drawn.len(), 4096);
    // Two errors that cancel under equal weights do not cancel here, whatever the random bytes are.
    let mut dice = Dice(9);
    let mut cases = [Case::new(&mut dice, 2, 0), Case::new(&mut dice, 2, 1)];
    let shift = |bytes: &mut [u8; 32], by: Scalar| {
        let scalar: Option<Scalar> = Scalar::from_canonical_bytes(*bytes).into();
        *bytes = (scalar.unwrap() + by).to_bytes();
    };
    shift(&mut cases[0].signature.s[0], Scalar::ONE);
    shift(&mut cases[1].signature.s[0], -Scalar::ONE);
    let statements = [cases[0].statement(), cases[1].statement()];
    let prepared: Vec<Prepared<'_>> = statements
        .iter()
        .map(|one| clsag::check_glue(one).ok().unwrap())
        .collect();
    for random in [[0; 32], [255; 32]] {
        assert!(!clsag::verify_batch_vartime(
            &[&prepared[0], &prepared[1]],
            &[],
            &random
        ));
    }
}

#[test]
fn the_signer_refuses_what_does_not_fit() {
    let case = Case::new(&mut Dice(10), 4, 0);
    let members: Vec<&Member> = case.ring.iter().collect();
    let sign = |ring: &[&Member], indices: &[u64], pseudo: &[u8; 32], real: usize| {
        let request = Request {
            message: &case.message,
            k_ring: &case.k_ring,
            input_no: 0,
            indices,
            ring,
            pseudo,
        };
        clsag::sign(&request, &Scalar::ONE, &Scalar::ONE, real, &[0; 64]).err()
    };
    assert_eq!(sign(&members, &case.indices, &case.pseudo, 4), Some(WrongLength));
    assert_eq!(
        sign(&members[..3], &case.indices, &case.pseudo, 0),
        Some(WrongLength)
    );
    assert_eq!(sign(&[], &[], &case.pseudo, 0), Some(WrongLength));
    assert_eq!(sign(&members, &case.indices, &[0; 32], 0), Some(BadPoint));
    assert_eq!(sign(&members, &case.indices, &case.pseudo, 0), None);
}
