//! E-cash: the holder's side. The seed and all that comes of it stay here.

use std::sync::{Arc, Mutex, PoisonError};

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;
use specie_core::ecash::claim::{self, Entry};
use specie_core::ecash::clauses::NewCoin;
use specie_core::ecash::curve::{Group, Scalar, G1};
use specie_core::ecash::draw::{coin_secrets, wallet_key};
use specie_core::ecash::hash::{atom_message, delta, shift};
use specie_core::ecash::spend::{Coin, Fact, Plan, Show};
use specie_core::ecash::trace::{OwnCoin, SelfTrace};
use specie_core::ecash::{hash, open, withdraw, Fault};
use specie_core::Refusal;
use zeroize::Zeroizing;

use crate::ecash_keys::{by_id, map, refused, EcashKey};
use crate::ecash_messages::{bytes, offer, EcashPayment, OfferRow};
use crate::errors::Refused;
use crate::ledger_group::exactly;

/// (kid, value, counter, output or withdrawn, M, σ).
type CoinRow = (PyBackedBytes, u64, u32, bool, PyBackedBytes, PyBackedBytes);
/// (kid, type, value, σ).
type FactRow = (PyBackedBytes, String, String, PyBackedBytes);
/// (class, kid, value, counter).
type OutputRow = (u8, PyBackedBytes, u64, u32);
/// (bank, kind, mode, account, nonce, time).
type ClaimHead = (String, u8, u8, String, PyBackedBytes, u64);
/// (kid, value, counter, output or withdrawn, M, A, B).
type ClaimRow = (
    PyBackedBytes,
    u64,
    u32,
    bool,
    PyBackedBytes,
    PyBackedBytes,
    PyBackedBytes,
);
type Pair<'py> = (Bound<'py, PyBytes>, Bound<'py, PyBytes>);

/// A holder: the seed, sk and every serial of his coins. Nothing gives them back.
#[pyclass(frozen, module = "specie._core")]
pub struct EcashHolder {
    seed: Zeroizing<[u8; 32]>,
    sk: Zeroizing<Scalar>,
    pk: Vec<u8>,
}

impl EcashHolder {
    fn coin(&self, row: &CoinRow) -> Result<Coin, Refused> {
        let (kid, value, counter, output, message, signature) = row;
        let kid = exactly(kid)?;
        Ok(Coin {
            kid,
            value: *value,
            message: message.to_vec(),
            serial: coin_secrets(&self.seed, &kid, *value, *counter, *output).0,
            signature: G1::decode_checked(signature).map_err(refused)?,
        })
    }

    fn fact(&self, row: FactRow) -> Result<Fact, Refused> {
        let (kid, kind, value, signature) = row;
        let kid = exactly(&kid)?;
        Ok(Fact {
            kid,
            message: atom_message(&kid, &kind, &value, &self.pk),
            kind,
            value,
            signature: G1::decode_checked(&signature).map_err(refused)?,
        })
    }

    fn output(&self, kid: &[u8], value: u64, counter: u32) -> Result<NewCoin, Refused> {
        let kid = exactly(kid)?;
        let (serial, escrow) = coin_secrets(&self.seed, &kid, value, counter, true);
        Ok(NewCoin {
            kid,
            value,
            serial,
            escrow,
        })
    }

    fn plan(
        &self,
        coins: &[CoinRow],
        facts: Vec<FactRow>,
        outputs: &[OutputRow],
        pseudonym: &[u8],
    ) -> Result<Plan, Refused> {
        let coins: Result<_, Refused> = coins.iter().map(|row| self.coin(row)).collect();
        let facts: Result<_, Refused> = facts.into_iter().map(|row| self.fact(row)).collect();
        let output = |row: &OutputRow| Ok((row.0, self.output(&row.1, row.2, row.3)?));
        let outputs: Result<_, Refused> = outputs.iter().map(output).collect();
        let pseudonym = match pseudonym.is_empty() {
            true => None,
            false => Some(exactly(pseudonym)?),
        };
        Ok(Plan {
            sk: self.sk.clone(),
            coins: coins?,
            facts: facts?,
            outputs: outputs?,
            pseudonym,
        })
    }
}

fn made(payment: Result<specie_core::ecash::payment::Payment, Fault>) -> PyResult<EcashPayment> {
    Ok(EcashPayment(Arc::new(payment.map_err(refused)?)))
}

#[pymethods]
impl EcashHolder {
    /// The holder of a seed of 32 bytes.
    #[new]
    fn new(seed: &[u8]) -> PyResult<Self> {
        let seed = Zeroizing::new(exactly(seed)?);
        let sk = wallet_key(&seed);
        if sk.is_zero() {
            return Err(Refused(Refusal::BadScalar).into());
        }
        let pk = G1::generator().mul(&sk).encode();
        Ok(Self { seed, sk, pk })
    }

    /// pk.
    #[getter]
    fn pk<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        bytes(py, &self.pk)
    }

    /// (points, proof) of an open request.
    fn open<'py>(&self, py: Python<'py>, offer: OfferRow, random: &[u8]) -> PyResult<Pair<'py>> {
        let (offer, random) = (self::offer(offer)?, exactly(random)?);
        let made = py
            .detach(|| open::build(offer, &self.sk, &random))
            .map_err(refused)?;
        Ok((bytes(py, &made.points), bytes(py, &made.proof)))
    }

    /// (points, proof) of a withdraw request; coins: (value, counter).
    #[pyo3(signature = (key, account, nonce, time, coins, random))]
    #[allow(clippy::too_many_arguments)]
    fn withdraw<'py>(
        &self,
        py: Python<'py>,
        key: PyRef<'_, EcashKey>,
        account: &str,
        nonce: &[u8],
        time: u64,
        coins: Vec<(u64, u32)>,
        random: &[u8],
    ) -> PyResult<Pair<'py>> {
        let (nonce, random, key) = (exactly(nonce)?, exactly(random)?, &key.0);
        let coin = |(value, counter): &(u64, u32)| {
            let (serial, escrow) = coin_secrets(&self.seed, &key.kid, *value, *counter, false);
            NewCoin {
                kid: key.kid,
                value: *value,
                serial,
                escrow,
            }
        };
        let coins: Vec<NewCoin> = coins.iter().map(coin).collect();
        let request = withdraw::Request {
            account,
            nonce,
            time,
            coins: &coins,
        };
        let made = py.detach(|| withdraw::build(&request, key, &self.sk, &random));
        let made = made.map_err(refused)?;
        Ok((bytes(py, &made.fields.points), bytes(py, &made.fields.proof)))
    }

    /// S of a coin with this M.
    fn serial<'py>(
        &self,
        py: Python<'py>,
        kid: &[u8],
        value: u64,
        counter: u32,
        output: bool,
        message: &[u8],
    ) -> PyResult<Bound<'py, PyBytes>> {
        let (serial, _) = coin_secrets(&self.seed, &exactly(kid)?, value, counter, output);
        let power = Zeroizing::new(*serial + shift(message));
        Ok(bytes(py, &delta().mul(&power).encode()))
    }

    /// A payment for an invoice.
    #[allow(clippy::too_many_arguments)]
    fn pay(
        &self,
        py: Python<'_>,
        keys: Vec<PyRef<'_, EcashKey>>,
        invoice_hash: &[u8],
        coins: Vec<CoinRow>,
        facts: Vec<FactRow>,
        outputs: Vec<OutputRow>,
        pseudonym: &[u8],
        random: &[u8],
    ) -> PyResult<EcashPayment> {
        let plan = self.plan(&coins, facts, &outputs, pseudonym)?;
        let (keys, random, invoice_hash) = (by_id(&keys), exactly(random)?, exactly(invoice_hash)?);
        made(py.detach(|| plan.pay(&map(&keys), invoice_hash, &random)))
    }

    /// A show for one payment whose invoice is not known yet.
    #[allow(clippy::too_many_arguments)]
    fn prepare(
        &self,
        py: Python<'_>,
        keys: Vec<PyRef<'_, EcashKey>>,
        coins: Vec<CoinRow>,
        facts: Vec<FactRow>,
        outputs: Vec<OutputRow>,
        pseudonym: &[u8],
        random: &[u8],
    ) -> PyResult<EcashShow> {
        let plan = self.plan(&coins, facts, &outputs, pseudonym)?;
        let (keys, random) = (by_id(&keys), exactly(random)?);
        let show = py
            .detach(|| plan.prepare(&map(&keys), &random))
            .map_err(refused)?;
        Ok(EcashShow(Mutex::new(Some(show))))
    }

    /// (serials, proof, output points) of a claim; outputs: (kid, value, counter).
    fn claim<'py>(
        &self,
        py: Python<'py>,
        keys: Vec<PyRef<'_, EcashKey>>,
        head: ClaimHead,
        coins: Vec<ClaimRow>,
        outputs: Vec<(PyBackedBytes, u64, u32)>,
        random: &[u8],
    ) -> PyResult<(Bound<'py, PyBytes>, Bound<'py, PyBytes>, Bound<'py, PyBytes>)> {
        let (bank, kind, mode, account, nonce, time) = head;
        let (mut rows, mut entries, mut serials) = (Vec::new(), Vec::new(), Vec::new());
        for (kid, value, counter, output, message, a, b) in &coins {
            let kid = exactly(kid)?;
            let (serial, escrow) = coin_secrets(&self.seed, &kid, *value, *counter, *output);
            let trustee = keys
                .iter()
                .find(|key| key.0.kid == kid)
                .and_then(|key| key.0.trustee);
            let trustee = trustee.ok_or(Refused(Refusal::BadPlan))?;
            let q1 = G1::generator().mul(&escrow).encode();
            let q2 = delta().mul(&serial).add(&trustee.mul(&escrow)).encode();
            rows.push((kid, *value, hash::coin_id(&q1, &q2)));
            entries.push(Entry::decode(message, a, b).map_err(refused)?);
            serials.push(serial);
        }
        let output = |row: &(PyBackedBytes, u64, u32)| self.output(&row.0, row.1, row.2);
        let outputs: Result<_, Refused> = outputs.iter().map(output).collect();
        let plan = claim::Plan {
            sk: self.sk.clone(),
            serials,
            outputs: outputs?,
        };
        let fields = claim::Fields {
            bank,
            kind,
            mode,
            account,
            nonce: exactly(&nonce)?,
            time,
            coins: rows,
            serials: Vec::new(),
            proof: Vec::new(),
            outputs: Vec::new(),
            output_points: Vec::new(),
        };
        let (keys, random) = (by_id(&keys), exactly(random)?);
        let made = py.detach(|| claim::build(fields, &entries, &plan, &map(&keys), &random));
        let fields = made.map_err(refused)?.fields;
        let (serials, proof) = (bytes(py, &fields.serials), bytes(py, &fields.proof));
        Ok((serials, proof, bytes(py, &fields.output_points)))
    }

    /// (serials, proof) of a self-trace; coins: (key, value, counter, output or withdrawn, M).
    #[allow(clippy::too_many_arguments)]
    fn self_trace<'py>(
        &self,
        py: Python<'py>,
        bank: &str,
        account: &str,
        nonce: &[u8],
        time: u64,
        coins: Vec<(PyRef<'_, EcashKey>, u64, u32, bool, PyBackedBytes)>,
        random: &[u8],
    ) -> PyResult<Pair<'py>> {
        let (mut secrets, mut escrows) = (Vec::new(), Vec::new());
        for (key, value, counter, output, _) in &coins {
            let trustee = key.0.trustee.ok_or(Refused(Refusal::BadPlan))?;
            let own = coin_secrets(&self.seed, &key.0.kid, *value, *counter, *output);
            let q2 = delta().mul(&own.0).add(&trustee.mul(&own.1));
            escrows.push((trustee, G1::encode_many(&[G1::generator().mul(&own.1), q2])));
            secrets.push(own);
        }
        let each = coins.iter().zip(&escrows);
        let coins: Vec<OwnCoin<'_>> = each
            .map(|((key, _, _, _, message), (trustee, escrow))| OwnCoin {
                kid: key.0.kid,
                trustee: *trustee,
                message,
                escrow,
                cid: hash::coin_id(&escrow[..48], &escrow[48..]),
            })
            .collect();
        let trace = SelfTrace {
            bank,
            account,
            nonce: exactly(nonce)?,
            time,
            coins: &coins,
        };
        let made = trace
            .build(&self.sk, &secrets, &exactly(random)?)
            .map_err(refused)?;
        Ok((bytes(py, &made.0), bytes(py, &made.1)))
    }

    fn __repr__(&self) -> &'static str {
        "EcashHolder(***)"
    }

    fn __reduce__(&self) -> PyResult<()> {
        Err(PyTypeError::new_err("a holder's keys cannot be pickled"))
    }
}

/// A prepared show, in memory only, good for one payment.
#[pyclass(frozen, module = "specie._core")]
pub struct EcashShow(Mutex<Option<Show>>);

#[pymethods]
impl EcashShow {
    /// The payment for this invoice; a second call raises ValueError.
    fn pay(&self, py: Python<'_>, invoice_hash: &[u8]) -> PyResult<EcashPayment> {
        let invoice_hash = exactly(invoice_hash)?;
        // SPEC ECASH-2.16
        let show = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let show = show.ok_or_else(|| PyValueError::new_err("this show was used already"))?;
        made(py.detach(|| show.pay(invoice_hash)))
    }

    fn __repr__(&self) -> &'static str {
        "EcashShow(***)"
    }

    fn __reduce__(&self) -> PyResult<()> {
        Err(PyTypeError::new_err("a prepared show cannot be pickled"))
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<EcashHolder>()?;
    module.add_class::<EcashShow>()
}
