//! The payer's side of a payment: shows, double-spend tags, the proof; at once, or prepared (ECASH §7.2, §2.9).
#![forbid(unsafe_code)]

use zeroize::Zeroizing;

use super::clauses::{draw_many, Form, NewCoin};
use super::curve::{Group, Scalar, G1};
use super::draw::Draws;
use super::fault::{Code, Fault};
use super::hash::{delta, pseudonym_base, shift, token_base};
use super::payment::{Fields, Keys, Payment, COIN_POINTS};
use super::points::POINT_BYTES;
use super::proof::{Secrets, Statement};

/// A coin to be spent.
pub struct Coin {
    /// Key of the bank.
    pub kid: [u8; 16],
    /// D.
    pub value: u64,
    /// M.
    pub message: Vec<u8>,
    /// s', as it was derived; s = s' + ρ is computed here.
    pub serial: Zeroizing<Scalar>,
    /// σ.
    pub signature: G1,
}

/// An atom to be disclosed.
pub struct Fact {
    /// Key of the authority.
    pub kid: [u8; 16],
    /// Type.
    pub kind: String,
    /// Value.
    pub value: String,
    /// M.
    pub message: Vec<u8>,
    /// σ.
    pub signature: G1,
}

/// What is to be paid with.
pub struct Plan {
    /// sk.
    pub sk: Zeroizing<Scalar>,
    /// The coins, in the order of the payment.
    pub coins: Vec<Coin>,
    /// The atoms, ascending.
    pub facts: Vec<Fact>,
    /// Class of each output, and the output, ascending by class.
    pub outputs: Vec<(u8, NewCoin)>,
    /// pk_M, to show a pseudonym to this merchant.
    pub pseudonym: Option<[u8; 32]>,
}

/// A show with its commitments made; the invoice is still open. It is good for one payment, and kept nowhere.
// SPEC ECASH-2.17
pub struct Show {
    payment: Payment,
    statement: Statement<G1>,
    nonces: Secrets,
    commitments: Vec<Option<G1>>,
    witnesses: Secrets,
}

impl Plan {
    fn points(&self, draws: &Draws, serials: &Secrets, epsilon: &Scalar, trustee: &G1) -> Vec<G1> {
        let mut points = Vec::new();
        let drawn = draw_many(draws, "r", self.coins.len());
        for ((coin, serial), r) in self.coins.iter().zip(serials).zip(&drawn) {
            let base = token_base(&coin.message).mul(r);
            points.extend([base, coin.signature.mul(r), base.mul(&self.sk), base.mul(serial)]);
            // the generator stands for T, which is not known yet
            points.extend([delta().mul(serial), G1::generator()]);
        }
        let drawn = draw_many(draws, "a", self.facts.len());
        for (fact, r) in self.facts.iter().zip(&drawn) {
            let base = token_base(&fact.message).mul(r);
            points.extend([base, fact.signature.mul(r), base.mul(&self.sk)]);
        }
        let sealed = G1::generator().mul(&self.sk).add(&trustee.mul(epsilon));
        points.extend([G1::generator().mul(epsilon), sealed]);
        points
    }

    fn output_points(
        &self,
        keys: &Keys<'_>,
        first: &[u8],
        second: &[u8],
    ) -> Result<(Vec<G1>, Vec<u8>), Fault> {
        let (mut points, mut bytes) = (Vec::new(), Vec::new());
        let fixed = [first, second];
        let form = Form {
            name: "refresh",
            first: &fixed,
        };
        for (_, new) in &self.outputs {
            let trustee = keys
                .get(&new.kid)
                .and_then(|key| key.trustee)
                .ok_or(Code::KeyUnknown)?;
            let coin = new.escrowed(&form, &self.sk, &trustee);
            points.extend([coin.a, coin.b, coin.q1, coin.q2]);
            bytes.extend_from_slice(&coin.bytes);
        }
        Ok((points, bytes))
    }

    /// The payment without T and proof, and its witnesses.
    fn shows(
        &self,
        keys: &Keys<'_>,
        draws: &Draws,
        invoice_hash: [u8; 64],
    ) -> Result<(Payment, Secrets), Fault> {
        let kid = &self.coins.first().ok_or(Code::Count)?.kid;
        let trustee = keys
            .get(kid)
            .and_then(|key| key.trustee)
            .ok_or(Code::KeyUnknown)?;
        let shifted = |coin: &Coin| Zeroizing::new(*coin.serial + shift(&coin.message));
        let serials: Secrets = self.coins.iter().map(shifted).collect();
        let epsilon = draws.draw(&[], "e", 0);
        let points = self.points(draws, &serials, &epsilon, &trustee);
        let bytes = G1::encode_many(&points);
        let (output_points, output_bytes) = self.output_points(keys, &bytes[..48], &bytes[96..144])?;
        let pseudonym: Vec<G1> = self
            .pseudonym
            .map(|merchant| pseudonym_base(&merchant))
            .map_or(Vec::new(), |base| vec![base, base.mul(&self.sk)]);
        let facts = self
            .facts
            .iter()
            .map(|fact| (fact.kid, fact.kind.clone(), fact.value.clone()));
        let fields = Fields {
            invoice_hash,
            coins: self.coins.iter().map(|coin| (coin.kid, coin.value)).collect(),
            atoms: facts.collect(),
            points: bytes,
            proof: Vec::new(),
            outputs: self
                .outputs
                .iter()
                .map(|(class, new)| (*class, new.kid, new.value))
                .collect(),
            output_points: output_bytes,
            pseudonym: G1::encode_many(&pseudonym),
        };
        let mut witnesses: Secrets = vec![self.sk.clone(), epsilon];
        witnesses.extend(serials);
        for (_, new) in &self.outputs {
            witnesses.extend([new.serial.clone(), new.escrow.clone()]);
        }
        let payment = Payment::assemble(fields, points, &output_points, pseudonym)?;
        Ok((payment, witnesses))
    }

    /// A payment for this invoice. Refuses: Count, KeyUnknown, TrusteeMixed, ZeroR.
    ///
    /// `random`: 32 fresh bytes, used once. Nonces are over the whole statement, the invoice included.
    pub fn pay(&self, keys: &Keys<'_>, invoice_hash: [u8; 64], random: &[u8; 32]) -> Result<Payment, Fault> {
        let draws = Draws::new(random, &self.sk);
        let (mut payment, witnesses) = self.shows(keys, &draws, invoice_hash)?;
        payment.set_tags(&witnesses);
        let statement = payment.statement(keys)?;
        payment.fields.proof = statement.prove(&draws, &witnesses);
        Ok(payment)
    }

    /// Everything that does not need the invoice. Refuses: as `pay`.
    // SPEC ECASH-2.16
    pub fn prepare(&self, keys: &Keys<'_>, random: &[u8; 32]) -> Result<Show, Fault> {
        let draws = Draws::new(random, &self.sk);
        let (payment, witnesses) = self.shows(keys, &draws, [0; 64])?;
        let statement = payment.statement(keys)?;
        let nonces = statement.nonces(&draws, true);
        let commitments = statement.commit(&nonces, true);
        Ok(Show {
            payment,
            statement,
            nonces,
            commitments,
            witnesses,
        })
    }
}

impl Show {
    /// The payment for this invoice. The show is used up: a second one with the same nonces would betray sk.
    ///
    /// Refuses: ZeroR.
    pub fn pay(mut self, invoice_hash: [u8; 64]) -> Result<Payment, Fault> {
        self.payment.set_invoice(invoice_hash);
        if self.payment.r().is_zero() {
            return Err(Code::ZeroR.into());
        }
        self.payment.set_tags(&self.witnesses);
        self.payment.complete(&mut self.statement);
        self.payment.fields.proof = self
            .statement
            .respond(&self.commitments, &self.nonces, &self.witnesses);
        Ok(self.payment)
    }
}

impl Payment {
    /// T = g^(sk + R·s) of each coin; `witnesses`: sk, ε, then the serials.
    fn set_tags(&mut self, witnesses: &Secrets) {
        for coin in 0..self.fields.coins.len() {
            let power = Zeroizing::new(*witnesses[0] + *self.r() * *witnesses[2 + coin]);
            self.set_point(COIN_POINTS * coin + 5, G1::generator().mul(&power));
        }
    }

    fn set_point(&mut self, place: usize, point: G1) {
        let bytes = place * POINT_BYTES..(place + 1) * POINT_BYTES;
        self.fields.points[bytes].copy_from_slice(&point.encode());
        self.points_mut()[place] = point;
    }
}
