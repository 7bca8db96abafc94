//! The binding of `specie-core`: bytes in, bytes out, errors by name, interpreter lock released for many items.
#![forbid(unsafe_code)]

use pyo3::prelude::*;

mod bip340;
mod ecash_ceremony;
mod ecash_keys;
mod ecash_messages;
mod ecash_trace;
mod ecash_wallet;
mod errors;
mod keys;
mod ledger_build;
mod ledger_group;
mod ledger_keys;
mod ledger_ring;
mod ledger_transactions;
mod ledger_trees;
mod lockable;
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
    bip340::register(module)?;
    ecash_ceremony::register(module)?;
    ecash_keys::register(module)?;
    ecash_messages::register(module)?;
    ecash_trace::register(module)?;
    ecash_wallet::register(module)?;
    keys::register(module)?;
    ledger_build::register(module)?;
    ledger_group::register(module)?;
    ledger_keys::register(module)?;
    ledger_ring::register(module)?;
    ledger_transactions::register(module)?;
    ledger_trees::register(module)?;
    lockable::register(module)?;
    objects::register(module)?;
    trees::register(module)
}
