//! What the customer pays with, read by the acquirer's own eyes: which wallet a code belongs to,
//! which card a track or a chip's data names. What is kept of it is an account name (a keyed hash)
//! and the last four digits.
//!
//! Source of the rules: public documents of Alipay, WeChat Pay and UnionPay; EMVCo
//! consumer-presented codes 1.1.

use super::order::{INVALID_CARD, INVALID_CODE, Refusal};
use super::sign::{Key, unhex};

/// An instrument that the acquirer knows. It cannot be printed.
pub(super) struct Instrument {
    /// `alipay`, `wechat`, `unionpay`, `emvco` or `card`.
    pub scheme: &'static str,
    /// Code or card number, in clear: never stored, never logged.
    secret: String,
}

impl Instrument {
    /// # Errors
    /// The code is none that this acquirer takes.
    pub fn from_code(code: &str) -> Result<Self, Refusal> {
        let prefix: Option<u8> = code.get(..2).and_then(|p| p.parse().ok());
        let digits = code.bytes().all(|b| b.is_ascii_digit());
        let scheme = match (digits, code.len(), prefix) {
            (true, 18, Some(10..=15)) => "wechat",
            (true, 16..=24, Some(25..=30)) => "alipay",
            (true, 19, Some(62)) => "unionpay",
            (false, 16..=700, _) if code.starts_with("hQVDUFYwM") => "emvco",
            _ => return Err(Refusal::new(INVALID_CODE, "not a payment code of ours")),
        };
        Ok(Self {
            scheme,
            secret: code.to_owned(),
        })
    }

    /// The card number from, in this order, `pan`, track 2 or the chip's data (hexadecimal
    /// BER-TLV).
    ///
    /// # Errors
    /// No number, or one whose check digit is wrong.
    pub fn from_card(
        pan: Option<&str>,
        track2: Option<&str>,
        emv: Option<&str>,
    ) -> Result<Self, Refusal> {
        let refuse = |text: &str| Refusal::new(INVALID_CARD, text);
        let emv = match emv {
            Some(text) => Some(unhex(text).ok_or_else(|| refuse("chip data is not hexadecimal"))?),
            None => None,
        };
        let from_chip = |tag| emv.as_deref().and_then(|data| value_of(data, tag)).map(bcd);
        let pan = pan
            .map(str::to_owned)
            .or_else(|| track2.map(str::to_owned))
            .or_else(|| from_chip(0x5A))
            .or_else(|| from_chip(0x57))
            .ok_or_else(|| refuse("no card number"))?;
        let pan: String = pan.chars().take_while(char::is_ascii_digit).collect();
        if !(12..=19).contains(&pan.len()) || !luhn(&pan) {
            return Err(refuse("the card number's check digit is wrong"));
        }
        Ok(Self {
            scheme: "card",
            secret: pan,
        })
    }

    /// The paying account: the same instrument gives the same name, and the name gives nothing
    /// away.
    pub fn account(&self, key: &Key) -> String {
        let mut token = key.sign(&[b"account", self.secret.as_bytes()]);
        token.truncate(16);
        format!("customer:{}:{token}", self.scheme)
    }

    /// The last four characters, by which rules choose.
    pub fn tail(&self) -> String {
        tail(&self.secret)
    }
}

/// The last four characters of a code or card.
pub(super) fn tail(text: &str) -> String {
    let skip = text.chars().count().saturating_sub(4);
    text.chars().skip(skip).collect()
}

fn luhn(pan: &str) -> bool {
    let sum: u32 = pan
        .chars()
        .rev()
        .filter_map(|c| c.to_digit(10))
        .enumerate()
        .map(|(at, digit)| match at % 2 {
            0 => digit,
            _ => digit * 2 - if digit > 4 { 9 } else { 0 },
        })
        .sum();
    sum.is_multiple_of(10)
}

/// Digits of a compressed-numeric field; the first nibble above 9 (padding F, separator D) is kept
/// as a letter.
fn bcd(bytes: &[u8]) -> String {
    super::sign::hex(bytes)
}

/// The value of a one-byte tag at the top of BER-TLV data, or inside its templates.
fn value_of(data: &[u8], wanted: u8) -> Option<&[u8]> {
    let mut rest = data;
    while let Some((&first, after)) = rest.split_first() {
        let long = first & 0x1F == 0x1F;
        let more = if long {
            after.iter().take_while(|b| **b & 0x80 != 0).count() + 1
        } else {
            0
        };
        let (length, value) = length(after.get(more..)?)?;
        let (value, next) = value.split_at_checked(length)?;
        if !long && first == wanted {
            return Some(value);
        }
        if first & 0x20 != 0
            && let Some(found) = value_of(value, wanted)
        {
            return Some(found);
        }
        rest = next;
    }
    None
}

fn length(data: &[u8]) -> Option<(usize, &[u8])> {
    match data {
        [short @ 0..=0x7F, rest @ ..] => Some((usize::from(*short), rest)),
        [0x81, one, rest @ ..] => Some((usize::from(*one), rest)),
        [0x82, high, low, rest @ ..] => {
            Some((usize::from(u16::from_be_bytes([*high, *low])), rest))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_belong_to_the_wallet_of_their_prefix_and_length() {
        for (code, scheme) in [
            ("120061098828009406", "wechat"),
            ("151234567890123456", "wechat"),
            ("28763443825664394", "alipay"),
            ("301234567890123456789012", "alipay"),
            ("6220835931895481436", "unionpay"),
            ("hQVDUFYwMWEaTwegAAAAVVVVVw8SNFZ4kBI0WNGRIgESNF8=", "emvco"),
        ] {
            assert_eq!(
                Instrument::from_code(code).map(|i| i.scheme).ok(),
                Some(scheme),
                "{code}"
            );
        }
        for code in [
            "",
            "1",
            "12006109882800940",
            "160061098828009406",
            "付款码",
            "62208359318954814",
        ] {
            assert_eq!(
                Instrument::from_code(code).err().map(|r| r.code),
                Some(INVALID_CODE.into())
            );
        }
    }

    #[test]
    fn a_card_is_named_by_number_track_or_chip_alike() {
        let key = Key::new("k");
        let account = |pan, track2, emv| {
            Instrument::from_card(pan, track2, emv).map(|i| (i.account(&key), i.tail()))
        };
        let chip = "9F2608112233445566778857114761739001010010D22122011143804400000F";
        let in_template = "700A5A084761739001010010";
        let named = account(Some("4761739001010010"), None, None);
        assert_eq!(named.as_ref().map(|(_, tail)| tail.as_str()), Ok("0010"));
        assert_eq!(account(None, Some("4761739001010010D2212201"), None), named);
        assert_eq!(account(None, Some("4761739001010010=2212201"), None), named);
        assert_eq!(account(None, None, Some(chip)), named);
        assert_eq!(account(None, None, Some(in_template)), named);
        for emv in ["", "5A", "5A09476173", "zz", "57820FFF", "9F"] {
            assert!(account(None, None, Some(emv)).is_err(), "{emv}");
        }
        assert!(
            account(Some("4761739001010011"), None, None).is_err(),
            "check digit"
        );
    }
}
