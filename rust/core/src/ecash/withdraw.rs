//! Withdrawals: escrowed serials, the proof over the whole request, the tokens that signers sign (ECASH §6).
#![forbid(unsafe_code)]

use rayon::prelude::*;
use zeroize::Zeroizing;

use super::clauses::{statement, Escrowed, Form, NewCoin, ESCROWED_BYTES, G, SK};
use super::curve::{Group, Scalar, G1};
use super::draw::Draws;
use super::fault::{Code, Fault};
use super::hash::{coin_tag, lp, token_base, Lp};
use super::keys::IssuerKey;
use super::points::{check_subgroup, decode, decode_proof};
use super::proof::{term, Secrets, Statement};
use super::sign::Token;

/// Most coins of a withdrawal or a claim.
pub const COINS_MAX: usize = 64;

/// The fields of a withdraw request.
#[derive(Clone)]
pub struct Fields {
    /// 2.
    pub account: String,
    /// 3: the encoding of pk.
    pub pk: Vec<u8>,
    /// 4.
    pub nonce: [u8; 16],
    /// 5.
    pub time: u64,
    /// 6.
    pub values: Vec<u64>,
    /// 7.
    pub points: Vec<u8>,
    /// 8.
    pub proof: Vec<u8>,
}

/// A withdraw request whose lengths and encodings are right.
pub struct Withdrawal {
    /// What it was read from.
    pub fields: Fields,
    pk: G1,
    coins: Vec<Escrowed>,
}

impl Withdrawal {
    /// W1: lengths before scalars, scalars before points.
    ///
    /// Refuses: Count, Length, ScalarRange, PointEncoding, PointIdentity; point 0 is pk.
    // SPEC ECASH-6.1
    pub fn decode(fields: Fields) -> Result<Self, Fault> {
        let count = fields.values.len();
        if count == 0 || count > COINS_MAX {
            return Err(Code::Count.into());
        }
        if fields.pk.len() != G1::BYTES || fields.points.len() != ESCROWED_BYTES * count {
            return Err(Code::Length.into());
        }
        decode_proof(&fields.proof, 1 + 2 * count)?;
        let pk = G1::decode(&fields.pk).map_err(|code| Fault::at(code, 0))?;
        let points: Vec<G1> = decode(&fields.points, 4 * count, 1)?;
        let each = points.chunks(4).zip(fields.points.chunks(ESCROWED_BYTES));
        let coins: Option<Vec<Escrowed>> = each.map(|(points, bytes)| Escrowed::new(points, bytes)).collect();
        let coins = coins.ok_or(Code::Length)?;
        Ok(Self { fields, pk, coins })
    }

    /// W4. Refuses: PointSubgroup.
    // SPEC ECASH-6.4
    pub fn check_subgroup(&self) -> Result<(), Fault> {
        let coins = self
            .coins
            .iter()
            .flat_map(|coin| [coin.a, coin.b, coin.q1, coin.q2]);
        let points: Vec<G1> = core::iter::once(self.pk).chain(coins).collect();
        check_subgroup(&points, 0)
    }

    /// M of each coin under this key.
    pub fn messages(&self, key: &IssuerKey) -> Vec<Vec<u8>> {
        let first: [&[u8]; 1] = [&self.fields.pk];
        let form = Form {
            name: "coin",
            first: &first,
        };
        let each = self.fields.values.iter().zip(&self.coins);
        each.map(|(value, coin)| form.message(&key.kid, *value, coin.escrow()))
            .collect()
    }

    /// cid of each coin.
    pub fn coin_ids(&self) -> Vec<[u8; 32]> {
        self.coins.iter().map(Escrowed::coin_id).collect()
    }

    /// What the proof is about. Refuses: KeyUnknown (not a bank's key).
    pub fn statement(&self, key: &IssuerKey) -> Result<Statement<G1>, Fault> {
        let fields = &self.fields;
        let values: Vec<[u8; 8]> = fields.values.iter().map(|value| value.to_be_bytes()).collect();
        let ctx = Lp::new()
            .item(fields.account.as_bytes())
            .item(&fields.nonce)
            .u64(fields.time)
            .item(&lp(&values.iter().map(<[u8; 8]>::as_slice).collect::<Vec<_>>()));
        let mut all = statement("wd", ctx.done(), 1 + 2 * self.coins.len());
        all.kids = key.kid.to_vec();
        let j = all.base(key.trustee.ok_or(Code::KeyUnknown)?);
        all.relate(self.pk, &fields.pk, vec![term(G, SK)]);
        for (place, (message, coin)) in self.messages(key).iter().zip(&self.coins).enumerate() {
            let base = token_base(message);
            coin.relate(&mut all, &base, &base.encode(), j, 1 + 2 * place);
        }
        Ok(all)
    }

    /// W4 and W6. Refuses: PointSubgroup, KeyUnknown, ProofInvalid.
    // SPEC ECASH-6.6
    pub fn verify_proof_vartime(&self, key: &IssuerKey) -> Result<(), Fault> {
        self.check_subgroup()?;
        self.statement(key)?.verify_vartime(&self.fields.proof)
    }

    /// What the signers sign, once the proof has verified.
    // SPEC ECASH-6.8
    pub fn tokens(&self, key: &IssuerKey) -> Vec<Token> {
        let messages = self.messages(key);
        let each = messages.par_iter().zip(&self.coins).zip(&self.fields.values);
        each.map(|((message, coin), value)| {
            Token::new(message, coin_tag(&key.kid, *value), coin.a, Some(coin.b))
        })
        .collect()
    }
}

/// What a wallet asks for.
pub struct Request<'a> {
    /// Account.
    pub account: &'a str,
    /// Request nonce.
    pub nonce: [u8; 16],
    /// Time.
    pub time: u64,
    /// The coins to be; their kid is the key's.
    pub coins: &'a [NewCoin],
}

/// A withdraw request. Refuses: Count, KeyUnknown. `random`: 32 fresh bytes, used once.
pub fn build(
    request: &Request<'_>,
    key: &IssuerKey,
    sk: &Zeroizing<Scalar>,
    random: &[u8; 32],
) -> Result<Withdrawal, Fault> {
    let count = request.coins.len();
    if count == 0 || count > COINS_MAX || request.coins.iter().any(|coin| coin.kid != key.kid) {
        return Err(Code::Count.into());
    }
    let trustee = key.trustee.ok_or(Code::KeyUnknown)?;
    let pk = G1::generator().mul(sk);
    let pk_bytes = pk.encode();
    let first: [&[u8]; 1] = [&pk_bytes];
    let form = Form {
        name: "coin",
        first: &first,
    };
    let escrow = |coin: &NewCoin| coin.escrowed(&form, sk, &trustee);
    let coins: Vec<Escrowed> = request.coins.iter().map(escrow).collect();
    let mut witnesses: Secrets = vec![sk.clone()];
    for coin in request.coins {
        witnesses.extend([coin.serial.clone(), coin.escrow.clone()]);
    }
    let fields = Fields {
        account: request.account.to_owned(),
        pk: pk_bytes,
        nonce: request.nonce,
        time: request.time,
        values: request.coins.iter().map(|coin| coin.value).collect(),
        points: coins.iter().flat_map(|coin| coin.bytes.iter().copied()).collect(),
        proof: Vec::new(),
    };
    let mut made = Withdrawal { fields, pk, coins };
    made.fields.proof = made.statement(key)?.prove(&Draws::new(random, sk), &witnesses);
    Ok(made)
}
