//! E-cash: the key ceremony and key records.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;
use specie_core::ecash::curve::{Group, G1, G2};
use specie_core::ecash::dkg::{self, Constants, Dealing};
use specie_core::ecash::keys::{check_share_keys, lagrange};
use specie_core::ecash::points::{decode_checked, decode_scalar};
use specie_core::ecash::{Code, Fault};
use specie_core::Refusal;
use zeroize::Zeroizing;

use crate::ecash_keys::{refused, verdict, Verdict};
use crate::ecash_messages::bytes;
use crate::errors::Refused;
use crate::ledger_group::exactly;

/// Trustees' keys are in G1, those of banks and authorities in G2.
const TRUSTEES: u8 = 3;

fn secrets(role: u8) -> Result<usize, Refused> {
    match role {
        1 => Ok(4),
        2 => Ok(3),
        TRUSTEES => Ok(1),
        _ => Err(Refused(Refusal::BadPlan)),
    }
}

/// (session, role, operator, currency, epoch, threshold, participants).
type CeremonyRow = (PyBackedBytes, u8, String, String, String, u16, Vec<u16>);

/// ctx of a dealer.
#[pyfunction]
fn ecash_dkg_context<'py>(
    py: Python<'py>,
    ceremony: CeremonyRow,
    dealer: u16,
) -> PyResult<Bound<'py, PyBytes>> {
    let (session, role, operator, currency, epoch, threshold, participants) = ceremony;
    let ceremony = dkg::Ceremony {
        session: exactly(&session)?,
        role,
        operator: &operator,
        currency: &currency,
        epoch: &epoch,
        threshold,
        participants: &participants,
    };
    Ok(bytes(py, &ceremony.context(dealer)))
}

/// A dealer's polynomials, wiped when it goes.
#[pyclass(frozen, module = "specie._core")]
pub struct EcashDealer {
    dealer: dkg::Dealer,
    trustees: bool,
}

#[pymethods]
impl EcashDealer {
    /// kind: "new", "refresh", or "reshare" with the old share, which is empty otherwise.
    #[new]
    fn new(role: u8, threshold: u16, random: &[u8], kind: &str, share: &[u8]) -> PyResult<Self> {
        let constants = match kind {
            "new" => Constants::Drawn,
            "refresh" => Constants::Zero,
            _ => {
                let scalars: Result<_, Code> = share
                    .chunks(32)
                    .map(|one| Ok(Zeroizing::new(decode_scalar(one)?)))
                    .collect();
                Constants::Given(scalars.map_err(refused)?)
            }
        };
        let dealer = dkg::Dealer::new(&exactly(random)?, secrets(role)?, threshold, &constants);
        Ok(Self {
            dealer: dealer.map_err(refused)?,
            trustees: role == TRUSTEES,
        })
    }

    /// The commitments of round 2.
    fn commitments<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        let made = py.detach(|| match self.trustees {
            true => self.dealer.commitments::<G1>(),
            false => self.dealer.commitments::<G2>(),
        });
        bytes(py, &made)
    }

    /// The proof of round 2.
    fn prove<'py>(&self, py: Python<'py>, context: &[u8]) -> Bound<'py, PyBytes> {
        let made = py.detach(|| match self.trustees {
            true => self.dealer.prove::<G1>(context),
            false => self.dealer.prove::<G2>(context),
        });
        bytes(py, &made)
    }

    /// What round 3 sends to this participant alone.
    fn share<'py>(&self, py: Python<'py>, participant: u16) -> Bound<'py, PyBytes> {
        bytes(py, &self.dealer.share(participant))
    }

    fn __repr__(&self) -> &'static str {
        "EcashDealer(***)"
    }

    fn __reduce__(&self) -> PyResult<()> {
        Err(PyTypeError::new_err("a dealer cannot be pickled"))
    }
}

fn dealing<G: Group>(
    commitments: &[u8],
    role: u8,
    threshold: u16,
    refresh: bool,
) -> Result<Dealing<G>, Fault> {
    let secrets = secrets(role).map_err(|_| Fault::from(Code::Count))?;
    Dealing::decode(commitments, secrets, threshold, refresh)
}

/// N2, N3 and, with a proof, N5: None, or the first fault.
#[pyfunction]
fn ecash_dkg_check(
    py: Python<'_>,
    role: u8,
    threshold: u16,
    commitments: &[u8],
    context: &[u8],
    proof: &[u8],
    refresh: bool,
) -> Option<Verdict> {
    fn judge<G: Group>(
        dealt: Result<Dealing<G>, Fault>,
        context: &[u8],
        proof: &[u8],
        refresh: bool,
    ) -> Result<(), Fault> {
        let dealt = dealt?;
        if refresh {
            return Ok(());
        }
        dealt.check_proof(context, proof)
    }
    let answer = py.detach(|| match role {
        TRUSTEES => judge::<G1>(
            dealing(commitments, role, threshold, refresh),
            context,
            proof,
            refresh,
        ),
        _ => judge::<G2>(
            dealing(commitments, role, threshold, refresh),
            context,
            proof,
            refresh,
        ),
    });
    answer.err().map(verdict)
}

/// N6: None, or the fault of a share.
#[pyfunction]
fn ecash_dkg_check_share(
    py: Python<'_>,
    role: u8,
    threshold: u16,
    commitments: &[u8],
    participant: u16,
    share: &[u8],
    refresh: bool,
) -> Option<Verdict> {
    let answer = py.detach(|| match role {
        TRUSTEES => dealing::<G1>(commitments, role, threshold, refresh)?.check_share(participant, share),
        _ => dealing::<G2>(commitments, role, threshold, refresh)?.check_share(participant, share),
    });
    answer.err().map(verdict)
}

/// (public key, share keys) that these dealers' commitments make; `old`: share keys to be refreshed, else empty.
#[pyfunction]
fn ecash_dkg_keys<'py>(
    py: Python<'py>,
    role: u8,
    threshold: u16,
    commitments: Vec<PyBackedBytes>,
    participants: Vec<u16>,
    old: Vec<PyBackedBytes>,
) -> PyResult<(Bound<'py, PyBytes>, Vec<Bound<'py, PyBytes>>)> {
    fn keys<G: Group>(
        role: u8,
        threshold: u16,
        commitments: &[PyBackedBytes],
        participants: &[u16],
        old: &[PyBackedBytes],
    ) -> Result<(Vec<u8>, Vec<Vec<u8>>), Fault> {
        let refresh = !old.is_empty();
        if refresh && old.len() != participants.len() {
            return Err(Code::Count.into());
        }
        let read = |own: &PyBackedBytes| dealing::<G>(own, role, threshold, refresh);
        let dealings: Vec<Dealing<G>> = commitments.iter().map(read).collect::<Result<_, _>>()?;
        let constants: Vec<Vec<G>> = dealings.iter().map(Dealing::constants).collect();
        let mut made = Vec::with_capacity(participants.len());
        for (place, participant) in participants.iter().enumerate() {
            let mut parts: Vec<Vec<G>> = dealings.iter().map(|one| one.share_key(*participant)).collect();
            if let Some(own) = old.get(place) {
                parts.push(decode_checked::<G>(own, own.len() / G::BYTES)?);
            }
            made.push(G::encode_many(&dkg::sum_keys(&parts)?));
        }
        let public = match refresh {
            true => Vec::new(),
            false => G::encode_many(&dkg::sum_keys(&constants)?),
        };
        Ok((public, made))
    }
    let made = py.detach(|| match role {
        TRUSTEES => keys::<G1>(role, threshold, &commitments, &participants, &old),
        _ => keys::<G2>(role, threshold, &commitments, &participants, &old),
    });
    let (public, shares) = made.map_err(refused)?;
    Ok((
        bytes(py, &public),
        shares.iter().map(|one| bytes(py, one)).collect(),
    ))
}

/// The sum of shares; `places`: of the old holders in a resharing, else empty.
#[pyfunction]
fn ecash_dkg_sum<'py>(
    py: Python<'py>,
    shares: Vec<PyBackedBytes>,
    places: Vec<u16>,
) -> PyResult<Bound<'py, PyBytes>> {
    let shares: Vec<&[u8]> = shares.iter().map(AsRef::as_ref).collect();
    let weights = match places.is_empty() {
        true => None,
        false => Some(lagrange(&places, 0).map_err(refused)?),
    };
    let sum = dkg::sum_shares(&shares, weights.as_deref()).map_err(refused)?;
    Ok(bytes(py, &sum))
}

/// The fault of a key record in K3 to K6: (code, index), or None. dealers: (context, constants, proof).
#[pyfunction]
fn ecash_check_record(
    py: Python<'_>,
    role: u8,
    threshold: usize,
    public: &[u8],
    share_keys: Vec<(u16, PyBackedBytes)>,
    dealers: Vec<(PyBackedBytes, PyBackedBytes, PyBackedBytes)>,
) -> PyResult<Option<Verdict>> {
    type Dealers = [(PyBackedBytes, PyBackedBytes, PyBackedBytes)];
    fn judge<G: Group>(
        secrets: usize,
        threshold: usize,
        public: &[u8],
        share_keys: &[(u16, PyBackedBytes)],
        dealers: &Dealers,
    ) -> Result<(), Fault> {
        let public = decode_checked::<G>(public, secrets)?;
        let read = |(_, own): &(u16, PyBackedBytes)| decode_checked::<G>(own, secrets);
        let shares: Vec<Vec<G>> = share_keys.iter().map(read).collect::<Result<_, _>>()?;
        let read = |(_, own, _): &(_, PyBackedBytes, _)| decode_checked::<G>(own, secrets);
        let constants: Vec<Vec<G>> = dealers.iter().map(read).collect::<Result<_, _>>()?;
        for (place, (context, constants, proof)) in dealers.iter().enumerate() {
            let answer = dkg::check_possession::<G>(context, constants, proof);
            answer.map_err(|_| Fault::at(Code::ProofInvalid, place))?;
        }
        // SPEC ECASH-3.7
        if dkg::sum_keys(&constants)? != public {
            return Err(Code::KeySum.into());
        }
        let places: Vec<u16> = share_keys.iter().map(|(place, _)| *place).collect();
        check_share_keys(threshold, &places, &shares, &public)
    }
    let secrets = secrets(role)?;
    let answer = py.detach(|| match role {
        TRUSTEES => judge::<G1>(secrets, threshold, public, &share_keys, &dealers),
        _ => judge::<G2>(secrets, threshold, public, &share_keys, &dealers),
    });
    Ok(answer.err().map(verdict))
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<EcashDealer>()?;
    module.add_function(wrap_pyfunction!(ecash_dkg_context, module)?)?;
    module.add_function(wrap_pyfunction!(ecash_dkg_check, module)?)?;
    module.add_function(wrap_pyfunction!(ecash_dkg_check_share, module)?)?;
    module.add_function(wrap_pyfunction!(ecash_dkg_keys, module)?)?;
    module.add_function(wrap_pyfunction!(ecash_dkg_sum, module)?)?;
    module.add_function(wrap_pyfunction!(ecash_check_record, module)?)
}
