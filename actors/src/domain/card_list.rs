//! The store's own list of cards: which first digits belong to debit cards and which to credit
//! cards, for cards that do not tell it themselves.
//!
//! The longest digits that fit count. Nothing of a card is kept here: its first digits name the
//! issuer's product, not a card.

use std::collections::BTreeMap;

use super::tender::Funding;

/// The digits that name an issuer's product, at least and at most (ISO/IEC 7812-1: six or eight;
/// lists have shorter ones for whole ranges).
const DIGITS_MIN: usize = 4;
pub const DIGITS_MAX: usize = 8;

/// Kinds of cards by their first digits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CardList(BTreeMap<String, Funding>);

/// Why digits can't be on the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotListed {
    #[error("a card's first digits are {DIGITS_MIN} to {DIGITS_MAX}")]
    Digits,
    #[error("is listed twice")]
    Twice,
}

impl CardList {
    /// # Errors
    /// Not the first digits of a card, or they are listed already.
    pub fn add(&mut self, digits: &str, funding: Funding) -> Result<(), NotListed> {
        let is_all_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
        if !is_all_digits || !(DIGITS_MIN..=DIGITS_MAX).contains(&digits.len()) {
            return Err(NotListed::Digits);
        }
        match self.0.insert(digits.to_owned(), funding) {
            None => Ok(()),
            Some(_) => Err(NotListed::Twice),
        }
    }

    /// Of a card with these first digits.
    pub fn of(&self, first_digits: &str) -> Option<Funding> {
        let prefix = |len| first_digits.get(..len);
        let mut longest_first = (DIGITS_MIN..=DIGITS_MAX).rev().filter_map(prefix);
        longest_first.find_map(|digits| self.0.get(digits).copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_digits_count() {
        let mut list = CardList::default();
        list.add("6222", Funding::Debit).unwrap();
        list.add("622260", Funding::Credit).unwrap();
        list.add("62226001", Funding::Debit).unwrap();
        for (digits, funding) in [
            ("62220000", Some(Funding::Debit)),
            ("62226000", Some(Funding::Credit)),
            ("62226001", Some(Funding::Debit)),
            ("622260", Some(Funding::Credit)),
            ("62230000", None),
            ("622", None),
            ("", None),
        ] {
            assert_eq!(list.of(digits), funding, "{digits}");
        }
    }

    #[test]
    fn what_is_no_beginning_of_a_card_number_is_refused() {
        let mut list = CardList::default();
        for digits in ["622", "622260012", "62226x", ""] {
            assert_eq!(
                list.add(digits, Funding::Debit),
                Err(NotListed::Digits),
                "{digits}"
            );
        }
        list.add("622260", Funding::Debit).unwrap();
        assert_eq!(list.add("622260", Funding::Credit), Err(NotListed::Twice));
    }
}
