//! E-cash: tracing by trustees, self-tracing, claims.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;
use specie_core::ecash::claim::{Claim, Entry, Fields};
use specie_core::ecash::curve::{Group, Scalar, G1};
use specie_core::ecash::points::{decode_checked, decode_scalar, POINT_BYTES};
use specie_core::ecash::trace::{open_vartime, serial_of, OwnCoin, SelfTrace, Subject};
use specie_core::ecash::Fault;
use specie_core::Refusal;
use zeroize::Zeroizing;

use crate::ecash_keys::{by_id, map, refused, verdict, EcashKey, Verdict};
use crate::ecash_messages::bytes;
use crate::errors::Refused;
use crate::ledger_group::exactly;

/// (kid, SHA-256 of the warrant, kind, index, subject, C1).
type SubjectRow = (
    PyBackedBytes,
    PyBackedBytes,
    u8,
    u16,
    PyBackedBytes,
    PyBackedBytes,
);

fn subject(row: &SubjectRow) -> Result<Subject<'_>, Refused> {
    let (kid, warrant, kind, index, subject, ciphertext) = row;
    Ok(Subject {
        kid: exactly(kid)?,
        warrant: exactly(warrant)?,
        kind: *kind,
        index: *index,
        subject: exactly(subject)?,
        ciphertext,
    })
}

/// A trustee's share of j. Nothing gives it back.
#[pyclass(frozen, module = "specie._core")]
pub struct EcashTrustee(Zeroizing<Scalar>);

#[pymethods]
impl EcashTrustee {
    #[new]
    fn new(share: &[u8]) -> PyResult<Self> {
        Ok(Self(Zeroizing::new(decode_scalar(share).map_err(refused)?)))
    }

    /// (d_k, proof) for a subject that was verified.
    fn decrypt<'py>(
        &self,
        py: Python<'py>,
        subject: SubjectRow,
        random: &[u8],
    ) -> PyResult<(Bound<'py, PyBytes>, Bound<'py, PyBytes>)> {
        let made = self::subject(&subject)?.decrypt(&self.0, &exactly(random)?);
        let (point, proof) = made.map_err(refused)?;
        Ok((bytes(py, &point), bytes(py, &proof)))
    }

    fn __repr__(&self) -> &'static str {
        "EcashTrustee(***)"
    }

    fn __reduce__(&self) -> PyResult<()> {
        Err(PyTypeError::new_err("a share cannot be pickled"))
    }
}

/// Whether a trustee's answer verifies under its share key.
#[pyfunction]
fn ecash_verify_share(subject: SubjectRow, share_key: &[u8], point: &[u8], proof: &[u8]) -> PyResult<bool> {
    Ok(self::subject(&subject)?
        .verify_vartime(share_key, point, proof)
        .is_ok())
}

/// What t verified answers open: pk; with M of a coin, its serial.
#[pyfunction]
#[pyo3(signature = (ciphertext, places, points, message = None))]
fn ecash_open_trace<'py>(
    py: Python<'py>,
    ciphertext: &[u8],
    places: Vec<u16>,
    points: &[u8],
    message: Option<&[u8]>,
) -> PyResult<Bound<'py, PyBytes>> {
    let second = G1::decode_checked(ciphertext).map_err(refused)?;
    let answers = decode_checked::<G1>(points, points.len() / POINT_BYTES).map_err(refused)?;
    let opened = open_vartime(&second, &places, &answers).map_err(refused)?;
    let value = message.map_or(opened, |message| serial_of(&opened, message));
    Ok(bytes(py, &value.encode()))
}

/// (bank, kind, mode, account, nonce, time, coins, serials, proof, outputs, output points).
type ClaimRow = (
    String,
    u8,
    u8,
    String,
    PyBackedBytes,
    u64,
    Vec<(PyBackedBytes, u64, PyBackedBytes)>,
    PyBackedBytes,
    PyBackedBytes,
    Vec<(PyBackedBytes, u64)>,
    PyBackedBytes,
);

fn claim_fields(row: ClaimRow) -> Result<Fields, Refused> {
    let (bank, kind, mode, account, nonce, time, coins, serials, proof, outputs, output_points) = row;
    let coin =
        |(kid, value, cid): &(PyBackedBytes, u64, PyBackedBytes)| Ok((exactly(kid)?, *value, exactly(cid)?));
    let coins: Result<Vec<_>, Refused> = coins.iter().map(coin).collect();
    let output = |(kid, value): &(PyBackedBytes, u64)| Ok((exactly(kid)?, *value));
    let outputs: Result<Vec<_>, Refused> = outputs.iter().map(output).collect();
    Ok(Fields {
        bank,
        kind,
        mode,
        account,
        nonce: exactly(&nonce)?,
        time,
        coins: coins?,
        serials: serials.to_vec(),
        proof: proof.to_vec(),
        outputs: outputs?,
        output_points: output_points.to_vec(),
    })
}

/// X1 of a claim: None, or the first fault.
#[pyfunction]
fn ecash_check_claim(claim: ClaimRow) -> PyResult<Option<Verdict>> {
    Ok(Claim::decode(claim_fields(claim)?).err().map(verdict))
}

/// X4 and X6 of a claim over its log entries (M, A, B); pk in mode 1, else empty. None, or the first fault.
#[pyfunction]
fn ecash_verify_claim(
    py: Python<'_>,
    keys: Vec<PyRef<'_, EcashKey>>,
    claim: ClaimRow,
    entries: Vec<(PyBackedBytes, PyBackedBytes, PyBackedBytes)>,
    pk: &[u8],
) -> PyResult<Option<Verdict>> {
    let (fields, keys) = (claim_fields(claim)?, by_id(&keys));
    let answer = py.detach(|| -> Result<(), Fault> {
        let entry =
            |(message, a, b): &(PyBackedBytes, PyBackedBytes, PyBackedBytes)| Entry::decode(message, a, b);
        let entries: Vec<Entry> = entries.iter().map(entry).collect::<Result<_, _>>()?;
        let pk = (!pk.is_empty()).then_some(pk);
        Claim::decode(fields)?.verify_proof_vartime(&entries, pk, &map(&keys))
    });
    Ok(answer.err().map(verdict))
}

/// (key, M, Q1 and Q2, cid) of a coin in a self-trace.
type OwnRow<'py> = (PyRef<'py, EcashKey>, PyBackedBytes, PyBackedBytes, PyBackedBytes);

/// The proof of a self-trace: None, or the first fault.
#[pyfunction]
fn ecash_verify_self_trace(
    bank: &str,
    account: &str,
    nonce: &[u8],
    time: u64,
    coins: Vec<OwnRow<'_>>,
    serials: &[u8],
    proof: &[u8],
) -> PyResult<Option<Verdict>> {
    let own = |(key, message, escrow, cid): &OwnRow<'_>| -> Result<_, Refused> {
        let trustee = key.0.trustee.ok_or(Refused(Refusal::BadPlan))?;
        Ok((
            key.0.kid,
            trustee,
            message.to_vec(),
            escrow.to_vec(),
            exactly(cid)?,
        ))
    };
    let rows: Vec<_> = coins.iter().map(own).collect::<Result<_, _>>()?;
    let coins = rows.iter().map(|(kid, trustee, message, escrow, cid)| OwnCoin {
        kid: *kid,
        trustee: *trustee,
        message,
        escrow,
        cid: *cid,
    });
    let coins: Vec<OwnCoin<'_>> = coins.collect();
    let trace = SelfTrace {
        bank,
        account,
        nonce: exactly(nonce)?,
        time,
        coins: &coins,
    };
    let answer = trace.statement(serials).and_then(|all| all.verify_vartime(proof));
    Ok(answer.err().map(verdict))
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<EcashTrustee>()?;
    module.add_function(wrap_pyfunction!(ecash_verify_share, module)?)?;
    module.add_function(wrap_pyfunction!(ecash_open_trace, module)?)?;
    module.add_function(wrap_pyfunction!(ecash_check_claim, module)?)?;
    module.add_function(wrap_pyfunction!(ecash_verify_claim, module)?)?;
    module.add_function(wrap_pyfunction!(ecash_verify_self_trace, module)?)
}
