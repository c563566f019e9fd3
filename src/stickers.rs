//! Printed QRs: what they say, by each acquirer's configuration.
//!
//! A sticker's identity is made and journaled before anybody prints it (`IssueStickers`), so that
//! what hangs at a counter can be compared with what the store issued, and a payment through it is
//! told to its counter.

use store_actors::{
    domain::{
        ids::{AcquirerId, CounterId, StickerId, StoreId},
        money::Currency,
        sticker::Sticker,
        tender::Scheme,
        timestamp::Timestamp,
    },
    wire::emvqr::{MerchantQrBuilder, MpmError, Object, mpm::Initiation},
};

/// Signs of one value in EMVCo's additional data.
const ADDITIONAL_MAX: usize = 25;

/// Additional data (62): store, reference, terminal.
const STORE: u8 = 3;
const REFERENCE: u8 = 5;
const TERMINAL: u8 = 7;

/// What an acquirer's QR says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StickerForm {
    Emv(Box<EmvForm>),
    /// The provider's own static code; `{label}`, `{counter}` and `{store}` are put in.
    Text(String),
}

/// An EMVCo merchant-presented code without an amount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmvForm {
    /// 2 to 51; UnionPay's are 15 and 16.
    pub account_id: u8,
    /// Of a template (26 to 51) alone.
    pub account_guid: Option<String>,
    pub account: String,
    /// ISO 18245.
    pub category: String,
    pub currency: Currency,
    /// ISO 3166-1 alpha 2.
    pub country: String,
    pub name: String,
    pub city: String,
}

impl EmvForm {
    /// Whether a code can be made of it at all.
    ///
    /// # Errors
    /// Which object breaks which rule.
    pub fn check(&self) -> Result<(), MpmError> {
        let longest = "x".repeat(ADDITIONAL_MAX);
        self.text(&longest, &longest[..16], &longest).map(|_| ())
    }

    fn text(&self, store: &str, counter: &str, label: &str) -> Result<String, MpmError> {
        let code = MerchantQrBuilder::new(
            Initiation::Static,
            &self.category,
            self.currency.numeric(),
            &self.country,
            &self.name,
            &self.city,
        );
        let code = match &self.account_guid {
            Some(guid) => {
                let account = [Object::new(1, self.account.as_str())];
                code.account_template(self.account_id, guid, &account)
            }
            None => code.account(self.account_id, &self.account),
        };
        let store: String = store.chars().take(ADDITIONAL_MAX).collect();
        let additional = [
            Object::new(STORE, store),
            Object::new(REFERENCE, label),
            Object::new(TERMINAL, counter),
        ];
        Ok(code.additional(&additional).build()?.encode())
    }
}

/// One acquirer's, and for whom its QR is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Printable {
    pub acquirer: AcquirerId,
    pub form: StickerForm,
    /// For the words on the sheet.
    pub schemes: Vec<Scheme>,
}

/// All of a store's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stickers {
    pub store: StoreId,
    pub store_name: String,
    pub printable: Vec<Printable>,
}

impl Stickers {
    /// A new sticker of this counter, not yet issued.
    ///
    /// # Errors
    /// No code can be made of it.
    pub fn make(
        &self,
        printable: &Printable,
        counter: &CounterId,
        random: [u8; 5],
        now: Timestamp,
    ) -> Result<Sticker, MpmError> {
        let id = StickerId::new(counter, random).ok_or(MpmError::TooLong)?;
        Ok(Sticker {
            text: self.text(printable, counter, &id)?,
            id,
            counter: counter.clone(),
            acquirer: printable.acquirer.clone(),
            issued_at: now,
        })
    }

    /// What the QR of this sticker says by today's configuration.
    ///
    /// # Errors
    /// No code can be made of it.
    pub fn text(
        &self,
        printable: &Printable,
        counter: &CounterId,
        id: &StickerId,
    ) -> Result<String, MpmError> {
        match &printable.form {
            StickerForm::Emv(form) => form.text(self.store.as_str(), counter.as_str(), id.as_str()),
            StickerForm::Text(text) => Ok(text
                .replace("{label}", id.as_str())
                .replace("{counter}", counter.as_str())
                .replace("{store}", self.store.as_str())),
        }
    }
}

#[cfg(test)]
mod tests {
    use store_actors::wire::emvqr::MerchantQr;

    use super::*;

    fn stickers(form: StickerForm) -> Stickers {
        Stickers {
            store: "0001".parse().unwrap(),
            store_name: "Demo".to_owned(),
            printable: vec![Printable {
                acquirer: "a".parse().unwrap(),
                form,
                schemes: vec![Scheme::UnionPay],
            }],
        }
    }

    #[test]
    fn an_emvco_sticker_names_store_counter_and_itself_and_no_amount() {
        let form = StickerForm::Emv(Box::new(EmvForm {
            account_id: 15,
            account_guid: None,
            account: "3104840777290058110048".to_owned(),
            category: "5411".to_owned(),
            currency: Currency::Cny,
            country: "CN".to_owned(),
            name: "南京路店".to_owned(),
            city: "SHANGHAI".to_owned(),
        }));
        let stickers = stickers(form);
        let counter = "01".parse().unwrap();
        let made = stickers.make(
            &stickers.printable[0],
            &counter,
            [7; 5],
            Timestamp::from_unix_ms(0),
        );
        let made = made.unwrap();
        let code = MerchantQr::parse(&made.text).unwrap();
        assert_eq!(code.initiation(), Some(Initiation::Static));
        assert_eq!(code.amount(), None);
        assert_eq!(code.inner(62, 3).as_deref(), Some("0001"));
        assert_eq!(code.inner(62, 5).as_deref(), Some(made.id.as_str()));
        assert_eq!(code.inner(62, 7).as_deref(), Some("01"));
        assert_eq!(code.value(15), Some("3104840777290058110048"));
    }

    #[test]
    fn a_providers_own_code_has_the_label_put_in() {
        let stickers = stickers(StickerForm::Text(
            "https://qr.example/?s={store}&c={counter}&l={label}".to_owned(),
        ));
        let (counter, id) = ("01".parse().unwrap(), "01-AAAAAAAA".parse().unwrap());
        let text = stickers
            .text(&stickers.printable[0], &counter, &id)
            .unwrap();
        assert_eq!(text, "https://qr.example/?s=0001&c=01&l=01-AAAAAAAA");
    }
}
