//! COSE objects: parse, match before signing, seal and open.

use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyList, PyTuple};
use specie_core::{cbor, cose, seal};

use crate::errors::{status, Refused};
use crate::keys::X25519Secret;

/// 0 for one strict CBOR item, 1 malformed, 2 not canonical.
#[pyfunction]
fn cbor_check(data: &[u8], depth_max: usize) -> u8 {
    cbor::check(data, depth_max).map_or_else(status, |()| 0)
}

/// For each object (status, kid, typ, alg, payload, signature, bytes to be verified); empty fields if refused.
#[pyfunction]
fn parse_sign1_many(
    py: Python<'_>,
    objects: Vec<PyBackedBytes>,
    bytes_max: usize,
) -> PyResult<Bound<'_, PyList>> {
    let parsed = py.detach(|| cose::parse_sign1_many(&objects, bytes_max));
    let bytes = |value: &[u8]| PyBytes::new(py, value);
    let mut rows: Vec<Bound<'_, PyTuple>> = Vec::with_capacity(parsed.len());
    for one in parsed {
        rows.push(match one {
            Ok(object) => (
                0u8,
                bytes(object.kid),
                object.typ,
                object.alg,
                bytes(object.payload),
                bytes(object.signature),
                bytes(&object.to_be_verified),
            )
                .into_pyobject(py)?,
            Err(refusal) => {
                let none = bytes(&[]);
                (status(refusal), &none, "", 0i64, &none, &none, &none).into_pyobject(py)?
            }
        });
    }
    PyList::new(py, rows)
}

/// One byte for each message: 1 + the index of its prefix, or 0 if it has none.
#[pyfunction]
fn match_to_be_signed_many<'py>(
    py: Python<'py>,
    messages: Vec<PyBackedBytes>,
    prefixes: Vec<PyBackedBytes>,
) -> Bound<'py, PyBytes> {
    let found = py.detach(|| cose::match_to_be_signed_many(&messages, &prefixes));
    // A key with more than 254 kinds of object does not exist; a kind beyond them counts as not found.
    let answers: Vec<u8> = found
        .iter()
        .map(|index| index.and_then(|i| u8::try_from(i + 1).ok()).unwrap_or(0))
        .collect();
    PyBytes::new(py, &answers)
}

/// Seal (plaintext, recipient, cti) for each item; `random` holds 44 bytes for each.
#[pyfunction]
fn ecdh_es_seal_many<'py>(
    py: Python<'py>,
    items: Vec<(PyBackedBytes, PyBackedBytes, PyBackedBytes)>,
    random: &[u8],
    typ: &str,
    alg: i64,
) -> PyResult<Bound<'py, PyList>> {
    if random.len() != items.len() * seal::RANDOM_BYTES {
        return Err(Refused(specie_core::Refusal::WrongLength).into());
    }
    let jobs: Vec<seal::Job<'_>> = items
        .iter()
        .zip(random.chunks(seal::RANDOM_BYTES))
        .map(|((plaintext, recipient, cti), random)| seal::Job {
            plaintext,
            recipient,
            cti,
            random,
        })
        .collect();
    let sealed = py.detach(|| seal::seal_many(&jobs, typ, alg));
    let list = PyList::empty(py);
    for one in sealed {
        list.append(PyBytes::new(py, &one.map_err(Refused)?))?;
    }
    Ok(list)
}

/// Open each item: (status, cti, plaintext); empty fields if refused.
#[pyfunction]
fn ecdh_es_open_many<'py>(
    py: Python<'py>,
    items: Vec<PyBackedBytes>,
    secret: &X25519Secret,
    typ: &str,
    bytes_max: usize,
) -> PyResult<Bound<'py, PyList>> {
    let key = &secret.0;
    let opened = py.detach(|| seal::open_many(&items, key, typ, bytes_max));
    let rows = opened.iter().map(|one| match one {
        Ok((cti, plaintext)) => (0u8, PyBytes::new(py, cti), PyBytes::new(py, plaintext)),
        Err(refusal) => (status(*refusal), PyBytes::new(py, &[]), PyBytes::new(py, &[])),
    });
    PyList::new(py, rows)
}

/// The headers of a sealed message: (typ, cti, key id of the recipient, content algorithm).
#[pyfunction]
fn sealed_headers<'py>(
    py: Python<'py>,
    data: &[u8],
    bytes_max: usize,
) -> PyResult<(String, Bound<'py, PyBytes>, Bound<'py, PyBytes>, i64)> {
    let sealed = seal::parse(data, bytes_max).map_err(Refused)?;
    Ok((
        sealed.typ.to_owned(),
        PyBytes::new(py, sealed.cti),
        PyBytes::new(py, sealed.recipient_kid),
        sealed.alg,
    ))
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(cbor_check, module)?)?;
    module.add_function(wrap_pyfunction!(parse_sign1_many, module)?)?;
    module.add_function(wrap_pyfunction!(match_to_be_signed_many, module)?)?;
    module.add_function(wrap_pyfunction!(ecdh_es_seal_many, module)?)?;
    module.add_function(wrap_pyfunction!(ecdh_es_open_many, module)?)?;
    module.add_function(wrap_pyfunction!(sealed_headers, module)?)
}
