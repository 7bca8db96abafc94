//! E-cash: faults, keys, tokens and their signatures.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;
use rayon::prelude::*;
use specie_core::ecash::curve::{Group, Scalar, G1};
use specie_core::ecash::keys::{self, PublicKey, SecretShare};
use specie_core::ecash::payment::Keys;
use specie_core::ecash::points::{decode_checked, decode_scalar, POINT_BYTES};
use specie_core::ecash::sign::{self, Token};
use specie_core::ecash::{hash, points, Code, Fault};
use specie_core::Refusal;

use crate::errors::Refused;
use crate::ledger_group::exactly;

/// What is wrong with a message: its code of ECASH §20, and the place or -1.
pub(crate) type Verdict = (&'static str, i64);

pub(crate) fn verdict(fault: Fault) -> Verdict {
    let index = fault.index.and_then(|index| i64::try_from(index).ok());
    (fault.code.name(), index.unwrap_or(-1))
}

pub(crate) fn verdicts(answers: Vec<Result<(), Fault>>) -> Vec<Option<Verdict>> {
    answers.into_iter().map(|one| one.err().map(verdict)).collect()
}

/// A fault in what our own side gave.
pub(crate) fn refused(fault: impl Into<Fault>) -> Refused {
    Refused(match fault.into().code {
        Code::Length => Refusal::WrongLength,
        Code::ScalarRange => Refusal::BadScalar,
        Code::PointEncoding | Code::PointIdentity | Code::PointSubgroup => Refusal::BadPoint,
        _ => Refusal::BadPlan,
    })
}

/// (M, τ, A, B), B empty for an atom: what a signer signs.
pub(crate) type TokenRow = (PyBackedBytes, PyBackedBytes, PyBackedBytes, PyBackedBytes);

fn token(row: &TokenRow) -> Result<Token, Refused> {
    let (message, tag, first, second) = row;
    let tag = decode_scalar(tag).map_err(refused)?;
    let first = G1::decode_checked(first).map_err(refused)?;
    let second = match second.is_empty() {
        true => None,
        false => Some(G1::decode_checked(second).map_err(refused)?),
    };
    Ok(Token::new(message, tag, first, second))
}

fn tokens(rows: &[TokenRow]) -> Result<Vec<Token>, Refused> {
    rows.par_iter().map(token).collect()
}

/// The places of the signatures that do not verify; those that do not decode are among them.
fn culprits(
    key: &PublicKey,
    rows: &[TokenRow],
    signatures: &[u8],
    random: &[u8],
) -> Result<Vec<usize>, Refused> {
    let random = exactly(random)?;
    if signatures.len() != POINT_BYTES * rows.len() {
        return Err(Refused(Refusal::WrongLength));
    }
    let tokens = tokens(rows)?;
    let (mut bad, mut places, mut groups) = (Vec::new(), Vec::new(), Vec::new());
    let read: Vec<_> = signatures
        .par_chunks(POINT_BYTES)
        .map(G1::decode_checked)
        .collect();
    for (place, (token, signature)) in tokens.iter().zip(read).enumerate() {
        match signature {
            Ok(signature) => {
                places.push(place);
                groups.push(vec![token.signed(key, signature)]);
            }
            Err(_) => bad.push(place),
        }
    }
    let found = sign::culprits_vartime(&groups, &random);
    bad.extend(found.into_iter().map(|place| places[place]));
    bad.sort_unstable();
    Ok(bad)
}

/// A key that issues, with what pairings need of it.
#[pyclass(frozen, module = "specie._core")]
pub struct EcashKey(pub(crate) keys::IssuerKey);

#[pymethods]
impl EcashKey {
    #[new]
    fn new(py: Python<'_>, kid: &[u8], public: &[u8], trustee: &[u8], trustee_kid: &[u8]) -> PyResult<Self> {
        let kid = exactly(kid)?;
        let key = py.detach(|| keys::IssuerKey::decode(kid, public, trustee, trustee_kid));
        Ok(Self(key.map_err(refused)?))
    }

    /// The key id.
    #[getter]
    fn kid<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.kid)
    }

    /// The places of the signatures that do not verify.
    fn verify_tokens(
        &self,
        py: Python<'_>,
        tokens: Vec<TokenRow>,
        signatures: &[u8],
        random: &[u8],
    ) -> PyResult<Vec<usize>> {
        Ok(py.detach(|| culprits(&self.0.public, &tokens, signatures, random))?)
    }
}

/// Issuer keys by id, borrowed from their Python objects.
pub(crate) fn by_id<'a>(keys: &'a [PyRef<'_, EcashKey>]) -> Vec<&'a keys::IssuerKey> {
    keys.iter().map(|key| &key.0).collect()
}

pub(crate) fn map<'a>(keys: &[&'a keys::IssuerKey]) -> Keys<'a> {
    keys.iter().map(|key| (key.kid, *key)).collect()
}

/// The public key of one signer's share.
#[pyclass(frozen, module = "specie._core")]
pub struct EcashShareKey(PublicKey);

#[pymethods]
impl EcashShareKey {
    #[new]
    fn new(py: Python<'_>, public: &[u8]) -> PyResult<Self> {
        let key = py.detach(|| PublicKey::decode(public));
        Ok(Self(key.map_err(refused)?))
    }

    /// The places of the partial signatures that do not verify.
    fn verify_tokens(
        &self,
        py: Python<'_>,
        tokens: Vec<TokenRow>,
        signatures: &[u8],
        random: &[u8],
    ) -> PyResult<Vec<usize>> {
        Ok(py.detach(|| culprits(&self.0, &tokens, signatures, random))?)
    }
}

/// One signer's share of a key. Nothing gives it back.
#[pyclass(frozen, module = "specie._core")]
pub struct EcashSigner(SecretShare);

#[pymethods]
impl EcashSigner {
    #[new]
    fn new(share: &[u8]) -> PyResult<Self> {
        Ok(Self(SecretShare::decode(share).map_err(refused)?))
    }

    /// The partial signatures, one after the other.
    fn sign<'py>(&self, py: Python<'py>, tokens: Vec<TokenRow>) -> PyResult<Bound<'py, PyBytes>> {
        let made: Result<Vec<G1>, Refused> =
            py.detach(|| sign::sign_many(&self.0, &self::tokens(&tokens)?).map_err(refused));
        Ok(PyBytes::new(py, &G1::encode_many(&made?)))
    }

    fn __repr__(&self) -> &'static str {
        "EcashSigner(***)"
    }

    fn __reduce__(&self) -> PyResult<()> {
        Err(PyTypeError::new_err("a share cannot be pickled"))
    }
}

/// The signatures that t signers' partials make; each signer's partials are one byte string.
#[pyfunction]
fn ecash_combine<'py>(
    py: Python<'py>,
    places: Vec<u16>,
    partials: Vec<PyBackedBytes>,
) -> PyResult<Bound<'py, PyBytes>> {
    let combined: Result<Vec<G1>, Fault> = py.detach(|| {
        let count = partials.first().map_or(0, |own| own.len() / POINT_BYTES);
        let read = |own: &PyBackedBytes| decode_checked::<G1>(own, count);
        let read: Vec<Vec<G1>> = partials.iter().map(read).collect::<Result<_, _>>()?;
        let one = |token: usize| {
            let own: Vec<G1> = read.iter().map(|signer| signer[token]).collect();
            sign::combine(&places, &own).map_err(Fault::from)
        };
        (0..count).map(one).collect()
    });
    Ok(PyBytes::new(py, &G1::encode_many(&combined.map_err(refused)?)))
}

/// τ of a coin of this value.
#[pyfunction]
fn ecash_coin_tag<'py>(py: Python<'py>, kid: &[u8], value: u64) -> PyResult<Bound<'py, PyBytes>> {
    Ok(PyBytes::new(py, &hash::coin_tag(&exactly(kid)?, value).encode()))
}

/// τ of a fact.
#[pyfunction]
fn ecash_atom_tag<'py>(
    py: Python<'py>,
    kid: &[u8],
    kind: &str,
    value: &str,
) -> PyResult<Bound<'py, PyBytes>> {
    let tag: Scalar = hash::atom_tag(&exactly(kid)?, kind, value);
    Ok(PyBytes::new(py, &tag.encode()))
}

/// H_M, the base of pseudonyms towards a merchant.
#[pyfunction]
fn ecash_pseudonym_base<'py>(py: Python<'py>, merchant: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    let base = hash::pseudonym_base(&exactly(merchant)?);
    Ok(PyBytes::new(py, &base.encode()))
}

/// What is wrong with each 48 bytes, or None for a point of the group.
#[pyfunction]
fn ecash_points_check(py: Python<'_>, bytes: &[u8]) -> PyResult<Vec<Option<&'static str>>> {
    let found = py.detach(|| points::check_many(bytes));
    Ok(found.into_iter().map(|one| one.map(Code::name)).collect())
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<EcashKey>()?;
    module.add_class::<EcashShareKey>()?;
    module.add_class::<EcashSigner>()?;
    module.add_function(wrap_pyfunction!(ecash_combine, module)?)?;
    module.add_function(wrap_pyfunction!(ecash_coin_tag, module)?)?;
    module.add_function(wrap_pyfunction!(ecash_atom_tag, module)?)?;
    module.add_function(wrap_pyfunction!(ecash_pseudonym_base, module)?)?;
    module.add_function(wrap_pyfunction!(ecash_points_check, module)?)
}
