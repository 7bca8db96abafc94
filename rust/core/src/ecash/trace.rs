//! Identification of a double spender, tracing by trustees, and self-tracing (ECASH §8.1, §9).
#![forbid(unsafe_code)]

use zeroize::Zeroizing;

use super::clauses::{statement, G, SK};
use super::curve::{Group, Scalar, G1};
use super::draw::Draws;
use super::fault::{Code, Fault};
use super::hash::{delta, lp, shift, Lp};
use super::keys::interpolate;
use super::points::{check_subgroup, decode, decode_checked};
use super::proof::{term, Secrets, Statement};

/// pk = (T^R' / T'^R)^(1/(R' − R)). Refuses: ZeroR for R = R', which identifies nobody. Variable time.
pub fn identify_vartime(first: (&G1, &Scalar), second: (&G1, &Scalar)) -> Result<G1, Code> {
    let difference = *second.1 - *first.1;
    if difference.is_zero() {
        return Err(Code::ZeroR);
    }
    let power = difference.inverse();
    let back = first.0.mul(&(*second.1 * power));
    Ok(back.add(&second.0.mul(&(*first.1 * power)).negate()))
}

/// What a trustee's share is about.
pub struct Subject<'a> {
    /// Key id of the trustees.
    pub kid: [u8; 16],
    /// SHA-256(ω).
    pub warrant: [u8; 32],
    /// 1 owner, 2 coin.
    pub kind: u8,
    /// Index of the trustee.
    pub index: u16,
    /// SHA-256(P) or SHA-256(M).
    pub subject: [u8; 32],
    /// E1 or Q1, encoded.
    pub ciphertext: &'a [u8],
}

impl Subject<'_> {
    /// DLEQ{j_k : J_k = g^j_k ∧ d_k = C1^j_k}. Refuses what a point can have.
    pub fn statement(&self, share_key: &[u8], answer: &[u8]) -> Result<Statement<G1>, Fault> {
        let base = decode_checked::<G1>(self.ciphertext, 1)?[0];
        let (key, point) = (
            decode_checked::<G1>(share_key, 1)?[0],
            decode_checked::<G1>(answer, 1)?[0],
        );
        let ctx = Lp::new()
            .item(&self.warrant)
            .u8(self.kind)
            .u16(self.index)
            .item(&self.subject);
        let mut all = statement("tdec", ctx.done(), 1);
        all.kids = self.kid.to_vec();
        let base = all.public_base(base, self.ciphertext);
        all.relate(key, share_key, vec![term(G, SK)]);
        all.relate(point, answer, vec![term(base, SK)]);
        Ok(all)
    }

    /// d_k and its proof. `random`: 32 fresh bytes, used once. Refuses what C1 can have.
    pub fn decrypt(&self, share: &Zeroizing<Scalar>, random: &[u8; 32]) -> Result<(Vec<u8>, Vec<u8>), Fault> {
        let base = decode_checked::<G1>(self.ciphertext, 1)?[0];
        let answer = base.mul(share).encode();
        let key = G1::generator().mul(share).encode();
        let all = self.statement(&key, &answer)?;
        let proof = all.prove(&Draws::new(random, share), &vec![share.clone()]);
        Ok((answer, proof))
    }

    /// Refuses: ShareInvalid, whatever is wrong with it.
    // SPEC ECASH-9.9
    pub fn verify_vartime(&self, share_key: &[u8], answer: &[u8], proof: &[u8]) -> Result<(), Fault> {
        let judged = self
            .statement(share_key, answer)
            .and_then(|all| all.verify_vartime(proof));
        judged.map_err(|_| Code::ShareInvalid.into())
    }
}

/// C2 / Π d_k^λ_k: pk, or δ^s'. The shares have verified. Refuses: Count, Order.
pub fn open_vartime(ciphertext: &G1, places: &[u16], answers: &[G1]) -> Result<G1, Code> {
    Ok(ciphertext.add(&interpolate(places, answers, 0)?.negate()))
}

/// S = δ^s' · δ^ρ, from what coin tracing opened and M.
pub fn serial_of(opened: &G1, message: &[u8]) -> G1 {
    opened.add(&delta().mul(&shift(message)))
}

/// One coin of a self-trace: key, J, M, Q1, Q2, S.
pub struct OwnCoin<'a> {
    /// Key of the bank.
    pub kid: [u8; 16],
    /// J.
    pub trustee: G1,
    /// M.
    pub message: &'a [u8],
    /// Q1 ‖ Q2.
    pub escrow: &'a [u8],
    /// cid.
    pub cid: [u8; 32],
}

/// The envelope of a self-trace.
pub struct SelfTrace<'a> {
    /// Bank.
    pub bank: &'a str,
    /// Account.
    pub account: &'a str,
    /// Nonce.
    pub nonce: [u8; 16],
    /// Time.
    pub time: u64,
    /// The coins.
    pub coins: &'a [OwnCoin<'a>],
}

impl SelfTrace<'_> {
    /// DLEQ{q : Q1 = g^q ∧ Q2·δ^ρ·S^−1 = J^q} for each coin. Refuses: Length, and what a point can have.
    pub fn statement(&self, serials: &[u8]) -> Result<Statement<G1>, Fault> {
        let points: Vec<G1> = decode(serials, self.coins.len(), 0)?;
        check_subgroup(&points, 0)?;
        let cids: Vec<&[u8]> = self.coins.iter().map(|coin| coin.cid.as_slice()).collect();
        let ctx = Lp::new()
            .item(self.bank.as_bytes())
            .item(self.account.as_bytes())
            .item(&self.nonce)
            .u64(self.time)
            .item(&lp(&cids));
        let mut all = statement("self", ctx.done(), self.coins.len());
        all.kids = self.coins.iter().flat_map(|coin| coin.kid).collect();
        all.public = serials.to_vec();
        for (place, (coin, serial)) in self.coins.iter().zip(&points).enumerate() {
            let escrow = decode_checked::<G1>(coin.escrow, 2)?;
            let masked = serial_of(&escrow[1], coin.message).add(&serial.negate());
            let j = all.base(coin.trustee);
            all.relate(escrow[0], &coin.escrow[..G1::BYTES], vec![term(G, place)]);
            all.relate(masked, &masked.encode(), vec![term(j, place)]);
        }
        Ok(all)
    }

    /// S_1‖..‖S_n and the proof; `secrets`: s' and q of each coin. Refuses: Count, and as `statement`.
    pub fn build(
        &self,
        sk: &Scalar,
        secrets: &[(Zeroizing<Scalar>, Zeroizing<Scalar>)],
        random: &[u8; 32],
    ) -> Result<(Vec<u8>, Vec<u8>), Fault> {
        if secrets.len() != self.coins.len() {
            return Err(Code::Count.into());
        }
        let serial = |(coin, (serial, _)): (&OwnCoin<'_>, &(Zeroizing<Scalar>, _))| {
            delta().mul(&Zeroizing::new(**serial + shift(coin.message)))
        };
        let serials: Vec<G1> = self.coins.iter().zip(secrets).map(serial).collect();
        let serials = G1::encode_many(&serials);
        let witnesses: Secrets = secrets.iter().map(|(_, escrow)| escrow.clone()).collect();
        let proof = self
            .statement(&serials)?
            .prove(&Draws::new(random, sk), &witnesses);
        Ok((serials, proof))
    }
}
