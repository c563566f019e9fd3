//! Ids as types, so that one can't be passed for another.
//!
//! A payment's id is also the acquirer's order number and the fencing token of every device
//! command: it is made and stored before it is sent. It is a UUIDv7 (RFC 9562 section 5.7) written
//! as 32 hexadecimal characters, which every acquirer's order number field holds (Alipay 64, WeChat
//! Pay 32, UnionPay 40).

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

use super::{hex, timestamp::Timestamp};

#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum IdRefused {
    #[error("{kind} must be 32 hexadecimal characters")]
    NotHex32 { kind: &'static str },
    #[error("{kind} must have 1 to {max} characters of A-Z a-z 0-9 . _ -")]
    NotAName { kind: &'static str, max: usize },
}

/// The 16 bytes of a UUIDv7 from a time and ten random bytes.
fn uuid_v7(now: Timestamp, random: [u8; 10]) -> u128 {
    let ms = u128::from(u64::try_from(now.unix_ms()).unwrap_or(0) & 0xffff_ffff_ffff);
    let rand = random
        .iter()
        .fold(0u128, |sum, byte| (sum << 8) | u128::from(*byte));
    let rand_a = (rand >> 62) & 0x0fff;
    let rand_b = rand & 0x3fff_ffff_ffff_ffff;
    (ms << 80) | (0x7 << 76) | (rand_a << 64) | (0b10 << 62) | rand_b
}

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u128);

        impl $name {
            /// A new id: sortable by the time of its making, unguessable by its ten random bytes.
            pub fn new(now: Timestamp, random: [u8; 10]) -> Self {
                Self(uuid_v7(now, random))
            }

            /// Before every id that is made at `at` or later.
            pub fn first_at(at: Timestamp) -> Self {
                let ms = u128::from(at.unix_ms().max(0).unsigned_abs());
                Self(ms << 80)
            }

            pub fn to_bytes(self) -> [u8; 16] {
                self.0.to_be_bytes()
            }

            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(u128::from_be_bytes(bytes))
            }

            /// When it was made, to the millisecond: the first 48 bits of a UUIDv7.
            pub fn made_at(self) -> Timestamp {
                Timestamp::from_unix_ms(i64::try_from(self.0 >> 80).unwrap_or(0))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:032x}", self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdRefused;

            fn from_str(text: &str) -> Result<Self, IdRefused> {
                let hex = text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit());
                if !hex {
                    return Err(IdRefused::NotHex32 { kind: $kind });
                }
                u128::from_str_radix(text, 16)
                    .map(Self)
                    .map_err(|_| IdRefused::NotHex32 { kind: $kind })
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                hex::serialize::<32, _>(&self.to_bytes(), s)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                String::deserialize(d)?.parse().map_err(de::Error::custom)
            }
        }
    };
}

uuid_id!(
    /// One payment, and its order number at the acquirer.
    PaymentId,
    "a payment id"
);
uuid_id!(
    /// One refund of a payment: repeated with the same id it moves money once.
    RefundId,
    "a refund id"
);

macro_rules! name_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $max:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(std::sync::Arc<str>);

        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = IdRefused;

            fn from_str(text: &str) -> Result<Self, IdRefused> {
                let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
                if (1..=$max).contains(&text.len()) && text.bytes().all(allowed) {
                    Ok(Self(text.into()))
                } else {
                    Err(IdRefused::NotAName { kind: $kind, max: $max })
                }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                String::deserialize(d)?.parse().map_err(de::Error::custom)
            }
        }
    };
}

name_id!(
    /// The chain, first level of every MQTT topic.
    ChainId, "a chain id", 32
);
name_id!(
    /// One store of the chain.
    StoreId, "a store id", 32
);
name_id!(
    /// One stand in the store, e.g. `01`.
    CounterId, "a counter id", 16
);
name_id!(
    /// One device, `<counter>-<kind>`, e.g. `01-terminal`.
    DeviceId, "a device id", 32
);
name_id!(
    /// One configured acquirer, e.g. `sandbox`.
    AcquirerId, "an acquirer id", 32
);
name_id!(
    /// One printed QR: EMVCo's additional data have no more room.
    StickerId, "a sticker's id", 25
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payment_id_is_a_uuid_v7_in_32_hex_characters() {
        let id = PaymentId::new(Timestamp::from_unix_ms(0x0192_3456_789a), [0xff; 10]);
        assert_eq!(id.to_string(), "01923456789a7fffbfffffffffffffff");
        assert_eq!(id.to_string().parse::<PaymentId>(), Ok(id));
        assert_eq!(PaymentId::from_bytes(id.to_bytes()), id);
        assert_eq!(id.made_at(), Timestamp::from_unix_ms(0x0192_3456_789a));
    }

    #[test]
    fn ids_refuse_what_they_are_not() {
        assert!("0192".parse::<PaymentId>().is_err());
        assert!(
            "+1923456789a7fffbfffffffffffffff"
                .parse::<PaymentId>()
                .is_err()
        );
        assert!("".parse::<CounterId>().is_err());
        assert!("a/b".parse::<StoreId>().is_err());
        assert!("12345678901234567".parse::<CounterId>().is_err());
        assert_eq!(
            "01".parse::<CounterId>().map(|id| id.to_string()),
            Ok("01".into())
        );
    }

    #[test]
    fn ids_sort_by_the_time_of_their_making() {
        let at = |ms| PaymentId::new(Timestamp::from_unix_ms(ms), [0; 10]);
        assert!(at(1) < at(2));
    }
}
