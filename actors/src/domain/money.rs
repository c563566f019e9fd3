//! Money: an exact decimal amount in one currency, never finer than the currency's minor unit.
//!
//! Amounts travel as decimal strings and are computed with checked arithmetic; there is no float
//! and no silent rounding. The currencies are those of ISO 4217 that the chain trades in, with
//! their numeric code (EMV 5F2A, ISO 8583 DE49) and minor-unit exponent. Negative amounts do not
//! exist here: a refund is its own thing.

use std::{fmt, str::FromStr};

use rust_decimal::{Decimal, prelude::ToPrimitive};
use serde::{Deserialize, Serialize};
use thiserror::Error;

#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum MoneyRefused {
    #[error("{0:?} is not a currency this store knows (ISO 4217 alphabetic code)")]
    UnknownCurrency(String),
    #[error("{0:?} is not an amount: digits with an optional decimal point")]
    NotAnAmount(String),
    #[error("{currency} has {exponent} decimal places")]
    TooFine { currency: Currency, exponent: u32 },
    #[error("the amount is beyond twelve digits of minor units (ISO 8583 DE4)")]
    TooLarge,
    #[error("{0} and {1} do not add up: different currencies")]
    DifferentCurrencies(Currency, Currency),
    #[error("the amount would fall below zero")]
    BelowZero,
}

macro_rules! currencies {
    ($($name:ident $alpha:literal $numeric:literal $exponent:literal),+ $(,)?) => {
        /// A currency of ISO 4217.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Currency { $($name),+ }

        impl Currency {
            pub const ALL: &'static [Currency] = &[$(Currency::$name),+];

            /// The alphabetic code, e.g. `CNY`.
            pub const fn alpha(self) -> &'static str {
                match self { $(Currency::$name => $alpha),+ }
            }

            /// The numeric code, e.g. 156.
            pub const fn numeric(self) -> u16 {
                match self { $(Currency::$name => $numeric),+ }
            }

            /// Decimal places of the minor unit.
            pub const fn exponent(self) -> u32 {
                match self { $(Currency::$name => $exponent),+ }
            }
        }
    };
}

currencies! {
    Cny "CNY" 156 2, Hkd "HKD" 344 2, Mop "MOP" 446 2, Twd "TWD" 901 2, Usd "USD" 840 2, Eur "EUR" 978 2,
    Gbp "GBP" 826 2, Jpy "JPY" 392 0, Krw "KRW" 410 0, Sgd "SGD" 702 2, Thb "THB" 764 2, Myr "MYR" 458 2,
    Kwd "KWD" 414 3,
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.alpha())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.alpha())
    }
}

impl FromStr for Currency {
    type Err = MoneyRefused;

    fn from_str(text: &str) -> Result<Self, MoneyRefused> {
        let found = Self::ALL.iter().find(|c| c.alpha() == text).copied();
        found.ok_or_else(|| MoneyRefused::UnknownCurrency(text.chars().take(8).collect()))
    }
}

impl Serialize for Currency {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.alpha())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// Zero or more of one currency, at most 999,999,999,999 minor units.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Wire", into = "Wire")]
pub struct Money {
    amount: Decimal,
    currency: Currency,
}

/// How money is written: `{"amount": "12.50", "currency": "CNY"}`.
#[derive(Serialize, Deserialize)]
struct Wire {
    amount: String,
    currency: Currency,
}

const MAX_MINOR_UNITS: u64 = 999_999_999_999;

impl Money {
    /// Reads `12.50`, `12.5` or `12`; refuses signs, exponents, spaces and places finer than the
    /// minor unit.
    pub fn parse(amount: &str, currency: Currency) -> Result<Self, MoneyRefused> {
        let refused = || MoneyRefused::NotAnAmount(amount.chars().take(24).collect());
        let plain = amount.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        let bounded = (1..=24).contains(&amount.len());
        let starts_and_ends_with_a_digit =
            !amount.starts_with('.') && !amount.ends_with('.') && !amount.is_empty();
        if !(plain && bounded && starts_and_ends_with_a_digit) {
            return Err(refused());
        }
        let value = Decimal::from_str_exact(amount).map_err(|_| refused())?;
        Self::from_decimal(value, currency)
    }

    pub fn from_decimal(value: Decimal, currency: Currency) -> Result<Self, MoneyRefused> {
        if value.is_sign_negative() && !value.is_zero() {
            return Err(MoneyRefused::BelowZero);
        }
        let exponent = currency.exponent();
        let mut amount = value.normalize();
        if amount.scale() > exponent {
            return Err(MoneyRefused::TooFine { currency, exponent });
        }
        amount.rescale(exponent);
        let money = Self { amount, currency };
        if money.minor_units() > MAX_MINOR_UNITS || amount.scale() != exponent {
            return Err(MoneyRefused::TooLarge);
        }
        Ok(money)
    }

    pub fn from_minor_units(units: u64, currency: Currency) -> Result<Self, MoneyRefused> {
        if units > MAX_MINOR_UNITS {
            return Err(MoneyRefused::TooLarge);
        }
        let signed = i64::try_from(units).map_err(|_| MoneyRefused::TooLarge)?;
        Ok(Self {
            amount: Decimal::new(signed, currency.exponent()),
            currency,
        })
    }

    pub const fn zero(currency: Currency) -> Self {
        Self {
            amount: Decimal::from_parts(0, 0, 0, false, currency.exponent()),
            currency,
        }
    }

    /// Whole minor units (fen, cents), as ISO 8583 DE4 and EMV 9F02 carry them.
    pub fn minor_units(self) -> u64 {
        self.amount.mantissa().to_u64().unwrap_or(u64::MAX)
    }

    pub const fn amount(self) -> Decimal {
        self.amount
    }

    pub const fn currency(self) -> Currency {
        self.currency
    }

    pub fn is_zero(self) -> bool {
        self.amount.is_zero()
    }

    pub fn checked_add(self, other: Money) -> Result<Money, MoneyRefused> {
        self.same_currency(other)?;
        let sum = self
            .amount
            .checked_add(other.amount)
            .ok_or(MoneyRefused::TooLarge)?;
        Self::from_decimal(sum, self.currency)
    }

    pub fn checked_sub(self, other: Money) -> Result<Money, MoneyRefused> {
        self.same_currency(other)?;
        let rest = self
            .amount
            .checked_sub(other.amount)
            .ok_or(MoneyRefused::BelowZero)?;
        Self::from_decimal(rest, self.currency)
    }

    /// Whether `self` is more than `other`; amounts of different currencies have no order.
    pub fn exceeds(self, other: Money) -> Result<bool, MoneyRefused> {
        self.same_currency(other)?;
        Ok(self.amount > other.amount)
    }

    fn same_currency(self, other: Money) -> Result<(), MoneyRefused> {
        if self.currency == other.currency {
            Ok(())
        } else {
            Err(MoneyRefused::DifferentCurrencies(
                self.currency,
                other.currency,
            ))
        }
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.amount, self.currency)
    }
}

impl fmt::Debug for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<Money> for Wire {
    fn from(money: Money) -> Self {
        Self {
            amount: money.amount.to_string(),
            currency: money.currency,
        }
    }
}

impl TryFrom<Wire> for Money {
    type Error = MoneyRefused;

    fn try_from(wire: Wire) -> Result<Self, MoneyRefused> {
        Money::parse(&wire.amount, wire.currency)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cny(text: &str) -> Money {
        Money::parse(text, Currency::Cny).unwrap()
    }

    #[test]
    fn amounts_are_read_exactly_or_refused() {
        for (text, minor) in [
            ("12.50", 1250),
            ("12.5", 1250),
            ("0.01", 1),
            ("0", 0),
            ("9999999999.99", 999_999_999_999),
        ] {
            assert_eq!(cny(text).minor_units(), minor, "{text}");
        }
        for text in [
            "", "-1", "+1", "1e3", " 1", "1 ", ".5", "5.", "1.2.3", "0x10", "１", "1_000", "NaN",
        ] {
            let refused = Money::parse(text, Currency::Cny).unwrap_err();
            assert!(
                matches!(refused, MoneyRefused::NotAnAmount(_)),
                "{text}: {refused}"
            );
        }
        let fine = Money::parse("1.001", Currency::Cny).unwrap_err();
        assert_eq!(
            fine,
            MoneyRefused::TooFine {
                currency: Currency::Cny,
                exponent: 2
            }
        );
        assert!(Money::parse("1.5", Currency::Jpy).is_err());
        assert_eq!(
            Money::parse("10000000000.00", Currency::Cny),
            Err(MoneyRefused::TooLarge)
        );
        assert_eq!(
            Money::parse("99999999999999999999999", Currency::Cny),
            Err(MoneyRefused::TooLarge)
        );
    }

    #[test]
    fn it_is_written_as_a_decimal_string_with_all_places() {
        let json = serde_json::to_string(&cny("12.5")).unwrap();
        assert_eq!(json, r#"{"amount":"12.50","currency":"CNY"}"#);
        assert_eq!(serde_json::from_str::<Money>(&json).unwrap(), cny("12.50"));
        assert_eq!(
            Money::parse("500", Currency::Jpy).unwrap().to_string(),
            "500 JPY"
        );
    }

    #[test]
    fn different_currencies_neither_add_nor_compare() {
        let yen = Money::parse("1", Currency::Jpy).unwrap();
        assert!(matches!(
            cny("1").checked_add(yen),
            Err(MoneyRefused::DifferentCurrencies(..))
        ));
        assert!(cny("1").exceeds(yen).is_err());
        assert_eq!(
            cny("1").checked_sub(cny("1.01")),
            Err(MoneyRefused::BelowZero)
        );
    }

    proptest! {
        #[test]
        fn minor_units_go_there_and_back(units in 0u64..=MAX_MINOR_UNITS) {
            for currency in Currency::ALL {
                let money = Money::from_minor_units(units, *currency).unwrap();
                prop_assert_eq!(money.minor_units(), units);
                prop_assert_eq!(Money::parse(&money.amount().to_string(), *currency).unwrap(), money);
            }
        }

        #[test]
        fn what_is_added_can_be_taken_away(a in 0u64..=400_000_000_000, b in 0u64..=400_000_000_000) {
            let money = |units| Money::from_minor_units(units, Currency::Cny).unwrap();
            let (a, b) = (money(a), money(b));
            prop_assert_eq!(a.checked_add(b).unwrap().checked_sub(b).unwrap(), a);
        }

        #[test]
        fn no_text_makes_it_panic(text in ".{0,40}") {
            let _ = Money::parse(&text, Currency::Cny);
        }
    }
}
