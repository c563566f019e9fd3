//! What the terminal tells a card about itself and the payment: the values behind a card's data
//! object lists.

use jiff::civil::DateTime;

use super::tag::{self, Tag};
use crate::domain::money::Money;

/// The terminal's side of one payment.
///
/// The unpredictable number must come from a good source of randomness, once for each read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TerminalData {
    pub amount: Money,
    /// Local date and time of the shop (9A, 9F21).
    pub now: DateTime,
    /// ISO 3166-1 numeric, 156 for China (9F1A).
    pub country: u16,
    /// 9F37
    pub unpredictable_number: [u8; 4],
    /// 9C: 00 purchase, 20 refund.
    pub transaction_type: u8,
    /// 9F66, terminal transaction qualifiers (EMV Contactless Book A, 5.7).
    pub ttq: [u8; 4],
    /// 9F33
    pub capabilities: [u8; 3],
    /// 9F40
    pub additional_capabilities: [u8; 5],
    /// 9F35: 22 is attended, online capable, run by the merchant.
    pub terminal_type: u8,
    /// 95. All zero here: no offline check is made.
    pub tvr: [u8; 5],
    /// 9F1E, eight characters.
    pub ifd_serial: [u8; 8],
}

impl TerminalData {
    /// A purchase at an attended, online terminal: EMV mode, online PIN and signature, online
    /// cryptogram required.
    pub fn purchase(amount: Money, now: DateTime, unpredictable_number: [u8; 4]) -> Self {
        Self {
            amount,
            now,
            country: 156,
            unpredictable_number,
            transaction_type: 0x00,
            ttq: [0x26, 0x80, 0x00, 0x80],
            capabilities: [0xE0, 0xE1, 0xC8],
            additional_capabilities: [0x60, 0x00, 0xF0, 0xA0, 0x01],
            terminal_type: 0x22,
            tvr: [0; 5],
            ifd_serial: *b"00000001",
        }
    }

    /// The value of a terminal data object; `None` for those that this terminal does not have.
    pub fn value(&self, tag: Tag) -> Option<Vec<u8>> {
        let (date, time) = (self.now.date(), self.now.time());
        let pair = |number: i8| u64::from(number.unsigned_abs());
        Some(match tag {
            tag::AMOUNT_AUTHORISED => bcd(self.amount.minor_units(), 6),
            tag::AMOUNT_OTHER => bcd(0, 6),
            tag::TRANSACTION_CURRENCY => bcd(u64::from(self.amount.currency().numeric()), 2),
            tag::TERMINAL_COUNTRY => bcd(u64::from(self.country), 2),
            tag::TRANSACTION_DATE => {
                let year = u64::from(date.year().unsigned_abs() % 100);
                bcd(
                    (year * 100 + pair(date.month())) * 100 + pair(date.day()),
                    3,
                )
            }
            tag::TRANSACTION_TIME => {
                let minutes = pair(time.hour()) * 100 + pair(time.minute());
                bcd(minutes * 100 + pair(time.second()), 3)
            }
            tag::TRANSACTION_TYPE => vec![self.transaction_type],
            tag::TTQ => self.ttq.to_vec(),
            tag::UNPREDICTABLE_NUMBER => self.unpredictable_number.to_vec(),
            tag::TVR => self.tvr.to_vec(),
            tag::TERMINAL_CAPABILITIES => self.capabilities.to_vec(),
            tag::ADDITIONAL_CAPABILITIES => self.additional_capabilities.to_vec(),
            tag::TERMINAL_TYPE => vec![self.terminal_type],
            tag::IFD_SERIAL => self.ifd_serial.to_vec(),
            _ => return None,
        })
    }
}

/// The last `2 * length` decimal digits of `number`, two to a byte.
fn bcd(mut number: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0_u8; length];
    for byte in bytes.iter_mut().rev() {
        let pair = u8::try_from(number % 100).unwrap_or_default();
        *byte = ((pair / 10) << 4) | (pair % 10);
        number /= 100;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::domain::money::Currency;

    #[test]
    fn values_have_the_formats_of_the_data_dictionary() {
        let amount = Money::parse("12345.67", Currency::Cny).unwrap();
        let terminal =
            TerminalData::purchase(amount, date(2026, 3, 9).at(8, 5, 59, 0), [1, 2, 3, 4]);
        for (tag, value) in [
            (
                tag::AMOUNT_AUTHORISED,
                &[0x00, 0x00, 0x01, 0x23, 0x45, 0x67][..],
            ),
            (tag::AMOUNT_OTHER, &[0; 6]),
            (tag::TRANSACTION_CURRENCY, &[0x01, 0x56]),
            (tag::TERMINAL_COUNTRY, &[0x01, 0x56]),
            (tag::TRANSACTION_DATE, &[0x26, 0x03, 0x09]),
            (tag::TRANSACTION_TIME, &[0x08, 0x05, 0x59]),
            (tag::TRANSACTION_TYPE, &[0x00]),
            (tag::UNPREDICTABLE_NUMBER, &[1, 2, 3, 4]),
        ] {
            assert_eq!(terminal.value(tag).as_deref(), Some(value), "{tag}");
        }
        assert_eq!(terminal.value(tag::PAN), None);
    }
}
