//! Many payments at once: each proof by itself on its own core, all signatures in one pairing product (ECASH §7.3, §8.1).
#![forbid(unsafe_code)]

use rayon::prelude::*;

use super::fault::{Code, Fault};
use super::payment::{Keys, Payment};
use super::sign::culprits_vartime;

/// V4, V5 and V6 of each payment; the answer for each is the one it would get alone. Variable time.
///
/// `random`: 32 fresh bytes that the payers cannot foresee.
// SPEC ECASH-7.13
pub fn verify_payments_vartime(
    payments: &[&Payment],
    keys: &Keys<'_>,
    random: &[u8; 32],
) -> Vec<Result<(), Fault>> {
    let judge = |payment: &&Payment| {
        payment.verify_proof_vartime(keys)?;
        payment.shown(keys)
    };
    let judged: Vec<_> = payments.par_iter().map(judge).collect();
    let (places, groups): (Vec<usize>, Vec<_>) = judged
        .iter()
        .enumerate()
        .filter_map(|(place, one)| Some((place, one.as_ref().ok()?.clone())))
        .unzip();
    let mut answers: Vec<Result<(), Fault>> = judged.into_iter().map(|one| one.map(|_| ())).collect();
    let share = groups.len().div_ceil(rayon::current_num_threads()).max(1);
    let found: Vec<usize> = groups
        .par_chunks(share)
        .enumerate()
        .flat_map_iter(|(part, groups)| {
            let found = culprits_vartime(groups, random);
            found.into_iter().map(move |place| part * share + place)
        })
        .collect();
    for culprit in found {
        answers[places[culprit]] = Err(Code::SignatureInvalid.into());
    }
    answers
}
