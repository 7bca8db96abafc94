//! BIP-340 signatures.

use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;
use specie_core::bip340;

use crate::errors::Refused;

/// The public key of a secret.
#[pyfunction]
fn bip340_public<'py>(py: Python<'py>, secret: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    Ok(PyBytes::new(py, &bip340::public(secret).map_err(Refused)?))
}

/// Sign 32 bytes with 32 bytes of auxiliary randomness.
#[pyfunction]
fn bip340_sign<'py>(
    py: Python<'py>,
    secret: &[u8],
    message: &[u8],
    random: &[u8],
) -> PyResult<Bound<'py, PyBytes>> {
    Ok(PyBytes::new(
        py,
        &bip340::sign(secret, message, random).map_err(Refused)?,
    ))
}

/// One byte for each triple: 1 valid, 0 not. Raises WrongLength if the lists differ in length.
#[pyfunction]
fn bip340_verify_many<'py>(
    py: Python<'py>,
    publics: Vec<PyBackedBytes>,
    messages: Vec<PyBackedBytes>,
    signatures: Vec<PyBackedBytes>,
) -> PyResult<Bound<'py, PyBytes>> {
    let answers = py
        .detach(|| bip340::verify_many(&publics, &messages, &signatures))
        .map_err(Refused)?;
    Ok(PyBytes::new(py, &answers))
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(bip340_public, module)?)?;
    module.add_function(wrap_pyfunction!(bip340_sign, module)?)?;
    module.add_function(wrap_pyfunction!(bip340_verify_many, module)?)
}
