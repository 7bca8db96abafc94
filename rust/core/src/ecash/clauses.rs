//! What withdrawals, payments and claims prove alike: one secret key, and outputs with escrowed serials.
#![forbid(unsafe_code)]

use super::curve::{Group, Scalar, G1};
use super::draw::Draws;
use super::hash::{coin_id, coin_message, delta, lp, token_base, Lp};
use super::proof::{term, Secrets, Statement};

/// Place of g among the bases of every statement made here.
pub const G: usize = 0;
/// Place of δ.
pub const DELTA: usize = 1;
/// Place of sk among the witnesses.
pub const SK: usize = 0;

/// A statement over g and δ.
pub fn statement(tag: &'static str, ctx: Vec<u8>, witnesses: usize) -> Statement<G1> {
    Statement::new(tag, ctx, vec![G1::generator(), *delta()], witnesses)
}

/// A, B, Q1, Q2 of a coin to be.
#[derive(Clone)]
pub struct Escrowed {
    /// A = h^sk.
    pub a: G1,
    /// B = h^s'.
    pub b: G1,
    /// Q1 = g^q.
    pub q1: G1,
    /// Q2 = δ^s' · J^q.
    pub q2: G1,
    /// The four encodings, one after the other.
    pub bytes: Vec<u8>,
}

/// Bytes of A ‖ B ‖ Q1 ‖ Q2.
pub const ESCROWED_BYTES: usize = 192;

impl Escrowed {
    /// From four points and their encodings.
    pub fn new(points: &[G1], bytes: &[u8]) -> Option<Self> {
        let [a, b, q1, q2] = points else {
            return None;
        };
        (bytes.len() == ESCROWED_BYTES).then(|| Self {
            a: *a,
            b: *b,
            q1: *q1,
            q2: *q2,
            bytes: bytes.to_vec(),
        })
    }

    /// The encoding of A.
    pub fn a_bytes(&self) -> &[u8] {
        &self.bytes[..48]
    }

    /// The encoding of B.
    pub fn b_bytes(&self) -> &[u8] {
        &self.bytes[48..96]
    }

    /// Q1 ‖ Q2.
    pub fn escrow(&self) -> &[u8] {
        &self.bytes[96..]
    }

    /// cid.
    pub fn coin_id(&self) -> [u8; 32] {
        coin_id(&self.bytes[96..144], &self.bytes[144..])
    }

    /// A = h^sk ∧ B = h^s' ∧ Q1 = g^q ∧ Q2 = δ^s' · J^q, with s' and q the witnesses at `secrets` and behind it.
    pub fn relate(
        &self,
        statement: &mut Statement<G1>,
        base: &G1,
        base_bytes: &[u8],
        j: usize,
        secrets: usize,
    ) {
        let h = statement.public_base(*base, base_bytes);
        statement.relate(self.a, &self.bytes[..48], vec![term(h, SK)]);
        statement.relate(self.b, &self.bytes[48..96], vec![term(h, secrets)]);
        statement.relate(self.q1, &self.bytes[96..144], vec![term(G, secrets + 1)]);
        let escrow = vec![term(DELTA, secrets), term(j, secrets + 1)];
        statement.relate(self.q2, &self.bytes[144..], escrow);
    }
}

/// What a wallet wants as a new coin.
pub struct NewCoin {
    /// Key of the bank.
    pub kid: [u8; 16],
    /// D.
    pub value: u64,
    /// s'.
    pub serial: zeroize::Zeroizing<Scalar>,
    /// q.
    pub escrow: zeroize::Zeroizing<Scalar>,
}

/// How M is made: its form, and the points that fix sk in it.
pub struct Form<'a> {
    /// "coin", "refresh" or "claim".
    pub name: &'a str,
    /// pk, or two points.
    pub first: &'a [&'a [u8]],
}

impl Form<'_> {
    /// M of a coin with this escrow.
    pub fn message(&self, kid: &[u8; 16], value: u64, escrow: &[u8]) -> Vec<u8> {
        coin_message(self.name, kid, value, self.first, escrow)
    }
}

impl NewCoin {
    /// Its four points.
    pub fn escrowed(&self, form: &Form<'_>, sk: &Scalar, trustee: &G1) -> Escrowed {
        let q1 = G1::generator().mul(&self.escrow);
        let q2 = delta().mul(&self.serial).add(&trustee.mul(&self.escrow));
        let message = form.message(&self.kid, self.value, &G1::encode_many(&[q1, q2]));
        let base = token_base(&message);
        let (a, b) = (base.mul(sk), base.mul(&self.serial));
        let bytes = G1::encode_many(&[a, b, q1, q2]);
        Escrowed { a, b, q1, q2, bytes }
    }
}

/// An output of a payment or a claim: class, key, value and points (ECASH §10.1).
pub struct Output {
    /// 2 refresh, 3 change, 4 refund, 5 claim.
    pub class: u8,
    /// Key of the bank.
    pub kid: [u8; 16],
    /// D.
    pub value: u64,
    /// Its points.
    pub coin: Escrowed,
}

/// outs of ECASH §7.2: a LIST of tuples.
pub fn outputs_list(outputs: &[Output]) -> Vec<u8> {
    let tuple = |output: &Output| {
        let head = Lp::new().u8(output.class).item(&output.kid).u64(output.value);
        let points = output.coin.bytes.chunks(G1::BYTES);
        points.fold(head, Lp::item).done()
    };
    let tuples: Vec<Vec<u8>> = outputs.iter().map(tuple).collect();
    lp(&tuples.iter().map(Vec::as_slice).collect::<Vec<_>>())
}

/// Draws of one label for so many items, counted from 0.
pub fn draw_many(draws: &Draws, label: &str, count: usize) -> Secrets {
    let count = u16::try_from(count).unwrap_or(u16::MAX);
    (0..count).map(|place| draws.draw(&[], label, place)).collect()
}
