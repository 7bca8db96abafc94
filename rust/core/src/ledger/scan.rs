//! What a recipient does: find candidates by their tag, open them, learn their key images (LEDGER §4.3).

use curve25519_dalek::{RistrettoPoint, Scalar};
use rayon::prelude::*;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

use super::group::{decode_nonzero, Backend, Ristretto};
use super::keys::{Index, WalletKeys};
use super::outputs::{commit, detect_tag, ephemeral, open_memo, own_memo_key, Fields, Shared};
use super::outputs::{MEMO_BYTES, TAG_BYTES};
use crate::Refusal;

/// Bytes of one row of a compact block: R | vt.
pub const ROW_BYTES: usize = 32 + TAG_BYTES;

/// Rows that share one inversion.
const RUN: usize = 64;

/// How an output that carries one of our keys is to be treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Ours to spend.
    Ours,
    /// R was not made for this address: somebody tests whether two addresses are of one wallet.
    Hostile,
    /// The amount does not open the commitment.
    Mismatch,
}

/// An output that carries one of our keys. Secrets are wiped when it goes.
pub struct Opened {
    /// What it is worth to us.
    pub status: Status,
    /// The subaddress it was made for.
    pub at: Index,
    /// The amount in minor units; 0 for a mismatch.
    pub value: u64,
    /// The mask of its commitment.
    pub mask: Zeroizing<Scalar>,
    /// x, the secret of P; only with the spend key, and only if it is ours.
    pub secret: Option<Zeroizing<Scalar>>,
    /// I; as `secret`.
    pub key_image: Option<[u8; 32]>,
    /// The memo, if it opens.
    pub memo: Option<[u8; MEMO_BYTES]>,
    /// The memo opened with s_b: change of our own.
    pub memo_own: bool,
    /// n.
    pub anchor: [u8; 16],
    /// The fields as they are on the ledger.
    pub fields: Fields,
}

/// How the opening of a kind of output is published.
enum Opening<'a> {
    /// Kinds 1 and 2.
    Hidden,
    /// Kinds 3 and 4.
    Public(&'a Scalar),
    /// Kind 5: amount and mask public, anchor and memo hidden.
    Refund(&'a Scalar),
}

/// The tags of one run of rows, recomputed, as one byte for each row: 1 if they agree.
fn detect_run(half_key: &Scalar, ctx: &[u8; 32], rows: &[u8]) -> Vec<u8> {
    let mut good = Vec::with_capacity(RUN);
    let mut halves = Vec::with_capacity(RUN);
    for row in rows.chunks_exact(ROW_BYTES) {
        let mut ephemeral = [0; 32];
        ephemeral.copy_from_slice(&row[..32]);
        let point = decode_nonzero::<Ristretto>(&ephemeral);
        good.push(u8::from(point.is_some()));
        halves.push(point.unwrap_or_else(Ristretto::base) * *half_key);
    }
    // Doubling while encoding gives k_d·R again and costs one inversion for the whole run.
    let shared = RistrettoPoint::double_and_compress_batch(&halves);
    halves.zeroize();
    for ((row, answer), shared) in rows.chunks_exact(ROW_BYTES).zip(&mut good).zip(shared) {
        let (mut ephemeral, shared) = ([0; 32], Zeroizing::new(shared.to_bytes()));
        ephemeral.copy_from_slice(&row[..32]);
        let tag = detect_tag(&shared, &ephemeral, ctx);
        *answer &= tag.ct_eq(&row[32..]).unwrap_u8();
    }
    good
}

impl WalletKeys {
    /// For each group the positions of the rows whose tag is ours (one in 2^24 by chance).
    ///
    /// groups: (ctx, n × ROW_BYTES). Constant time in k_d and in the answers until they are listed. `threads`: 0 for
    /// all cores, 1 for the calling thread. Refuses: WrongLength.
    // SPEC LEDGER-15.30
    pub fn detect_many<R: AsRef<[u8]> + Sync>(
        &self,
        groups: &[([u8; 32], R)],
        threads: usize,
    ) -> Result<Vec<Vec<usize>>, Refusal> {
        if groups
            .iter()
            .any(|(_, rows)| !rows.as_ref().len().is_multiple_of(ROW_BYTES))
        {
            return Err(Refusal::WrongLength);
        }
        let half_key = Zeroizing::new(self.detect() * Scalar::from(2u8).invert());
        let runs: Vec<(usize, &[u8])> = groups
            .iter()
            .enumerate()
            .flat_map(|(group, (_, rows))| rows.as_ref().chunks(RUN * ROW_BYTES).map(move |run| (group, run)))
            .collect();
        let judge = |(group, rows): &(usize, &[u8])| detect_run(&half_key, &groups[*group].0, rows);
        let in_parallel = || -> Vec<Vec<u8>> { runs.par_iter().map(judge).collect() };
        let answers = match threads {
            0 => in_parallel(),
            1 => runs.iter().map(judge).collect(),
            count => match rayon::ThreadPoolBuilder::new().num_threads(count).build() {
                Ok(pool) => pool.install(in_parallel),
                Err(_) => in_parallel(),
            },
        };
        let mut found = vec![Vec::new(); groups.len()];
        let mut seen = vec![0; groups.len()];
        for ((group, _), run) in runs.iter().zip(answers) {
            let hits = run.iter().enumerate().filter(|(_, hit)| **hit == 1);
            found[*group].extend(hits.map(|(position, _)| seen[*group] + position));
            seen[*group] += run.len();
        }
        Ok(found)
    }

    /// Opens an output if it is ours: its one-time key must lead to a subaddress of the table.
    ///
    /// kind 1 to 6 of LEDGER §4; `mask` is the public mask of the kinds 3 to 5 and absent for the others. Outputs of
    /// other kinds and with points that do not decode are nobody's. Refuses: WrongTier, WrongLength (a mask that is
    /// missing or that should not be there).
    pub fn open(
        &self,
        ctx: &[u8; 32],
        fields: &Fields,
        kind: u8,
        mask: Option<&Scalar>,
    ) -> Result<Option<Opened>, Refusal> {
        let k_v = self.view_key()?;
        let opening = match (kind, mask) {
            (1 | 2, None) => Opening::Hidden,
            (3 | 4, Some(mask)) => Opening::Public(mask),
            (5, Some(mask)) => Opening::Refund(mask),
            (1..=5, _) => return Err(Refusal::WrongLength),
            _ => return Ok(None),
        };
        let points = (
            decode_nonzero::<Ristretto>(&fields.ephemeral),
            decode_nonzero::<Ristretto>(&fields.key),
        );
        let (Some(ephemeral), Some(key)) = points else {
            return Ok(None);
        };
        let shared = Shared::new(&(ephemeral * *k_v), &fields.ephemeral, ctx);
        let offset = shared.key_offset();
        let spend_key = Ristretto::encode(&(key - RistrettoPoint::mul_base(&offset)));
        let Some(at) = self.find(&spend_key) else {
            return Ok(None);
        };
        let mut opened = self.judge(ctx, fields, &opening, &shared, at)?;
        if opened.status == Status::Ours {
            self.add_secret(&mut opened, &offset)?;
        }
        Ok(Some(opened))
    }

    /// Amount, anchor and memo of an output that was made for the subaddress `at`, and whether they are true.
    fn judge(
        &self,
        ctx: &[u8; 32],
        fields: &Fields,
        opening: &Opening<'_>,
        shared: &Shared,
        at: Index,
    ) -> Result<Opened, Refusal> {
        let address = self.address(at)?;
        let value = match opening {
            Opening::Hidden => shared.turn_amount(fields.amount, &fields.key),
            Opening::Public(_) | Opening::Refund(_) => fields.amount,
        };
        let value = u64::from_le_bytes(value);
        let mask = match opening {
            Opening::Hidden => shared.mask(value, address.spend_bytes()),
            Opening::Public(mask) | Opening::Refund(mask) => Zeroizing::new(**mask),
        };
        let anchor = match opening {
            Opening::Public(_) => fields.anchor,
            Opening::Hidden | Opening::Refund(_) => shared.turn_anchor(fields.anchor, &fields.key),
        };
        // SPEC LEDGER-4.3.1
        let is_amount_true = Ristretto::encode(&commit(value, &mask)) == fields.commitment;
        // SPEC LEDGER-4.3.2
        let r = ephemeral(&anchor, ctx, value, &address);
        let is_for_address = Ristretto::encode(&(address.spend * *r)) == fields.ephemeral;
        // r depends on the amount, so a false amount fails both checks and is named first.
        let status = match (is_amount_true, is_for_address) {
            (false, _) => Status::Mismatch,
            (true, false) => Status::Hostile,
            (true, true) => Status::Ours,
        };
        let (memo, memo_own) = match opening {
            Opening::Public(_) => (None, false),
            Opening::Hidden | Opening::Refund(_) => self.read_memo(fields, shared)?,
        };
        Ok(Opened {
            status,
            at,
            value: if is_amount_true { value } else { 0 },
            mask,
            secret: None,
            key_image: None,
            memo,
            memo_own,
            anchor,
            fields: fields.clone(),
        })
    }

    fn read_memo(
        &self,
        fields: &Fields,
        shared: &Shared,
    ) -> Result<(Option<[u8; MEMO_BYTES]>, bool), Refusal> {
        if let Some(memo) = open_memo(&shared.memo_key(&fields.key), fields) {
            return Ok((Some(memo), false));
        }
        let own = own_memo_key(self.balance_secret()?, &fields.key);
        let memo = open_memo(&own, fields);
        Ok((memo, memo.is_some()))
    }

    /// x = H_s("otk"; q) + k_s + m_i and I = x·H_p("ki"; P), where there is a spend key.
    fn add_secret(&self, opened: &mut Opened, offset: &Scalar) -> Result<(), Refusal> {
        let base = match self.subaddress_secret(opened.at) {
            Ok(base) => base,
            Err(Refusal::WrongTier) => return Ok(()),
            Err(refusal) => return Err(refusal),
        };
        let x = Zeroizing::new(offset + *base);
        let image = Ristretto::image_base(&opened.fields.key) * *x;
        opened.key_image = Some(Ristretto::encode(&image));
        opened.secret = Some(x);
        Ok(())
    }
}
