//! The settlement of a batch: its totals (0500), its details (0320) and its end.
//!
//! Field 48 of the totals has, for domestic cards and then for foreign ones, the debits' sum (12)
//! and count (3), the credits' sum and count, and a digit with the host's word: 1 the host counted
//! the same, 2 it did not, 3 it could not compare. Details are packed, eight in a message at most:
//! their number (2), then each one's kind (2), trace number (6), card number (20) and amount (12).
//! The last message of an upload says how many there were (4).
//!
//! [GK] which code of network management (60.3) each of them has is a parameter ([`Codes`]), and
//! whether an acquirer wants chip cards packed is its own word.

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{
    decode::Decoded,
    encode::{EncodeError, Message},
    field::Field,
    mti::Mti,
    request::{Station, Trace},
};

/// Details in one message at most.
pub const DETAILS_MAX: usize = 8;

/// A count has three digits.
pub const COUNT_MAX: u32 = 999;

/// 60.3 of each message of a settlement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Codes {
    /// Of the totals, and of a message of details.
    pub totals: u32,
    pub details: u32,
    /// Of the end of a batch whose totals agreed, and of one whose did not.
    pub end_balanced: u32,
    pub end_unbalanced: u32,
}

impl Default for Codes {
    fn default() -> Self {
        Self {
            totals: 201,
            details: 201,
            end_balanced: 207,
            end_unbalanced: 202,
        }
    }
}

/// So many transactions of so much together, in minor units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sum {
    pub count: u32,
    pub minor: u64,
}

/// What was taken from cards and what was given back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sides {
    pub debits: Sum,
    pub credits: Sum,
}

/// The totals of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    pub domestic: Sides,
    pub foreign: Sides,
}

/// One transaction of the batch.
#[derive(Clone, PartialEq, Eq)]
pub struct Detail {
    pub is_domestic: bool,
    pub stan: u32,
    pub pan: Zeroizing<String>,
    pub minor: u64,
}

/// The host's word on our totals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compared {
    Balanced,
    NotBalanced,
    /// The host could not compare, or does not say.
    NotCompared,
}

impl Sum {
    /// With one more.
    pub fn add(&mut self, minor: u64) {
        self.count = self.count.saturating_add(1);
        self.minor = self.minor.saturating_add(minor);
    }
}

impl Sides {
    /// With one more transaction, on its side.
    pub fn add(&mut self, is_credit: bool, minor: u64) {
        match is_credit {
            true => self.credits.add(minor),
            false => self.debits.add(minor),
        }
    }

    fn text(&self) -> Result<String, EncodeError> {
        let sum = |sum: Sum| match sum.count {
            0..=COUNT_MAX => Ok(format!("{:012}{:03}", sum.minor, sum.count)),
            more => Err(too_many(more)),
        };
        Ok(format!("{}{}0", sum(self.debits)?, sum(self.credits)?))
    }

    const fn is_empty(&self) -> bool {
        self.debits.count == 0 && self.credits.count == 0
    }
}

fn too_many(count: u32) -> EncodeError {
    EncodeError::Length {
        field: Field::Details.spec().number,
        length: usize::try_from(count).unwrap_or(usize::MAX),
        max: u16::try_from(COUNT_MAX).unwrap_or(u16::MAX),
    }
}

impl Totals {
    /// With one more transaction of such a card.
    pub fn add(&mut self, is_domestic: bool, is_credit: bool, minor: u64) {
        match is_domestic {
            true => self.domestic.add(is_credit, minor),
            false => self.foreign.add(is_credit, minor),
        }
    }

    /// All of it, whatever the cards.
    pub fn together(&self) -> Sides {
        let sum = |a: Sum, b: Sum| Sum {
            count: a.count.saturating_add(b.count),
            minor: a.minor.saturating_add(b.minor),
        };
        Sides {
            debits: sum(self.domestic.debits, self.foreign.debits),
            credits: sum(self.domestic.credits, self.foreign.credits),
        }
    }

    /// What an answer to these totals says of them.
    pub fn compared(&self, answer: &Decoded<'_>) -> Compared {
        let digits = answer.digits(Field::Details).map(|field| field.to_text());
        let digit = |at: usize| digits.as_ref().and_then(|text| text.as_bytes().get(at));
        let word = |sides: &Sides, at: usize| match digit(at) {
            Some(b'1') => Compared::Balanced,
            Some(b'2') => Compared::NotBalanced,
            // nothing of this kind, and nothing to say of it
            Some(b'0') | None if sides.is_empty() => Compared::Balanced,
            _ => Compared::NotCompared,
        };
        match (word(&self.domestic, 30), word(&self.foreign, 61)) {
            (Compared::Balanced, Compared::Balanced) if digits.is_some() => Compared::Balanced,
            (Compared::NotBalanced, _) | (_, Compared::NotBalanced) => Compared::NotBalanced,
            _ => Compared::NotCompared,
        }
    }
}

impl Station {
    /// Asks the host to hold its totals of the batch against ours.
    ///
    /// # Errors
    /// More transactions than the field can count.
    pub fn settlement(
        &self,
        trace: Trace,
        totals: &Totals,
        currency: u16,
        codes: Codes,
    ) -> Result<Message, EncodeError> {
        let text = format!("{}{}", totals.domestic.text()?, totals.foreign.text()?);
        self.network(Mti::SETTLEMENT, trace, codes.totals)?
            .digits(Field::Details, &text)?
            .text(Field::Currency, &format!("{currency:03}"))
    }

    /// Some details of the batch, [`DETAILS_MAX`] at most.
    ///
    /// # Errors
    /// More than that, or a value that its field can't hold.
    pub fn upload(
        &self,
        trace: Trace,
        details: &[Detail],
        codes: Codes,
    ) -> Result<Message, EncodeError> {
        // room for all of it, so that growing leaves no copy of a card number behind
        let mut text = Zeroizing::new(String::with_capacity(2 + 40 * details.len()));
        text.push_str(&format!("{:02}", details.len()));
        for detail in details {
            let kind = if detail.is_domestic { "00" } else { "01" };
            text.push_str(&format!("{kind}{:06}", detail.stan));
            let zeros = 20_usize.saturating_sub(detail.pan.len());
            text.extend(std::iter::repeat_n('0', zeros));
            text.push_str(&detail.pan);
            text.push_str(&format!("{:012}", detail.minor));
        }
        self.of_batch(Mti::UPLOAD, trace, codes.details)?
            .digits(Field::Details, &text)
    }

    /// The batch's last message: so many details were uploaded.
    ///
    /// # Errors
    /// More than the field can count.
    pub fn settlement_end(
        &self,
        trace: Trace,
        uploaded: u32,
        is_balanced: bool,
        codes: Codes,
    ) -> Result<Message, EncodeError> {
        let code = match is_balanced {
            true => codes.end_balanced,
            false => codes.end_unbalanced,
        };
        self.of_batch(Mti::UPLOAD, trace, code)?
            .digits(Field::Details, &format!("{uploaded:04}"))
    }
}
