//! The keys of a wallet in their tiers, and its addresses (LEDGER §3).
//!
//! | symbol | here |
//! |---|---|
//! | k_s, k_v, k_d | spend, view and detect key |
//! | s_b, s_x | balance and disclosure secrets |
//! | i = (a, j), m_i | `Index`, what is added to k_s for it |

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use curve25519_dalek::{RistrettoPoint, Scalar};
use rayon::prelude::*;
use zeroize::Zeroizing;

use super::group::{decode_nonzero, decode_scalar, Backend, Ristretto};
use super::hash;
use crate::Refusal;

/// Bytes of K_s | K_v | K_d.
pub const ADDRESS_KEYS_BYTES: usize = 96;

/// Bytes of k_v | K_s | s_b.
pub const VIEW_BYTES: usize = 96;

/// Account and index of a subaddress.
pub type Index = (u32, u32);

/// The three keys of an address, decoded.
#[derive(Clone)]
pub struct Address {
    /// K_s^i.
    pub spend: RistrettoPoint,
    /// K_v^i.
    pub view: RistrettoPoint,
    /// K_d^i.
    pub detect: RistrettoPoint,
    /// Their encodings, one after the other.
    pub bytes: [u8; ADDRESS_KEYS_BYTES],
}

impl Address {
    /// The address with these keys. Refuses: WrongLength, BadPoint.
    // SPEC LEDGER-3.2
    pub fn decode(bytes: &[u8]) -> Result<Self, Refusal> {
        let bytes: [u8; ADDRESS_KEYS_BYTES] = bytes.try_into().map_err(|_| Refusal::WrongLength)?;
        let point = |at: usize| {
            let mut part = [0; 32];
            part.copy_from_slice(&bytes[at..at + 32]);
            decode_nonzero::<Ristretto>(&part).ok_or(Refusal::BadPoint)
        };
        Ok(Self {
            spend: point(0)?,
            view: point(32)?,
            detect: point(64)?,
            bytes,
        })
    }

    fn of_points(spend: RistrettoPoint, view: RistrettoPoint, detect: RistrettoPoint) -> Self {
        let mut bytes = [0; ADDRESS_KEYS_BYTES];
        for (to, point) in bytes.chunks_exact_mut(32).zip([&spend, &view, &detect]) {
            to.copy_from_slice(&Ristretto::encode(point));
        }
        Self {
            spend,
            view,
            detect,
            bytes,
        }
    }

    /// The encoding of K_s^i.
    pub fn spend_bytes(&self) -> &[u8] {
        &self.bytes[..32]
    }

    /// The encoding of K_v^i.
    pub fn view_bytes(&self) -> &[u8] {
        &self.bytes[32..64]
    }

    /// The encoding of K_d^i.
    pub fn detect_bytes(&self) -> &[u8] {
        &self.bytes[64..]
    }
}

/// How far a set of wallet keys reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tier {
    /// Everything.
    Spend,
    /// All history, no spending.
    View,
    /// Candidates only.
    Detect,
}

/// What the tier `spend` has beyond `view`.
struct SpendPart {
    k_s: Zeroizing<Scalar>,
    s_x: Zeroizing<[u8; 32]>,
}

/// What the tier `view` has beyond `detect`.
struct ViewPart {
    k_v: Zeroizing<Scalar>,
    spend_point: RistrettoPoint,
    spend_bytes: [u8; 32],
    s_b: Zeroizing<[u8; 32]>,
}

/// The subaddresses that a scan recognises.
#[derive(Default)]
struct Table {
    by_key: HashMap<[u8; 32], Index>,
    extent: HashMap<u32, u32>,
}

/// The keys of a wallet; wiped from memory when they go.
// SPEC LEDGER-15.31
pub struct WalletKeys {
    spend: Option<SpendPart>,
    view: Option<ViewPart>,
    k_d: Zeroizing<Scalar>,
    table: RwLock<Table>,
}

fn secret_scalar(tag: &str, items: &[&[u8]]) -> Zeroizing<Scalar> {
    let wide = Zeroizing::new(hash::framed(tag, items));
    Zeroizing::new(hash::to_scalar(&wide))
}

fn detect_key(k_v: &Scalar) -> Zeroizing<Scalar> {
    let k_v = Zeroizing::new(k_v.to_bytes());
    secret_scalar("key/detect", &[k_v.as_slice()])
}

fn parse_secret(bytes: &[u8]) -> Result<Zeroizing<Scalar>, Refusal> {
    let bytes: &[u8; 32] = bytes.try_into().map_err(|_| Refusal::WrongLength)?;
    let scalar = decode_scalar(bytes)
        .map(Zeroizing::new)
        .ok_or(Refusal::BadScalar)?;
    if *scalar == Scalar::ZERO {
        return Err(Refusal::BadScalar);
    }
    Ok(scalar)
}

impl WalletKeys {
    fn new(spend: Option<SpendPart>, view: Option<ViewPart>, k_d: Zeroizing<Scalar>) -> Self {
        Self {
            spend,
            view,
            k_d,
            table: RwLock::default(),
        }
    }

    /// All keys, from a seed of 32 bytes. Refuses: WrongLength.
    pub fn from_seed(seed: &[u8]) -> Result<Self, Refusal> {
        if seed.len() != 32 {
            return Err(Refusal::WrongLength);
        }
        let k_s = secret_scalar("key/spend", &[seed]);
        let k_v = secret_scalar("key/view", &[seed]);
        let k_d = detect_key(&k_v);
        let spend_point = RistrettoPoint::mul_base(&k_s);
        let view = ViewPart {
            k_v,
            spend_point,
            spend_bytes: Ristretto::encode(&spend_point),
            s_b: Zeroizing::new(hash::h32("key/balance", &[seed])),
        };
        let s_x = Zeroizing::new(hash::h32("key/disclose", &[seed]));
        Ok(Self::new(Some(SpendPart { k_s, s_x }), Some(view), k_d))
    }

    /// The view tier, from k_v | K_s | s_b. Refuses: WrongLength, BadScalar, BadPoint.
    // SPEC LEDGER-14.1
    pub fn from_view(bytes: &[u8]) -> Result<Self, Refusal> {
        let bytes: &[u8; VIEW_BYTES] = bytes.try_into().map_err(|_| Refusal::WrongLength)?;
        let k_v = parse_secret(&bytes[..32])?;
        let k_d = detect_key(&k_v);
        let mut spend_bytes = [0; 32];
        spend_bytes.copy_from_slice(&bytes[32..64]);
        let mut s_b = Zeroizing::new([0; 32]);
        s_b.copy_from_slice(&bytes[64..]);
        let view = ViewPart {
            k_v,
            spend_point: decode_nonzero::<Ristretto>(&spend_bytes).ok_or(Refusal::BadPoint)?,
            spend_bytes,
            s_b,
        };
        Ok(Self::new(None, Some(view), k_d))
    }

    /// The detect tier, from k_d. Refuses: WrongLength, BadScalar.
    pub fn from_detect(k_d: &[u8]) -> Result<Self, Refusal> {
        Ok(Self::new(None, None, parse_secret(k_d)?))
    }

    /// How far these keys reach.
    pub fn tier(&self) -> Tier {
        match (&self.spend, &self.view) {
            (Some(_), _) => Tier::Spend,
            (None, Some(_)) => Tier::View,
            (None, None) => Tier::Detect,
        }
    }

    fn view_part(&self) -> Result<&ViewPart, Refusal> {
        self.view.as_ref().ok_or(Refusal::WrongTier)
    }

    fn spend_part(&self) -> Result<&SpendPart, Refusal> {
        self.spend.as_ref().ok_or(Refusal::WrongTier)
    }

    /// k_v | K_s | s_b. Refuses: WrongTier.
    pub fn export_view(&self) -> Result<Zeroizing<[u8; VIEW_BYTES]>, Refusal> {
        let view = self.view_part()?;
        let mut out = Zeroizing::new([0; VIEW_BYTES]);
        out[..32].copy_from_slice(Zeroizing::new(view.k_v.to_bytes()).as_slice());
        out[32..64].copy_from_slice(&view.spend_bytes);
        out[64..].copy_from_slice(view.s_b.as_slice());
        Ok(out)
    }

    /// k_d, which every tier has.
    pub fn export_detect(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.k_d.to_bytes())
    }

    /// k_d.
    pub(super) fn detect(&self) -> &Scalar {
        &self.k_d
    }

    /// k_v. Refuses: WrongTier.
    pub(super) fn view_key(&self) -> Result<&Scalar, Refusal> {
        Ok(&self.view_part()?.k_v)
    }

    /// s_b, the key of the outgoing log. Refuses: WrongTier.
    pub fn balance_secret(&self) -> Result<&[u8; 32], Refusal> {
        Ok(&self.view_part()?.s_b)
    }

    /// m_i = H_s("subaddr"; k_v, K_s, a, j).
    fn offset(view: &ViewPart, (account, index): Index) -> Zeroizing<Scalar> {
        let k_v = Zeroizing::new(view.k_v.to_bytes());
        let items: [&[u8]; 4] = [
            k_v.as_slice(),
            &view.spend_bytes,
            &account.to_le_bytes(),
            &index.to_le_bytes(),
        ];
        secret_scalar("subaddr", &items)
    }

    /// The keys of a subaddress. Refuses: WrongTier.
    // SPEC LEDGER-3.1
    pub fn address(&self, at: Index) -> Result<Address, Refusal> {
        let view = self.view_part()?;
        let spend = view.spend_point + RistrettoPoint::mul_base(&Self::offset(view, at));
        Ok(Address::of_points(spend, spend * *view.k_v, spend * *self.k_d))
    }

    /// The secret of K_s^i: k_s + m_i. Refuses: WrongTier.
    pub fn subaddress_secret(&self, at: Index) -> Result<Zeroizing<Scalar>, Refusal> {
        let spend = self.spend_part()?;
        Ok(Zeroizing::new(*spend.k_s + *Self::offset(self.view_part()?, at)))
    }

    /// Adds the subaddresses (account, 0..indices) to those that a scan recognises. Refuses: WrongTier.
    pub fn extend(&self, account: u32, indices: u32) -> Result<(), Refusal> {
        let view = self.view_part()?;
        let known = self.extent(account);
        if indices <= known {
            return Ok(());
        }
        // Encoding twice a point costs one inversion for all of them, so the halves are made here.
        let half = Scalar::from(2u8).invert();
        let base = view.spend_point * half;
        let numbers: Vec<u32> = (known..indices).collect();
        let entries: Vec<([u8; 32], Index)> = numbers
            .par_chunks(64)
            .flat_map_iter(|run| {
                let halves: Vec<RistrettoPoint> = run
                    .iter()
                    .map(|index| *Self::offset(view, (account, *index)) * half)
                    .map(|offset| base + RistrettoPoint::mul_base(&offset))
                    .collect();
                let keys = RistrettoPoint::double_and_compress_batch(&halves);
                let rows = run
                    .iter()
                    .zip(keys)
                    .map(|(index, key)| (key.to_bytes(), (account, *index)));
                rows.collect::<Vec<_>>()
            })
            .collect();
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        table.by_key.extend(entries);
        table.extent.insert(account, indices);
        Ok(())
    }

    /// How many subaddresses of an account a scan recognises.
    pub fn extent(&self, account: u32) -> u32 {
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        table.extent.get(&account).copied().unwrap_or(0)
    }

    /// The place of a spend key K_s^i in the table.
    pub(super) fn find(&self, spend_key: &[u8; 32]) -> Option<Index> {
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        table.by_key.get(spend_key).copied()
    }

    /// H_32("disc"; s_x, tx_id): what opens one transaction to a reader. Refuses: WrongTier.
    pub fn disclosure(&self, tx_id: &[u8; 32]) -> Result<[u8; 32], Refusal> {
        Ok(hash::h32("disc", &[self.spend_part()?.s_x.as_slice(), tx_id]))
    }

    /// The first 30 bytes of Hn("memo/rcpt"; s_b, address), for the change memo. Refuses: WrongTier.
    pub fn recipient_hash(&self, address: &[u8]) -> Result<[u8; 30], Refusal> {
        let wide = hash::framed("memo/rcpt", &[self.balance_secret()?, address]);
        let mut out = [0; 30];
        out.copy_from_slice(&wide[..30]);
        Ok(out)
    }
}
