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

/// What was presented, as it may be remembered: nothing here could buy anything (SEC-1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Presented {
    pub tender: Tender,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub scheme: Option<Scheme>,
    /// A card's number with all but the first six and last four digits hidden.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub masked_pan: Option<String>,
}

impl Presented {
    pub fn merchant_qr() -> Self {
        Self {
            tender: Tender::MerchantQr,
            scheme: None,
            masked_pan: None,
        }
    }

    /// A card that the terminal reads, and the store never sees.
    pub fn at_terminal() -> Self {
        Self {
            tender: Tender::Card,
            scheme: None,
            masked_pan: None,
        }
    }

    pub fn code(scheme: Scheme) -> Self {
        Self {
            tender: Tender::CustomerCode,
            scheme: Some(scheme),
            masked_pan: None,
        }
    }

    pub fn card(scheme: Scheme, masked_pan: String) -> Self {
        Self {
            tender: Tender::Card,
            scheme: Some(scheme),
            masked_pan: Some(masked_pan),
        }
    }
}
