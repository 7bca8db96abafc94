//! Envelopes and transactions: keys of epochs, opening, the rules, and verification in batches.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyList};
use specie_core::hash::{sha256, Hash};
use specie_core::ledger::opened::{self, Arrived, Opened, Points};
use specie_core::ledger::range::{self, Claim};
use specie_core::ledger::{envelope, verify};
use specie_core::Refusal;

use crate::errors::Refused;
use crate::ledger_group::exactly;
use crate::ledger_trees::OutputTable;

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The private key of an epoch. Nothing gives it back but its wrapped form.
#[pyclass(frozen, module = "specie._core")]
pub struct EpochKey {
    key: Mutex<Option<Arc<envelope::EpochKey>>>,
    suite: u8,
    public: Vec<u8>,
}

impl EpochKey {
    fn of(key: envelope::EpochKey) -> Self {
        Self {
            suite: key.suite(),
            public: key.public().to_vec(),
            key: Mutex::new(Some(Arc::new(key))),
        }
    }

    fn key(&self) -> PyResult<Arc<envelope::EpochKey>> {
        // A node without the key of a live epoch must not judge, so this is no refusal of an envelope.
        // SPEC LEDGER-7.25
        locked(&self.key)
            .clone()
            .ok_or_else(|| PyValueError::new_err("the key of this epoch was erased"))
    }
}

#[pymethods]
impl EpochKey {
    #[staticmethod]
    fn generate(suite: u8, random: &[u8]) -> PyResult<Self> {
        Ok(Self::of(
            envelope::EpochKey::generate(suite, random).map_err(Refused)?,
        ))
    }

    #[staticmethod]
    fn unwrap(suite: u8, wrapped: &[u8], key: &[u8]) -> PyResult<Self> {
        Ok(Self::of(
            envelope::EpochKey::unwrap(suite, wrapped, key).map_err(Refused)?,
        ))
    }

    fn wrap<'py>(&self, py: Python<'py>, key: &[u8], random: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
        let wrapped = self.key()?.wrap(key, random).map_err(Refused)?;
        Ok(PyBytes::new(py, &wrapped))
    }

    #[getter]
    fn suite(&self) -> u8 {
        self.suite
    }

    fn public<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.public)
    }

    fn erase(&self) {
        locked(&self.key).take();
    }

    /// Never shows the secret.
    fn __repr__(&self) -> &'static str {
        "EpochKey(***)"
    }

    fn __reduce__(&self) -> PyResult<()> {
        Err(PyTypeError::new_err("a private key cannot be pickled"))
    }
}

/// A transaction out of its envelope.
#[pyclass(frozen, module = "specie._core")]
pub struct OpenedTransaction {
    tx: Mutex<Arc<Opened>>,
    points: Mutex<Option<Points>>,
    /// Chain and output root with which its rings and proofs have verified.
    verified: Mutex<Option<(Hash, Hash)>>,
}

impl OpenedTransaction {
    fn of(mut tx: Opened) -> Self {
        let points = Mutex::new(tx.points.take());
        Self {
            tx: Mutex::new(Arc::new(tx)),
            points,
            verified: Mutex::new(None),
        }
    }

    fn tx(&self) -> Arc<Opened> {
        locked(&self.tx).clone()
    }
}

fn bytes_list<'py, const N: usize>(py: Python<'py>, items: &[[u8; N]]) -> PyResult<Bound<'py, PyList>> {
    PyList::new(py, items.iter().map(|item| PyBytes::new(py, item)))
}

#[pymethods]
impl OpenedTransaction {
    #[getter]
    fn tx_public<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.tx().tx_public)
    }

    #[getter]
    fn tx_id<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.tx().tx_id)
    }

    #[getter]
    fn tx_leaf<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.tx().tx_leaf)
    }

    #[getter]
    fn env_id<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.tx().env_id)
    }

    #[getter]
    fn version(&self) -> u16 {
        self.tx().public.version
    }

    #[getter]
    fn get_type(&self) -> u8 {
        self.tx().public.kind
    }

    #[getter]
    fn expiry_height(&self) -> u64 {
        self.tx().public.expiry_height
    }

    #[getter]
    fn fee(&self) -> u64 {
        self.tx().public.fee
    }

    #[getter]
    fn burn(&self) -> u64 {
        self.tx().public.burn
    }

    #[getter]
    fn extra<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.tx().public.extra)
    }

    #[getter]
    fn key_images<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        bytes_list(py, &self.tx().public.key_images)
    }

    #[getter]
    fn pseudo_outputs<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        bytes_list(py, &self.tx().public.pseudo_outputs)
    }

    #[getter]
    fn outputs<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        bytes_list(py, &self.tx().public.outputs)
    }

    #[getter]
    fn range_proof<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.tx().public.range_proof)
    }

    #[getter]
    fn bp_ctx<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.tx().bp_ctx)
    }

    #[getter]
    fn flags(&self) -> u8 {
        self.tx().private.flags
    }

    #[getter]
    fn anchor_height(&self) -> u64 {
        self.tx().private.anchor_height
    }

    #[getter]
    fn ring_size(&self) -> usize {
        self.tx().ring_size
    }

    #[getter]
    fn rings<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let tx = self.tx();
        let rings: PyResult<Vec<_>> = tx
            .private
            .inputs
            .iter()
            .map(|input| PyList::new(py, &input.indices))
            .collect();
        PyList::new(py, rings?)
    }

    #[getter]
    fn note<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.tx().private.note)
    }

    fn static_faults(&self) -> Vec<&'static str> {
        self.tx().faults.iter().map(|rule| rule.name()).collect()
    }

    /// The plaintext of the sealed note, once the transaction has verified.
    // SPEC LEDGER-6.2.1
    fn open_note<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        let (chain_id, out_root) = (*locked(&self.verified))?;
        let note = verify::open_note(&self.tx(), &chain_id, &out_root)?;
        Some(PyBytes::new(py, &note))
    }

    fn erase(&self) {
        let mut tx = locked(&self.tx);
        *tx = Arc::new(tx.erased());
        locked(&self.points).take();
        locked(&self.verified).take();
    }

    /// Never shows who paid.
    fn __repr__(&self) -> &'static str {
        "OpenedTransaction(***)"
    }

    fn __reduce__(&self) -> PyResult<()> {
        Err(PyTypeError::new_err("an opened transaction cannot be pickled"))
    }
}

/// For each (key, epoch, envelope) the opened transaction, or the name of the rule that it breaks.
#[pyfunction]
fn open_envelopes<'py>(
    py: Python<'py>,
    chain_id: &[u8],
    items: Vec<(Py<EpochKey>, u32, PyBackedBytes)>,
    ring_size: usize,
) -> PyResult<Bound<'py, PyList>> {
    let chain_id = exactly(chain_id)?;
    let keys: PyResult<Vec<Arc<envelope::EpochKey>>> =
        items.iter().map(|(key, ..)| key.get().key()).collect();
    let keys = keys?;
    let arrived: Vec<Arrived<'_>> = items
        .iter()
        .zip(&keys)
        .map(|((_, epoch, envelope), key)| Arrived {
            key,
            epoch: *epoch,
            envelope,
        })
        .collect();
    let opened = py.detach(|| opened::open_many(&chain_id, &arrived, ring_size));
    let list = PyList::empty(py);
    for one in opened {
        match one {
            Ok(tx) => list.append(Py::new(py, OpenedTransaction::of(tx))?)?,
            Err(rule) => list.append(rule.name())?,
        }
    }
    Ok(list)
}

/// For each (transaction, output root at its anchor height) the name of the first rule it breaks, or "".
#[pyfunction]
fn verify_transactions(
    py: Python<'_>,
    table: &OutputTable,
    chain_id: &[u8],
    items: Vec<(Py<OpenedTransaction>, PyBackedBytes)>,
    random: &[u8],
) -> PyResult<Vec<&'static str>> {
    let chain_id: Hash = exactly(chain_id)?;
    if random.len() < 32 {
        return Err(Refused(Refusal::WrongLength).into());
    }
    let random = sha256(&[random]);
    let roots: Result<Vec<Hash>, Refused> = items.iter().map(|(_, root)| exactly(root)).collect();
    let roots = roots?;
    let answers = py.detach(|| {
        let txs: Vec<Arc<Opened>> = items.iter().map(|(item, _)| item.get().tx()).collect();
        let jobs = items
            .iter()
            .zip(&txs)
            .zip(&roots)
            .map(|(((item, _), tx), out_root)| verify::Job {
                tx,
                points: locked(&item.get().points).take(),
                out_root: *out_root,
            });
        // The lock is held for the copies only: blocks are made while rings are judged.
        let wanted = txs.iter().flat_map(|tx| {
            tx.private
                .inputs
                .iter()
                .flat_map(|input| input.indices.iter().copied())
        });
        let picked = table.read().pick(wanted);
        verify::verify_many_vartime(&picked, &chain_id, jobs.collect(), &random)
    });
    for (((item, _), root), answer) in items.iter().zip(&roots).zip(&answers) {
        if answer.is_none() {
            *locked(&item.get().verified) = Some((chain_id, *root));
        }
    }
    Ok(answers
        .into_iter()
        .map(|answer| answer.map_or("", |rule| rule.name()))
        .collect())
}

/// For each (commitments, proof, bp_ctx) whether the range proof holds.
#[pyfunction]
fn verify_range_proofs(
    py: Python<'_>,
    items: Vec<(PyBackedBytes, PyBackedBytes, PyBackedBytes)>,
) -> PyResult<Vec<bool>> {
    let contexts: Result<Vec<[u8; 64]>, Refused> =
        items.iter().map(|(.., context)| exactly(context)).collect();
    let contexts = contexts?;
    if items.iter().any(|(commitments, ..)| commitments.len() % 32 != 0) {
        return Err(Refused(Refusal::WrongLength).into());
    }
    Ok(py.detach(|| {
        let mut answers = vec![false; items.len()];
        let mut places = Vec::with_capacity(items.len());
        let mut claims = Vec::with_capacity(items.len());
        for (place, ((commitments, proof, _), context)) in items.iter().zip(contexts).enumerate() {
            if let Some(claim) = Claim::decode(commitments, proof, context) {
                places.push(place);
                claims.push(claim);
            }
        }
        let found = range::verify_many_vartime(&claims);
        places
            .into_iter()
            .zip(found)
            .for_each(|(place, holds)| answers[place] = holds);
        answers
    }))
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<EpochKey>()?;
    module.add_class::<OpenedTransaction>()?;
    module.add_function(wrap_pyfunction!(open_envelopes, module)?)?;
    module.add_function(wrap_pyfunction!(verify_transactions, module)?)?;
    module.add_function(wrap_pyfunction!(verify_range_proofs, module)?)
}
