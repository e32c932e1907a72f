use std::hash::{Hash, Hasher};
use std::hint::black_box;

use sha2::{Digest as _, Sha256};

/// The SHA-256 of a secret, which is all of it that is kept.
///
/// Two of them are compared in constant time, and so by the hash map that they are the keys of.
#[derive(Clone, Copy)]
pub(super) struct Digest([u8; 32]);

impl Digest {
    pub(super) fn of(secret: &str) -> Self {
        Self(Sha256::digest(secret.as_bytes()).into())
    }

    fn words(&self) -> impl Iterator<Item = u64> {
        self.0.as_chunks().0.iter().map(|word| u64::from_ne_bytes(*word))
    }

    /// Reads 64 hexadecimal digits of either case.
    pub(super) fn from_hex(hex: &str) -> Option<Self> {
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let (pairs, []) = hex.as_bytes().as_chunks::<2>() else { return None };
        let mut bytes = [0; 32];
        if pairs.len() != bytes.len() {
            return None;
        }
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            *byte = digit(*high)? << 4 | digit(*low)?;
        }
        Some(Self(bytes))
    }
}

impl PartialEq for Digest {
    fn eq(&self, other: &Self) -> bool {
        self.words().zip(other.words()).fold(0, |bits, (a, b)| black_box(bits | (a ^ b))) == 0
    }
}

impl Eq for Digest {}

impl Hash for Digest {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // A part of it is as random as all of it.
        self.words().take(1).for_each(|word| state.write_u64(word));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn is_sha256_in_hexadecimal() {
        // The vector of FIPS 180-4 for "abc".
        assert!(Digest::from_hex(ABC) == Some(Digest::of("abc")));
        assert!(Digest::from_hex(&ABC.to_uppercase()) == Some(Digest::of("abc")));
    }

    #[test]
    fn malformed_hexadecimal_is_refused() {
        let spaced = format!(" {}", &ABC[1..]);
        let signed = format!("+{}", &ABC[1..]);
        let wide = "é".repeat(32);
        for hex in ["", "ba", &ABC[1..], &ABC[2..], &format!("{ABC}00"), &format!("{ABC}0"), &spaced, &signed, &wide] {
            assert!(Digest::from_hex(hex).is_none(), "{hex:?}");
        }
    }

    #[test]
    fn one_bit_anywhere_makes_a_difference() {
        let digest = Digest::of("abc");
        for bit in 0..256 {
            let mut other = digest;
            other.0[bit / 8] ^= 1 << (bit % 8);
            assert!(digest != other);
        }
    }

    #[test]
    fn differences_do_not_make_up_for_each_other() {
        let digest = Digest::of("abc");
        let mut other = digest;
        (other.0[0], other.0[31]) = (other.0[0] ^ 1, other.0[31] ^ 1);
        assert!(digest != other);
    }
}
