//! Just enough of the field of 2^255 - 19 for Monero's map to the curve; slow and plain.

/// An element below 2^256, not always reduced.
#[derive(Clone, Copy)]
pub struct Field([u64; 4]);

const PRIME: [u64; 4] = [u64::MAX - 18, u64::MAX, u64::MAX, u64::MAX >> 1];

impl Field {
    pub fn small(value: u64) -> Self {
        Self([value, 0, 0, 0])
    }

    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        let limb = |i: usize| u64::from_le_bytes(bytes[8 * i..8 * i + 8].try_into().unwrap());
        Self([limb(0), limb(1), limb(2), limb(3)])
    }

    /// Folds limbs beyond 256 bits: 2^256 = 38.
    fn fold(low: [u64; 4], mut high: u128) -> Self {
        let mut limbs = low;
        while high != 0 {
            let mut carry = high * 38;
            for limb in &mut limbs {
                carry += u128::from(*limb);
                *limb = carry as u64;
                carry >>= 64;
            }
            high = carry;
        }
        Self(limbs)
    }

    pub fn add(self, other: Self) -> Self {
        let mut out = self.0;
        let mut carry = 0u128;
        for (limb, more) in out.iter_mut().zip(other.0) {
            carry += u128::from(*limb) + u128::from(more);
            *limb = carry as u64;
            carry >>= 64;
        }
        Self::fold(out, carry)
    }

    pub fn mul(self, other: Self) -> Self {
        let mut wide = [0u64; 8];
        for i in 0..4 {
            let mut carry = 0u128;
            for j in 0..4 {
                carry += u128::from(wide[i + j]) + u128::from(self.0[i]) * u128::from(other.0[j]);
                wide[i + j] = carry as u64;
                carry >>= 64;
            }
            wide[i + 4] = carry as u64;
        }
        let mut low = [0; 4];
        let mut carry = 0u128;
        for (to, (one, more)) in low.iter_mut().zip(wide[..4].iter().zip(&wide[4..])) {
            carry += u128::from(*one) + 38 * u128::from(*more);
            *to = carry as u64;
            carry >>= 64;
        }
        Self::fold(low, carry)
    }

    /// The inverse by Fermat; 0 for 0.
    pub fn invert(self) -> Self {
        let mut exponent = PRIME;
        exponent[0] -= 2;
        let mut out = Self::small(1);
        for bit in (0..255).rev() {
            out = out.mul(out);
            if (exponent[bit / 64] >> (bit % 64)) & 1 == 1 {
                out = out.mul(self);
            }
        }
        out
    }

    pub fn negate(self) -> Self {
        // -x = (p - 1)·x
        let mut minus_one = PRIME;
        minus_one[0] -= 1;
        self.mul(Self(minus_one))
    }

    /// The reduced form.
    pub fn to_bytes(self) -> [u8; 32] {
        let mut limbs = self.0;
        // At most two subtractions bring a number below 2^256 under p.
        for _ in 0..2 {
            let mut out = [0; 4];
            let mut borrow = false;
            for ((to, limb), prime) in out.iter_mut().zip(limbs).zip(PRIME) {
                let (one, first) = limb.overflowing_sub(prime);
                let (two, second) = one.overflowing_sub(u64::from(borrow));
                *to = two;
                borrow = first || second;
            }
            if !borrow {
                limbs = out;
            }
        }
        let mut bytes = [0; 32];
        for (to, limb) in bytes.chunks_exact_mut(8).zip(limbs) {
            to.copy_from_slice(&limb.to_le_bytes());
        }
        bytes
    }
}
