//! The application file locator: which records of a card are read (EMV Book 3, 10.2).

use super::failure::ReadFailure;

/// Records of one card that are read at most; a payment application has fewer than ten.
const MAX_RECORDS: usize = 32;

/// One record to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordAddress {
    /// Short file identifier, 1 to 30.
    pub sfi: u8,
    /// Record number, from 1.
    pub record: u8,
}

/// Lists the records of an AFL in the order in which the card wants them read.
///
/// # Errors
/// [`ReadFailure::Malformed`] for an AFL that breaks the rules of EMV Book 3, 10.2.
pub fn records(afl: &[u8]) -> Result<Vec<RecordAddress>, ReadFailure> {
    let (entries, rest) = afl.as_chunks::<4>();
    if !rest.is_empty() {
        return Err(ReadFailure::Malformed(
            "the AFL is not a multiple of four bytes",
        ));
    }
    let mut list = Vec::new();
    for [sfi_byte, first, last, authenticated] in entries {
        let sfi = sfi_byte >> 3;
        let numbers = usize::from(*last) + 1 - usize::from(*first).min(usize::from(*last) + 1);
        let valid = sfi_byte & 0x07 == 0
            && (1..=30).contains(&sfi)
            && *first >= 1
            && first <= last
            && usize::from(*authenticated) <= numbers;
        if !valid {
            return Err(ReadFailure::Malformed("an entry of the AFL is not valid"));
        }
        list.extend((*first..=*last).map(|record| RecordAddress { sfi, record }));
        if list.len() > MAX_RECORDS {
            return Err(ReadFailure::Malformed("the AFL names too many records"));
        }
    }
    Ok(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(afl: &[u8]) -> Option<Vec<(u8, u8)>> {
        Some(
            records(afl)
                .ok()?
                .iter()
                .map(|address| (address.sfi, address.record))
                .collect(),
        )
    }

    #[test]
    fn entries_become_records_in_order() {
        assert_eq!(pairs(&[]), Some(vec![]));
        assert_eq!(pairs(&[0x08, 1, 1, 0]), Some(vec![(1, 1)]));
        assert_eq!(
            pairs(&[0x10, 2, 4, 1, 0x08, 3, 3, 0]),
            Some(vec![(2, 2), (2, 3), (2, 4), (1, 3)])
        );
    }

    #[test]
    fn entries_that_break_the_rules_are_refused() {
        for afl in [
            &[0x08, 1, 1][..],  // cut short
            &[0x00, 1, 1, 0],   // SFI 0
            &[0xF8, 1, 1, 0],   // SFI 31
            &[0x0C, 1, 1, 0],   // low bits set
            &[0x08, 0, 1, 0],   // record 0
            &[0x08, 3, 2, 0],   // last before first
            &[0x08, 1, 2, 3],   // more authenticated than read
            &[0x08, 1, 255, 0], // far too many
        ] {
            assert_eq!(pairs(afl), None, "{afl:?}");
        }
    }
}
