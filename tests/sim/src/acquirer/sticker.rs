//! A printed QR as a customer's phone understands it: whose it is, and what the provider is to pass
//! back to the shop. Read with the sandbox's own eyes.

use super::letters::Provider;

const ALIPAY: &str = "https://qr.alipay.com/";
const WECHAT_V3: &str = "wxp://f2f/v3";
const WECHAT_V2: &str = "wxp://f2f/v2";
const EMVCO: &str = "000201";

/// The provider, and the label on the sticker.
pub(super) fn read(text: &str) -> Option<(Provider, Option<String>)> {
    let label = || {
        let (_, label) = text.split_once("sticker=")?;
        let label = label.split('&').next().unwrap_or_default();
        (!label.is_empty()).then(|| label.to_owned())
    };
    for (prefix, provider) in [
        (ALIPAY, Provider::Alipay),
        (WECHAT_V3, Provider::WechatV3),
        (WECHAT_V2, Provider::WechatV2),
    ] {
        if text.starts_with(prefix) {
            return Some((provider, label()));
        }
    }
    let is_emvco = text.starts_with(EMVCO);
    is_emvco.then(|| {
        let additional = object(text, "62");
        let label = additional.and_then(|inner| object(&inner, "05"));
        (Provider::UnionPay, label)
    })
}

/// The value of an object: two digits of id, two of length in characters, the value.
fn object(text: &str, wanted: &str) -> Option<String> {
    let characters: Vec<char> = text.chars().collect();
    let mut at = 0;
    while at + 4 <= characters.len() {
        let id: String = characters.get(at..at + 2)?.iter().collect();
        let length: String = characters.get(at + 2..at + 4)?.iter().collect();
        let end = at + 4 + length.parse::<usize>().ok()?;
        let value = characters.get(at + 4..end)?;
        if id == wanted {
            return Some(value.iter().collect());
        }
        at = end;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stickers_provider_and_label_are_read() {
        let emvco = "00020101021115043104520454115303156580 2CN".replace(' ', "");
        let emvco = format!("{emvco}5904Demo6008SHANGHAI62220304000105100123456789630412AB");
        for (text, read_as) in [
            (
                "https://qr.alipay.com/x?sticker=01-A",
                Some((Provider::Alipay, Some("01-A".to_owned()))),
            ),
            (
                "wxp://f2f/v3?store=1&sticker=01-B&x=1",
                Some((Provider::WechatV3, Some("01-B".to_owned()))),
            ),
            ("wxp://f2f/v2", Some((Provider::WechatV2, None))),
            (
                emvco.as_str(),
                Some((Provider::UnionPay, Some("0123456789".to_owned()))),
            ),
            ("https://example.com", None),
        ] {
            assert_eq!(read(text), read_as, "{text}");
        }
    }
}
