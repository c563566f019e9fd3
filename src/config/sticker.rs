//! What an acquirer's printed QR says: an EMVCo code of the merchant's account, or the provider's
//! own static code.

use store_actors::domain::money::Currency;

use super::sections::words;
use crate::{
    stickers::{EmvForm, StickerForm},
    strict_toml::Section,
};

#[derive(Clone, Copy)]
enum Kind {
    Emvco,
    Text,
}

const KINDS: &[(&str, Kind)] = &[("emvco", Kind::Emvco), ("text", Kind::Text)];

/// Of an acquirer's table; `None`: nothing of it is printed.
pub(super) fn sticker(
    acquirer: &mut Section<'_>,
    currency: Currency,
    country: &str,
) -> Option<StickerForm> {
    let mut section = acquirer.optional("sticker", Section::section)?;
    match section.one_of("form", KINDS)? {
        Kind::Emvco => emvco(&mut section, currency, country),
        Kind::Text => {
            let text = section.parsed("text", "1 to 512 signs of ASCII", |text| {
                let fits = (1..=512).contains(&text.len());
                (fits && text.bytes().all(|b| b.is_ascii_graphic())).then(|| text.to_owned())
            });
            text.map(StickerForm::Text)
        }
    }
}

fn emvco(section: &mut Section<'_>, currency: Currency, country: &str) -> Option<StickerForm> {
    let account_id = section.u64_in("account_id", 2..=51);
    let guid = section.optional("account_guid", words);
    let is_template = account_id >= 26;
    if is_template != guid.is_some() {
        section.fault(
            "account_guid",
            "belongs to account_id 26 to 51, and to no other",
        );
    }
    let category = section.parsed("category", "four digits (ISO 18245)", |text| {
        let fits = text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_digit());
        fits.then(|| text.to_owned())
    });
    let form = EmvForm {
        account_id: u8::try_from(account_id).unwrap_or(0),
        account_guid: guid,
        account: words(section, "account"),
        category: category?,
        currency,
        country: country.to_owned(),
        name: words(section, "merchant_name"),
        city: words(section, "city"),
    };
    match form.check() {
        Ok(()) => Some(StickerForm::Emv(Box::new(form))),
        Err(why) => {
            section.fault("form", format!("no code can be made of this: {why}"));
            None
        }
    }
}
