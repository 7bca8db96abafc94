//! The keys of a wallet, and the outputs that they open.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyList};
use rayon::prelude::*;
use specie_core::ledger::group::Scalar;
use specie_core::ledger::keys::{self, Tier};
use specie_core::ledger::outputs::{self, Fields, MEMO_BYTES};
use specie_core::ledger::scan::{Opened, Status};
use specie_core::Refusal;

use crate::errors::Refused;
use crate::ledger_group::{exactly, scalar, slices};

/// The keys of a wallet in one of the tiers spend, view, detect.
#[pyclass(frozen, module = "specie._core")]
pub struct WalletKeys(pub(crate) keys::WalletKeys);

/// One output to open: (ctx, output, kind, public mask or nothing).
pub(crate) type OutputRow = (PyBackedBytes, PyBackedBytes, u32, PyBackedBytes);

/// Opens one row; None if it is nobody's or somebody else's.
pub(crate) fn open_row(keys: &keys::WalletKeys, row: &OutputRow) -> Result<Option<Opened>, Refused> {
    let (ctx, output, kind, mask) = row;
    let mask: Option<Scalar> = if mask.is_empty() {
        None
    } else {
        Some(scalar(mask)?)
    };
    // A kind beyond a byte is no kind at all, as 0 is.
    let kind = u8::try_from(*kind).unwrap_or(0);
    let fields = Fields::parse(output)?;
    Ok(keys.open(&exactly(ctx)?, &fields, kind, mask.as_ref())?)
}

#[pymethods]
impl WalletKeys {
    #[staticmethod]
    fn from_seed(seed: &[u8]) -> PyResult<Self> {
        Ok(Self(keys::WalletKeys::from_seed(seed).map_err(Refused)?))
    }

    #[staticmethod]
    fn from_view(view: &[u8]) -> PyResult<Self> {
        Ok(Self(keys::WalletKeys::from_view(view).map_err(Refused)?))
    }

    #[staticmethod]
    fn from_detect(k_d: &[u8]) -> PyResult<Self> {
        Ok(Self(keys::WalletKeys::from_detect(k_d).map_err(Refused)?))
    }

    #[getter]
    fn tier(&self) -> &'static str {
        match self.0.tier() {
            Tier::Spend => "spend",
            Tier::View => "view",
            Tier::Detect => "detect",
        }
    }

    fn export_view<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(
            py,
            self.0.export_view().map_err(Refused)?.as_slice(),
        ))
    }

    fn export_detect<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.0.export_detect().as_slice())
    }

    fn address<'py>(&self, py: Python<'py>, account: u32, index: u32) -> PyResult<Bound<'py, PyBytes>> {
        let address = self.0.address((account, index)).map_err(Refused)?;
        Ok(PyBytes::new(py, &address.bytes))
    }

    fn extend(&self, py: Python<'_>, account: u32, indices: u32) -> PyResult<()> {
        Ok(py.detach(|| self.0.extend(account, indices)).map_err(Refused)?)
    }

    #[pyo3(signature = (groups, threads = 0))]
    fn detect(
        &self,
        py: Python<'_>,
        groups: Vec<(PyBackedBytes, PyBackedBytes)>,
        threads: usize,
    ) -> PyResult<Vec<Vec<usize>>> {
        let groups: Result<Vec<_>, Refused> = groups
            .iter()
            .map(|(ctx, rows)| Ok((exactly(ctx)?, rows)))
            .collect();
        let groups = groups?;
        Ok(py
            .detach(|| self.0.detect_many(&groups, threads))
            .map_err(Refused)?)
    }

    fn open<'py>(&self, py: Python<'py>, items: Vec<OutputRow>) -> PyResult<Bound<'py, PyList>> {
        let open = |row: &OutputRow| open_row(&self.0, row);
        let opened: Result<Vec<Option<Opened>>, Refused> =
            py.detach(|| items.par_iter().with_min_len(4).map(open).collect());
        let wrap = |one: Option<Opened>| one.map(|opened| Py::new(py, OwnedOutput(opened))).transpose();
        let list: PyResult<Vec<Option<Py<OwnedOutput>>>> = opened?.into_iter().map(wrap).collect();
        PyList::new(py, list?)
    }

    fn disclosure<'py>(&self, py: Python<'py>, tx_id: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
        let secret = self.0.disclosure(&exactly(tx_id)?).map_err(Refused)?;
        Ok(PyBytes::new(py, &secret))
    }

    fn recipient_hash<'py>(&self, py: Python<'py>, address: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
        let hash = self.0.recipient_hash(address).map_err(Refused)?;
        Ok(PyBytes::new(py, &hash))
    }

    /// The stub of a refund to a subaddress of ours; its memo is zeros.
    #[allow(clippy::too_many_arguments)]
    fn refund_stub<'py>(
        &self,
        py: Python<'py>,
        account: u32,
        index: u32,
        ctx: &[u8],
        value: u64,
        mask: &[u8],
        random: &[u8],
    ) -> PyResult<Bound<'py, PyBytes>> {
        let to = self.0.address((account, index)).map_err(Refused)?;
        let (ctx, mask, anchor) = (exactly(ctx)?, scalar(mask)?, exactly(random)?);
        let stub = outputs::refund_stub(&to, &ctx, value, &mask, &anchor, &[0; MEMO_BYTES]);
        Ok(PyBytes::new(py, &stub))
    }

    #[allow(clippy::too_many_arguments)]
    fn prove_receive<'py>(
        &self,
        py: Python<'py>,
        output: &[u8],
        ctx: &[u8],
        account: u32,
        index: u32,
        context: &[u8],
        random: &[u8],
    ) -> PyResult<Bound<'py, PyBytes>> {
        // The context of the output is not part of the statement; its length is checked so that a mix-up shows.
        let _: [u8; 32] = exactly(ctx)?;
        let fields = Fields::parse(output).map_err(Refused)?;
        let random = exactly(random)?;
        let proof = self
            .0
            .prove_receive(&fields, (account, index), context, &random)
            .map_err(Refused)?;
        Ok(PyBytes::new(py, &proof))
    }

    fn prove_reserve<'py>(
        &self,
        py: Python<'py>,
        items: Vec<OutputRow>,
        context: &[u8],
        random: &[u8],
    ) -> PyResult<Bound<'py, PyBytes>> {
        let random = exactly(random)?;
        let proof: Result<Vec<u8>, Refused> = py.detach(|| {
            let open = |row: &OutputRow| open_row(&self.0, row)?.ok_or(Refused(Refusal::OpenFailed));
            let opened: Result<Vec<Opened>, Refused> = items.iter().map(open).collect();
            Ok(self.0.prove_reserve(&opened?, context, &random)?)
        });
        Ok(PyBytes::new(py, &proof?))
    }

    fn prove_topup<'py>(
        &self,
        py: Python<'py>,
        account: u32,
        index: u32,
        items: Vec<PyBackedBytes>,
        random: &[u8],
    ) -> PyResult<Bound<'py, PyBytes>> {
        let proof = self
            .0
            .prove_topup((account, index), &slices(&items), &exactly(random)?);
        Ok(PyBytes::new(py, &proof.map_err(Refused)?))
    }

    /// Never shows a secret.
    fn __repr__(&self) -> &'static str {
        "WalletKeys(***)"
    }

    fn __reduce__(&self) -> PyResult<()> {
        Err(PyTypeError::new_err("wallet keys cannot be pickled"))
    }
}

/// An output with one of our keys; its secrets stay inside.
#[pyclass(frozen, module = "specie._core")]
pub struct OwnedOutput(pub(crate) Opened);

#[pymethods]
impl OwnedOutput {
    #[getter]
    fn status(&self) -> &'static str {
        match self.0.status {
            Status::Ours => "ours",
            Status::Hostile => "hostile",
            Status::Mismatch => "mismatch",
        }
    }

    #[getter]
    fn account(&self) -> u32 {
        self.0.at.0
    }

    #[getter]
    fn index(&self) -> u32 {
        self.0.at.1
    }

    #[getter]
    fn value(&self) -> u64 {
        self.0.value
    }

    #[getter]
    fn key_image<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(
            py,
            self.0.key_image.as_ref().map_or(&[], |image| image.as_slice()),
        )
    }

    #[getter]
    fn memo<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.0.memo.as_ref().map_or(&[], |memo| memo.as_slice()))
    }

    #[getter]
    fn memo_own(&self) -> bool {
        self.0.memo_own
    }

    #[getter]
    fn anchor<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.anchor)
    }

    /// Never shows what an output is worth.
    fn __repr__(&self) -> &'static str {
        "OwnedOutput(***)"
    }

    fn __reduce__(&self) -> PyResult<()> {
        Err(PyTypeError::new_err("an opened output cannot be pickled"))
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<WalletKeys>()?;
    module.add_class::<OwnedOutput>()
}
