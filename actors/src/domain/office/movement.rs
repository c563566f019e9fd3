//! Moves of money: a payment that is the store's, or a refund that was paid out.
//!
//! A movement counts on the business day on which the acquirer confirmed it, so that a day that is
//! over does not change when an older payment is settled later. (The day's certificate counts by
//! the day of opening: it tells what was begun.) A movement has all that a statement, a fee or a
//! comparison with a bill needs, in a line of text of its own (`encode`), so that a month is added
//! up without reading a payment.

use rust_decimal::Decimal;

use crate::domain::{
    day::Day,
    ids::{AcquirerId, CounterId, PaymentId, RefundId},
    money::{Currency, Money},
    payment::Payment,
    refund::RefundState,
    tender::{Funding, Means, Scheme, Tender},
    timestamp::Timestamp,
};

/// Before the cashier in a line: a control character, which no name has.
const CASHIER: char = '\u{1f}';
/// Behind the scheme, before the kind of card: lines of before it was kept have none.
const FUNDING: char = ':';

/// One move of money.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Movement {
    pub day: Day,
    /// When the acquirer confirmed it.
    pub at: Timestamp,
    pub order: PaymentId,
    pub counter: CounterId,
    pub tender: Tender,
    pub scheme: Option<Scheme>,
    /// Of a card, where it is known.
    pub funding: Option<Funding>,
    pub acquirer: Option<AcquirerId>,
    pub money: Money,
    /// `None`: the payment itself.
    pub refund: Option<Refunded>,
    /// The acquirer's number, of cards, whose hosts know no other, and of what began at a provider.
    pub acquirer_ref: Option<String>,
    /// Whoever took the money or gave it back, where people sign in.
    pub cashier: Option<String>,
}

/// What is known of the payment that a refund is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refunded {
    pub id: RefundId,
    /// When the payment was confirmed.
    pub paid_on: Day,
    pub paid: Money,
    /// What was refunded of it before.
    pub before: Money,
}

/// What was in nobody's records, for a payment that was confirmed without a time.
fn confirmed_at(payment: &Payment) -> Timestamp {
    let at = payment.ended_at.or(payment.submitted_at);
    at.unwrap_or(payment.opened_at)
}

/// Payments and refunds, counted and added up apart.
pub(super) struct Turnover<'a> {
    pub payments: &'a mut u64,
    pub gross: &'a mut Decimal,
    pub refunds: &'a mut u64,
    pub refunded: &'a mut Decimal,
}

impl Movement {
    /// Adds it to the side on which it counts.
    pub(super) fn count_in(&self, turnover: Turnover<'_>) {
        let (count, sum) = match self.refund {
            None => (turnover.payments, turnover.gross),
            Some(_) => (turnover.refunds, turnover.refunded),
        };
        *count += 1;
        *sum = sum.saturating_add(self.money.amount());
    }

    /// What moved with this payment, as it now is.
    pub fn all_of(payment: &Payment, offset_minutes: i32) -> Vec<Self> {
        let is_done = |state| state == RefundState::Refunded;
        let refunds = payment
            .refunds
            .iter()
            .filter(|refund| is_done(refund.state));
        let mut refunds: Vec<_> = refunds.collect();
        // an order that is undone holds no money; one that was refunded held it
        if !payment.state.is_paid() && refunds.is_empty() {
            return Vec::new();
        }
        refunds.sort_by_key(|refund| (refund.changed_at, refund.id));
        let day_of = |at| Day::of(at, offset_minutes);
        let at = confirmed_at(payment);
        let is_card = payment.actual_tender() == Tender::Card;
        let claim = payment.claim.as_ref();
        let own_ref = |text: &Option<String>| match claim {
            // a bill names the transaction in its refunds' lines, too
            Some(claim) => Some(claim.transaction.clone()),
            None => {
                let text = text.clone().filter(|_| is_card);
                text.filter(|text| !text.contains(CASHIER))
            }
        };
        let paid = Self {
            day: day_of(at),
            at,
            order: payment.id,
            counter: payment.counter.clone(),
            tender: payment.actual_tender(),
            scheme: payment.means().scheme,
            funding: payment.means().funding,
            acquirer: payment.acquirer.clone(),
            money: payment.money,
            refund: None,
            acquirer_ref: own_ref(&payment.acquirer_ref),
            cashier: payment.opened_by.clone(),
        };
        let mut all = vec![paid.clone()];
        let mut before = Money::zero(payment.money.currency());
        for refund in refunds {
            all.push(Self {
                day: day_of(refund.changed_at),
                at: refund.changed_at,
                money: refund.money,
                refund: Some(Refunded {
                    id: refund.id,
                    paid_on: paid.day,
                    paid: payment.money,
                    before,
                }),
                acquirer_ref: own_ref(&refund.acquirer_ref),
                cashier: refund.by.clone(),
                ..paid.clone()
            });
            before = before.checked_add(refund.money).unwrap_or(before);
        }
        all
    }

    /// The payment's id, or the refund's.
    pub fn id(&self) -> [u8; 16] {
        match &self.refund {
            Some(refund) => refund.id.to_bytes(),
            None => self.order.to_bytes(),
        }
    }

    /// What rates go by.
    pub const fn means(&self) -> Means {
        Means {
            tender: self.tender,
            scheme: self.scheme,
            funding: self.funding,
        }
    }

    /// What it adds to the store's money: below zero for a refund.
    pub fn signed(&self) -> Decimal {
        match self.refund {
            Some(_) => -self.money.amount(),
            None => self.money.amount(),
        }
    }

    /// A line of text. The fields have no `|` in them, but the acquirer's number and, behind it,
    /// the cashier may: they came later than other fields.
    pub fn encode(&self) -> String {
        let refund = self.refund.map_or("|||".to_owned(), |refund| {
            let (paid, before) = (refund.paid.minor_units(), refund.before.minor_units());
            format!("{}|{}|{paid}|{before}", refund.id, refund.paid_on)
        });
        let cashier = self.cashier.as_ref();
        let cashier = cashier.map_or(String::new(), |name| format!("{CASHIER}{name}"));
        let funding = self.funding.map(Funding::as_str);
        let funding = funding.map_or(String::new(), |word| format!("{FUNDING}{word}"));
        format!(
            "{}|{}|{}|{}|{}{funding}|{}|{}|{}|{refund}|{}{cashier}",
            self.at.unix_ms(),
            self.order,
            self.counter,
            self.tender.as_str(),
            self.scheme.map_or("", Scheme::as_str),
            self.acquirer.as_ref().map_or("", AcquirerId::as_str),
            self.money.currency(),
            self.money.minor_units(),
            self.acquirer_ref.as_deref().unwrap_or_default(),
        )
    }

    /// Reads what `encode` wrote, of that day.
    pub fn decode(day: Day, line: &str) -> Option<Self> {
        fn named<T: std::str::FromStr>(text: &str) -> Option<Option<T>> {
            match text {
                "" => Some(None),
                text => text.parse().ok().map(Some),
            }
        }
        let (line, cashier) = match line.split_once(CASHIER) {
            Some((line, cashier)) => (line, Some(cashier.to_owned())),
            None => (line, None),
        };
        let mut parts = line.splitn(13, '|');
        let mut part = || parts.next();
        let at = Timestamp::from_unix_ms(part()?.parse().ok()?);
        let order = part()?.parse().ok()?;
        let counter = part()?.parse().ok()?;
        // a payment is confirmed with one of the concrete tenders; `any` would be a fault elsewhere
        let tender = part().map(|text| Tender::parse(text).unwrap_or(Tender::Any))?;
        let (scheme, funding) = match part()? {
            text if text.contains(FUNDING) => text.split_once(FUNDING)?,
            text => (text, ""),
        };
        let (scheme, funding) = (Scheme::parse(scheme), Funding::parse(funding));
        let acquirer = named(part()?)?;
        let currency: Currency = part()?.parse().ok()?;
        let money = |text: &str| Money::from_minor_units(text.parse().ok()?, currency).ok();
        let amount = money(part()?)?;
        let (id, paid_on, paid, before) = (part()?, part()?, part()?, part()?);
        let refund = match id {
            "" => None,
            id => Some(Refunded {
                id: id.parse().ok()?,
                paid_on: Day::parse(paid_on)?,
                paid: money(paid)?,
                before: money(before)?,
            }),
        };
        Some(Self {
            day,
            at,
            order,
            counter,
            tender,
            scheme,
            funding,
            acquirer,
            money: amount,
            refund,
            acquirer_ref: part().filter(|text| !text.is_empty()).map(str::to_owned),
            cashier,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::{
        office::statement::tests::{payments, some_payment},
        tender::Presented,
    };

    /// If this fails, do not change the test: stores have these lines.
    #[test]
    fn a_movement_is_this_line() {
        let payment = some_payment(1, "12.50", &["2.50"]);
        let all = Movement::all_of(&payment, 480);
        let lines: Vec<_> = all.iter().map(Movement::encode).collect();
        let (order, refund) = (payment.id, payment.refunds[0].id);
        assert_eq!(
            lines,
            [
                format!("1800000001000|{order}|01|customer_code|alipay|a|CNY|1250|||||"),
                format!(
                    "1800000002000|{order}|01|customer_code|alipay|a|CNY|250|{refund}|2027-01-15|1250|0|"
                ),
            ]
        );
    }

    /// If this fails, do not change the test: stores have these lines.
    #[test]
    fn a_card_says_its_kind_behind_its_scheme() {
        let mut payment = some_payment(1, "12.50", &[]);
        payment.presented = Some(Presented {
            funding: Some(Funding::Debit),
            ..Presented::card(Scheme::UnionPay, "621234******1232".into())
        });
        let movement = Movement::all_of(&payment, 480).remove(0);
        let line = movement.encode();
        let order = payment.id;
        let said = format!("1800000001000|{order}|01|card|union_pay:debit|a|CNY|1250|||||");
        assert!(line.starts_with(&said), "{line}");
        assert_eq!(Movement::decode(movement.day, &line), Some(movement));
    }

    proptest! {
        #[test]
        fn lines_come_back_as_they_were(payments in payments()) {
            for movement in payments.iter().flat_map(|one| Movement::all_of(one, 480)) {
                let read = Movement::decode(movement.day, &movement.encode());
                prop_assert_eq!(read, Some(movement));
            }
        }

        #[test]
        fn garbage_never_panics(line in ".{0,120}") {
            let _ = Movement::decode(Day::parse("2026-11-22").unwrap(), &line);
        }
    }
}
