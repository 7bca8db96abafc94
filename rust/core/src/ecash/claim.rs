//! Claims of coins that were not deposited: a serial shown next to its log entry (ECASH §10.5).
#![forbid(unsafe_code)]

use zeroize::Zeroizing;

use super::clauses::{
    outputs_list, statement, Escrowed, Form, NewCoin, Output, DELTA, ESCROWED_BYTES, G, SK,
};
use super::curve::{Group, Scalar, G1};
use super::draw::Draws;
use super::fault::{Code, Fault};
use super::hash::{delta, lp, sha512, shift, token_base, Lp};
use super::payment::Keys;
use super::points::{check_subgroup, decode, decode_checked, decode_proof};
use super::proof::{term, Secrets, Statement};
use super::withdraw::COINS_MAX;

/// The class of outputs of a claim.
const CLASS: u8 = 5;

/// The fields of a claim that its proof binds.
#[derive(Clone)]
pub struct Fields {
    /// 1.
    pub bank: String,
    /// 2.
    pub kind: u8,
    /// 3: 1 account, 2 coins.
    pub mode: u8,
    /// 4.
    pub account: String,
    /// 5.
    pub nonce: [u8; 16],
    /// 6.
    pub time: u64,
    /// 7: key, value and cid.
    pub coins: Vec<([u8; 16], u64, [u8; 32])>,
    /// 8.
    pub serials: Vec<u8>,
    /// 9.
    pub proof: Vec<u8>,
    /// 10: key and value.
    pub outputs: Vec<([u8; 16], u64)>,
    /// 11.
    pub output_points: Vec<u8>,
}

/// The log entry of a coin claimed: M, A, B.
pub struct Entry {
    message: Vec<u8>,
    base: G1,
    first: G1,
    shifted: G1,
}

impl Entry {
    /// From the log. Refuses: Length, and what a point can have.
    pub fn decode(message: &[u8], a: &[u8], b: &[u8]) -> Result<Self, Fault> {
        let (first, second) = (G1::decode_checked(a)?, G1::decode_checked(b)?);
        let base = token_base(message);
        let shifted = second.add(&base.mul(&shift(message)));
        Ok(Self {
            message: message.to_vec(),
            base,
            first,
            shifted,
        })
    }
}

/// A claim whose lengths and encodings are right.
pub struct Claim {
    /// What it was read from.
    pub fields: Fields,
    serials: Vec<G1>,
    outputs: Vec<Output>,
}

impl Fields {
    fn witnesses(&self) -> usize {
        1 + self.coins.len() + 2 * self.outputs.len()
    }
}

impl Claim {
    /// X1. Refuses: Count, Length, ScalarRange, PointEncoding, PointIdentity.
    // SPEC ECASH-10.23
    pub fn decode(fields: Fields) -> Result<Self, Fault> {
        let (coins, outputs) = (fields.coins.len(), fields.outputs.len());
        if coins == 0 || coins > COINS_MAX || outputs > COINS_MAX {
            return Err(Code::Count.into());
        }
        if fields.serials.len() != G1::BYTES * coins || fields.output_points.len() != ESCROWED_BYTES * outputs
        {
            return Err(Code::Length.into());
        }
        decode_proof(&fields.proof, fields.witnesses())?;
        let serials = decode(&fields.serials, coins, 0)?;
        let points: Vec<G1> = decode(&fields.output_points, 4 * outputs, coins)?;
        let mut read = Vec::with_capacity(outputs);
        let bytes = fields.output_points.chunks(ESCROWED_BYTES);
        for ((head, points), bytes) in fields.outputs.iter().zip(points.chunks(4)).zip(bytes) {
            read.push(Output {
                class: CLASS,
                kid: head.0,
                value: head.1,
                coin: Escrowed::new(points, bytes).ok_or(Code::Length)?,
            });
        }
        Ok(Self {
            fields,
            serials,
            outputs: read,
        })
    }

    fn context(&self) -> Vec<u8> {
        let fields = &self.fields;
        let coin =
            |(kid, value, cid): &([u8; 16], u64, [u8; 32])| Lp::new().item(kid).u64(*value).item(cid).done();
        let coins: Vec<Vec<u8>> = fields.coins.iter().map(coin).collect();
        Lp::new()
            .item(fields.bank.as_bytes())
            .u8(fields.kind)
            .u8(fields.mode)
            .item(fields.account.as_bytes())
            .item(&fields.nonce)
            .u64(fields.time)
            .item(&lp(&coins.iter().map(Vec::as_slice).collect::<Vec<_>>()))
            .item(&sha512(&outputs_list(&self.outputs)))
            .done()
    }

    /// M and the encodings of A and B of each output; they hang on the first coin claimed.
    pub fn output_tokens(&self, first: &Entry) -> Vec<(Vec<u8>, &[u8], &[u8])> {
        let fixed = [first.base.encode(), first.first.encode()];
        let fixed: Vec<&[u8]> = fixed.iter().map(Vec::as_slice).collect();
        let form = Form {
            name: "claim",
            first: &fixed,
        };
        let token = |output: &Output| form.message(&output.kid, output.value, output.coin.escrow());
        let each = self.outputs.iter();
        each.map(|output| (token(output), output.coin.a_bytes(), output.coin.b_bytes()))
            .collect()
    }

    /// What the proof is about. `pk`: in mode 1. Refuses: Count, KeyUnknown, and what pk can have.
    pub fn statement(
        &self,
        entries: &[Entry],
        pk: Option<&[u8]>,
        keys: &Keys<'_>,
    ) -> Result<Statement<G1>, Fault> {
        if entries.len() != self.fields.coins.len() {
            return Err(Code::Count.into());
        }
        let mut all = statement("claim", self.context(), self.fields.witnesses());
        let coins = self.fields.coins.iter().map(|(kid, ..)| kid);
        let outputs = self.outputs.iter().map(|output| &output.kid);
        all.kids = coins.chain(outputs).flatten().copied().collect();
        if let Some(pk) = pk {
            let key = decode_checked::<G1>(pk, 1)?;
            all.relate(key[0], pk, vec![term(G, SK)]);
        }
        let serials = self.serials.iter().zip(self.fields.serials.chunks(G1::BYTES));
        for (place, (entry, (serial, bytes))) in entries.iter().zip(serials).enumerate() {
            let h = all.public_base(entry.base, &entry.base.encode());
            all.relate(entry.first, &entry.first.encode(), vec![term(h, SK)]);
            all.relate(entry.shifted, &entry.shifted.encode(), vec![term(h, 1 + place)]);
            all.relate(*serial, bytes, vec![term(DELTA, 1 + place)]);
        }
        let first = 1 + entries.len();
        let messages = self.output_tokens(&entries[0]);
        for (place, (output, (message, ..))) in self.outputs.iter().zip(&messages).enumerate() {
            let trustee = keys.get(&output.kid).and_then(|key| key.trustee);
            let j = all.base(trustee.ok_or(Fault::at(Code::KeyUnknown, place))?);
            let base = token_base(message);
            output
                .coin
                .relate(&mut all, &base, &base.encode(), j, first + 2 * place);
        }
        Ok(all)
    }

    /// X4 and X6. Refuses: PointSubgroup, and as `statement`, then ProofInvalid.
    // SPEC ECASH-10.28
    pub fn verify_proof_vartime(
        &self,
        entries: &[Entry],
        pk: Option<&[u8]>,
        keys: &Keys<'_>,
    ) -> Result<(), Fault> {
        check_subgroup(&self.serials, 0)?;
        let outputs = self
            .outputs
            .iter()
            .flat_map(|Output { coin, .. }| [coin.a, coin.b, coin.q1, coin.q2]);
        check_subgroup(&outputs.collect::<Vec<_>>(), self.serials.len())?;
        self.statement(entries, pk, keys)?
            .verify_vartime(&self.fields.proof)
    }
}

/// The secrets of a claim.
pub struct Plan {
    /// sk.
    pub sk: Zeroizing<Scalar>,
    /// s' of each coin claimed.
    pub serials: Secrets,
    /// The outputs, in mode 2.
    pub outputs: Vec<NewCoin>,
}

/// A claim: `fields` without serials, proof and outputs, which are made here. `random`: 32 fresh bytes, used once.
///
/// Refuses: Count, KeyUnknown. In mode 1 pk is part of the proof.
pub fn build(
    mut fields: Fields,
    entries: &[Entry],
    plan: &Plan,
    keys: &Keys<'_>,
    random: &[u8; 32],
) -> Result<Claim, Fault> {
    if entries.is_empty() || entries.len() != plan.serials.len() {
        return Err(Code::Count.into());
    }
    let each = plan.serials.iter().zip(entries);
    let shifted: Secrets = each
        .map(|(serial, entry)| Zeroizing::new(**serial + shift(&entry.message)))
        .collect();
    let serials: Vec<G1> = shifted.iter().map(|serial| delta().mul(serial)).collect();
    fields.serials = G1::encode_many(&serials);
    let fixed = [entries[0].base.encode(), entries[0].first.encode()];
    let fixed: Vec<&[u8]> = fixed.iter().map(Vec::as_slice).collect();
    let form = Form {
        name: "claim",
        first: &fixed,
    };
    fields.outputs = plan.outputs.iter().map(|new| (new.kid, new.value)).collect();
    fields.output_points.clear();
    let mut witnesses: Secrets = vec![plan.sk.clone()];
    witnesses.extend(shifted);
    for new in &plan.outputs {
        let trustee = keys
            .get(&new.kid)
            .and_then(|key| key.trustee)
            .ok_or(Code::KeyUnknown)?;
        fields
            .output_points
            .extend(new.escrowed(&form, &plan.sk, &trustee).bytes);
        witnesses.extend([new.serial.clone(), new.escrow.clone()]);
    }
    fields.proof = vec![0; 16 + 32 * fields.witnesses()];
    let mut made = Claim::decode(fields)?;
    let pk = (made.fields.mode == 1).then(|| G1::generator().mul(&plan.sk).encode());
    let statement = made.statement(entries, pk.as_deref(), keys)?;
    made.fields.proof = statement.prove(&Draws::new(random, &plan.sk), &witnesses);
    Ok(made)
}
