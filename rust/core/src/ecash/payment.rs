//! The payment: its fields, its lengths and encodings (V1, V2), and what V4 and V5 prove of it (ECASH §7).
#![forbid(unsafe_code)]

use std::collections::HashMap;

use super::clauses::{outputs_list, statement, Escrowed, Form, Output, DELTA, ESCROWED_BYTES, G, SK};
use super::curve::{Group, Scalar, G1};
use super::fault::{Code, Fault};
use super::hash::{atom_tag, coin_tag, lp, scalar, sha512, token_base, Lp};
use super::keys::IssuerKey;
use super::points::{check_subgroup, decode, decode_proof, POINT_BYTES};
use super::proof::{term, Statement, Term};
use super::sign::{Shown, Token};

/// Most coins of a payment.
pub const COINS_MAX: usize = 16;
/// Most atoms.
pub const ATOMS_MAX: usize = 8;
/// Most outputs of a refresh.
pub const OUTPUTS_MAX: usize = 64;
/// Most outputs of a payment.
pub const CHANGE_MAX: usize = 16;

/// Place of ε among the witnesses.
const EPSILON: usize = 1;
/// Place of s_1.
const SERIALS: usize = 2;
/// Points of a coin and of an atom.
pub(super) const COIN_POINTS: usize = 6;
pub(super) const ATOM_POINTS: usize = 3;

/// A disclosed fact: key, type, value.
pub type Atom = ([u8; 16], String, String);

/// The fields of a payment as they stand in its map (ECASH §7.2), absent ones empty.
#[derive(Clone)]
pub struct Fields {
    /// 2: SHA-512(I).
    pub invoice_hash: [u8; 64],
    /// 3: key and value of each coin.
    pub coins: Vec<([u8; 16], u64)>,
    /// 4.
    pub atoms: Vec<Atom>,
    /// 5.
    pub points: Vec<u8>,
    /// 6.
    pub proof: Vec<u8>,
    /// 7: class, key and value of each output.
    pub outputs: Vec<(u8, [u8; 16], u64)>,
    /// 8.
    pub output_points: Vec<u8>,
    /// 9.
    pub pseudonym: Vec<u8>,
}

impl Fields {
    fn witnesses(&self) -> usize {
        SERIALS + self.coins.len() + 2 * self.outputs.len()
    }

    /// V1: counts, order, lengths, in this order.
    // SPEC ECASH-7.5
    // SPEC ECASH-7.14
    fn check_shape(&self) -> Result<(), Code> {
        let refresh = self.outputs.iter().any(|(class, ..)| *class == 2);
        let outputs_max = if refresh { OUTPUTS_MAX } else { CHANGE_MAX };
        let coins = 1..=COINS_MAX;
        if !coins.contains(&self.coins.len())
            || self.atoms.len() > ATOMS_MAX
            || self.outputs.len() > outputs_max
        {
            return Err(Code::Count);
        }
        let key = |(kid, kind, value): &Atom| (kind.clone(), value.clone(), *kid);
        let atoms = self.atoms.windows(2).all(|pair| key(&pair[0]) < key(&pair[1]));
        let classes = self.outputs.windows(2).all(|pair| pair[0].0 <= pair[1].0);
        let mixed = refresh && self.outputs.iter().any(|(class, ..)| *class != 2);
        if !atoms || !classes || mixed {
            return Err(Code::Order);
        }
        let points = COIN_POINTS * self.coins.len() + ATOM_POINTS * self.atoms.len() + 2;
        let good = self.points.len() == POINT_BYTES * points
            && self.proof.len() == 16 + 32 * self.witnesses()
            && self.output_points.len() == ESCROWED_BYTES * self.outputs.len()
            && (self.pseudonym.is_empty() || self.pseudonym.len() == 2 * POINT_BYTES);
        good.then_some(()).ok_or(Code::Length)
    }
}

/// A payment whose lengths and encodings are right.
pub struct Payment {
    /// What it was read from.
    pub fields: Fields,
    points: Vec<G1>,
    outputs: Vec<Output>,
    pseudonym: Vec<G1>,
    info: Vec<u8>,
    r: Scalar,
}

/// Issuer keys by key id.
pub type Keys<'a> = HashMap<[u8; 16], &'a IssuerKey>;

impl Payment {
    /// V1 and V2. Refuses: Count, Order, Length, then ScalarRange, then per point PointEncoding, PointIdentity.
    // SPEC ECASH-7.6
    pub fn decode(fields: Fields) -> Result<Self, Fault> {
        fields.check_shape()?;
        decode_proof(&fields.proof, fields.witnesses())?;
        let count = fields.points.len() / POINT_BYTES;
        let points = decode(&fields.points, count, 0)?;
        let more = fields.output_points.len() / POINT_BYTES;
        let output_points: Vec<G1> = decode(&fields.output_points, more, count)?;
        let last = fields.pseudonym.len() / POINT_BYTES;
        let pseudonym = decode(&fields.pseudonym, last, count + more)?;
        Self::assemble(fields, points, &output_points, pseudonym)
    }

    /// From points that are decoded already; their bytes stand in `fields`.
    pub(super) fn assemble(
        fields: Fields,
        points: Vec<G1>,
        output_points: &[G1],
        pseudonym: Vec<G1>,
    ) -> Result<Self, Fault> {
        let mut outputs = Vec::with_capacity(fields.outputs.len());
        let bytes = fields.output_points.chunks(ESCROWED_BYTES);
        for ((head, points), bytes) in fields.outputs.iter().zip(output_points.chunks(4)).zip(bytes) {
            outputs.push(Output {
                class: head.0,
                kid: head.1,
                value: head.2,
                coin: Escrowed::new(points, bytes).ok_or(Code::Length)?,
            });
        }
        let mut payment = Self {
            fields,
            points,
            outputs,
            pseudonym,
            info: Vec::new(),
            r: Scalar::ZERO,
        };
        payment.bind();
        Ok(payment)
    }

    /// Compute info and R from the fields.
    // SPEC ECASH-13.3
    fn bind(&mut self) {
        let coin = |(kid, value): &([u8; 16], u64)| Lp::new().item(kid).u64(*value).done();
        let atom = |(kid, kind, value): &Atom| lp(&[kid.as_slice(), kind.as_bytes(), value.as_bytes()]);
        let list = |items: Vec<Vec<u8>>| lp(&items.iter().map(Vec::as_slice).collect::<Vec<_>>());
        self.info = lp(&[
            self.fields.invoice_hash.as_slice(),
            &list(self.fields.coins.iter().map(coin).collect()),
            &list(self.fields.atoms.iter().map(atom).collect()),
            &sha512(&outputs_list(&self.outputs)),
        ]);
        self.r = scalar("R", &[&self.info]);
    }

    /// The same payment for another invoice: only for a show that was prepared.
    pub(super) fn set_invoice(&mut self, invoice_hash: [u8; 64]) {
        self.fields.invoice_hash = invoice_hash;
        self.bind();
    }

    pub(super) fn points_mut(&mut self) -> &mut [G1] {
        &mut self.points
    }

    /// Put info, R and every T into a statement that was made before they were known.
    pub(super) fn complete(&self, all: &mut Statement<G1>) {
        all.ctx.clone_from(&self.info);
        let late = all.relations.iter_mut().filter(|relation| relation.late);
        for (coin, relation) in late.enumerate() {
            let place = COIN_POINTS * coin + 5;
            relation.image = self.points[place];
            relation.bytes = self.bytes(place).to_vec();
            for term in relation.terms.iter_mut().filter(|term| term.factor.is_some()) {
                term.factor = Some(self.r);
            }
        }
    }

    /// The context of the proof.
    pub fn info(&self) -> &[u8] {
        &self.info
    }

    /// R = Hs("R", info).
    pub fn r(&self) -> &Scalar {
        &self.r
    }

    fn bytes(&self, place: usize) -> &[u8] {
        &self.fields.points[place * POINT_BYTES..(place + 1) * POINT_BYTES]
    }

    /// S of each coin.
    pub fn serials(&self) -> Vec<&[u8]> {
        let coins = 0..self.fields.coins.len();
        coins.map(|coin| self.bytes(coin * COIN_POINTS + 4)).collect()
    }

    /// T of each coin.
    pub fn double_spend_tags(&self) -> Vec<&[u8]> {
        let coins = 0..self.fields.coins.len();
        coins.map(|coin| self.bytes(coin * COIN_POINTS + 5)).collect()
    }

    /// M of an output: (σ1, K) of the first coin fix sk in it.
    fn output_message(&self, output: &Output) -> Vec<u8> {
        let first = [self.bytes(0), self.bytes(2)];
        let form = Form {
            name: "refresh",
            first: &first,
        };
        form.message(&output.kid, output.value, output.coin.escrow())
    }

    /// M and the encodings of A and B of each output.
    pub fn output_tokens(&self) -> Vec<(Vec<u8>, &[u8], &[u8])> {
        let each = self
            .outputs
            .iter()
            .map(|output| (self.output_message(output), &output.coin));
        each.map(|(message, coin)| (message, coin.a_bytes(), coin.b_bytes()))
            .collect()
    }

    /// V4. Refuses: PointSubgroup.
    // SPEC ECASH-7.8
    pub fn check_subgroup(&self) -> Result<(), Fault> {
        check_subgroup(&self.points, 0)?;
        let outputs = self
            .outputs
            .iter()
            .flat_map(|Output { coin, .. }| [coin.a, coin.b, coin.q1, coin.q2]);
        check_subgroup(&outputs.collect::<Vec<_>>(), self.points.len())?;
        check_subgroup(&self.pseudonym, self.points.len() + 4 * self.outputs.len())
    }

    /// J of the coins. Refuses: KeyUnknown, TrusteeMixed.
    // SPEC ECASH-7.1
    fn trustee(&self, keys: &Keys<'_>) -> Result<G1, Fault> {
        let mut found: Option<(G1, &[u8])> = None;
        for (place, (kid, _)) in self.fields.coins.iter().enumerate() {
            let unknown = Fault::at(Code::KeyUnknown, place);
            let key = keys.get(kid).ok_or(unknown)?;
            let own = (key.trustee.ok_or(unknown)?, key.trustee_kid.as_slice());
            if found.is_some_and(|(j, kid)| kid != own.1 || j != own.0) {
                return Err(Code::TrusteeMixed.into());
            }
            found = Some(own);
        }
        Ok(found.ok_or(Code::Count)?.0)
    }

    fn tag(&self) -> &'static str {
        match self.fields.outputs.first() {
            Some((2, ..)) => "refresh",
            _ => "pay",
        }
    }

    fn kids(&self) -> Vec<u8> {
        let coins = self.fields.coins.iter().map(|(kid, _)| kid);
        let atoms = self.fields.atoms.iter().map(|(kid, ..)| kid);
        let outputs = self.fields.outputs.iter().map(|(_, kid, _)| kid);
        coins.chain(atoms).chain(outputs).flatten().copied().collect()
    }

    /// What the proof of this payment is about. Refuses: KeyUnknown, TrusteeMixed, ZeroR.
    // SPEC ECASH-7.15
    pub fn statement(&self, keys: &Keys<'_>) -> Result<Statement<G1>, Fault> {
        if self.r.is_zero() {
            return Err(Code::ZeroR.into());
        }
        let trustee = self.trustee(keys)?;
        let mut all = statement(self.tag(), self.info.clone(), self.fields.witnesses());
        all.kids = self.kids();
        let j = all.base(trustee);
        let (coins, atoms) = (self.fields.coins.len(), self.fields.atoms.len());
        for coin in 0..coins {
            self.relate_coin(&mut all, coin);
        }
        for atom in 0..atoms {
            let at = COIN_POINTS * coins + ATOM_POINTS * atom;
            let alpha1 = all.public_base(self.points[at], self.bytes(at));
            all.public.extend_from_slice(self.bytes(at + 1));
            all.relate(self.points[at + 2], self.bytes(at + 2), vec![term(alpha1, SK)]);
        }
        let owner = COIN_POINTS * coins + ATOM_POINTS * atoms;
        all.relate(self.points[owner], self.bytes(owner), vec![term(G, EPSILON)]);
        let sealed = vec![term(G, SK), term(j, EPSILON)];
        all.relate(self.points[owner + 1], self.bytes(owner + 1), sealed);
        self.relate_outputs(&mut all, keys, j)?;
        if let [base, point] = self.pseudonym[..] {
            let (base_bytes, bytes) = self.fields.pseudonym.split_at(POINT_BYTES);
            let base = all.public_base(base, base_bytes);
            all.relate(point, bytes, vec![term(base, SK)]);
        }
        Ok(all)
    }

    /// K = σ1^sk ∧ L = σ1^s ∧ S = δ^s ∧ T = g^sk (g^R)^s.
    fn relate_coin(&self, all: &mut Statement<G1>, coin: usize) {
        let (at, serial) = (COIN_POINTS * coin, SERIALS + coin);
        let sigma1 = all.public_base(self.points[at], self.bytes(at));
        all.public.extend_from_slice(self.bytes(at + 1));
        let scaled = Term {
            base: G,
            witness: serial,
            factor: Some(self.r),
        };
        let sides = [
            vec![term(sigma1, SK)],
            vec![term(sigma1, serial)],
            vec![term(DELTA, serial)],
            vec![term(G, SK), scaled],
        ];
        for (place, terms) in (at + 2..).zip(sides) {
            all.relate(self.points[place], self.bytes(place), terms);
        }
        if let Some(last) = all.relations.last_mut() {
            last.late = true;
        }
    }

    fn relate_outputs(&self, all: &mut Statement<G1>, keys: &Keys<'_>, j: usize) -> Result<(), Fault> {
        let first = SERIALS + self.fields.coins.len();
        let known = self.fields.coins.len() + self.fields.atoms.len();
        for (place, output) in self.outputs.iter().enumerate() {
            let unknown = Fault::at(Code::KeyUnknown, known + place);
            let trustee = keys.get(&output.kid).and_then(|key| key.trustee).ok_or(unknown)?;
            let j = if trustee == all.bases[j] {
                j
            } else {
                all.base(trustee)
            };
            let base = token_base(&self.output_message(output));
            let secrets = first + 2 * place;
            output.coin.relate(all, &base, &base.encode(), j, secrets);
        }
        Ok(())
    }

    /// V4 and V5. Refuses: PointSubgroup, KeyUnknown, TrusteeMixed, ZeroR, ProofInvalid.
    // SPEC ECASH-7.9
    pub fn verify_proof_vartime(&self, keys: &Keys<'_>) -> Result<(), Fault> {
        self.check_subgroup()?;
        self.statement(keys)?.verify_vartime(&self.fields.proof)
    }

    /// What V6 judges: every coin under its bank's key, every atom under its authority's. Refuses: KeyUnknown.
    // SPEC ECASH-7.10
    pub fn shown<'a>(&self, keys: &Keys<'a>) -> Result<Vec<Shown<'a>>, Fault> {
        let mut all = Vec::with_capacity(self.fields.coins.len() + self.fields.atoms.len());
        for (place, (kid, value)) in self.fields.coins.iter().enumerate() {
            let key = keys.get(kid).ok_or(Fault::at(Code::KeyUnknown, place))?;
            let at = COIN_POINTS * place;
            let token = Token {
                base: self.points[at],
                first: self.points[at + 2],
                second: Some(self.points[at + 3]),
                tag: coin_tag(kid, *value),
            };
            all.push(token.signed(&key.public, self.points[at + 1]));
        }
        let coins = self.fields.coins.len();
        for (place, (kid, kind, value)) in self.fields.atoms.iter().enumerate() {
            let unknown = Fault::at(Code::KeyUnknown, coins + place);
            let key = keys.get(kid).filter(|key| key.trustee.is_none()).ok_or(unknown)?;
            let at = COIN_POINTS * coins + ATOM_POINTS * place;
            let token = Token {
                base: self.points[at],
                first: self.points[at + 2],
                second: None,
                tag: atom_tag(kid, kind, value),
            };
            all.push(token.signed(&key.public, self.points[at + 1]));
        }
        Ok(all)
    }
}
