//! Merkle trees, the chain of a log, and the units of an issue.

use pyo3::prelude::*;
use pyo3::pybacked::{PyBackedBytes, PyBackedStr};
use pyo3::types::{PyBytes, PyList};
use specie_core::hash::Hash;
use specie_core::{merkle, units, Refusal};

use crate::errors::{status, Refused};

/// One issue from Python: (cti, currency, owner, [(value, count), ...]).
type IssueRow = (PyBackedBytes, PyBackedStr, PyBackedBytes, Vec<(u64, u64)>);

fn to_hashes(items: &[PyBackedBytes]) -> Result<Vec<Hash>, Refused> {
    let to_hash = |item: &PyBackedBytes| Hash::try_from(item.as_ref());
    let hashes: Result<Vec<Hash>, _> = items.iter().map(to_hash).collect();
    hashes.map_err(|_| Refused(Refusal::WrongLength))
}

fn to_list<'py>(py: Python<'py>, hashes: &[Hash]) -> PyResult<Bound<'py, PyList>> {
    PyList::new(py, hashes.iter().map(|hash| PyBytes::new(py, hash)))
}

/// The root over leaf hashes.
#[pyfunction]
fn merkle_root(py: Python<'_>, leaves: Vec<PyBackedBytes>) -> PyResult<Bound<'_, PyBytes>> {
    let leaves = to_hashes(&leaves)?;
    Ok(PyBytes::new(py, &py.detach(|| merkle::root(&leaves))))
}

/// The inclusion path of one leaf.
#[pyfunction]
fn merkle_path(py: Python<'_>, leaves: Vec<PyBackedBytes>, index: usize) -> PyResult<Bound<'_, PyList>> {
    let leaves = to_hashes(&leaves)?;
    let path = py.detach(|| merkle::inclusion_path(&leaves, index));
    to_list(py, &path.map_err(Refused)?)
}

/// The inclusion path of every leaf.
#[pyfunction]
fn merkle_paths(py: Python<'_>, leaves: Vec<PyBackedBytes>) -> PyResult<Bound<'_, PyList>> {
    let leaves = to_hashes(&leaves)?;
    let paths = py.detach(|| merkle::inclusion_paths(&leaves));
    let list = PyList::empty(py);
    for path in paths {
        list.append(to_list(py, &path)?)?;
    }
    Ok(list)
}

/// The consistency path from the first `size` leaves to all.
#[pyfunction]
fn merkle_consistency(
    py: Python<'_>,
    leaves: Vec<PyBackedBytes>,
    size: usize,
) -> PyResult<Bound<'_, PyList>> {
    let leaves = to_hashes(&leaves)?;
    let path = py.detach(|| merkle::consistency_path(&leaves, size));
    to_list(py, &path.map_err(Refused)?)
}

/// Append leaves to a frontier: (frontier, root).
#[pyfunction]
fn frontier_append_many<'py>(
    py: Python<'py>,
    frontier: &[u8],
    size: u64,
    leaves: Vec<PyBackedBytes>,
) -> PyResult<(Bound<'py, PyBytes>, Bound<'py, PyBytes>)> {
    let leaves = to_hashes(&leaves)?;
    let mut grown = merkle::Frontier::decode(frontier, size).map_err(Refused)?;
    py.detach(|| leaves.iter().try_for_each(|leaf| grown.append(*leaf)))
        .map_err(Refused)?;
    let bytes = PyBytes::new(py, &grown.encode());
    Ok((bytes, PyBytes::new(py, &grown.root())))
}

/// chain_i = SHA-256(0x02 || chain_(i-1) || leaf_i), for each leaf.
#[pyfunction]
fn chain_many<'py>(
    py: Python<'py>,
    previous: &[u8],
    leaves: Vec<PyBackedBytes>,
) -> PyResult<Bound<'py, PyList>> {
    let previous: &Hash = previous.try_into().map_err(|_| Refused(Refusal::WrongLength))?;
    let leaves = to_hashes(&leaves)?;
    let chain = py.detach(|| merkle::chain_many(previous, &leaves));
    to_list(py, &chain)
}

fn issue<'a>(row: &'a IssueRow) -> units::Issue<'a> {
    let (cti, currency, owner, denominations) = row;
    units::Issue {
        cti,
        currency,
        owner,
        denominations,
    }
}

/// The unit root of each issue: (status, root, number of units); an empty root if refused.
#[pyfunction]
fn unit_root_many(py: Python<'_>, issues: Vec<IssueRow>) -> PyResult<Bound<'_, PyList>> {
    let issues: Vec<units::Issue<'_>> = issues.iter().map(issue).collect();
    let roots = py.detach(|| units::root_many(&issues));
    let rows = roots.iter().map(|one| match one {
        Ok((root, count)) => (0u8, PyBytes::new(py, root), *count),
        Err(refusal) => (status(*refusal), PyBytes::new(py, &[]), 0),
    });
    PyList::new(py, rows)
}

/// The unit root of one issue and the number of its units.
#[pyfunction]
fn unit_root<'py>(
    py: Python<'py>,
    cti: PyBackedBytes,
    currency: PyBackedStr,
    owner: PyBackedBytes,
    denominations: Vec<(u64, u64)>,
) -> PyResult<(Bound<'py, PyBytes>, usize)> {
    let row = (cti, currency, owner, denominations);
    let (root, count) = py.detach(|| units::root(&issue(&row))).map_err(Refused)?;
    Ok((PyBytes::new(py, &root), count))
}

/// Every unit of an issue in order: (serial, value, leaf hash, path to the unit root).
#[pyfunction]
fn unit_leaves<'py>(
    py: Python<'py>,
    cti: PyBackedBytes,
    currency: PyBackedStr,
    owner: PyBackedBytes,
    denominations: Vec<(u64, u64)>,
) -> PyResult<Bound<'py, PyList>> {
    let row = (cti, currency, owner, denominations);
    let (leaves, paths) = py
        .detach(|| {
            let leaves = units::leaves(&issue(&row))?;
            let hashes: Vec<Hash> = leaves.iter().map(|leaf| leaf.hash).collect();
            let paths = merkle::inclusion_paths(&hashes);
            Ok((leaves, paths))
        })
        .map_err(Refused)?;
    let list = PyList::empty(py);
    for (leaf, path) in leaves.iter().zip(paths) {
        let serial = PyBytes::new(py, &leaf.serial);
        let hash = PyBytes::new(py, &leaf.hash);
        list.append((serial, leaf.value, hash, to_list(py, &path)?))?;
    }
    Ok(list)
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(merkle_root, module)?)?;
    module.add_function(wrap_pyfunction!(merkle_path, module)?)?;
    module.add_function(wrap_pyfunction!(merkle_paths, module)?)?;
    module.add_function(wrap_pyfunction!(merkle_consistency, module)?)?;
    module.add_function(wrap_pyfunction!(frontier_append_many, module)?)?;
    module.add_function(wrap_pyfunction!(chain_many, module)?)?;
    module.add_function(wrap_pyfunction!(unit_root, module)?)?;
    module.add_function(wrap_pyfunction!(unit_root_many, module)?)?;
    module.add_function(wrap_pyfunction!(unit_leaves, module)?)
}
