//! Account opening: atoms, one for each fact, on the user's key (ECASH §5).
#![forbid(unsafe_code)]

use zeroize::Zeroizing;

use super::clauses::{statement, G, SK};
use super::curve::{Group, Scalar, G1};
use super::draw::Draws;
use super::fault::{Code, Fault};
use super::hash::{atom_message, atom_tag, lp, token_base};
use super::points::{check_subgroup, decode, decode_proof};
use super::proof::{term, Statement};
use super::sign::Token;

/// Most facts of a licence.
pub const FACTS_MAX: usize = 16;

/// What an offer fixes.
#[derive(Clone)]
pub struct Offer {
    /// Key of the authority.
    pub kid: [u8; 16],
    /// N_R.
    pub nonce: [u8; 16],
    /// Account.
    pub account: String,
    /// Type and value, ascending.
    pub facts: Vec<(String, String)>,
}

impl Offer {
    fn context(&self) -> Vec<u8> {
        let fact = |(kind, value): &(String, String)| lp(&[kind.as_bytes(), value.as_bytes()]);
        let facts: Vec<Vec<u8>> = self.facts.iter().map(fact).collect();
        let list = lp(&facts.iter().map(Vec::as_slice).collect::<Vec<_>>());
        lp(&[&self.nonce, self.account.as_bytes(), &list])
    }
}

/// An open request whose lengths and encodings are right.
pub struct Opening {
    /// The offer it answers.
    pub offer: Offer,
    /// The encoding of pk.
    pub pk: Vec<u8>,
    /// A_1 ‖ .. ‖ A_F.
    pub points: Vec<u8>,
    /// The proof.
    pub proof: Vec<u8>,
    key: G1,
    firsts: Vec<G1>,
}

impl Opening {
    /// O1. Refuses: Count, Order, Length, ScalarRange, PointEncoding, PointIdentity; point 0 is pk.
    // SPEC ECASH-5.1
    pub fn decode(offer: Offer, pk: &[u8], points: &[u8], proof: &[u8]) -> Result<Self, Fault> {
        let count = offer.facts.len();
        if count == 0 || count > FACTS_MAX {
            return Err(Code::Count.into());
        }
        if offer.facts.windows(2).any(|pair| pair[0] >= pair[1]) {
            return Err(Code::Order.into());
        }
        if pk.len() != G1::BYTES || points.len() != G1::BYTES * count {
            return Err(Code::Length.into());
        }
        decode_proof(proof, 1)?;
        Ok(Self {
            key: G1::decode(pk).map_err(|code| Fault::at(code, 0))?,
            firsts: decode(points, count, 1)?,
            offer,
            pk: pk.to_vec(),
            points: points.to_vec(),
            proof: proof.to_vec(),
        })
    }

    /// M of each atom.
    pub fn messages(&self) -> Vec<Vec<u8>> {
        let message = |(kind, value): &(String, String)| atom_message(&self.offer.kid, kind, value, &self.pk);
        self.offer.facts.iter().map(message).collect()
    }

    /// What the proof is about: pk = g^sk, and A = h^sk for every fact.
    pub fn statement(&self) -> Statement<G1> {
        let mut all = statement("open", self.offer.context(), 1);
        all.kids = self.offer.kid.to_vec();
        all.relate(self.key, &self.pk, vec![term(G, SK)]);
        let bytes = self.points.chunks(G1::BYTES);
        for ((message, first), bytes) in self.messages().iter().zip(&self.firsts).zip(bytes) {
            let base = token_base(message);
            let h = all.public_base(base, &base.encode());
            all.relate(*first, bytes, vec![term(h, SK)]);
        }
        all
    }

    /// O4 and O5. Refuses: PointSubgroup, ProofInvalid.
    // SPEC ECASH-5.5
    pub fn verify_proof_vartime(&self) -> Result<(), Fault> {
        check_subgroup(&[self.key], 0)?;
        check_subgroup(&self.firsts, 1)?;
        self.statement().verify_vartime(&self.proof)
    }

    /// What the signers sign, once the proof has verified; also what the user checks the licence against.
    pub fn tokens(&self) -> Vec<Token> {
        let messages = self.messages();
        let each = messages.iter().zip(&self.offer.facts).zip(&self.firsts);
        each.map(|((message, (kind, value)), first)| {
            Token::new(message, atom_tag(&self.offer.kid, kind, value), *first, None)
        })
        .collect()
    }
}

/// An open request. Refuses: Count, Order. `random`: 32 fresh bytes, used once.
pub fn build(offer: Offer, sk: &Zeroizing<Scalar>, random: &[u8; 32]) -> Result<Opening, Fault> {
    let key = G1::generator().mul(sk);
    let pk = key.encode();
    let first =
        |(kind, value): &(String, String)| token_base(&atom_message(&offer.kid, kind, value, &pk)).mul(sk);
    let firsts: Vec<G1> = offer.facts.iter().map(first).collect();
    let points = G1::encode_many(&firsts);
    let mut made = Opening::decode(offer, &pk, &points, &[0; 48])?;
    let witnesses = vec![sk.clone()];
    made.proof = made.statement().prove(&Draws::new(random, sk), &witnesses);
    Ok(made)
}
