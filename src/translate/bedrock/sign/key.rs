//! The key that signs, which is another one each day.

use std::sync::{Mutex, PoisonError};

use hmac::digest::InvalidLength;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::{Credentials, SERVICE};

pub(super) type Digest = [u8; 32];

/// The last key that was derived, for as long as day and credentials stay the same.
#[derive(Default)]
pub(super) struct KeyCache(Mutex<Option<Derived>>);

struct Derived {
    date: String,
    credentials: Credentials,
    key: Digest,
}

impl KeyCache {
    /// The key of this day in this region.
    pub(super) fn get(&self, credentials: &Credentials, date: &str, region: &str) -> Result<Digest, InvalidLength> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(derived) = &*last
            && derived.date == date
            && derived.credentials.same_secret(credentials)
        {
            return Ok(derived.key);
        }
        let key = derive(credentials, date, region)?;
        *last = Some(Derived { date: date.to_owned(), credentials: credentials.clone(), key });
        Ok(key)
    }
}

fn derive(credentials: &Credentials, date: &str, region: &str) -> Result<Digest, InvalidLength> {
    let seed = hmac(credentials.seed().as_bytes(), date)?;
    [region, SERVICE, "aws4_request"].into_iter().try_fold(seed, |key, word| hmac(&key, word))
}

/// HMAC-SHA256. Takes a key of every length: the error is the trait's.
pub(super) fn hmac(key: &[u8], message: &str) -> Result<Digest, InvalidLength> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key)?;
    mac.update(message.as_bytes());
    Ok(mac.finalize().into_bytes().into())
}

#[cfg(test)]
mod tests {
    use super::super::signer::hex;
    use super::*;

    #[test]
    fn a_key_of_any_length_is_taken() {
        // RFC 4231, test cases 2 and 6.
        let vectors: [(&[u8], &str, &str); 2] = [
            (
                b"Jefe",
                "what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (
                &[0xaa; 131],
                "Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
        ];
        for (key, message, mac) in vectors {
            assert_eq!(hex(&hmac(key, message).unwrap()), mac);
        }
    }

    #[test]
    fn a_key_is_of_its_day_its_credentials_and_its_region() {
        let cache = KeyCache::default();
        let (one, other) = (Credentials::new("ID", "one").unwrap(), Credentials::new("ID", "other").unwrap());
        let get = |credentials: &Credentials, date| {
            let cached = cache.get(credentials, date, "us-east-1").unwrap();
            assert_eq!(cached, derive(credentials, date, "us-east-1").unwrap());
            cached
        };
        let keys = [get(&one, "20260101"), get(&one, "20260102"), get(&other, "20260102"), get(&one, "20260101")];
        assert_eq!(keys[0], keys[3]);
        assert!(keys[0] != keys[1] && keys[1] != keys[2]);
        assert_ne!(derive(&one, "20260101", "eu-west-1").unwrap(), keys[0]);
    }
}
