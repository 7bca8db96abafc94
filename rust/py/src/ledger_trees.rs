//! The output log and the sparse Merkle tree, kept in memory.

use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyList};
use specie_core::hash::Hash;
use specie_core::ledger::sparse;
use specie_core::ledger::table::{self, Entry};
use specie_core::Refusal;

use crate::errors::Refused;
use crate::ledger_group::{exactly, items_of_32};

/// (class, height, output).
type EntryRow = (u8, u64, PyBackedBytes);

fn entries(rows: &[EntryRow]) -> Result<Vec<Entry<'_>>, Refused> {
    let entry = |(class, height, output): &'_ EntryRow| -> Result<(u8, u64), Refused> {
        match output.len() {
            table::OUTPUT_BYTES => Ok((*class, *height)),
            _ => Err(Refused(Refusal::WrongLength)),
        }
    };
    let mut made = Vec::with_capacity(rows.len());
    for row in rows {
        let (class, height) = entry(row)?;
        let output = row
            .2
            .as_ref()
            .try_into()
            .map_err(|_| Refused(Refusal::WrongLength))?;
        made.push(Entry {
            class,
            height,
            output,
        });
    }
    Ok(made)
}

fn to_list<'py>(py: Python<'py>, hashes: &[Hash]) -> PyResult<Bound<'py, PyList>> {
    PyList::new(py, hashes.iter().map(|hash| PyBytes::new(py, hash)))
}

/// All outputs of the ledger, decoded, and the tree over them.
#[pyclass(frozen, module = "specie._core")]
pub struct OutputTable(RwLock<table::OutputTable>);

impl OutputTable {
    /// To be taken only while the interpreter lock is not held by the waiting thread.
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, table::OutputTable> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl OutputTable {
    #[new]
    fn new() -> Self {
        Self(RwLock::new(table::OutputTable::new()))
    }

    fn append(&self, py: Python<'_>, entries: Vec<EntryRow>) -> PyResult<()> {
        let made = self::entries(&entries)?;
        let write = || {
            let decoded = table::OutputTable::decode(&made)?;
            self.0
                .write()
                .unwrap_or_else(PoisonError::into_inner)
                .push(decoded);
            Ok(())
        };
        Ok(py.detach(write).map_err(Refused)?)
    }

    fn size(&self, py: Python<'_>) -> usize {
        py.detach(|| self.read().size())
    }

    fn root<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let root = py.detach(|| {
            let table = self.read();
            table.log().root_at(table.size())
        });
        Ok(PyBytes::new(py, &root.map_err(Refused)?))
    }

    fn root_at<'py>(&self, py: Python<'py>, size: usize) -> PyResult<Bound<'py, PyBytes>> {
        let root = py.detach(|| self.read().log().root_at(size));
        Ok(PyBytes::new(py, &root.map_err(Refused)?))
    }

    fn root_with<'py>(&self, py: Python<'py>, entries: Vec<EntryRow>) -> PyResult<Bound<'py, PyBytes>> {
        let made = self::entries(&entries)?;
        Ok(PyBytes::new(py, &py.detach(|| self.read().root_with(&made))))
    }

    fn inclusion<'py>(&self, py: Python<'py>, index: usize, size: usize) -> PyResult<Bound<'py, PyList>> {
        let path = py.detach(|| self.read().log().inclusion(index, size));
        to_list(py, &path.map_err(Refused)?)
    }

    fn consistency<'py>(&self, py: Python<'py>, old: usize, new: usize) -> PyResult<Bound<'py, PyList>> {
        let path = py.detach(|| self.read().log().consistency(old, new));
        to_list(py, &path.map_err(Refused)?)
    }

    fn members<'py>(&self, py: Python<'py>, indices: Vec<u64>) -> PyResult<Bound<'py, PyList>> {
        let rows = py.detach(|| self.read().describe(&indices)).map_err(Refused)?;
        PyList::new(
            py,
            rows.iter()
                .map(|(class, height, points)| (*class, *height, PyBytes::new(py, points))),
        )
    }

    fn used<'py>(&self, py: Python<'py>, points: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
        let points = items_of_32(points)?;
        let answers: Vec<u8> = py.detach(|| {
            let table = self.read();
            points
                .iter()
                .map(|point| u8::from(table.is_used(point)))
                .collect()
        });
        Ok(PyBytes::new(py, &answers))
    }

    fn reserve(&self, py: Python<'_>, points: &[u8]) -> PyResult<()> {
        let points = items_of_32(points)?;
        py.detach(|| {
            self.0
                .write()
                .unwrap_or_else(PoisonError::into_inner)
                .reserve(&points)
        });
        Ok(())
    }
}

/// A sparse Merkle tree; its clones share their nodes.
#[pyclass(frozen, module = "specie._core")]
pub struct SparseTree(RwLock<sparse::SparseTree>);

impl SparseTree {
    fn snapshot(&self) -> sparse::SparseTree {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[pymethods]
impl SparseTree {
    #[new]
    fn new() -> Self {
        Self(RwLock::new(sparse::SparseTree::new()))
    }

    #[pyo3(name = "clone")]
    fn copy(&self, py: Python<'_>) -> Self {
        Self(RwLock::new(py.detach(|| self.snapshot())))
    }

    fn update(&self, py: Python<'_>, items: Vec<(PyBackedBytes, PyBackedBytes)>) -> PyResult<()> {
        let item = |(key, value): &(PyBackedBytes, PyBackedBytes)| Ok((exactly(key)?, exactly(value)?));
        let made: Result<Vec<(Hash, Hash)>, Refused> = items.iter().map(item).collect();
        let made = made?;
        py.detach(|| {
            self.0
                .write()
                .unwrap_or_else(PoisonError::into_inner)
                .update(&made)
        });
        Ok(())
    }

    fn root<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        let root = py.detach(|| self.snapshot().root());
        PyBytes::new(py, &root)
    }

    fn get<'py>(&self, py: Python<'py>, key: &[u8]) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let key = exactly(key)?;
        let value = py.detach(|| self.snapshot().get(&key));
        Ok(value.map(|value| PyBytes::new(py, &value)))
    }

    fn prove<'py>(&self, py: Python<'py>, key: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
        let key = exactly(key)?;
        let proof = py.detach(|| self.snapshot().prove(&key));
        Ok(PyBytes::new(py, &proof))
    }

    fn size(&self, py: Python<'_>) -> u64 {
        py.detach(|| self.snapshot().size())
    }
}

/// Whether a proof shows this value hash under this key, or with None that the key is absent.
#[pyfunction]
#[pyo3(signature = (root, key, value_hash, proof))]
fn sparse_verify(root: &[u8], key: &[u8], value_hash: Option<&[u8]>, proof: &[u8]) -> PyResult<bool> {
    let value: Option<Hash> = value_hash.map(exactly).transpose()?;
    Ok(sparse::verify(
        &exactly(root)?,
        &exactly(key)?,
        value.as_ref(),
        proof,
    ))
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<OutputTable>()?;
    module.add_class::<SparseTree>()?;
    module.add_function(wrap_pyfunction!(sparse_verify, module)?)
}
