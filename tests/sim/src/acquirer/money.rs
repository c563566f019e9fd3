//! Amounts on the wire and in the ledger: decimal strings, never numbers, never floats.

use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serializer};

/// Digits after the point that a currency allows (ISO 4217), for the currencies the sandbox knows.
fn scale(currency: &str) -> Option<u32> {
    match currency {
        "CNY" | "HKD" | "MOP" | "TWD" | "USD" | "EUR" | "GBP" | "SGD" | "THB" | "MYR" => Some(2),
        "JPY" | "KRW" => Some(0),
        "KWD" => Some(3),
        _ => None,
    }
}

/// # Errors
/// Why an order cannot be for this amount, in words.
pub(super) fn check(amount: Decimal, currency: &str) -> Result<(), String> {
    let Some(scale) = scale(currency) else {
        return Err("currency is not one of this acquirer's".to_owned());
    };
    if amount <= Decimal::ZERO || amount > Decimal::from(100_000_000u32) {
        return Err("amount must be above zero and at most 100000000".to_owned());
    }
    if amount.normalize().scale() > scale {
        return Err(format!(
            "amount has more than {scale} digits after the point"
        ));
    }
    Ok(())
}

/// Fen as the ledger's decimal, in text.
pub(super) fn yuan(fen: u64) -> String {
    format!("{}.{:02}", fen / 100, fen % 100)
}

/// The other way round.
pub(super) fn fen(amount: Decimal) -> u64 {
    use rust_decimal::prelude::ToPrimitive as _;
    let hundredfold = amount * Decimal::ONE_HUNDRED;
    hundredfold.to_u64().unwrap_or(0)
}

/// `#[serde(with = "money::text")]`
pub(super) mod text {
    use super::*;

    pub(in crate::acquirer) fn serialize<S: Serializer>(
        amount: &Decimal,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(amount)
    }

    pub(in crate::acquirer) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Decimal, D::Error> {
        let text = String::deserialize(deserializer)?;
        Decimal::from_str_exact(&text).map_err(serde::de::Error::custom)
    }
}

/// `#[serde(default, with = "money::optional")]`
pub(super) mod optional {
    use super::*;

    pub(in crate::acquirer) fn serialize<S: Serializer>(
        amount: &Option<Decimal>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match amount {
            Some(amount) => serializer.collect_str(amount),
            None => serializer.serialize_none(),
        }
    }

    pub(in crate::acquirer) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Decimal>, D::Error> {
        Option::<String>::deserialize(deserializer)?
            .map(|text| Decimal::from_str_exact(&text).map_err(serde::de::Error::custom))
            .transpose()
    }
}
