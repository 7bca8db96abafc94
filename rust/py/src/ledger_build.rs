//! Building transactions and mints.

use pyo3::exceptions::PyKeyError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyDict, PyList};
use specie_core::ledger::builder;
use specie_core::ledger::keys::Address;
use specie_core::ledger::mint::{self, Kernel, KernelFault, Mint};
use specie_core::ledger::outputs::MEMO_BYTES;
use specie_core::ledger::plan::{self, Built, Plan, PlanInput, PlanOutput};
use specie_core::ledger::range;
use specie_core::Refusal;

use crate::errors::Refused;
use crate::ledger_group::{exactly, scalar};
use crate::ledger_keys::WalletKeys;

/// (ctx, kind, output, public mask or nothing, indices, members, place of the real one).
type InputRow = (
    PyBackedBytes,
    u8,
    PyBackedBytes,
    PyBackedBytes,
    Vec<u64>,
    PyBackedBytes,
    usize,
);
/// (address keys, value, memo or nothing, change).
type OutputRow = (PyBackedBytes, u64, PyBackedBytes, bool);
/// (outputs, V, E, sig_E, core).
type KernelRow = (PyBackedBytes, u64, PyBackedBytes, PyBackedBytes, PyBackedBytes);

fn entry<'py>(plan: &Bound<'py, PyDict>, name: &'static str) -> PyResult<Bound<'py, PyAny>> {
    plan.get_item(name)?.ok_or_else(|| PyKeyError::new_err(name))
}

fn bytes(plan: &Bound<'_, PyDict>, name: &'static str) -> PyResult<PyBackedBytes> {
    entry(plan, name)?.extract().map_err(Into::into)
}

fn plan_input(row: InputRow) -> Result<PlanInput, Refused> {
    let (ctx, kind, output, mask, indices, members, real) = row;
    let members = members.chunks(64).map(exactly).collect::<Result<_, _>>()?;
    Ok(PlanInput {
        ctx: exactly(&ctx)?,
        kind,
        output: exactly(&output)?,
        mask: if mask.is_empty() {
            None
        } else {
            Some(scalar(&mask)?)
        },
        indices,
        members,
        real,
    })
}

fn plan_output(row: OutputRow) -> Result<PlanOutput, Refused> {
    let (to, value, memo, own) = row;
    let memo = if memo.is_empty() {
        [0; MEMO_BYTES]
    } else {
        exactly(&memo)?
    };
    Ok(PlanOutput {
        to: Address::decode(&to).map_err(Refused)?,
        value,
        memo,
        own,
    })
}

fn read_plan(plan: &Bound<'_, PyDict>) -> PyResult<Plan> {
    let inputs: Vec<InputRow> = entry(plan, "inputs")?.extract()?;
    let outputs: Vec<OutputRow> = entry(plan, "outputs")?.extract()?;
    Ok(Plan {
        chain_id: exactly(&bytes(plan, "chain_id")?)?,
        kind: entry(plan, "kind")?.extract()?,
        expiry_height: entry(plan, "expiry_height")?.extract()?,
        fee: entry(plan, "fee")?.extract()?,
        burn: entry(plan, "burn")?.extract()?,
        extra: bytes(plan, "extra")?.to_vec(),
        inputs: inputs.into_iter().map(plan_input).collect::<Result<_, _>>()?,
        outputs: outputs.into_iter().map(plan_output).collect::<Result<_, _>>()?,
        anchor_height: entry(plan, "h_a")?.extract()?,
        out_root: exactly(&bytes(plan, "out_root")?)?,
        epoch: entry(plan, "epoch")?.extract()?,
        suite: entry(plan, "suite")?.extract()?,
        epoch_key: bytes(plan, "epoch_key")?.to_vec(),
        portable: entry(plan, "portable")?.extract()?,
        note: bytes(plan, "note")?.to_vec(),
    })
}

/// A finished transaction.
#[pyclass(frozen, module = "specie._core")]
pub struct BuiltTransaction(Built);

#[pymethods]
impl BuiltTransaction {
    #[getter]
    fn envelope<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.envelope)
    }

    #[getter]
    fn env_id<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.env_id)
    }

    #[getter]
    fn tx_public<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.tx_public)
    }

    #[getter]
    fn tx_id<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.tx_id)
    }

    #[getter]
    fn tx_leaf<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.tx_leaf)
    }

    #[getter]
    fn key_images<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        PyList::new(py, self.0.key_images.iter().map(|image| PyBytes::new(py, image)))
    }

    #[getter]
    fn anchors<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        PyList::new(py, self.0.anchors.iter().map(|anchor| PyBytes::new(py, anchor)))
    }

    #[getter]
    fn order(&self) -> Vec<usize> {
        self.0.order.clone()
    }
}

/// Build a transaction from a plan.
#[pyfunction]
fn build_transaction(
    py: Python<'_>,
    keys: &WalletKeys,
    plan: &Bound<'_, PyDict>,
) -> PyResult<BuiltTransaction> {
    let random = exactly(&bytes(plan, "random")?)?;
    let plan = read_plan(plan)?;
    let built = py.detach(|| builder::build(&keys.0, &plan, &random));
    Ok(BuiltTransaction(built.map_err(Refused)?))
}

/// The bytes of the envelope of a transaction of this shape.
#[pyfunction]
fn envelope_class(
    n_in: usize,
    n_out: usize,
    suite: u8,
    ring_size: usize,
    extra_len: usize,
    note_len: usize,
) -> PyResult<usize> {
    Ok(plan::envelope_class(n_in, n_out, suite, ring_size, extra_len, note_len).map_err(Refused)?)
}

/// The bytes of a range proof over so many outputs.
#[pyfunction]
fn range_proof_bytes(n_out: usize) -> PyResult<usize> {
    Ok(range::proof_bytes(n_out).ok_or(Refused(Refusal::WrongLength))?)
}

/// The bytes of a mint from n_out to sig_E.
#[pyfunction]
fn build_mint<'py>(
    py: Python<'py>,
    head: &[u8],
    chain_id: &[u8],
    mint_id: &[u8],
    pay: &[u8],
    values: Vec<u64>,
    random: &[u8],
) -> PyResult<Bound<'py, PyBytes>> {
    let (chain_id, mint_id, random) = (exactly(chain_id)?, exactly(mint_id)?, exactly(random)?);
    let to = Address::decode(pay).map_err(Refused)?;
    let plan = Mint {
        head,
        chain_id: &chain_id,
        mint_id: &mint_id,
        to: &to,
        values: &values,
    };
    let built = py.detach(|| mint::build(&plan, &random)).map_err(Refused)?;
    Ok(PyBytes::new(py, &built))
}

/// How many bytes `build_mint` gives for so many outputs.
#[pyfunction]
fn mint_size(n_out: usize) -> PyResult<usize> {
    Ok(mint::mint_bytes(n_out).map_err(Refused)?)
}

/// One byte for each kernel: 0 good, 1 E differs, 2 the proof is bad.
#[pyfunction]
fn verify_kernels(py: Python<'_>, items: Vec<KernelRow>) -> Bound<'_, PyBytes> {
    let claims: Vec<Kernel<'_>> = items
        .iter()
        .map(|(outputs, value, kernel, signature, core)| Kernel {
            outputs,
            value: *value,
            kernel,
            signature,
            core,
        })
        .collect();
    let answers = py.detach(|| mint::verify_many_vartime(&claims));
    let code = |answer: &Result<(), KernelFault>| match answer {
        Ok(()) => 0,
        Err(KernelFault::Differs) => 1,
        Err(KernelFault::Proof) => 2,
    };
    PyBytes::new(py, &answers.iter().map(code).collect::<Vec<u8>>())
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<BuiltTransaction>()?;
    module.add_function(wrap_pyfunction!(build_transaction, module)?)?;
    module.add_function(wrap_pyfunction!(envelope_class, module)?)?;
    module.add_function(wrap_pyfunction!(range_proof_bytes, module)?)?;
    module.add_function(wrap_pyfunction!(build_mint, module)?)?;
    module.add_function(wrap_pyfunction!(mint_size, module)?)?;
    module.add_function(wrap_pyfunction!(verify_kernels, module)?)
}
