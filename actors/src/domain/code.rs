//! The codes that customers show: whose they are, by length and prefix, or why a scan is none.
//!
//! The rules are those of the schemes' own documents: WeChat Pay 18 digits with prefix 10 to 15 (15
//! is Hong Kong); Alipay 16 to 24 digits with prefix 25 to 30; UnionPay 19 digits with prefix 62;
//! EMVCo consumer-presented codes (CPM v1.1) are base64 whose first object is `85 05 "CPV01"`. A
//! code buys something for about a minute and is a secret for as long (SEC-1): `Debug` hides it and
//! dropping it wipes it.

use std::fmt;

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use zeroize::Zeroizing;

use super::tender::Scheme;

/// Text that buys something. Shown by no `Debug`, wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text itself: for the acquirer's driver alone.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({} characters)", self.0.chars().count())
    }
}

/// A code whose owner is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomerCode {
    pub scheme: Scheme,
    pub secret: Secret,
}

/// Why a scan is no customer code. Worded for the cashier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CodeRefused {
    #[error("nothing was read: scan again")]
    Empty,
    #[error("this looks like a product barcode, not a payment code")]
    ProductBarcode,
    #[error("this is a shop's QR code; the customer must open the payment code instead")]
    MerchantQr,
    #[error("this is a web address, not a payment code")]
    WebAddress,
    #[error("a payment code of this kind has another length: scan again")]
    WrongLength,
    #[error("no scheme accepted here has codes that begin like this")]
    UnknownPrefix,
    #[error("the code has signs that no payment code has: scan again")]
    NotACode,
    /// Of a scheme that no acquirer takes here; found when routing.
    #[error("this store does not take codes of this kind: ask for another")]
    SchemeNotTaken,
    /// An acquirer would take it; found when routing.
    #[error("codes of this kind are not enabled for this store: ask the head office")]
    NotEnabled,
    /// Found when routing, too.
    #[error("the amount is more than may be paid with a code of this kind: use a card or cash")]
    AboveLimit,
    /// No acquirer can be reached, and a code is never accepted offline (PAY-6).
    #[error("the network is down: codes can't be taken, use a card or cash")]
    NoNetwork,
}

/// Wallets differ in whether they write the padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

impl CodeRefused {
    /// The id of its text for customer and cashier.
    pub const fn text_id(self) -> &'static str {
        match self {
            CodeRefused::Empty => "code-empty",
            CodeRefused::ProductBarcode => "code-product-barcode",
            CodeRefused::MerchantQr => "code-merchant-qr",
            CodeRefused::WebAddress => "code-web-address",
            CodeRefused::WrongLength => "code-wrong-length",
            CodeRefused::UnknownPrefix => "code-unknown-prefix",
            CodeRefused::NotACode => "code-not-a-code",
            CodeRefused::SchemeNotTaken => "code-scheme-not-taken",
            CodeRefused::NotEnabled => "code-not-enabled",
            CodeRefused::AboveLimit => "code-above-limit",
            CodeRefused::NoNetwork => "code-no-network",
        }
    }
}

const MAX_CPM_CHARACTERS: usize = 684; // 512 bytes, EMVCo CPM v1.1, as base64

/// Whose code this is.
pub fn classify(scanned: &str) -> Result<CustomerCode, CodeRefused> {
    let text = scanned.trim_matches(|c: char| c.is_ascii_whitespace());
    let scheme = scheme_of(text)?;
    Ok(CustomerCode {
        scheme,
        secret: Secret::new(text.to_owned()),
    })
}

fn scheme_of(text: &str) -> Result<Scheme, CodeRefused> {
    if text.is_empty() {
        return Err(CodeRefused::Empty);
    }
    if text.bytes().all(|b| b.is_ascii_digit()) {
        return scheme_of_digits(text);
    }
    if text.starts_with("hQVDUFYwM") {
        return emvco_cpm(text);
    }
    let lower = text.to_ascii_lowercase();
    if lower.starts_with("http://")
        || lower.starts_with("https://")
        || lower.starts_with("weixin://")
    {
        return Err(CodeRefused::WebAddress);
    }
    if text.starts_with("000201") {
        return Err(CodeRefused::MerchantQr);
    }
    Err(CodeRefused::NotACode)
}

fn scheme_of_digits(digits: &str) -> Result<Scheme, CodeRefused> {
    let prefix: u32 = digits
        .get(..2)
        .and_then(|p| p.parse().ok())
        .ok_or(CodeRefused::WrongLength)?;
    match (prefix, digits.len()) {
        // an EMVCo merchant-presented code may be all digits
        (0, n) if n > 24 && digits.starts_with("000201") => Err(CodeRefused::MerchantQr),
        (10..=15, 18) => Ok(Scheme::WechatPay),
        (25..=30, 16..=24) => Ok(Scheme::Alipay),
        (62, 19) => Ok(Scheme::UnionPay),
        (_, 8 | 12 | 13 | 14) => Err(CodeRefused::ProductBarcode),
        (10..=15 | 25..=30 | 62, _) => Err(CodeRefused::WrongLength),
        _ => Err(CodeRefused::UnknownPrefix),
    }
}

fn emvco_cpm(text: &str) -> Result<Scheme, CodeRefused> {
    if text.len() > MAX_CPM_CHARACTERS {
        return Err(CodeRefused::WrongLength);
    }
    let bytes = BASE64.decode(text).map_err(|_| CodeRefused::NotACode)?;
    if bytes.starts_with(b"\x85\x05CPV01") {
        Ok(Scheme::EmvcoCpm)
    } else {
        Err(CodeRefused::NotACode)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn codes_of_the_schemes_own_documents_are_known() {
        for (code, scheme) in [
            ("28763443825664394", Scheme::Alipay),
            ("289431869362714645", Scheme::Alipay),
            ("120061098828009406", Scheme::WechatPay),
            ("130061098828009406", Scheme::WechatPay),
            ("135112298638468293", Scheme::WechatPay),
            ("6220835931895481436", Scheme::UnionPay),
            (
                "hQVDUFYwMWEaTwegAAAAVVVVVw8SNFZ4kBI0WNGRIgESNF8=",
                Scheme::EmvcoCpm,
            ),
            ("120061098828009406\r\n", Scheme::WechatPay),
        ] {
            assert_eq!(classify(code).map(|c| c.scheme), Ok(scheme), "{code}");
        }
    }

    #[test]
    fn what_is_no_code_is_refused_with_its_reason() {
        for (text, why) in [
            ("", CodeRefused::Empty),
            ("6901234567892", CodeRefused::ProductBarcode),
            ("12006109882800940", CodeRefused::WrongLength),
            ("622083593189548143", CodeRefused::WrongLength),
            ("2500000000000000000000000", CodeRefused::WrongLength),
            ("160061098828009406", CodeRefused::UnknownPrefix),
            ("7", CodeRefused::WrongLength),
            ("https://qr.alipay.com/bax00", CodeRefused::WebAddress),
            (
                "00020101021229300012D156000000000510A93FO3230Q",
                CodeRefused::MerchantQr,
            ),
            ("hQVDUFYwM!", CodeRefused::NotACode),
            ("hello", CodeRefused::NotACode),
            (
                "１２００６１０９８８２８００９４０６",
                CodeRefused::NotACode,
            ),
        ] {
            assert_eq!(classify(text).map(|c| c.scheme), Err(why), "{text}");
        }
    }

    #[test]
    fn a_code_is_not_shown() {
        let shown = format!("{:?}", classify("120061098828009406"));
        assert!(!shown.contains("1200"), "{shown}");
    }

    proptest! {
        #[test]
        fn no_scan_makes_it_panic(text in "\\PC{0,80}") {
            let _ = classify(&text);
        }
    }
}
