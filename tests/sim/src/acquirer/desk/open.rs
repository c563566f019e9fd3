//! New orders: a customer's code, a QR code to be shown, or a card.

use super::{Desk, Failure, approved, buried, declined, held, now_ms, order_answer};
use crate::acquirer::answer::Answer;
use crate::acquirer::config::Tender;
use crate::acquirer::instrument::{Instrument, tail};
use crate::acquirer::ledger::{Fact, Ledger};
use crate::acquirer::order::{CODE_USED, Fate, NOTHING_HELD, Opened, Plan, Refusal};
use crate::acquirer::request::{Ask, NewOrder};
use crate::acquirer::rules::{Then, Verdict};

impl Desk {
    pub(super) fn open_order(
        &self,
        ledger: &mut Ledger,
        ask: &Ask,
        tender: Tender,
        new: &NewOrder,
        verdict: Option<Verdict>,
    ) -> Result<Answer, Failure> {
        let fingerprint = self.fingerprint(ask)?;
        if ledger.is_tombstoned(&new.order) {
            return Ok(buried(&new.order));
        }
        if let Some(known) = ledger.order(&new.order) {
            return match known.opened.fingerprint == fingerprint {
                true => Ok(Answer::of_order(known)),
                false => Err(Failure::Conflict),
            };
        }
        let payer = self.payer_of(ledger, tender, new);
        let opened = Opened {
            order: new.order.clone(),
            reference: format!("SBX{:012}", ledger.next_seq()),
            fingerprint,
            tender,
            store: new.store.clone(),
            counter: new.counter.clone(),
            amount: new.amount,
            currency: new.currency.clone(),
            account: payer.as_ref().ok().cloned().flatten(),
            tail: secret_tail(new),
            qr: (tender == Tender::MerchantQr).then(|| self.qr_text(&new.order)),
            plan: None,
            sent_at: new.sent_at.clone(),
            pay_until_ms: new.pay_until_ms,
            provider: new.provider,
            label: None,
            completes: new.completes.clone(),
            hold: new.hold,
            signature: tender == Tender::Card && verdict == Some(Verdict::Sign),
        };
        let now = now_ms();
        ledger.commit(now, self.decide(now, opened, payer.err(), verdict))?;
        order_answer(ledger, &new.order)
    }

    /// The account that is to pay, or why the acquirer will not have it. A QR code's is not known
    /// yet.
    fn payer_of(
        &self,
        ledger: &Ledger,
        tender: Tender,
        new: &NewOrder,
    ) -> Result<Option<String>, Refusal> {
        self.config.enabled(&new.store, tender)?;
        if let Some(held) = &new.completes {
            let account = ledger.account_of_held(held, new.amount);
            let nothing = || Refusal::new(NOTHING_HELD, "nothing is held, or less");
            return account.map(Some).ok_or_else(nothing);
        }
        let instrument = match tender {
            Tender::MerchantQr => return Ok(None),
            Tender::CustomerCode => Instrument::from_code(new.code.as_deref().unwrap_or_default())?,
            Tender::Card => card(new)?,
        };
        let account = instrument.account(&self.config.key);
        let used_up = self.config.single_use_codes && tender == Tender::CustomerCode;
        if used_up && ledger.has_used(&account) {
            return Err(Refusal::new(CODE_USED, "this code has been used"));
        }
        Ok(Some(account))
    }

    /// What is written of a new order, and what becomes of it.
    fn decide(
        &self,
        now: i64,
        mut opened: Opened,
        refusal: Option<Refusal>,
        verdict: Option<Verdict>,
    ) -> Vec<Fact> {
        let end = match (refusal, verdict) {
            (Some(refusal), _) => Some(declined(&opened, refusal)),
            (None, Some(Verdict::Decline { code })) => {
                Some(declined(&opened, Refusal::new(code, "the issuer declined")))
            }
            (None, Some(Verdict::Verifying { for_ms, then })) => {
                opened.plan = match (then, self.qr_end(now, &opened)) {
                    (Then::Never, Some(end)) => Some(end),
                    (then, _) => self.plan(now, for_ms, then, opened.tender),
                };
                None
            }
            (None, None) if opened.tender == Tender::MerchantQr => {
                opened.plan = self.qr_end(now, &opened).or_else(|| self.qr_life(now));
                None
            }
            (None, _) if opened.hold => Some(held(&opened)),
            (None, _) => Some(approved(&opened, None)),
        };
        std::iter::once(Fact::Opened(Box::new(opened)))
            .chain(end)
            .collect()
    }

    pub(super) fn plan(&self, now: i64, for_ms: u64, then: Then, tender: Tender) -> Option<Plan> {
        let then = match then {
            Then::Approve => Fate::Approve,
            Then::Decline { code } => Fate::Decline(Refusal::new(code, "declined after a while")),
            Then::Never if tender == Tender::MerchantQr => return self.qr_life(now),
            Then::Never => return None,
        };
        Some(Plan {
            due_ms: now.saturating_add_unsigned(self.config.scaled(for_ms)),
            then,
        })
    }

    /// As its request has it.
    fn qr_end(&self, now: i64, opened: &Opened) -> Option<Plan> {
        let due_ms = opened.pay_until_ms?.max(now);
        Some(Plan {
            due_ms,
            then: Fate::Close,
        })
    }

    fn qr_life(&self, now: i64) -> Option<Plan> {
        let life_ms = self.config.scaled(self.config.qr_life_ms);
        Some(Plan {
            due_ms: now.saturating_add_unsigned(life_ms),
            then: Fate::Close,
        })
    }

    fn qr_text(&self, order: &str) -> String {
        let mut token = self.config.key.sign(&[b"qr", order.as_bytes()]);
        token.truncate(20);
        format!("https://qr.sandbox.test/{token}")
    }
}

fn card(new: &NewOrder) -> Result<Instrument, Refusal> {
    Instrument::from_card(
        new.pan.as_deref(),
        new.track2.as_deref(),
        new.emv.as_deref(),
    )
}

/// The last digits of what pays, by which rules choose.
pub(super) fn secret_tail(new: &NewOrder) -> String {
    match &new.code {
        Some(code) => tail(code),
        None => card(new).map(|card| card.tail()).unwrap_or_default(),
    }
}
