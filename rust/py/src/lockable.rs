//! Locks, secrets and hash chains of payment channels.

use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;
use specie_core::lockable::{self, Lock};
use specie_core::Refusal;

use crate::errors::Refused;

/// One byte for each lock: 1 valid, 0 not. Raises WrongLength if the lists differ in length.
#[pyfunction]
fn lockable_preverify_many<'py>(
    py: Python<'py>,
    publics: Vec<PyBackedBytes>,
    messages: Vec<PyBackedBytes>,
    points: Vec<PyBackedBytes>,
    nonces: Vec<PyBackedBytes>,
    scalars: Vec<PyBackedBytes>,
) -> PyResult<Bound<'py, PyBytes>> {
    let count = publics.len();
    if [&messages, &points, &nonces, &scalars]
        .iter()
        .any(|list| list.len() != count)
    {
        return Err(Refused(Refusal::WrongLength).into());
    }
    let locks: Vec<Lock<'_>> = (0..count)
        .map(|i| Lock {
            public: &publics[i],
            message: &messages[i],
            point: &points[i],
            nonce: &nonces[i],
            scalar: &scalars[i],
        })
        .collect();
    let answers = py.detach(|| lockable::vartime_preverify_many(&locks));
    let answers: Vec<u8> = answers.into_iter().map(u8::from).collect();
    Ok(PyBytes::new(py, &answers))
}

/// True for 32 bytes that are the x of a point.
#[pyfunction]
fn lockable_is_point(x: &[u8]) -> bool {
    lockable::is_point(x)
}

/// tG, 33 bytes compressed; empty for a secret that is not in [1, q-1].
#[pyfunction]
fn lockable_point<'py>(py: Python<'py>, secret: &[u8]) -> Bound<'py, PyBytes> {
    match lockable::point_of(secret) {
        Some(point) => PyBytes::new(py, &point),
        None => PyBytes::new(py, &[]),
    }
}

/// `steps` steps down a hash chain from `index`. Raises WrongLength, OutOfTree.
#[pyfunction]
fn lockable_walk<'py>(
    py: Python<'py>,
    prefix: PyBackedBytes,
    value: PyBackedBytes,
    index: u32,
    steps: u32,
) -> PyResult<Bound<'py, PyBytes>> {
    let reached = py
        .detach(|| lockable::walk(&prefix, &value, index, steps))
        .map_err(Refused)?;
    Ok(PyBytes::new(py, &reached))
}

/// Adds this file's names to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(lockable_preverify_many, module)?)?;
    module.add_function(wrap_pyfunction!(lockable_is_point, module)?)?;
    module.add_function(wrap_pyfunction!(lockable_point, module)?)?;
    module.add_function(wrap_pyfunction!(lockable_walk, module)?)
}
