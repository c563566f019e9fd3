//! Payments and refunds as they are shown.

use serde::Serialize;
use store_actors::domain::{
    money::Money,
    payment::{Evidence, Notice, Payment, Reason, State},
    refund::Refund,
};
use utoipa::ToSchema;

use super::{OriginKind, RefundStateKind, StateKind, TenderKind, office::CostsModel};
use crate::web::problem::Words;

/// One payment.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Payment)]
pub struct PaymentModel {
    /// 32 hexadecimal characters; also the order number at the acquirer.
    pub id: String,
    pub counter: String,
    /// The counter's own number of it, from 1 without gaps.
    pub number: u64,
    pub amount: String,
    pub currency: String,
    /// As asked for; `presented` says what it was.
    pub tender: TenderKind,
    pub origin: OriginKind,
    /// The person or the token that began it, where people sign in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opened_by: Option<String>,
    pub state: StateKind,
    pub is_final: bool,
    /// What the customer and the cashier are told.
    pub words: Words,
    /// What happens next by itself; absent once the state is final.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_action: Option<NextAction>,
    #[schema(format = DateTime)]
    pub opened_at: String,
    #[schema(format = DateTime)]
    pub changed_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub submitted_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub presented: Option<PresentedModel>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acquirer: Option<String>,
    /// The acquirer's own number for the order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acquirer_ref: Option<String>,
    /// What the customer scans, as long as it may be paid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub qr: Option<QrModel>,
    /// Why it ended without money, or is being undone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<ReasonModel>,
    /// What may still be refunded; only of a payment that is paid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refundable_amount: Option<String>,
    pub refunds: Vec<RefundModel>,
    /// The customer has the goods and is to sign: `POST /v1/payments/{id}/signature`.
    pub wants_signature: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature: Option<SignatureModel>,
    /// Where money moved, a table of fees is configured, and one of its rates fits; only of a
    /// payment that was asked for by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub costs: Option<CostsModel>,
    /// What was asked of the acquirer and what it said, the newest last: the first and the last
    /// questions.
    pub evidence: Vec<EvidenceModel>,
    /// Later payments for the same reference, begun while this one's outcome was not known.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub replaced_by: Vec<String>,
    /// Of a payment at a printed QR.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claim: Option<ClaimModel>,
    /// A card's money is held only, or was.
    pub pre_authorisation: bool,
    /// The payment that took what is held, or is trying to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completed_by: Option<String>,
    /// The pre-authorisation whose money it takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completes: Option<String>,
}

/// What the provider told of a payment at a printed QR.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Claim)]
pub struct ClaimModel {
    /// The provider's own number of the transaction.
    pub transaction: String,
    /// The order number in the provider's books.
    pub order: String,
    /// What it said of the place: a sticker's id, or a counter's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// false: nobody can tell at which counter it was paid.
    pub matched: bool,
}

/// What the store does next by itself.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NextAction {
    WaitForCustomer,
    WaitForAcquirer,
    AskAcquirer,
    Reverse,
    Refund,
    /// Until another payment for the same reference has ended.
    WaitForReplacement,
    /// Charge the card that was accepted offline, once an acquirer can be reached.
    Forward,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Presented)]
pub struct PresentedModel {
    pub tender: TenderKind,
    /// `alipay`, `wechat_pay`, `union_pay`, `emvco_cpm`, `visa`, `mastercard`, `other_card`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheme: Option<&'static str>,
    /// Of a card that tells, or that is on the store's list: `debit`, `credit`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub card_kind: Option<&'static str>,
    /// First six and last four digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub masked_pan: Option<String>,
}

/// A signature that was given.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Signature)]
pub struct SignatureModel {
    #[schema(format = DateTime)]
    pub signed_at: String,
    /// Where its picture is.
    pub svg: String,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Qr)]
pub struct QrModel {
    /// For tills that draw it themselves.
    pub text: String,
    pub svg: String,
    pub png: String,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Reason)]
pub struct ReasonModel {
    /// `acquirer`, `cashier_cancelled`, `customer_cancelled`, `nothing_presented`,
    /// `customer_too_slow`, `no_outcome_in_time`, `acquirer_unreachable`, `restarted`,
    /// `no_acquirer`, `not_enabled`, `above_limit`, `code_refused`, `card_failed`,
    /// `pin_not_entered`, `offline_refused`, `card_lost`, `undone_elsewhere`,
    /// `release_refused`, `paid_otherwise`.
    pub code: &'static str,
    /// The acquirer's own code, with `acquirer`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acquirer_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Evidence)]
pub struct EvidenceModel {
    /// When the question was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub sent_at: Option<String>,
    /// When the answer came or the waiting ended; until then, when it was sent.
    #[schema(format = DateTime)]
    pub at: String,
    /// `charge`, `query`, `reverse`, `refund`.
    pub operation: &'static str,
    /// Absent while the answer is waited for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub said: Option<String>,
}

/// One refund.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Refund)]
pub struct RefundModel {
    /// 32 hexadecimal characters.
    pub id: String,
    pub payment: String,
    pub amount: String,
    pub currency: String,
    pub state: RefundStateKind,
    pub is_final: bool,
    #[schema(format = DateTime)]
    pub requested_at: String,
    #[schema(format = DateTime)]
    pub changed_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acquirer_ref: Option<String>,
    /// The acquirer's words where it refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refusal: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_word: Option<EvidenceModel>,
    /// The person or the token that asked for it, where people sign in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Who allowed it, where the one who asked may not alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approved_by: Option<String>,
}

/// One page of payments, newest first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Payments)]
pub struct PaymentsModel {
    pub payments: Vec<PaymentModel>,
    /// Give it as `cursor` for the next page; null at the end.
    #[schema(required)]
    pub next_cursor: Option<String>,
}

impl From<&Payment> for PaymentModel {
    fn from(payment: &Payment) -> Self {
        let path = format!("/v1/payments/{}/qr", payment.id);
        let qr = payment.qr.as_ref().filter(|_| !payment.state.is_final());
        let presented = payment.presented.as_ref().map(|presented| PresentedModel {
            tender: presented.tender.into(),
            scheme: presented.scheme.map(|scheme| scheme.as_str()),
            card_kind: presented.funding.map(|funding| funding.as_str()),
            masked_pan: presented.masked_pan.clone(),
        });
        Self {
            id: payment.id.to_string(),
            counter: payment.counter.to_string(),
            number: payment.number,
            amount: amount(payment.money),
            currency: payment.money.currency().to_string(),
            tender: payment.tender.into(),
            origin: payment.origin.into(),
            opened_by: payment.opened_by.clone(),
            state: payment.state.into(),
            is_final: payment.state.is_final(),
            words: words(payment),
            next_action: next_action(payment.state),
            opened_at: payment.opened_at.to_string(),
            changed_at: payment.changed_at.to_string(),
            submitted_at: payment.submitted_at.map(|at| at.to_string()),
            reference: payment.reference.clone(),
            presented,
            acquirer: payment.acquirer.as_ref().map(ToString::to_string),
            acquirer_ref: payment.acquirer_ref.clone(),
            qr: qr.map(|text| QrModel {
                text: text.clone(),
                svg: format!("{path}.svg"),
                png: format!("{path}.png"),
            }),
            reason: payment.reason.as_ref().map(ReasonModel::from),
            refundable_amount: refundable(payment).map(amount),
            refunds: payment
                .refunds
                .iter()
                .map(|refund| RefundModel::of(payment, refund))
                .collect(),
            wants_signature: payment.wants_signature(),
            signature: payment.signature.as_ref().map(|signed| SignatureModel {
                signed_at: signed.at.to_string(),
                svg: format!("/v1/payments/{}/signature.svg", payment.id),
            }),
            costs: None,
            evidence: payment.evidence.iter().map(EvidenceModel::from).collect(),
            replaced_by: payment
                .replaced_by
                .iter()
                .map(|tie| tie.payment.to_string())
                .collect(),
            claim: payment.claim.as_ref().map(|claim| ClaimModel {
                transaction: claim.transaction.clone(),
                order: claim.order.clone(),
                label: claim.label.clone(),
                matched: claim.matched,
            }),
            pre_authorisation: payment.is_pre_authorisation(),
            completed_by: payment.completion().map(|tie| tie.payment.to_string()),
            completes: payment.completes().map(|of| of.to_string()),
        }
    }
}

pub(super) fn amount(money: Money) -> String {
    money.amount().to_string()
}

fn refundable(payment: &Payment) -> Option<Money> {
    let gone = payment.refunded_or_pending().ok()?;
    let rest = payment.money.checked_sub(gone).ok()?;
    payment.state.is_paid().then_some(rest)
}

impl NextAction {
    /// The id of its text.
    pub const fn text_id(self) -> &'static str {
        match self {
            NextAction::WaitForCustomer => "next-wait-customer",
            NextAction::WaitForAcquirer => "next-wait-acquirer",
            NextAction::AskAcquirer => "next-ask",
            NextAction::Reverse => "next-reverse",
            NextAction::Refund => "next-refund",
            NextAction::WaitForReplacement => "next-wait-replacement",
            NextAction::Forward => "next-forward",
        }
    }
}

fn next_action(state: State) -> Option<NextAction> {
    match state {
        State::Opened | State::Collecting => Some(NextAction::WaitForCustomer),
        State::Submitted => Some(NextAction::WaitForAcquirer),
        State::Verifying | State::Unknown => Some(NextAction::AskAcquirer),
        State::Reversing => Some(NextAction::Reverse),
        State::ApprovedOffline => Some(NextAction::Forward),
        State::Approved
        | State::Declined
        | State::Cancelled
        | State::Reversed
        | State::Confirmed
        | State::RefusedLater
        | State::Authorised
        | State::Completed => None,
    }
}

/// The words that terminal and screen show in this state.
fn words(payment: &Payment) -> Words {
    let (money, reason) = (payment.money, payment.reason.clone());
    let notice = match payment.state {
        State::Opened | State::Collecting => Notice::PleasePay {
            money,
            tender: payment.tender,
        },
        State::Submitted => match payment.qr.clone() {
            Some(qr) => Notice::ScanThis { money, qr },
            None => Notice::Processing,
        },
        State::Verifying => Notice::Verifying,
        State::Unknown => Notice::Unknown,
        State::Reversing => Notice::Reversing,
        State::Approved | State::Confirmed => Notice::Approved { money },
        State::ApprovedOffline => Notice::AcceptedOffline { money },
        State::Authorised | State::Completed => Notice::Authorised { money },
        State::RefusedLater => Notice::RefusedLater,
        State::Declined => Notice::Declined { reason },
        State::Cancelled => Notice::Cancelled { reason },
        State::Reversed => Notice::Reversed,
    };
    Words::of(|language| notice.words(language))
}

impl From<&Reason> for ReasonModel {
    fn from(reason: &Reason) -> Self {
        let (code, text) = match reason {
            Reason::Acquirer { text, .. } => ("acquirer", Some(text.clone())),
            Reason::CashierCancelled => ("cashier_cancelled", None),
            Reason::CustomerCancelled => ("customer_cancelled", None),
            Reason::NothingPresented => ("nothing_presented", None),
            Reason::CustomerTooSlow => ("customer_too_slow", None),
            Reason::NoOutcomeInTime => ("no_outcome_in_time", None),
            Reason::AcquirerUnreachable => ("acquirer_unreachable", None),
            Reason::Restarted => ("restarted", None),
            Reason::NoAcquirer => ("no_acquirer", None),
            Reason::NotEnabled => ("not_enabled", None),
            Reason::AboveLimit => ("above_limit", None),
            Reason::CodeRefused { why } => ("code_refused", Some(why.to_string())),
            Reason::CardFailed { why } => ("card_failed", Some(why.clone())),
            Reason::PinNotEntered => ("pin_not_entered", None),
            Reason::OfflineRefused { why } => ("offline_refused", Some(why.to_string())),
            Reason::CardLost => ("card_lost", None),
            Reason::UndoneElsewhere => ("undone_elsewhere", None),
            Reason::ReleaseRefused => ("release_refused", None),
            Reason::PaidOtherwise => ("paid_otherwise", None),
        };
        let acquirer_code = match reason {
            Reason::Acquirer { acquirer_code, .. } => Some(acquirer_code.clone()),
            _ => None,
        };
        Self {
            code,
            acquirer_code,
            text,
        }
    }
}

impl From<&Evidence> for EvidenceModel {
    fn from(evidence: &Evidence) -> Self {
        Self {
            sent_at: evidence.sent_at.map(|at| at.to_string()),
            at: evidence.at.to_string(),
            operation: evidence.operation.as_str(),
            said: evidence.said.clone(),
        }
    }
}

impl RefundModel {
    pub fn of(payment: &Payment, refund: &Refund) -> Self {
        Self {
            id: refund.id.to_string(),
            payment: payment.id.to_string(),
            amount: amount(refund.money),
            currency: refund.money.currency().to_string(),
            state: refund.state.into(),
            is_final: refund.state.is_final(),
            requested_at: refund.requested_at.to_string(),
            changed_at: refund.changed_at.to_string(),
            reason: refund.reason.clone(),
            acquirer_ref: refund.acquirer_ref.clone(),
            refusal: refund.refusal.clone(),
            last_word: refund.last_word.as_ref().map(EvidenceModel::from),
            by: refund.by.clone(),
            approved_by: refund.approved_by.clone(),
        }
    }
}
