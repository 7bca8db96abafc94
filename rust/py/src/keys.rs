//! Ed25519, X25519 and SHA-256 over many messages.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyList};
use specie_core::{ed25519, hash, x25519};

use crate::errors::Refused;

/// One byte for each triple: 1 valid, 0 not. Raises WrongLength if the lists differ in length.
#[pyfunction]
fn ed25519_verify_many<'py>(
    py: Python<'py>,
    publics: Vec<PyBackedBytes>,
    messages: Vec<PyBackedBytes>,
    signatures: Vec<PyBackedBytes>,
) -> PyResult<Bound<'py, PyBytes>> {
    let answers = py
        .detach(|| ed25519::vartime_verify_many(&publics, &messages, &signatures))
        .map_err(Refused)?;
    Ok(PyBytes::new(py, &answers))
}

/// True for a canonical public key that is not of small order.
#[pyfunction]
fn ed25519_check_public(public: &[u8]) -> bool {
    ed25519::check_public(public)
}

/// SHA-256 of each message.
#[pyfunction]
fn sha256_many(py: Python<'_>, messages: Vec<PyBackedBytes>) -> PyResult<Bound<'_, PyList>> {
    let digests = py.detach(|| hash::sha256_many(&messages));
    PyList::new(py, digests.iter().map(|digest| PyBytes::new(py, digest)))
}

/// A private Ed25519 key. Nothing gives its secret back.
#[pyclass(frozen, module = "specie._core")]
pub struct SigningKey(ed25519::SigningKey);

#[pymethods]
impl SigningKey {
    #[staticmethod]
    fn from_seed(seed: &[u8]) -> PyResult<Self> {
        Ok(Self(ed25519::SigningKey::from_seed(seed).map_err(Refused)?))
    }

    fn public<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.public())
    }

    fn sign<'py>(&self, py: Python<'py>, message: &[u8]) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.sign(message))
    }

    fn sign_many<'py>(&self, py: Python<'py>, messages: Vec<PyBackedBytes>) -> PyResult<Bound<'py, PyList>> {
        let signatures = py.detach(|| self.0.sign_many(&messages));
        PyList::new(py, signatures.iter().map(|one| PyBytes::new(py, one)))
    }

    /// Never shows the secret.
    fn __repr__(&self) -> &'static str {
        "SigningKey(***)"
    }

    fn __reduce__(&self) -> PyResult<()> {
        Err(PyTypeError::new_err("a private key cannot be pickled"))
    }
}

/// A private X25519 key. Nothing gives its secret back.
#[pyclass(frozen, module = "specie._core")]
pub struct X25519Secret(pub(crate) x25519::X25519Secret);

#[pymethods]
impl X25519Secret {
    #[staticmethod]
    fn from_bytes(bytes: &[u8]) -> PyResult<Self> {
        Ok(Self(x25519::X25519Secret::from_bytes(bytes).map_err(Refused)?))
    }

    fn public<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.0.public())
    }

    fn exchange<'py>(&self, py: Python<'py>, public: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
        let shared = self.0.exchange(public).map_err(Refused)?;
        Ok(PyBytes::new(py, shared.as_slice()))
    }

    /// Never shows the secret.
    fn __repr__(&self) -> &'static str {
        "X25519Secret(***)"
    }

    fn __reduce__(&self) -> PyResult<()> {
        Err(PyTypeError::new_err("a private key cannot be pickled"))
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<SigningKey>()?;
    module.add_class::<X25519Secret>()?;
    module.add_function(wrap_pyfunction!(ed25519_verify_many, module)?)?;
    module.add_function(wrap_pyfunction!(ed25519_check_public, module)?)?;
    module.add_function(wrap_pyfunction!(sha256_many, module)?)
}
