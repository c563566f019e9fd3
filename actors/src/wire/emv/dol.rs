//! Data object lists: a card names tags and lengths, the terminal answers with the values alone
//! (EMV Book 3, 5.4).

use zeroize::Zeroizing;

use super::tag::Tag;
use super::tlv::{Cursor, TlvError};

/// Bytes that all values of one list may have together: they travel in one short APDU.
const MAX_VALUES: usize = 252;

/// Reads a list of tags and lengths.
///
/// # Errors
/// [`TlvError`] when the list is cut short, or asks for more than fits into a command.
pub fn parse(dol: &[u8]) -> Result<Vec<(Tag, usize)>, TlvError> {
    let mut cursor = Cursor { bytes: dol, at: 0 };
    let mut list = Vec::new();
    let mut total = 0;
    while cursor.peek().is_some() {
        let tag = cursor.tag()?;
        let length = usize::from(cursor.byte()?);
        total += length;
        if total > MAX_VALUES {
            return Err(TlvError::TooLarge);
        }
        list.push((tag, length));
    }
    Ok(list)
}

/// The values for a list, in its order: what `value` knows, cut or filled to the length asked,
/// zeros for the rest.
pub fn fill(list: &[(Tag, usize)], value: impl Fn(Tag) -> Option<Vec<u8>>) -> Zeroizing<Vec<u8>> {
    let mut out = Zeroizing::new(Vec::with_capacity(MAX_VALUES));
    for (tag, length) in list {
        let known = value(*tag).unwrap_or_default();
        out.extend(fit(*tag, known, *length));
    }
    out
}

/// Numeric values keep their right end, all others their left (EMV Book 3, 5.4).
fn fit(tag: Tag, mut value: Vec<u8>, length: usize) -> Vec<u8> {
    if tag.is_numeric() {
        let surplus = value.len().saturating_sub(length);
        let mut fitted = vec![0; length.saturating_sub(value.len())];
        fitted.extend(value.drain(surplus..));
        return fitted;
    }
    value.resize(length, 0);
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::emv::tag::{AMOUNT_AUTHORISED, TTQ, UNPREDICTABLE_NUMBER};

    #[test]
    fn values_are_cut_and_filled_by_their_format() {
        let value = |tag| match tag {
            AMOUNT_AUTHORISED => Some(vec![0, 0, 0, 1, 0x23, 0x45]),
            TTQ => Some(vec![0x26, 0, 0x40, 0]),
            _ => None,
        };
        let list = [
            (AMOUNT_AUTHORISED, 8),
            (AMOUNT_AUTHORISED, 2),
            (TTQ, 5),
            (TTQ, 1),
        ];
        assert_eq!(
            *fill(&list, value),
            [
                0, 0, 0, 0, 0, 1, 0x23, 0x45, 0x23, 0x45, 0x26, 0, 0x40, 0, 0, 0x26
            ]
        );
        assert_eq!(*fill(&[(UNPREDICTABLE_NUMBER, 4)], value), [0; 4]);
    }

    #[test]
    fn a_list_cut_short_or_greedy_is_refused() {
        assert_eq!(parse(&[0x9F, 0x66]), Err(TlvError::Truncated { at: 2 }));
        assert_eq!(parse(&[0x9F]), Err(TlvError::Truncated { at: 1 }));
        assert_eq!(parse(&[0x95, 200, 0x9A, 53]), Err(TlvError::TooLarge));
        assert_eq!(
            parse(&[0x95, 5, 0x9F, 0x37, 4]).map(|list| list.len()),
            Ok(2)
        );
    }
}
