//! The binding of `specie-core`: bytes in, bytes out, errors by name, interpreter lock released for many items.
#![forbid(unsafe_code)]

use pyo3::prelude::*;

mod errors;
mod keys;
mod objects;
mod trees;

/// Digest of the Rust sources at build time.
#[pyfunction]
fn source_digest() -> &'static str {
    env!("SPECIE_SOURCE_DIGEST")
}

#[pymodule(gil_used = true)]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(source_digest, module)?)?;
    keys::register(module)?;
    objects::register(module)?;
    trees::register(module)
}
