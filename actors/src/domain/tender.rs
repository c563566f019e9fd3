//! What a customer pays with: the tender asked for, the scheme behind it, and how a thing presented
//! is remembered.

use serde::{Deserialize, Serialize};

/// What the till asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tender {
    /// The customer shows a payment code, the shop scans it.
    CustomerCode,
    /// The shop shows a QR, the customer scans it.
    MerchantQr,
    /// A card is tapped, inserted or swiped.
    Card,
    /// Whichever of the customer's code and card comes first.
    Any,
}

impl Tender {
    /// The tenders with which money really moves.
    pub const CONCRETE: [Tender; 3] = [Tender::CustomerCode, Tender::MerchantQr, Tender::Card];

    /// Whether a thing of tender `presented` may pay where `self` was asked for.
    pub fn accepts(self, presented: Tender) -> bool {
        self == presented || (self == Tender::Any && presented != Tender::MerchantQr)
    }

    /// One of the concrete ones.
    pub fn parse(text: &str) -> Option<Self> {
        let mut all = Self::CONCRETE.into_iter();
        all.find(|tender| tender.as_str() == text)
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Tender::CustomerCode => "customer_code",
            Tender::MerchantQr => "merchant_qr",
            Tender::Card => "card",
            Tender::Any => "any",
        }
    }
}

/// Who stands behind a code or a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scheme {
    Alipay,
    WechatPay,
    UnionPay,
    EmvcoCpm,
    Visa,
    Mastercard,
    OtherCard,
}

impl Scheme {
    pub const ALL: [Scheme; 7] = [
        Scheme::Alipay,
        Scheme::WechatPay,
        Scheme::UnionPay,
        Scheme::EmvcoCpm,
        Scheme::Visa,
        Scheme::Mastercard,
        Scheme::OtherCard,
    ];

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scheme| scheme.as_str() == text)
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Scheme::Alipay => "alipay",
            Scheme::WechatPay => "wechat_pay",
            Scheme::UnionPay => "union_pay",
            Scheme::EmvcoCpm => "emvco_cpm",
            Scheme::Visa => "visa",
            Scheme::Mastercard => "mastercard",
            Scheme::OtherCard => "other_card",
        }
    }
}

/// Whose money a card spends, as far as the card or the store's list of cards tells. Rates take a
/// card of which nothing is told for a credit card.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Funding {
    Debit,
    Credit,
}

impl Funding {
    pub const ALL: [Funding; 2] = [Funding::Debit, Funding::Credit];

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Funding::Debit => "debit",
            Funding::Credit => "credit",
        }
    }
}

/// What rates go by: with what is paid, and who stands behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Means {
    pub tender: Tender,
    pub scheme: Option<Scheme>,
    pub funding: Option<Funding>,
}

impl Means {
    /// A thing of which no kind is known.
    pub const fn new(tender: Tender, scheme: Option<Scheme>) -> Self {
        Self {
            tender,
            scheme,
            funding: None,
        }
    }

    pub const fn card(scheme: Scheme, funding: Option<Funding>) -> Self {
        Self {
            tender: Tender::Card,
            scheme: Some(scheme),
            funding,
        }
    }
}

/// What was presented, as it may be remembered: nothing here could buy anything (SEC-1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Presented {
    pub tender: Tender,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub scheme: Option<Scheme>,
    /// A card's number with all but the first six and last four digits hidden.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub masked_pan: Option<String>,
    /// Of a card, where it is known.
    #[serde(rename = "card_kind", skip_serializing_if = "Option::is_none", default)]
    pub funding: Option<Funding>,
    /// The customer is to sign for it.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub signature: bool,
}

impl Presented {
    pub fn merchant_qr() -> Self {
        Self {
            tender: Tender::MerchantQr,
            scheme: None,
            masked_pan: None,
            funding: None,
            signature: false,
        }
    }

    /// A card that the terminal reads, and the store never sees.
    pub fn at_terminal() -> Self {
        Self {
            tender: Tender::Card,
            scheme: None,
            masked_pan: None,
            funding: None,
            signature: false,
        }
    }

    pub fn code(scheme: Scheme) -> Self {
        Self {
            tender: Tender::CustomerCode,
            scheme: Some(scheme),
            masked_pan: None,
            funding: None,
            signature: false,
        }
    }

    pub fn card(scheme: Scheme, masked_pan: String) -> Self {
        Self {
            tender: Tender::Card,
            scheme: Some(scheme),
            masked_pan: Some(masked_pan),
            funding: None,
            signature: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// If this fails, do not change the test: journals in stores have these bytes.
    #[test]
    fn what_was_presented_before_kinds_of_cards_were_kept_is_still_read() {
        let old = r#"{"tender":"card","scheme":"visa","masked_pan":"476173******0010"}"#;
        let read: Presented = serde_json::from_str(old).unwrap();
        let card = Presented::card(Scheme::Visa, "476173******0010".into());
        assert_eq!(read, card);
        assert_eq!(serde_json::to_string(&card).unwrap(), old);
        let debit = Presented {
            funding: Some(Funding::Debit),
            ..card
        };
        let new = serde_json::to_string(&debit).unwrap();
        assert!(new.ends_with(r#","card_kind":"debit"}"#), "{new}");
        assert_eq!(serde_json::from_str::<Presented>(&new).unwrap(), debit);
    }
}
