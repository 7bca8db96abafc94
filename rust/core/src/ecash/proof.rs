//! The one sigma protocol: conjunctions of linear relations with shared witnesses (ECASH §13).
#![forbid(unsafe_code)]

use sha2::{Digest, Sha512};
use zeroize::Zeroizing;

use super::curve::{Group, Scalar};
use super::draw::Draws;
use super::fault::{Code, Fault};
use super::hash::{challenge, lp};
use super::points::decode_proof;

/// One factor of a relation: bases[base]^(factor · witness).
pub struct Term {
    /// Place among the bases of the statement.
    pub base: usize,
    /// Place among the witnesses.
    pub witness: usize,
    /// A public multiplier; None for 1.
    pub factor: Option<Scalar>,
}

/// base^witness.
pub fn term(base: usize, witness: usize) -> Term {
    Term {
        base,
        witness,
        factor: None,
    }
}

/// Y = Π of its terms.
pub struct Relation<G> {
    /// Y.
    pub image: G,
    /// The encoding of Y.
    pub bytes: Vec<u8>,
    /// The right-hand side.
    pub terms: Vec<Term>,
    /// True for what is not known when a show is prepared (ECASH §2.9).
    pub late: bool,
}

/// What a proof is about; all of it is public, and all of it is in the challenge.
// SPEC ECASH-13.2
pub struct Statement<G> {
    /// The tag of the row in the table of ECASH §13.
    pub tag: &'static str,
    /// The context.
    pub ctx: Vec<u8>,
    /// The key ids, 16 bytes each.
    pub kids: Vec<u8>,
    /// The encodings of the bases that the prover chose.
    pub public: Vec<u8>,
    /// The bases.
    pub bases: Vec<G>,
    /// The relations, in the order of the table.
    pub relations: Vec<Relation<G>>,
    /// How many witnesses there are.
    pub witnesses: usize,
}

/// Secrets, wiped when dropped.
pub type Secrets = Vec<Zeroizing<Scalar>>;

impl<G: Group> Statement<G> {
    /// A statement without relations over a first base.
    pub fn new(tag: &'static str, ctx: Vec<u8>, bases: Vec<G>, witnesses: usize) -> Self {
        Self {
            tag,
            ctx,
            kids: Vec::new(),
            public: Vec::new(),
            bases,
            relations: Vec::new(),
            witnesses,
        }
    }

    /// One more base; gives its place.
    pub fn base(&mut self, base: G) -> usize {
        self.bases.push(base);
        self.bases.len() - 1
    }

    /// One more base that the prover chose: it also goes into the challenge.
    pub fn public_base(&mut self, base: G, bytes: &[u8]) -> usize {
        self.public.extend_from_slice(bytes);
        self.base(base)
    }

    /// One more relation, image = Π terms.
    pub fn relate(&mut self, image: G, bytes: &[u8], terms: Vec<Term>) {
        self.relations.push(Relation {
            image,
            bytes: bytes.to_vec(),
            terms,
            late: false,
        });
    }

    fn images(&self, late: bool) -> Vec<u8> {
        let wanted = self.relations.iter().filter(|relation| late || !relation.late);
        wanted
            .flat_map(|relation| relation.bytes.iter().copied())
            .collect()
    }

    /// The nonces. `prepared`: over the statement as it is before the invoice is known.
    // SPEC ECASH-12.4
    pub fn nonces(&self, draws: &Draws, prepared: bool) -> Secrets {
        let ctx: &[u8] = if prepared { &[] } else { &self.ctx };
        let statement = lp(&[
            self.tag.as_bytes(),
            ctx,
            &self.kids,
            &self.public,
            &self.images(!prepared),
        ]);
        let salt = Sha512::digest(statement);
        let count = u16::try_from(self.witnesses).unwrap_or(u16::MAX);
        (0..count).map(|place| draws.draw(&salt, "k", place)).collect()
    }

    /// Π bases^(Σ factor · value): one multiplication for each base, in constant time.
    fn evaluate(&self, relation: &Relation<G>, values: &[impl core::ops::Deref<Target = Scalar>]) -> G {
        let mut powers: Vec<(usize, Zeroizing<Scalar>)> = Vec::with_capacity(relation.terms.len());
        for term in &relation.terms {
            let value = *values[term.witness];
            let power = Zeroizing::new(term.factor.map_or(value, |factor| factor * value));
            match powers.iter_mut().find(|(base, _)| *base == term.base) {
                Some((_, sum)) => **sum = **sum + *power,
                None => powers.push((term.base, power)),
            }
        }
        let parts = powers.iter().map(|(base, power)| self.bases[*base].mul(power));
        parts.fold(G::identity(), |sum, part| sum.add(&part))
    }

    /// The commitments to the nonces; None in the place of a late relation if `early`.
    pub fn commit(&self, nonces: &Secrets, early: bool) -> Vec<Option<G>> {
        let commit = |relation: &Relation<G>| {
            let skipped = early && relation.late;
            (!skipped).then(|| self.evaluate(relation, nonces))
        };
        self.relations.iter().map(commit).collect()
    }

    /// c over all six items.
    pub fn challenge(&self, commitments: &[G]) -> [u8; 16] {
        let commitments = G::encode_many(commitments);
        let images = self.images(true);
        challenge(
            self.tag,
            &[&self.ctx, &self.kids, &self.public, &images, &commitments],
        )
    }

    /// c ‖ z, given the commitments that were made early.
    pub fn respond(&self, early: &[Option<G>], nonces: &Secrets, witnesses: &Secrets) -> Vec<u8> {
        let commitments: Vec<G> = self
            .relations
            .iter()
            .zip(early)
            .map(|(relation, made)| made.unwrap_or_else(|| self.evaluate(relation, nonces)))
            .collect();
        let c = self.challenge(&commitments);
        let factor = Scalar::reduce(&c);
        let mut proof = c.to_vec();
        for (nonce, witness) in nonces.iter().zip(witnesses) {
            proof.extend_from_slice(&(**nonce + factor * **witness).encode());
        }
        proof
    }

    /// A proof with nonces over the whole statement.
    pub fn prove(&self, draws: &Draws, witnesses: &Secrets) -> Vec<u8> {
        let nonces = self.nonces(draws, false);
        let commitments = self.commit(&nonces, false);
        self.respond(&commitments, &nonces, witnesses)
    }

    /// Refuses: Length, ScalarRange, ProofInvalid. Variable time, since all of it is public.
    pub fn verify_vartime(&self, proof: &[u8]) -> Result<(), Fault> {
        let (c, responses) = decode_proof(proof, self.witnesses)?;
        let responses: Vec<&Scalar> = responses.iter().collect();
        let recompute = |relation: &Relation<G>| {
            let back = relation.image.mul_short(&c).negate();
            self.evaluate(relation, &responses).add(&back)
        };
        let commitments: Vec<G> = self.relations.iter().map(recompute).collect();
        if self.challenge(&commitments) == c {
            Ok(())
        } else {
            Err(Code::ProofInvalid.into())
        }
    }
}
