//! The check of many ring signatures and balances by one multiscalar multiplication (LEDGER §5.5).

use chacha20::cipher::{KeyIvInit, StreamCipher};
use chacha20::ChaCha20;
use curve25519_dalek::Scalar;
use rayon::prelude::*;

use super::verify::Prepared;
use crate::ledger::group::{Backend, Ristretto};
use crate::ledger::hash;

/// The balance of one transaction: Σ left − Σ right − value·H must be zero.
pub struct Balance<B: Backend = Ristretto> {
    /// The pseudo-outputs.
    pub left: Vec<B::Point>,
    /// The commitments of the outputs.
    pub right: Vec<B::Point>,
    /// Fee and burn together.
    pub value: u128,
}

impl<B: Backend> Clone for Balance<B> {
    fn clone(&self) -> Self {
        Self {
            left: self.left.clone(),
            right: self.right.clone(),
            value: self.value,
        }
    }
}

impl<B: Backend> Balance<B> {
    /// Σ left − Σ right.
    fn difference(&self) -> B::Point {
        let sum = self.left.iter().fold(B::identity(), |sum, point| sum + *point);
        self.right.iter().fold(sum, |sum, point| sum - *point)
    }

    /// The equation by itself, without weights.
    // SPEC LEDGER-7.19
    pub fn holds_vartime(&self) -> bool {
        let value = B::vartime_multiscalar(&[Scalar::from(self.value)], &[B::value_base()]);
        self.difference() == value
    }
}

/// 128-bit weights, none of them zero, from a ChaCha20 key stream.
pub struct Weights {
    stream: ChaCha20,
}

impl Weights {
    /// Weights under a key that depends on everything they are to weigh.
    pub fn new(key: &[u8; 32]) -> Self {
        Self {
            stream: ChaCha20::new(key.into(), &[0; 12].into()),
        }
    }

    /// The next weight.
    // SPEC LEDGER-5.5.2
    pub fn next_weight(&mut self) -> Scalar {
        loop {
            let mut bytes = [0; 16];
            self.stream.apply_keystream(&mut bytes);
            let weight = u128::from_le_bytes(bytes);
            if weight != 0 {
                return Scalar::from(weight);
            }
        }
    }
}

/// One long sum: the terms so far, and what has gathered on the two fixed bases.
struct Sum<B: Backend> {
    scalars: Vec<Scalar>,
    points: Vec<B::Point>,
    base: Scalar,
    value_base: Scalar,
}

impl<B: Backend> Sum<B> {
    fn with_capacity(terms: usize) -> Self {
        Self {
            scalars: Vec::with_capacity(terms + 2),
            points: Vec::with_capacity(terms + 2),
            base: Scalar::ZERO,
            value_base: Scalar::ZERO,
        }
    }

    fn add(&mut self, scalar: Scalar, point: &B::Point) {
        self.scalars.push(scalar);
        self.points.push(*point);
    }

    /// The 2N equations of one input, each under its own weight.
    fn add_input(&mut self, input: &Prepared<'_, B>, weights: &mut Weights) {
        let (mut keys, mut images) = (Scalar::ZERO, Scalar::ZERO);
        let (mu_p, mu_c) = (input.weight_keys, input.weight_commitments);
        for (j, member) in input.ring.iter().enumerate() {
            let (w, v) = (weights.next_weight(), weights.next_weight());
            let (s, c) = (input.s()[j], input.c[j]);
            let wc = w * c;
            // All signs are turned, so that the scalars of L and R stay short and cost half.
            self.base -= w * s;
            keys += wc;
            images += v * c;
            self.add(-(wc * mu_p), &member.key);
            self.add(-(wc * mu_c), &member.commitment);
            self.add(-(v * s), &member.image_base);
            self.add(w, &input.l()[j]);
            self.add(v, &input.r()[j]);
        }
        self.add(keys * mu_c, input.pseudo());
        self.add(-(images * mu_p), input.key_image());
        self.add(-(images * mu_c), input.auxiliary());
    }

    fn add_balance(&mut self, balance: &Balance<B>, weights: &mut Weights) {
        let weight = weights.next_weight();
        self.add(weight, &balance.difference());
        self.value_base -= weight * Scalar::from(balance.value);
    }

    fn vanishes_vartime(mut self) -> bool {
        let (base, value_base) = (self.base, self.value_base);
        self.add(base, &B::base());
        self.add(value_base, &B::value_base());
        B::is_identity(&B::vartime_multiscalar(&self.scalars, &self.points))
    }
}

/// Step 4 of LEDGER §5.4 for every input, and every balance, by ONE multiscalar multiplication.
///
/// `random`: 32 bytes of the operating system, fresh for each call or at least for each set of batches. A false
/// statement among them passes with a chance of 2^-128. Inputs count as what `prepare` made of them, so the steps 1
/// to 3 are done.
pub fn verify_batch_vartime<B: Backend>(
    inputs: &[&Prepared<'_, B>],
    balances: &[&Balance<B>],
    random: &[u8; 32],
) -> bool {
    let mut everything: Vec<u8> = Vec::new();
    let mut terms = 0;
    for input in inputs {
        everything.extend_from_slice(&input.bytes);
        terms += 5 * input.ring_size() + 3;
    }
    for balance in balances {
        for point in balance.left.iter().chain(&balance.right) {
            everything.extend_from_slice(&B::encode(point));
        }
        everything.extend_from_slice(&balance.value.to_le_bytes());
    }
    // The key depends on all that is weighed, so that repeated or zero randomness does not make weights foreseeable.
    // SPEC LEDGER-5.5.2
    let mut weights = Weights::new(&hash::h32("batch", &[&everything, random]));
    let mut sum = Sum::<B>::with_capacity(terms + balances.len());
    inputs.iter().for_each(|input| sum.add_input(input, &mut weights));
    balances
        .iter()
        .for_each(|balance| sum.add_balance(balance, &mut weights));
    sum.vanishes_vartime()
}

/// Answers for each item: batches of `size` on all cores; a batch that fails is halved until the culprits stand alone.
///
/// `holds` judges a run of items together and may err only by accepting; `holds_alone` has the last word on an item
/// that `holds` does not accept by itself. A size of 0 counts as 1.
// SPEC LEDGER-5.5.3
pub fn answer_each<T, H, A>(items: &[T], size: usize, holds: H, holds_alone: A) -> Vec<bool>
where
    T: Sync,
    H: Fn(&[T]) -> bool + Sync,
    A: Fn(&T) -> bool + Sync,
{
    let mut answers = vec![false; items.len()];
    let size = size.max(1);
    items
        .par_chunks(size)
        .zip(answers.par_chunks_mut(size))
        .for_each(|(run, out)| bisect(run, out, &holds, &holds_alone));
    answers
}

fn bisect<T, H, A>(items: &[T], answers: &mut [bool], holds: &H, holds_alone: &A)
where
    T: Sync,
    H: Fn(&[T]) -> bool + Sync,
    A: Fn(&T) -> bool + Sync,
{
    if items.is_empty() {
        return;
    }
    if holds(items) {
        answers.fill(true);
        return;
    }
    if let ([item], [answer]) = (items, &mut *answers) {
        *answer = holds_alone(item);
        return;
    }
    let middle = items.len() / 2;
    let (left_items, right_items) = items.split_at(middle);
    let (left, right) = answers.split_at_mut(middle);
    rayon::join(
        || bisect(left_items, left, holds, holds_alone),
        || bisect(right_items, right, holds, holds_alone),
    );
}
