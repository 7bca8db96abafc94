//! CLSAG in its short form (c_1, D, s): what CLSAG-X is compared with, and how a short signature is written out.

use curve25519_dalek::Scalar;

use super::{Signature, Statement};
use crate::ledger::group::{decode_nonzero, decode_scalar, Backend, Bound};

/// The L and R that c_1, D and s of a statement determine, and the challenge after the last of them.
///
/// The L and R of the statement's own signature are not looked at. None if lengths differ or something does not
/// decode. The signature is valid if the challenge equals c_1.
pub fn expand_vartime<B: Backend>(statement: &Statement<'_, B>) -> Option<(Signature, [u8; 32])> {
    let given = statement.signature;
    let size = statement.ring.len();
    if given.s.len() != size || statement.indices.len() != size {
        return None;
    }
    let pseudo = decode_nonzero::<B>(&statement.pseudo)?;
    let image = decode_nonzero::<B>(&statement.key_image)?;
    let auxiliary = B::decode_auxiliary(&given.d).filter(|point| !B::is_identity(point))?;
    let transcript = B::transcript(&Bound {
        message: &statement.message,
        k_ring: &statement.k_ring,
        input_no: statement.input_no,
        indices: statement.indices,
        ring: &statement.ring,
        pseudo: &statement.pseudo,
        key_image: &statement.key_image,
        auxiliary: &given.d,
    });
    let (mu_p, mu_c) = B::aggregation(&transcript);
    let image_side = B::vartime_multiscalar(&[mu_p, mu_c], &[image, auxiliary]);
    let s: Option<Vec<Scalar>> = given.s.iter().map(decode_scalar).collect();
    let mut current = decode_scalar(&given.c1)?;
    let mut out = Signature {
        l: Vec::with_capacity(size),
        r: Vec::with_capacity(size),
        ..given.clone()
    };
    for (member, s) in statement.ring.iter().zip(s?) {
        let scalars = [s, current * mu_p, current * mu_c];
        let points = [B::base(), member.key, member.commitment - pseudo];
        let l = B::encode(&B::vartime_multiscalar(&scalars, &points));
        let r = B::encode(&B::vartime_multiscalar(
            &[s, current],
            &[member.image_base, image_side],
        ));
        out.l.push(l);
        out.r.push(r);
        current = B::challenge(&transcript, &l, &r);
    }
    Some((out, current.to_bytes()))
}

/// Whether (c_1, D, s) is a valid CLSAG; the L and R of the signature are not looked at.
pub fn verify_classic_vartime<B: Backend>(statement: &Statement<'_, B>) -> bool {
    expand_vartime(statement).is_some_and(|(_, last)| last == statement.signature.c1)
}
