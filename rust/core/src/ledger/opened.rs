//! Opening envelopes, and the rules that need nothing but the transaction (LEDGER §7, steps 1 and 2).

use curve25519_dalek::RistrettoPoint;
use rayon::prelude::*;
use zeroize::Zeroizing;

use super::clsag::Decoded;
use super::envelope::{split_plaintext, EpochKey};
use super::group::{decode_nonzero, decode_scalar, Ristretto};
use super::range;
use super::table::field;
use super::transaction::{tx_id, tx_leaf, TxPrivate, TxPublic, INPUTS_MAX, TRANSFER, VERSION, WITHDRAW};
use crate::hash::{sha256, Hash};

/// The largest amount (ISSUANCE §3.7).
pub const AMOUNT_MAX: u64 = (1 << 62) - 1;
/// The ring sizes that a parameter change can set.
pub const RING_SIZES: [usize; 3] = [16, 32, 64];

/// A rule of LEDGER §7 that a transaction breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// V-2: the envelope does not open.
    Sealed,
    /// V-3: not in the strict form.
    Form,
    /// V-4: a number out of range.
    Numbers,
    /// V-20: fee or burn out of range.
    Amounts,
    /// V-7: the key images do not ascend.
    ImageOrder,
    /// V-8: the outputs do not ascend.
    OutputOrder,
    /// V-10: a point does not decode or is the identity.
    Points,
    /// V-11: a scalar is not canonical.
    Scalars,
    /// V-15: the balance does not hold.
    Balance,
    /// V-16: a transmitted c_1 is not the recomputed one.
    Glue,
    /// V-17: a ring does not verify.
    Rings,
    /// V-18: the range proof does not verify.
    Range,
}

impl Rule {
    /// Its name in the chapter.
    pub fn name(self) -> &'static str {
        match self {
            Rule::Sealed => "V-2",
            Rule::Form => "V-3",
            Rule::Numbers => "V-4",
            Rule::Amounts => "V-20",
            Rule::ImageOrder => "V-7",
            Rule::OutputOrder => "V-8",
            Rule::Points => "V-10",
            Rule::Scalars => "V-11",
            Rule::Balance => "V-15",
            Rule::Glue => "V-16",
            Rule::Rings => "V-17",
            Rule::Range => "V-18",
        }
    }
}

/// The group elements of a transaction, decoded once.
pub struct Points {
    /// Of each input.
    pub inputs: Vec<Decoded>,
    /// C of each output.
    pub commitments: Vec<RistrettoPoint>,
}

/// A transaction out of its envelope.
pub struct Opened {
    /// TxPublic as it came.
    pub tx_public: Vec<u8>,
    /// TxPublic.
    pub public: TxPublic,
    /// TxPrivate.
    pub private: TxPrivate,
    /// The ring size that its form shows.
    pub ring_size: usize,
    /// tx_id.
    pub tx_id: Hash,
    /// tx_leaf.
    pub tx_leaf: Hash,
    /// SHA-256 of the envelope.
    pub env_id: Hash,
    /// bp_ctx.
    pub bp_ctx: [u8; 64],
    /// What binds the signatures to the key share; zeros in portable mode.
    pub exporter: Zeroizing<Hash>,
    /// The rules it breaks by itself, in the order in which they count.
    pub faults: Vec<Rule>,
    /// Its points, unless one of them is none.
    pub points: Option<Points>,
}

impl Opened {
    /// The same without its private part.
    pub fn erased(&self) -> Self {
        let private = TxPrivate {
            flags: 0,
            salt: [0; 32],
            anchor_height: 0,
            inputs: Vec::new(),
            note: Vec::new(),
        };
        Self {
            tx_public: self.tx_public.clone(),
            public: self.public.clone(),
            private,
            exporter: Zeroizing::new([0; 32]),
            faults: self.faults.clone(),
            points: None,
            ..*self
        }
    }
}

// SPEC LEDGER-8.2.3
impl Drop for Opened {
    fn drop(&mut self) {
        self.private.erase();
    }
}

/// An envelope that came, and the key of its epoch.
pub struct Arrived<'a> {
    /// The key.
    pub key: &'a EpochKey,
    /// The epoch.
    pub epoch: u32,
    /// The bytes.
    pub envelope: &'a [u8],
}

/// Open one envelope. `ring_size`: the one in force; a transaction of another allowed size is read all the same, so
/// that it can be refused for what it is. Refuses: Sealed, Form.
pub fn open(chain_id: &Hash, arrived: &Arrived<'_>, ring_size: usize) -> Result<Opened, Rule> {
    let opened = arrived
        .key
        .open(chain_id, arrived.epoch, arrived.envelope)
        .map_err(|_| Rule::Sealed)?;
    let (public_bytes, private_bytes) =
        split_plaintext(arrived.key.suite(), &opened.plaintext).map_err(|_| Rule::Form)?;
    let (public, head) = TxPublic::parse(public_bytes).map_err(|_| Rule::Form)?;
    let inputs = public.key_images.len();
    let others = RING_SIZES.into_iter().filter(|size| *size != ring_size);
    let read = |size: usize| Some((TxPrivate::parse(private_bytes, inputs, size).ok()?, size));
    let (private, ring_size) = core::iter::once(ring_size)
        .chain(others)
        .find_map(read)
        .ok_or(Rule::Form)?;
    let is_portable = private.flags & super::transaction::FLAG_PORTABLE != 0;
    let exporter = if is_portable {
        Zeroizing::new([0; 32])
    } else {
        opened.exporter
    };
    let id = tx_id(public_bytes);
    let (faults, points) = judge(&public, &private);
    Ok(Opened {
        bp_ctx: range::context(chain_id, &private.salt, &public_bytes[..head]),
        tx_leaf: tx_leaf(&id, &private.salt),
        tx_id: id,
        tx_public: public_bytes.to_vec(),
        env_id: sha256(&[arrived.envelope]),
        public,
        private,
        ring_size,
        exporter,
        faults,
        points,
    })
}

/// Open many on all cores.
pub fn open_many(chain_id: &Hash, arrived: &[Arrived<'_>], ring_size: usize) -> Vec<Result<Opened, Rule>> {
    match arrived {
        [one] => vec![open(chain_id, one, ring_size)],
        _ => arrived
            .par_iter()
            .map(|one| open(chain_id, one, ring_size))
            .collect(),
    }
}

/// The rules that a transaction breaks by itself, in the order in which they count, and its points.
pub fn judge(public: &TxPublic, private: &TxPrivate) -> (Vec<Rule>, Option<Points>) {
    let points = decode(public, private);
    // Only where decoding failed it is worth the time to find out by which of the two rules.
    let failed = points.is_none();
    let broken = [
        (Rule::Numbers, !numbers_are_in_range(public)),
        (Rule::Amounts, !amounts_are_in_range(public)),
        // SPEC LEDGER-7.8
        (Rule::ImageOrder, !ascends(public.key_images.iter().copied())),
        // SPEC LEDGER-7.9
        (
            Rule::OutputOrder,
            !ascends(public.outputs.iter().map(|output| field(output, 2))),
        ),
        (Rule::Points, failed && !points_decode(public, private)),
        (Rule::Scalars, failed && !scalars_decode(private)),
    ];
    let faults = broken
        .into_iter()
        .filter(|(_, is_broken)| *is_broken)
        .map(|(rule, _)| rule);
    (faults.collect(), points)
}

// SPEC LEDGER-7.4
fn numbers_are_in_range(public: &TxPublic) -> bool {
    let inputs = 1..=INPUTS_MAX;
    public.version == VERSION
        && inputs.contains(&public.key_images.len())
        && range::COUNTS.contains(&public.outputs.len())
}

// SPEC LEDGER-7.5
// SPEC LEDGER-6.1.4
fn amounts_are_in_range(public: &TxPublic) -> bool {
    let is_burn_fit = match public.kind {
        TRANSFER => public.burn == 0,
        _ => (1..=AMOUNT_MAX).contains(&public.burn),
    };
    public.fee <= AMOUNT_MAX && is_burn_fit
}

fn ascends(items: impl Iterator<Item = [u8; 32]> + Clone) -> bool {
    items.clone().zip(items.skip(1)).all(|(one, next)| one < next)
}

/// P and R of a refund stub; nothing for other types.
pub fn stub_points(public: &TxPublic) -> Vec<[u8; 32]> {
    match (public.kind, public.extra.get(32..96)) {
        (WITHDRAW, Some(points)) => points
            .chunks(32)
            .filter_map(|point| point.try_into().ok())
            .collect(),
        _ => Vec::new(),
    }
}

fn is_point(bytes: &[u8; 32]) -> bool {
    decode_nonzero::<Ristretto>(bytes).is_some()
}

/// All points and scalars that verification takes; None if one of them is not what it should be.
pub fn decode(public: &TxPublic, private: &TxPrivate) -> Option<Points> {
    let statements = private
        .inputs
        .iter()
        .zip(&public.pseudo_outputs)
        .zip(&public.key_images);
    let inputs: Option<Vec<Decoded>> = statements
        .map(|((input, pseudo), image)| Decoded::new(&input.signature, pseudo, image).ok())
        .collect();
    let outputs = public.outputs.iter();
    let commitments: Option<Vec<RistrettoPoint>> = outputs
        .map(|output| {
            let others = is_point(&field(output, 0)) && is_point(&field(output, 2));
            decode_nonzero::<Ristretto>(&field(output, 1)).filter(|_| others)
        })
        .collect();
    let stubs = stub_points(public).iter().all(is_point);
    Some(Points {
        inputs: inputs?,
        commitments: commitments.filter(|_| stubs)?,
    })
}

// SPEC LEDGER-7.12
fn points_decode(public: &TxPublic, private: &TxPrivate) -> bool {
    let signatures = private.inputs.iter().map(|input| &input.signature);
    let rings = signatures.flat_map(|one| one.l.iter().chain(&one.r).chain(core::iter::once(&one.d)));
    let outputs = public
        .outputs
        .iter()
        .flat_map(|output| (0..3).map(|number| field(output, number)));
    public
        .key_images
        .iter()
        .chain(&public.pseudo_outputs)
        .chain(rings)
        .all(is_point)
        && outputs.chain(stub_points(public)).all(|point| is_point(&point))
}

// SPEC LEDGER-7.13
fn scalars_decode(private: &TxPrivate) -> bool {
    let signatures = private.inputs.iter().map(|input| &input.signature);
    signatures
        .flat_map(|one| one.s.iter().chain(core::iter::once(&one.c1)))
        .all(|scalar| decode_scalar(scalar).is_some())
}
