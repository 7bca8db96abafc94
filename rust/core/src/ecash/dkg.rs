//! The key ceremony: what a dealer deals and what the others check; refresh and resharing (ECASH §3.5, §3.6).
#![forbid(unsafe_code)]

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::curve::{Group, Scalar};
use super::draw::Draws;
use super::fault::{Code, Fault};
use super::hash::{lp, Lp};
use super::points::decode;
use super::proof::{term, Secrets, Statement};

/// Most participants of a key.
pub const PARTICIPANTS_MAX: usize = 100;
/// Most secrets of a key.
pub const SECRETS_MAX: usize = 4;

/// What all agree on before round 1, and who deals.
pub struct Ceremony<'a> {
    /// Session id.
    pub session: [u8; 16],
    /// Role of the key: 1 bank, 2 authority, 3 trustees.
    pub role: u8,
    /// Operator.
    pub operator: &'a str,
    /// Currency, or "".
    pub currency: &'a str,
    /// Epoch.
    pub epoch: &'a str,
    /// t.
    pub threshold: u16,
    /// All indices, ascending.
    pub participants: &'a [u16],
}

impl Ceremony<'_> {
    /// ctx_i.
    pub fn context(&self, dealer: u16) -> Vec<u8> {
        let participants: Vec<[u8; 2]> = self
            .participants
            .iter()
            .map(|place| place.to_be_bytes())
            .collect();
        Lp::new()
            .item(&self.session)
            .u8(self.role)
            .item(self.operator.as_bytes())
            .item(self.currency.as_bytes())
            .item(self.epoch.as_bytes())
            .u16(self.threshold)
            .item(&lp(&participants
                .iter()
                .map(<[u8; 2]>::as_slice)
                .collect::<Vec<_>>()))
            .u16(dealer)
            .done()
    }
}

/// The constants of a dealer's polynomials.
pub enum Constants {
    /// Drawn: a new key.
    Drawn,
    /// Zero, and not committed to: a refresh.
    Zero,
    /// The dealer's old share: a resharing.
    Given(Secrets),
}

/// A dealer's polynomials, wiped when dropped.
// SPEC ECASH-3.27
pub struct Dealer {
    /// For each secret its coefficients, the constant first.
    polynomials: Vec<Secrets>,
    draws: Draws,
    zero: bool,
}

impl Dealer {
    /// Polynomials of degree `threshold` − 1, one for each secret. `random`: 32 fresh bytes, used once.
    ///
    /// Refuses: Count.
    pub fn new(
        random: &[u8; 32],
        secrets: usize,
        threshold: u16,
        constants: &Constants,
    ) -> Result<Self, Code> {
        let given = match constants {
            Constants::Given(shares) => shares.len() == secrets,
            _ => true,
        };
        let small = secrets <= SECRETS_MAX && usize::from(threshold) <= PARTICIPANTS_MAX;
        if secrets == 0 || threshold == 0 || !small || !given {
            return Err(Code::Count);
        }
        let draws = Draws::new(random, &Scalar::ZERO);
        let polynomial = |secret: usize| -> Secrets {
            let first = u16::try_from(secret)
                .unwrap_or(u16::MAX)
                .saturating_mul(threshold);
            let draw = |degree: u16| match (degree, constants) {
                (0, Constants::Zero) => Zeroizing::new(Scalar::ZERO),
                (0, Constants::Given(shares)) => shares[secret].clone(),
                _ => draws.draw(&[], "c", first + degree),
            };
            (0..threshold).map(draw).collect()
        };
        Ok(Self {
            polynomials: (0..secrets).map(polynomial).collect(),
            draws,
            zero: matches!(constants, Constants::Zero),
        })
    }

    /// The commitments, secrets outer, degrees inner; those of a refresh begin at degree 1.
    pub fn commitments<G: Group>(&self) -> Vec<u8> {
        let from = usize::from(self.zero);
        let coefficients = self
            .polynomials
            .iter()
            .flat_map(|secrets| secrets.iter().skip(from));
        let points: Vec<G> = coefficients.map(|one| G::generator().mul(one)).collect();
        G::encode_many(&points)
    }

    /// The proof of possession of the constants.
    pub fn prove<G: Group>(&self, context: &[u8]) -> Vec<u8> {
        let constants: Secrets = self
            .polynomials
            .iter()
            .map(|secrets| secrets[0].clone())
            .collect();
        let points: Vec<G> = constants.iter().map(|one| G::generator().mul(one)).collect();
        possession(context, &points).prove(&self.draws, &constants)
    }

    /// f_0(k) ‖ .. ‖ f_(M−1)(k), for the participant k alone.
    pub fn share(&self, participant: u16) -> Zeroizing<Vec<u8>> {
        let at = Scalar::from(u64::from(participant));
        let mut out = Zeroizing::new(Vec::with_capacity(32 * self.polynomials.len()));
        for coefficients in &self.polynomials {
            let horner = |sum: Scalar, one: &Zeroizing<Scalar>| sum * at + **one;
            let value = Zeroizing::new(coefficients.iter().rev().fold(Scalar::ZERO, horner));
            out.extend_from_slice(Zeroizing::new(value.encode()).as_slice());
        }
        out
    }
}

fn possession<G: Group>(context: &[u8], constants: &[G]) -> Statement<G> {
    let mut all = Statement::new("dkg", context.to_vec(), vec![G::generator()], constants.len());
    for (place, point) in constants.iter().enumerate() {
        all.relate(*point, &point.encode(), vec![term(0, place)]);
    }
    all
}

/// PoK of the constants, as a key record carries it for each dealer (K4).
// SPEC ECASH-3.6
pub fn check_possession<G: Group>(context: &[u8], constants: &[u8], proof: &[u8]) -> Result<(), Fault> {
    let points = super::points::decode_checked::<G>(constants, constants.len() / G::BYTES)?;
    if points.is_empty() {
        return Err(Code::Length.into());
    }
    possession(context, &points).verify_vartime(proof)
}

/// SHA-256(LP("foec1/dkg", session, i, commitments, proof)) of round 1.
pub fn opening_hash(session: &[u8; 16], dealer: u16, commitments: &[u8], proof: &[u8]) -> [u8; 32] {
    let bytes = Lp::new()
        .item(b"foec1/dkg")
        .item(session)
        .u16(dealer)
        .item(commitments)
        .item(proof)
        .done();
    Sha256::digest(bytes).into()
}

/// A dealer's commitments, checked; the constants of a refresh are the identity.
pub struct Dealing<G> {
    /// For each secret its commitments, the constant first.
    commitments: Vec<Vec<G>>,
}

impl<G: Group> Dealing<G> {
    /// N2 and N3. Refuses: Length, PointEncoding, PointIdentity, PointSubgroup.
    ///
    /// A coefficient over the constant may be zero by its right; the identity is refused all the same, since it
    /// is never legal in a message (ECASH-2.4).
    // SPEC ECASH-3.17
    // SPEC ECASH-3.18
    pub fn decode(bytes: &[u8], secrets: usize, threshold: u16, refresh: bool) -> Result<Self, Fault> {
        let each = usize::from(threshold).saturating_sub(usize::from(refresh));
        let points: Vec<G> = decode(bytes, secrets * each, 0)?;
        super::points::check_subgroup(&points, 0)?;
        let commitments = (0..secrets)
            .map(|secret| {
                let own = &points[secret * each..(secret + 1) * each];
                let constant = refresh.then(G::identity);
                constant.into_iter().chain(own.iter().copied()).collect()
            })
            .collect();
        Ok(Self { commitments })
    }

    /// C_(i,m,0) of each secret.
    pub fn constants(&self) -> Vec<G> {
        self.commitments.iter().map(|own| own[0]).collect()
    }

    /// N5. Refuses: Length, ScalarRange, ProofInvalid.
    // SPEC ECASH-3.20
    pub fn check_proof(&self, context: &[u8], proof: &[u8]) -> Result<(), Fault> {
        possession(context, &self.constants()).verify_vartime(proof)
    }

    /// Π_l C_l^(k^l) of each secret: the share in the exponent.
    pub fn share_key(&self, participant: u16) -> Vec<G> {
        let at = Scalar::from(u64::from(participant));
        let horner = |own: &Vec<G>| {
            let zero = G::identity();
            own.iter().rev().fold(zero, |sum, one| sum.mul(&at).add(one))
        };
        self.commitments.iter().map(horner).collect()
    }

    /// N6. Refuses: Length, ScalarRange, ShareInvalid.
    // SPEC ECASH-3.21
    pub fn check_share(&self, participant: u16, share: &[u8]) -> Result<(), Fault> {
        if share.len() != 32 * self.commitments.len() {
            return Err(Code::Length.into());
        }
        for (bytes, expected) in share.chunks(32).zip(self.share_key(participant)) {
            let value = Zeroizing::new(super::points::decode_scalar(bytes)?);
            if G::generator().mul(&value) != expected {
                return Err(Code::ShareInvalid.into());
            }
        }
        Ok(())
    }
}

/// The sum of keys, component by component; of one length. Refuses: Count.
pub fn sum_keys<G: Group>(keys: &[Vec<G>]) -> Result<Vec<G>, Code> {
    let length = keys.first().ok_or(Code::Count)?.len();
    if keys.iter().any(|key| key.len() != length) {
        return Err(Code::Count);
    }
    let sum = |place: usize| keys.iter().fold(G::identity(), |sum, key| sum.add(&key[place]));
    Ok((0..length).map(sum).collect())
}

/// The sum of shares with these weights, or plainly without any; of one length. Refuses: Count, Length, ScalarRange.
pub fn sum_shares(shares: &[&[u8]], weights: Option<&[Scalar]>) -> Result<Zeroizing<Vec<u8>>, Code> {
    let length = shares.first().ok_or(Code::Count)?.len();
    if weights.is_some_and(|weights| weights.len() != shares.len()) {
        return Err(Code::Count);
    }
    let mut sums: Secrets = (0..length / 32).map(|_| Zeroizing::new(Scalar::ZERO)).collect();
    for (place, share) in shares.iter().enumerate() {
        if share.len() != length || length % 32 != 0 {
            return Err(Code::Length);
        }
        let weight = weights.map_or(Scalar::from(1), |weights| weights[place]);
        for (sum, bytes) in sums.iter_mut().zip(share.chunks(32)) {
            let value = Zeroizing::new(super::points::decode_scalar(bytes)?);
            **sum = **sum + weight * *value;
        }
    }
    let mut out = Zeroizing::new(Vec::with_capacity(length));
    for sum in &sums {
        out.extend_from_slice(Zeroizing::new(sum.encode()).as_slice());
    }
    Ok(out)
}
