//! Single ring signatures as bytes: for the second implementation, for tests and for benches.

use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;
use rayon::prelude::*;
use specie_core::ledger::clsag::{self, Fault, Member, Prepared, Signature, Statement};
use specie_core::Refusal;
use zeroize::Zeroizing;

use crate::errors::Refused;
use crate::ledger_group::{exactly, scalar};

/// The inputs that one multiscalar multiplication takes in.
const BATCH_INPUTS: usize = 64;

/// The members of a ring, decoded once.
#[pyclass(frozen, module = "specie._core")]
pub struct RingMembers(Vec<Member>);

/// Members from n × (P | C). Refuses: WrongLength, BadPoint.
fn members(points: &[u8]) -> Result<Vec<Member>, Refused> {
    if points.is_empty() || !points.len().is_multiple_of(64) || points.len() / 64 > clsag::RING_SIZE_MAX {
        return Err(Refused(Refusal::WrongLength));
    }
    let decode = |pair: &[u8]| {
        let (key, commitment) = (exactly(&pair[..32])?, exactly(&pair[32..])?);
        Member::decode(&key, &commitment).ok_or(Refused(Refusal::BadPoint))
    };
    points.chunks_exact(64).map(decode).collect()
}

#[pymethods]
impl RingMembers {
    #[new]
    fn new(py: Python<'_>, points: PyBackedBytes) -> PyResult<Self> {
        Ok(Self(py.detach(|| members(&points))?))
    }

    fn __len__(&self) -> usize {
        self.0.len()
    }
}

/// A ring as bytes, or decoded before.
#[derive(FromPyObject)]
enum Ring {
    Decoded(Py<RingMembers>),
    Bytes(PyBackedBytes),
}

/// One signature: (message, k_ring, input_no, indices, ring, pseudo, key_image, sigma).
type Row = (
    PyBackedBytes,
    PyBackedBytes,
    u8,
    Vec<u64>,
    Ring,
    PyBackedBytes,
    PyBackedBytes,
    PyBackedBytes,
);

/// A row with its bytes measured and its members at hand; no members if they do not decode.
struct Case<'a> {
    row: &'a Row,
    own: Option<Vec<Member>>,
    signature: Signature,
    message: [u8; 64],
    rest: [[u8; 32]; 3],
}

impl<'a> Case<'a> {
    /// Refuses: WrongLength.
    fn new(row: &'a Row) -> Result<Self, Refused> {
        let (message, k_ring, _, _, ring, pseudo, key_image, sigma) = row;
        let own = match ring {
            Ring::Decoded(_) => None,
            Ring::Bytes(points) => match members(points) {
                Ok(members) => Some(members),
                Err(Refused(Refusal::BadPoint)) => Some(Vec::new()),
                Err(refused) => return Err(refused),
            },
        };
        Ok(Self {
            row,
            own,
            signature: Signature::decode(sigma)?,
            message: exactly(message)?,
            rest: [exactly(k_ring)?, exactly(pseudo)?, exactly(key_image)?],
        })
    }

    fn statement(&self) -> Statement<'_> {
        let ring: &[Member] = match (&self.own, &self.row.4) {
            (Some(own), _) => own,
            (None, Ring::Decoded(decoded)) => &decoded.get().0,
            (None, Ring::Bytes(_)) => &[],
        };
        Statement {
            message: self.message,
            k_ring: self.rest[0],
            input_no: self.row.2,
            indices: &self.row.3,
            ring: ring.iter().collect(),
            pseudo: self.rest[1],
            key_image: self.rest[2],
            signature: &self.signature,
        }
    }
}

/// σ and the key image, for the member at `real`.
#[pyfunction]
#[allow(clippy::too_many_arguments)]
fn clsag_sign<'py>(
    py: Python<'py>,
    message: &[u8],
    k_ring: &[u8],
    input_no: u8,
    indices: Vec<u64>,
    ring: Ring,
    pseudo: &[u8],
    real: usize,
    x: &[u8],
    z: &[u8],
    random: &[u8],
) -> PyResult<(Bound<'py, PyBytes>, Bound<'py, PyBytes>)> {
    let (message, k_ring, pseudo) = (exactly(message)?, exactly(k_ring)?, exactly(pseudo)?);
    let (x, z) = (Zeroizing::new(scalar(x)?), Zeroizing::new(scalar(z)?));
    let random = Zeroizing::new(exactly::<64>(random)?);
    let own;
    let ring: &[Member] = match &ring {
        Ring::Decoded(decoded) => &decoded.get().0,
        Ring::Bytes(points) => {
            own = members(points)?;
            &own
        }
    };
    let ring: Vec<&Member> = ring.iter().collect();
    let request = clsag::Request {
        message: &message,
        k_ring: &k_ring,
        input_no,
        indices: &indices,
        ring: &ring,
        pseudo: &pseudo,
    };
    let made = py.detach(|| clsag::sign(&request, &x, &z, real, &random));
    let (signature, key_image) = made.map_err(Refused)?;
    Ok((
        PyBytes::new(py, &signature.encode()),
        PyBytes::new(py, &key_image),
    ))
}

/// The four steps of LEDGER §5.4, the equations one by one.
#[pyfunction]
#[allow(clippy::too_many_arguments)]
fn clsag_verify(
    py: Python<'_>,
    message: PyBackedBytes,
    k_ring: PyBackedBytes,
    input_no: u8,
    indices: Vec<u64>,
    ring: Ring,
    pseudo: PyBackedBytes,
    key_image: PyBackedBytes,
    sigma: PyBackedBytes,
) -> PyResult<bool> {
    let row = (message, k_ring, input_no, indices, ring, pseudo, key_image, sigma);
    let case = Case::new(&row)?;
    Ok(py.detach(|| clsag::verify_one_vartime(&case.statement())))
}

/// The short form (c_1, D, s) of the same signature, for comparison: L and R are computed, not read.
#[pyfunction]
#[allow(clippy::too_many_arguments)]
fn clsag_verify_classic(
    py: Python<'_>,
    message: PyBackedBytes,
    k_ring: PyBackedBytes,
    input_no: u8,
    indices: Vec<u64>,
    ring: Ring,
    pseudo: PyBackedBytes,
    key_image: PyBackedBytes,
    sigma: PyBackedBytes,
) -> PyResult<bool> {
    let row = (message, k_ring, input_no, indices, ring, pseudo, key_image, sigma);
    let case = Case::new(&row)?;
    Ok(py.detach(|| clsag::verify_classic_vartime(&case.statement())))
}

/// The steps 1 to 3 for each, then batches on all cores, then the culprits one by one: an answer for each.
#[pyfunction]
fn clsag_verify_batch(py: Python<'_>, items: Vec<Row>, random: &[u8]) -> PyResult<Vec<bool>> {
    let random: [u8; 32] = exactly(random)?;
    let cases: Result<Vec<Case<'_>>, Refused> = py.detach(|| items.par_iter().map(Case::new).collect());
    let cases = cases?;
    Ok(py.detach(|| {
        let statements: Vec<Statement<'_>> = cases.iter().map(Case::statement).collect();
        let prepared: Vec<Result<Prepared<'_>, Fault>> =
            statements.par_iter().map(|one| clsag::check_glue(one)).collect();
        let sound: Vec<&Prepared<'_>> = prepared.iter().flatten().collect();
        let answers = clsag::answer_each(
            &sound,
            BATCH_INPUTS,
            |run| clsag::verify_batch_vartime(run, &[], &random),
            |one| clsag::equations_hold_vartime(one),
        );
        let mut answers = answers.into_iter();
        prepared
            .iter()
            .map(|one| one.is_ok() && answers.next().unwrap_or(false))
            .collect()
    }))
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<RingMembers>()?;
    module.add_function(wrap_pyfunction!(clsag_sign, module)?)?;
    module.add_function(wrap_pyfunction!(clsag_verify, module)?)?;
    module.add_function(wrap_pyfunction!(clsag_verify_classic, module)?)?;
    module.add_function(wrap_pyfunction!(clsag_verify_batch, module)?)
}
