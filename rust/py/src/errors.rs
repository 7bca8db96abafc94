//! The one place where a refusal of the core becomes a Python exception, defined in Python and found by name.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;
use specie_core::Refusal;

/// A refusal on its way to Python; `?` turns it into a `PyErr`.
pub struct Refused(pub Refusal);

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self(refusal)
    }
}

impl From<Refused> for PyErr {
    fn from(refused: Refused) -> Self {
        Python::attach(|py| match class(py, refused.0) {
            Ok(class) => PyErr::from_type(class, refused.0.to_string()),
            Err(error) => error,
        })
    }
}

/// Module and name of the exception for each refusal, and the place where it is kept once found.
fn class(py: Python<'_>, refusal: Refusal) -> PyResult<Bound<'_, PyType>> {
    static FOUND: [PyOnceLock<Py<PyType>>; 14] = [const { PyOnceLock::new() }; 14];
    let (slot, module, name) = match refusal {
        Refusal::WrongLength => (0, "specie.crypto.errors", "WrongLength"),
        Refusal::WeakKey => (1, "specie.crypto.errors", "WeakKey"),
        Refusal::Malformed => (2, "specie.kernel.codec", "Malformed"),
        Refusal::NonCanonical => (3, "specie.kernel.codec", "NonCanonical"),
        Refusal::TooLarge => (4, "specie.kernel.codec", "TooLarge"),
        Refusal::WrongHeader => (5, "specie.crypto.errors", "WrongHeader"),
        Refusal::OpenFailed => (6, "specie.crypto.errors", "OpenFailed"),
        Refusal::UnitsOutOfRange => (7, "specie.crypto.errors", "UnitsOutOfRange"),
        Refusal::OutOfTree => (8, "specie.crypto.errors", "OutOfTree"),
        Refusal::BadPoint => (9, "specie.crypto.errors", "BadPoint"),
        Refusal::BadScalar => (10, "specie.crypto.errors", "BadScalar"),
        Refusal::WrongTier => (11, "specie.crypto.errors", "WrongTier"),
        Refusal::BadPlan => (12, "specie.crypto.errors", "BadPlan"),
        Refusal::Unbalanced => (13, "specie.crypto.errors", "Unbalanced"),
    };
    FOUND[slot].import(py, module, name).cloned()
}

/// The status of one item in a batch, as `specie.crypto` documents it.
pub fn status(refusal: Refusal) -> u8 {
    match refusal {
        Refusal::Malformed => 1,
        Refusal::NonCanonical => 2,
        Refusal::TooLarge => 3,
        Refusal::WrongHeader => 4,
        Refusal::OpenFailed => 5,
        Refusal::WrongLength => 6,
        Refusal::WeakKey => 7,
        Refusal::UnitsOutOfRange => 8,
        Refusal::OutOfTree => 9,
        Refusal::BadPoint => 10,
        Refusal::BadScalar => 11,
        Refusal::WrongTier => 12,
        Refusal::BadPlan => 13,
        Refusal::Unbalanced => 14,
    }
}
