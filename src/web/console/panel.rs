//! What a counter's screen shows: a pure function of the counter and its latest payment.
//!
//! The cashier's face can act, the customer's only looks. A payment stays on the screen until the
//! cashier goes on to the next customer, or, before the customer, for a while; nothing of that is
//! kept here, so a reload or a restart changes nothing.

use store_actors::{
    counter::CounterStatus,
    domain::{
        payment::{Payment, State},
        tender::Tender,
        timestamp::Timestamp,
    },
    language::{Language, Value},
};

use super::{overview, payments_page::tone};
use crate::web::{model::PaymentModel, shop::Shop};

/// Who looks at the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Face {
    Cashier,
    Customer,
}

impl Face {
    pub(super) const fn is_cashier(self) -> bool {
        matches!(self, Face::Cashier)
    }
}

#[derive(Debug)]
pub(super) struct Panel {
    pub counter: String,
    pub face: Face,
    pub payment: Option<Shown>,
    pub tenders: Vec<TenderButton>,
    /// A card's money can be held and taken later.
    pub can_hold: bool,
    pub unresolved: usize,
    pub welcome: String,
}

#[derive(Debug)]
pub(super) struct TenderButton {
    pub code: &'static str,
    pub name: String,
    pub ready: bool,
    pub why: Option<String>,
}

/// A payment on the screen.
#[derive(Debug)]
pub(super) struct Shown {
    pub id: String,
    pub state: &'static str,
    pub tone: &'static str,
    pub amount: String,
    pub words: String,
    /// What to tell the customer and what happens next.
    pub advice: Option<String>,
    pub qr: Option<String>,
    pub opened_at: i64,
    /// Until when the customer can pay, milliseconds since 1970.
    pub until: Option<i64>,
    pub takes_picture: bool,
    pub can_cancel: bool,
    pub is_over: bool,
    pub sound: Option<&'static str>,
    /// The customer is to sign on this screen.
    pub wants_signature: bool,
    /// Where the picture of the signature is.
    pub signature: Option<String>,
    /// Said aloud: only for money that the acquirer confirmed.
    pub speech: Option<String>,
}

/// How long a customer reads how it ended.
const CUSTOMER_READS_MS: u64 = 8_000;
/// How long an end stays before a cashier who does not go on.
pub(super) const READS_MS: u64 = 600_000;

/// Who looks at which counter, and when.
#[derive(Clone, Copy, Debug)]
pub(super) struct View<'a> {
    pub language: Language,
    pub face: Face,
    /// The cashier went on from this payment.
    pub seen: Option<&'a str>,
    pub now: Timestamp,
    pub shop: &'a Shop,
}

/// `latest`: the payment at the stand, or else the counter's last.
pub(super) fn panel(view: View<'_>, counter: &CounterStatus, latest: Option<&Payment>) -> Panel {
    let View {
        language,
        face,
        seen,
        now,
        ..
    } = view;
    let reads_ms = match face {
        Face::Cashier => READS_MS,
        Face::Customer => CUSTOMER_READS_MS,
    };
    let is_shown = |payment: &&Payment| {
        // a customer has time to sign
        let reads_ms = if payment.wants_signature() {
            READS_MS
        } else {
            reads_ms
        };
        let is_fresh = now.since_ms(payment.changed_at) < reads_ms;
        let was_seen = seen == Some(payment.id.to_string().as_str());
        counter.at_stand == Some(payment.id) || (is_fresh && !was_seen)
    };
    Panel {
        counter: counter.id.to_string(),
        face,
        payment: latest
            .filter(is_shown)
            .map(|payment| shown(view, payment, counter.at_stand == Some(payment.id))),
        tenders: counter
            .tenders
            .iter()
            .map(|tender| TenderButton {
                code: tender.tender.as_str(),
                name: overview::tender_name(language, tender.tender.as_str()),
                ready: tender.ready,
                why: overview::first_obstacle(language, tender),
            })
            .chain(any_way(language, counter))
            .collect(),
        can_hold: counter.pre_authorises
            && counter
                .tenders
                .iter()
                .any(|one| one.tender == Tender::Card && one.ready && !one.offline),
        unresolved: counter.unresolved.len(),
        welcome: language.say("welcome"),
    }
}

/// A code or a card, whichever comes first: where the counter takes both.
fn any_way(language: Language, counter: &CounterStatus) -> Option<TenderButton> {
    let takes = |tender| {
        counter
            .tenders
            .iter()
            .any(|known| known.tender == tender && known.ready)
    };
    let takes_both = takes(Tender::CustomerCode) && takes(Tender::Card);
    takes_both.then(|| TenderButton {
        code: Tender::Any.as_str(),
        name: overview::tender_name(language, Tender::Any.as_str()),
        ready: true,
        why: None,
    })
}

fn shown(view: View<'_>, payment: &Payment, holds_stand: bool) -> Shown {
    let language = view.language;
    let model = PaymentModel::from(payment);
    let state = payment.state;
    let is_waiting = matches!(state, State::Opened | State::Collecting);
    let takes_code = matches!(payment.tender, Tender::CustomerCode | Tender::Any);
    let sound = match state {
        State::Approved | State::Confirmed => Some("success"),
        State::Declined | State::RefusedLater => Some("failure"),
        State::Unknown
        | State::Reversing
        | State::Reversed
        | State::ApprovedOffline
        | State::Authorised => Some("attention"),
        _ => None,
    };
    let money = Value::from(payment.money.to_string());
    Shown {
        id: model.id,
        state: state.as_str(),
        tone: tone(state),
        amount: payment.money.to_string(),
        words: language.of(model.words.zh, model.words.en),
        advice: advice(state).map(|id| language.say(id)),
        qr: model.qr.map(|qr| qr.svg),
        opened_at: payment.opened_at.unix_ms(),
        until: view.shop.payable_until(payment).map(Timestamp::unix_ms),
        takes_picture: is_waiting && takes_code,
        can_cancel: !state.is_final() && holds_stand,
        is_over: !holds_stand,
        wants_signature: model.wants_signature,
        signature: model.signature.map(|signature| signature.svg),
        sound,
        speech: (view.shop.speech && state.is_paid())
            .then(|| language.say_with("speech-approved", [("money", money)])),
    }
}

/// What to tell the customer, and what happens next.
const fn advice(state: State) -> Option<&'static str> {
    Some(match state {
        State::Declined => "advice-declined",
        State::Unknown => "advice-unknown",
        State::Reversing => "advice-reversing",
        State::Reversed => "advice-reversed",
        State::ApprovedOffline => "advice-offline",
        State::Verifying => "advice-verifying",
        State::RefusedLater => "advice-refused-later",
        State::Authorised => "advice-authorised",
        _ => return None,
    })
}
