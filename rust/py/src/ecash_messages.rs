//! E-cash: open requests, withdrawals and payments as they arrive, judged by the thousand.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyList};
use pyo3::PyClass;
use rayon::prelude::*;
use specie_core::ecash::keys::IssuerKey;
use specie_core::ecash::open::{Offer, Opening};
use specie_core::ecash::payment::{Atom, Fields, Payment};
use specie_core::ecash::verify::verify_payments_vartime;
use specie_core::ecash::withdraw::{self, Withdrawal};
use specie_core::ecash::{hash, Fault};

use crate::ecash_keys::{by_id, map, refused, verdict, verdicts, EcashKey, Verdict};
use crate::errors::Refused;
use crate::ledger_group::exactly;

/// (M, τ, A, B) for a signer, as Python objects.
type TokenOut<'py> = (
    Bound<'py, PyBytes>,
    Bound<'py, PyBytes>,
    Bound<'py, PyBytes>,
    Bound<'py, PyBytes>,
);

pub(crate) fn bytes<'py>(py: Python<'py>, data: &[u8]) -> Bound<'py, PyBytes> {
    PyBytes::new(py, data)
}

/// (kid, nonce, account, [(type, value)]).
pub(crate) type OfferRow = (PyBackedBytes, PyBackedBytes, String, Vec<(String, String)>);

pub(crate) fn offer(row: OfferRow) -> Result<Offer, Refused> {
    let (kid, nonce, account, facts) = row;
    Ok(Offer {
        kid: exactly(&kid)?,
        nonce: exactly(&nonce)?,
        account,
        facts,
    })
}

/// An open request whose lengths and encodings are right.
#[pyclass(frozen, module = "specie._core")]
pub struct EcashOpening(Opening);

#[pymethods]
impl EcashOpening {
    /// What the signers sign.
    fn tokens<'py>(&self, py: Python<'py>) -> Vec<TokenOut<'py>> {
        let messages = self.0.messages();
        let each = messages
            .iter()
            .zip(&self.0.offer.facts)
            .zip(self.0.points.chunks(48));
        each.map(|((message, (kind, value)), first)| {
            let tag = hash::atom_tag(&self.0.offer.kid, kind, value).encode();
            (
                bytes(py, message),
                bytes(py, &tag),
                bytes(py, first),
                bytes(py, &[]),
            )
        })
        .collect()
    }

    /// O4 and O5: None, or the first fault.
    fn verify(&self, py: Python<'_>) -> Option<Verdict> {
        py.detach(|| self.0.verify_proof_vartime()).err().map(verdict)
    }
}

/// An open request out of its fields, or the first fault of O1.
#[pyfunction]
fn ecash_decode_opening(
    py: Python<'_>,
    offer: OfferRow,
    pk: &[u8],
    points: &[u8],
    proof: &[u8],
) -> PyResult<Py<PyAny>> {
    match Opening::decode(self::offer(offer)?, pk, points, proof) {
        Ok(opening) => Ok(Py::new(py, EcashOpening(opening))?.into_any()),
        Err(fault) => Ok(verdict(fault).into_pyobject(py)?.into_any().unbind()),
    }
}

/// A withdraw request whose lengths and encodings are right.
#[pyclass(frozen, module = "specie._core")]
pub struct EcashWithdrawal(Withdrawal);

#[pymethods]
impl EcashWithdrawal {
    /// cid of each coin.
    fn coin_ids<'py>(&self, py: Python<'py>) -> Vec<Bound<'py, PyBytes>> {
        self.0.coin_ids().iter().map(|id| bytes(py, id)).collect()
    }

    /// What the signers sign.
    fn tokens<'py>(&self, py: Python<'py>, key: PyRef<'_, EcashKey>) -> Vec<TokenOut<'py>> {
        let messages = self.0.messages(&key.0);
        let fields = &self.0.fields;
        let each = messages.iter().zip(&fields.values).zip(fields.points.chunks(192));
        each.map(|((message, value), points)| {
            let tag = hash::coin_tag(&key.0.kid, *value).encode();
            let (a, b) = (bytes(py, &points[..48]), bytes(py, &points[48..96]));
            (bytes(py, message), bytes(py, &tag), a, b)
        })
        .collect()
    }
}

/// (account, pk, nonce, time, values, points, proof).
type WithdrawRow = (
    String,
    PyBackedBytes,
    PyBackedBytes,
    u64,
    Vec<u64>,
    PyBackedBytes,
    PyBackedBytes,
);

/// Withdraw requests out of their fields; in the place of each that is wrong, the first fault of W1.
#[pyfunction]
fn ecash_decode_withdrawals(py: Python<'_>, items: Vec<WithdrawRow>) -> PyResult<Bound<'_, PyList>> {
    let decode = |row: WithdrawRow| -> Result<Result<Withdrawal, Fault>, Refused> {
        let (account, pk, nonce, time, values, points, proof) = row;
        Ok(Withdrawal::decode(withdraw::Fields {
            account,
            pk: pk.to_vec(),
            nonce: exactly(&nonce)?,
            time,
            values,
            points: points.to_vec(),
            proof: proof.to_vec(),
        }))
    };
    let read: Result<Vec<_>, Refused> = py.detach(|| items.into_par_iter().map(decode).collect());
    let wrap = |one| wrap(py, one, EcashWithdrawal);
    PyList::new(py, read?.into_iter().map(wrap).collect::<PyResult<Vec<_>>>()?)
}

/// The object, or the verdict on what it was to be.
fn wrap<T, W: Into<PyClassInitializer<W>> + PyClass>(
    py: Python<'_>,
    one: Result<T, Fault>,
    make: impl Fn(T) -> W,
) -> PyResult<Py<PyAny>> {
    match one {
        Ok(good) => Ok(Py::new(py, make(good))?.into_any()),
        Err(fault) => Ok(verdict(fault).into_pyobject(py)?.into_any().unbind()),
    }
}

/// W4 and W6 of each request under its key: None, or the first fault.
#[pyfunction]
fn ecash_verify_withdrawals(
    py: Python<'_>,
    items: Vec<(PyRef<'_, EcashWithdrawal>, PyRef<'_, EcashKey>)>,
) -> Vec<Option<Verdict>> {
    let pairs: Vec<_> = items.iter().map(|(request, key)| (&request.0, &key.0)).collect();
    let verify = |(request, key): &(&Withdrawal, &IssuerKey)| request.verify_proof_vartime(key);
    verdicts(py.detach(|| pairs.par_iter().map(verify).collect()))
}

/// A payment whose lengths and encodings are right.
#[pyclass(frozen, module = "specie._core")]
pub struct EcashPayment(pub(crate) Arc<Payment>);

#[pymethods]
impl EcashPayment {
    /// The context that the proof binds.
    #[getter]
    fn info<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        bytes(py, self.0.info())
    }

    /// R.
    #[getter]
    fn r<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        bytes(py, &self.0.r().encode())
    }

    /// S of each coin.
    #[getter]
    fn serials<'py>(&self, py: Python<'py>) -> Vec<Bound<'py, PyBytes>> {
        self.0.serials().iter().map(|point| bytes(py, point)).collect()
    }

    /// T of each coin.
    #[getter]
    fn double_spend_tags<'py>(&self, py: Python<'py>) -> Vec<Bound<'py, PyBytes>> {
        let tags = self.0.double_spend_tags();
        tags.iter().map(|point| bytes(py, point)).collect()
    }

    /// Fields 5, 6, 8 and 9.
    fn parts<'py>(&self, py: Python<'py>) -> TokenOut<'py> {
        let fields = &self.0.fields;
        (
            bytes(py, &fields.points),
            bytes(py, &fields.proof),
            bytes(py, &fields.output_points),
            bytes(py, &fields.pseudonym),
        )
    }

    /// What the signers sign for its outputs.
    fn output_tokens<'py>(&self, py: Python<'py>) -> Vec<TokenOut<'py>> {
        let tokens = self.0.output_tokens();
        let each = tokens.iter().zip(&self.0.fields.outputs);
        each.map(|((message, a, b), (_, kid, value))| {
            let tag = hash::coin_tag(kid, *value).encode();
            (bytes(py, message), bytes(py, &tag), bytes(py, a), bytes(py, b))
        })
        .collect()
    }
}

/// (invoice hash, coins, atoms, points, proof, outputs, output points, pseudonym).
type PaymentRow = (
    PyBackedBytes,
    Vec<(PyBackedBytes, u64)>,
    Vec<(PyBackedBytes, String, String)>,
    PyBackedBytes,
    PyBackedBytes,
    Vec<(u8, PyBackedBytes, u64)>,
    PyBackedBytes,
    PyBackedBytes,
);

fn fields(row: PaymentRow) -> Result<Fields, Refused> {
    let (invoice_hash, coins, atoms, points, proof, outputs, output_points, pseudonym) = row;
    let coins: Result<Vec<_>, Refused> = coins
        .iter()
        .map(|(kid, value)| Ok((exactly(kid)?, *value)))
        .collect();
    let atoms: Result<Vec<Atom>, Refused> = atoms
        .into_iter()
        .map(|(kid, kind, value)| Ok((exactly(&kid)?, kind, value)))
        .collect();
    let outputs: Result<Vec<_>, Refused> = outputs
        .iter()
        .map(|(class, kid, value)| Ok((*class, exactly(kid)?, *value)))
        .collect();
    Ok(Fields {
        invoice_hash: exactly(&invoice_hash)?,
        coins: coins?,
        atoms: atoms?,
        points: points.to_vec(),
        proof: proof.to_vec(),
        outputs: outputs?,
        output_points: output_points.to_vec(),
        pseudonym: pseudonym.to_vec(),
    })
}

/// Payments out of their fields; in the place of each that is wrong, the first fault of V1 and V2.
#[pyfunction]
fn ecash_decode_payments(py: Python<'_>, items: Vec<PaymentRow>) -> PyResult<Bound<'_, PyList>> {
    let decode =
        |row: PaymentRow| -> Result<Result<Payment, Fault>, Refused> { Ok(Payment::decode(fields(row)?)) };
    let read: Result<Vec<_>, Refused> = py.detach(|| items.into_par_iter().map(decode).collect());
    let wrap = |one| wrap(py, one, |payment| EcashPayment(Arc::new(payment)));
    PyList::new(py, read?.into_iter().map(wrap).collect::<PyResult<Vec<_>>>()?)
}

/// V4, V5 and V6 of each payment: None, or the first fault; one pairing product for all of them.
#[pyfunction]
fn ecash_verify_payments(
    py: Python<'_>,
    keys: Vec<PyRef<'_, EcashKey>>,
    payments: Vec<PyRef<'_, EcashPayment>>,
    random: &[u8],
) -> PyResult<Vec<Option<Verdict>>> {
    let random = exactly(random)?;
    let (keys, payments) = (
        by_id(&keys),
        payments.iter().map(|one| one.0.as_ref()).collect::<Vec<_>>(),
    );
    let answers = py.detach(|| verify_payments_vartime(&payments, &map(&keys), &random));
    Ok(verdicts(answers))
}

/// The key that spent one coin in two payments: each (T, R).
#[pyfunction]
fn ecash_identify<'py>(
    py: Python<'py>,
    first: (PyBackedBytes, PyBackedBytes),
    second: (PyBackedBytes, PyBackedBytes),
) -> PyResult<Bound<'py, PyBytes>> {
    use specie_core::ecash::curve::{Group, G1};
    use specie_core::ecash::points::decode_scalar;
    let read = |(tag, r): &(PyBackedBytes, PyBackedBytes)| -> Result<_, Refused> {
        let point = G1::decode_checked(tag).map_err(refused)?;
        Ok((point, decode_scalar(r).map_err(refused)?))
    };
    let (one, two) = (read(&first)?, read(&second)?);
    let pk = specie_core::ecash::trace::identify_vartime((&one.0, &one.1), (&two.0, &two.1));
    Ok(bytes(py, &pk.map_err(refused)?.encode()))
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<EcashOpening>()?;
    module.add_class::<EcashWithdrawal>()?;
    module.add_class::<EcashPayment>()?;
    module.add_function(wrap_pyfunction!(ecash_decode_opening, module)?)?;
    module.add_function(wrap_pyfunction!(ecash_decode_withdrawals, module)?)?;
    module.add_function(wrap_pyfunction!(ecash_verify_withdrawals, module)?)?;
    module.add_function(wrap_pyfunction!(ecash_decode_payments, module)?)?;
    module.add_function(wrap_pyfunction!(ecash_verify_payments, module)?)?;
    module.add_function(wrap_pyfunction!(ecash_identify, module)?)
}
