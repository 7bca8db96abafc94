//! The group of the ledger: hashes, points, scalars, commitments, and proofs of knowledge.

use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyList};
use specie_core::ledger::group::{self, Backend, Ristretto};
use specie_core::ledger::keys::Address;
use specie_core::ledger::outputs::{self, Fields};
use specie_core::ledger::{dleq, hash};
use specie_core::Refusal;

use crate::errors::Refused;

/// Exactly `N` bytes. Refuses: WrongLength.
pub(crate) fn exactly<const N: usize>(bytes: &[u8]) -> Result<[u8; N], Refused> {
    bytes.try_into().map_err(|_| Refused(Refusal::WrongLength))
}

/// The 32-byte items of one byte string. Refuses: WrongLength.
pub(crate) fn items_of_32(bytes: &[u8]) -> Result<Vec<[u8; 32]>, Refused> {
    if !bytes.len().is_multiple_of(32) {
        return Err(Refused(Refusal::WrongLength));
    }
    bytes.chunks_exact(32).map(exactly).collect()
}

/// A canonical scalar. Refuses: WrongLength, BadScalar.
pub(crate) fn scalar(bytes: &[u8]) -> Result<group::Scalar, Refused> {
    group::decode_scalar(&exactly(bytes)?).ok_or(Refused(Refusal::BadScalar))
}

pub(crate) fn slices(items: &[PyBackedBytes]) -> Vec<&[u8]> {
    items.iter().map(AsRef::as_ref).collect()
}

fn check_tag(tag: &str) -> Result<(), Refused> {
    if tag.is_empty() || tag.len() > hash::TAG_BYTES_MAX || !tag.is_ascii() {
        return Err(Refused(Refusal::WrongLength));
    }
    Ok(())
}

/// Hn(tag; items), 64 bytes.
#[pyfunction]
fn pl1_hash<'py>(py: Python<'py>, tag: &str, items: Vec<PyBackedBytes>) -> PyResult<Bound<'py, PyBytes>> {
    check_tag(tag)?;
    Ok(PyBytes::new(py, &hash::framed(tag, &slices(&items))))
}

/// H_s(tag; items), 32 bytes little-endian.
#[pyfunction]
fn pl1_scalar<'py>(py: Python<'py>, tag: &str, items: Vec<PyBackedBytes>) -> PyResult<Bound<'py, PyBytes>> {
    check_tag(tag)?;
    Ok(PyBytes::new(py, hash::scalar(tag, &slices(&items)).as_bytes()))
}

/// H_p(tag; items), 32 bytes.
#[pyfunction]
fn pl1_point<'py>(py: Python<'py>, tag: &str, items: Vec<PyBackedBytes>) -> PyResult<Bound<'py, PyBytes>> {
    check_tag(tag)?;
    let point = hash::point(tag, &slices(&items));
    Ok(PyBytes::new(py, &Ristretto::encode(&point)))
}

/// The element that RFC 9496 §4.3.4 makes of 64 bytes.
#[pyfunction]
fn ristretto_map<'py>(py: Python<'py>, wide: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    let point = group::map_to_group(&exactly(wide)?);
    Ok(PyBytes::new(py, &Ristretto::encode(&point)))
}

/// Per point: 0 good, 1 does not decode, 2 the identity.
#[pyfunction]
fn points_check<'py>(py: Python<'py>, points: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    let items = items_of_32(points)?;
    let answers = py.detach(|| group::check_points_many(&items));
    Ok(PyBytes::new(py, &answers))
}

/// Per scalar: 0 canonical, 1 not.
#[pyfunction]
fn scalars_check<'py>(py: Python<'py>, scalars: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    let items = items_of_32(scalars)?;
    let answers: Vec<u8> = items
        .iter()
        .map(|item| u8::from(group::decode_scalar(item).is_none()))
        .collect();
    Ok(PyBytes::new(py, &answers))
}

/// mask·G + value·H.
#[pyfunction]
fn commit<'py>(py: Python<'py>, value: u64, mask: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    let point = outputs::commit(value, &scalar(mask)?);
    Ok(PyBytes::new(py, &Ristretto::encode(&point)))
}

/// Whether Σ left + left_value·H + Σ masks·G = Σ right + right_value·H; false for a bad encoding.
#[pyfunction]
fn group_equation(
    py: Python<'_>,
    left: &[u8],
    right: &[u8],
    left_value: u128,
    right_value: u128,
    masks: &[u8],
) -> PyResult<bool> {
    let (left, right, masks) = (items_of_32(left)?, items_of_32(right)?, items_of_32(masks)?);
    let sides = [(left.as_slice(), left_value), (right.as_slice(), right_value)];
    Ok(py.detach(|| group::equation_holds_vartime(sides, &masks)))
}

/// The sum of points; 32 zero bytes for none.
#[pyfunction]
fn sum_points<'py>(py: Python<'py>, points: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    let items = items_of_32(points)?;
    let sum = py
        .detach(|| group::sum(&items))
        .ok_or(Refused(Refusal::BadPoint))?;
    Ok(PyBytes::new(py, &Ristretto::encode(&sum)))
}

/// One public output from Python: (pay, ctx, n, value, mask).
type PublicRow = (PyBackedBytes, PyBackedBytes, PyBackedBytes, u64, PyBackedBytes);

/// Outputs of the kinds 3 and 4.
#[pyfunction]
fn public_outputs(py: Python<'_>, items: Vec<PublicRow>) -> PyResult<Bound<'_, PyList>> {
    let made: Result<Vec<_>, Refused> = py.detach(|| {
        let make = |(pay, ctx, n, value, mask): &PublicRow| {
            let to = Address::decode(pay)?;
            Ok(outputs::public_output(
                &to,
                &exactly(ctx)?,
                &exactly(n)?,
                *value,
                &scalar(mask)?,
            ))
        };
        items.iter().map(make).collect()
    });
    PyList::new(py, made?.iter().map(|output| PyBytes::new(py, output)))
}

/// An output with a hidden opening, and its mask; `own`: s_b of the maker for change, else empty.
#[pyfunction]
fn make_output<'py>(
    py: Python<'py>,
    pay: &[u8],
    ctx: &[u8],
    value: u64,
    n: &[u8],
    memo: &[u8],
    own: &[u8],
) -> PyResult<(Bound<'py, PyBytes>, Bound<'py, PyBytes>)> {
    let to = Address::decode(pay).map_err(Refused)?;
    let own: Option<[u8; 32]> = if own.is_empty() { None } else { Some(exactly(own)?) };
    let (ctx, n, memo) = (exactly(ctx)?, exactly(n)?, exactly(memo)?);
    let (output, mask) = outputs::make_output(&to, &ctx, value, &n, &memo, own.as_ref());
    Ok((PyBytes::new(py, &output), PyBytes::new(py, mask.as_bytes())))
}

/// Whether an output with a hidden opening pays this value to these keys.
#[pyfunction]
fn payment_matches(output: &[u8], ctx: &[u8], n: &[u8], pay: &[u8], value: u64) -> PyResult<bool> {
    let fields = Fields::parse(output).map_err(Refused)?;
    let (ctx, n) = (exactly(ctx)?, exactly(n)?);
    let to = match Address::decode(pay) {
        Ok(to) => to,
        Err(Refusal::BadPoint) => return Ok(false),
        Err(refusal) => return Err(Refused(refusal).into()),
    };
    Ok(outputs::payment_matches(&fields, &ctx, &n, &to, value))
}

/// Whether the three keys of an address decode and none is the identity.
#[pyfunction]
fn address_points_ok(pay: &[u8]) -> PyResult<bool> {
    match Address::decode(pay) {
        Ok(_) => Ok(true),
        Err(Refusal::BadPoint) => Ok(false),
        Err(refusal) => Err(Refused(refusal).into()),
    }
}

/// Whether `proof` shows that one secret takes base1 to image1 and base2 to image2.
#[pyfunction]
fn dleq_verify(
    context: &[u8],
    base1: &[u8],
    image1: &[u8],
    base2: &[u8],
    image2: &[u8],
    proof: &[u8],
) -> PyResult<bool> {
    let (base1, image1, base2, image2) = (
        exactly(base1)?,
        exactly(image1)?,
        exactly(base2)?,
        exactly(image2)?,
    );
    let pair = dleq::Pair {
        base1: &base1,
        image1: &image1,
        base2: &base2,
        image2: &image2,
    };
    Ok(dleq::verify_vartime(context, pair, &exactly::<64>(proof)?))
}

/// Whether A | s is a proof of the logarithm of `public` under this tag and these items.
#[pyfunction]
fn schnorr_verify(tag: &str, public: &[u8], items: Vec<PyBackedBytes>, signature: &[u8]) -> PyResult<bool> {
    check_tag(tag)?;
    let (public, signature) = (exactly(public)?, exactly::<64>(signature)?);
    Ok(dleq::schnorr_verify_vartime(
        tag,
        &public,
        &slices(&items),
        &signature,
    ))
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(pl1_hash, module)?)?;
    module.add_function(wrap_pyfunction!(pl1_scalar, module)?)?;
    module.add_function(wrap_pyfunction!(pl1_point, module)?)?;
    module.add_function(wrap_pyfunction!(ristretto_map, module)?)?;
    module.add_function(wrap_pyfunction!(points_check, module)?)?;
    module.add_function(wrap_pyfunction!(scalars_check, module)?)?;
    module.add_function(wrap_pyfunction!(commit, module)?)?;
    module.add_function(wrap_pyfunction!(group_equation, module)?)?;
    module.add_function(wrap_pyfunction!(sum_points, module)?)?;
    module.add_function(wrap_pyfunction!(public_outputs, module)?)?;
    module.add_function(wrap_pyfunction!(make_output, module)?)?;
    module.add_function(wrap_pyfunction!(payment_matches, module)?)?;
    module.add_function(wrap_pyfunction!(address_points_ok, module)?)?;
    module.add_function(wrap_pyfunction!(dleq_verify, module)?)?;
    module.add_function(wrap_pyfunction!(schnorr_verify, module)?)
}
