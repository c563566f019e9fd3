//! Printed QRs: an order that the provider makes itself when a customer pays there, and what the
//! provider then tells the shop.

use rust_decimal::Decimal;

use super::{Desk, approved, now_ms, order_answer};
use crate::acquirer::answer::Answer;
use crate::acquirer::api::letter::Told;
use crate::acquirer::config::Tender;
use crate::acquirer::ledger::{Fact, Ledger};
use crate::acquirer::letters::Provider;
use crate::acquirer::money::fen;
use crate::acquirer::order::{ORDER_CLOSED, Opened, OrderState, Refusal};
use crate::acquirer::request::Operation;
use crate::acquirer::rules::{Script, View};
use crate::acquirer::sticker;

impl Desk {
    /// A customer scans a printed QR, types the amount and pays.
    pub fn sticker_paid(
        &self,
        text: &str,
        amount: Decimal,
        wallet: &str,
    ) -> Result<Answer, Refusal> {
        let read = sticker::read(text);
        let (provider, label) =
            read.ok_or_else(|| Refusal::new(ORDER_CLOSED, "not a code of this acquirer"))?;
        let mut ledger = self.ledger();
        let number = ledger.next_seq();
        let opened = Opened {
            order: format!("S{number:031}"),
            reference: format!("SBX{number:012}"),
            fingerprint: format!("sticker {number}"),
            tender: Tender::MerchantQr,
            store: "0001".to_owned(),
            counter: label.clone().unwrap_or_else(|| "sticker".to_owned()),
            amount,
            currency: "CNY".to_owned(),
            account: None,
            tail: String::new(),
            qr: None,
            plan: None,
            sent_at: Some(beijing(now_ms())),
            pay_until_ms: None,
            provider: Some(provider),
            label,
            completes: None,
            hold: false,
            signature: false,
        };
        let order = opened.order.clone();
        let facts = vec![
            Fact::Opened(Box::new(opened.clone())),
            approved(&opened, Some(wallet)),
        ];
        let broken = |why: String| Refusal::new("BROKEN", why);
        ledger
            .commit(now_ms(), facts)
            .map_err(|e| broken(e.to_string()))?;
        self.tell_of(&ledger, &order);
        order_answer(&ledger, &order).map_err(|e| broken(format!("{e:?}")))
    }

    /// A paid QR is told of by its provider.
    pub(super) fn tell_of(&self, ledger: &Ledger, order: &str) {
        let opened = ledger.order(order).map(|order| &order.opened);
        if let Some(opened) = opened.filter(|one| one.tender == Tender::MerchantQr)
            && let Some(provider) = opened.provider
        {
            self.post.tell(provider, order);
        }
    }

    /// What there is to tell of an order; nothing, if it is not paid.
    pub fn told(&self, order: &str) -> Option<Told> {
        let ledger = self.ledger();
        let known = ledger.order(order)?;
        let is_paid = matches!(known.state, OrderState::Approved | OrderState::Reversed);
        is_paid.then(|| Told {
            order: order.to_owned(),
            reference: known.opened.reference.clone(),
            fen: fen(known.opened.amount),
            label: known.opened.label.clone(),
            sent_at: known.opened.sent_at.clone(),
        })
    }

    /// The order that has this number of the provider's.
    pub fn order_of_reference(&self, reference: &str) -> Option<String> {
        self.ledger().order_of_reference(reference)
    }

    /// Who tells of an order, and has it in its bills.
    pub fn provider(&self, order: &str) -> Option<Provider> {
        self.ledger().order(order)?.opened.provider
    }

    /// The provider's own number of an order.
    pub fn reference(&self, order: &str) -> Option<String> {
        Some(self.ledger().order(order)?.opened.reference.clone())
    }

    /// What the rules have in store for a letter about this order.
    pub fn script_of_letter(&self, order: &str) -> Script {
        let ledger = self.ledger();
        let opened = ledger.order(order).map(|order| order.opened.clone());
        drop(ledger);
        self.rules.choose(&View {
            operation: Operation::Notification,
            order,
            tender: opened.as_ref().map(|one| one.tender),
            tail: "",
            amount: opened.as_ref().map(|one| one.amount),
            store: opened.as_ref().map_or("", |one| &one.store),
            counter: opened.as_ref().map_or("", |one| &one.counter),
        })
    }
}

/// `20261127103456`
fn beijing(at_ms: i64) -> String {
    let instant = jiff::Timestamp::from_millisecond(at_ms).unwrap_or_default();
    let local = jiff::tz::Offset::constant(8).to_datetime(instant);
    local.strftime("%Y%m%d%H%M%S").to_string()
}
