//! `/payments`: the payments of a business day, newest first, filtered and in pages.
//!
//! A page never looks at more than a day: with a million payments in the journal it is as fast as
//! with ten.

use actix_web::{HttpRequest, HttpResponse, http::header::LOCATION, web::Data};
use askama::Template;
use serde::Deserialize;
use store_actors::{
    domain::{day::Day, ids::PaymentId, payment::Payment, payment::State},
    ports::PaymentFilter,
    store::requests::{FindPayments, GetPayment},
};

use super::{
    frame::{Frame, Visitor},
    overview::tender_name,
    shown,
};
use crate::web::{Shared, input, problem::Problem};

const PAGE_PAYMENTS: usize = 50;

#[derive(Template)]
#[template(path = "payments.html", config = "src/web/console/askama.toml")]
struct PaymentsPage {
    frame: Frame,
    list: List,
}

/// What the visitor looks for; an empty field is none.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Search {
    day: String,
    counter: String,
    state: String,
    /// A till's reference, or a payment's id.
    text: String,
    before: String,
}

#[derive(Debug)]
struct List {
    day: String,
    text: String,
    states: Vec<Choice>,
    counters: Vec<Choice>,
    rows: Vec<Row>,
    next: Option<String>,
    day_before: String,
}

#[derive(Debug)]
struct Choice {
    value: String,
    name: String,
    is_chosen: bool,
}

#[derive(Debug)]
struct Row {
    id: String,
    at: String,
    counter: String,
    number: u64,
    tender: String,
    amount: String,
    tone: &'static str,
    state: String,
    reference: String,
}

pub(super) async fn page(
    shared: Data<Shared>,
    visitor: Visitor,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let search: Search = input::query(&request)?;
    if let Ok(id) = search.text.trim().parse::<PaymentId>()
        && (shared.parts.store.get)(GetPayment(id)).await.is_ok()
    {
        let story = format!("/payments/{id}");
        return Ok(HttpResponse::SeeOther()
            .insert_header((LOCATION, story))
            .finish());
    }
    let frame = Frame::new(&shared, visitor, "/payments");
    let list = look(&shared, &frame, search).await?;
    shown(&PaymentsPage { frame, list })
}

async fn look(shared: &Shared, frame: &Frame, search: Search) -> Result<List, Problem> {
    let parts = &shared.parts;
    let offset = parts.shop.utc_offset_minutes;
    let today = Day::of(parts.clock.now(), offset);
    let day = match search.day.as_str() {
        "" => today,
        text => Day::parse(text).ok_or_else(|| input::invalid("day: e.g. 2026-01-31"))?,
    };
    let text = search.text.trim();
    let end = PaymentId::first_at(day.next().begins_at(offset));
    let state = match search.state.as_str() {
        "" => None,
        text => Some(
            State::ALL
                .into_iter()
                .find(|state| state.as_str() == text)
                .ok_or_else(|| input::invalid("state: no such state"))?,
        ),
    };
    let filter = PaymentFilter {
        counter: (!search.counter.is_empty())
            .then(|| input::parsed("counter", &search.counter))
            .transpose()?,
        state,
        reference: (!text.is_empty()).then(|| text.to_owned()),
        since: Some(day.begins_at(offset)),
        limit: PAGE_PAYMENTS,
        before: Some(match search.before.as_str() {
            "" => end,
            id => input::parsed("before", id)?,
        }),
    };
    let found = (parts.store.find)(FindPayments(filter)).await?;
    let last = found.last().filter(|_| found.len() >= PAGE_PAYMENTS);
    let next = last.map(|last| {
        let before = last.id.to_string();
        path(
            "/payments",
            &day,
            &Search {
                before,
                ..search.clone()
            },
        )
    });
    Ok(List {
        next,
        day_before: path(
            "/payments",
            &day.plus(-1),
            &Search {
                before: String::new(),
                ..search.clone()
            },
        ),
        states: states(frame, state),
        counters: counters(shared, frame, &search.counter),
        rows: found
            .iter()
            .map(|payment| row(frame, payment, offset))
            .collect(),
        day: day.to_string(),
        text: text.to_owned(),
    })
}

fn path(page: &str, day: &Day, search: &Search) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("day", &day.to_string());
    let fields = [
        ("counter", &search.counter),
        ("state", &search.state),
        ("text", &search.text),
        ("before", &search.before),
    ];
    for (name, value) in fields.into_iter().filter(|(_, value)| !value.is_empty()) {
        query.append_pair(name, value);
    }
    format!("{page}?{}", query.finish())
}

fn states(frame: &Frame, chosen: Option<State>) -> Vec<Choice> {
    State::ALL
        .into_iter()
        .map(|state| Choice {
            value: state.as_str().to_owned(),
            name: state_name(frame, state),
            is_chosen: chosen == Some(state),
        })
        .collect()
}

fn counters(shared: &Shared, frame: &Frame, chosen: &str) -> Vec<Choice> {
    let ids = shared.parts.shop.collect_timeout_ms.keys();
    ids.map(|id| Choice {
        value: id.to_string(),
        name: format!("{} {id}", frame.say("counter")),
        is_chosen: chosen == id.as_str(),
    })
    .collect()
}

fn row(frame: &Frame, payment: &Payment, offset: i32) -> Row {
    Row {
        id: payment.id.to_string(),
        at: payment.opened_at.local_time(offset),
        counter: payment.counter.to_string(),
        number: payment.number,
        tender: tender_name(frame.language, payment.actual_tender().as_str()),
        amount: payment.money.to_string(),
        tone: tone(payment.state),
        state: state_name(frame, payment.state),
        reference: payment.reference.clone().unwrap_or_default(),
    }
}

/// The class of the style in which a state is shown.
pub(super) const fn tone(state: State) -> &'static str {
    match state {
        State::Approved | State::Confirmed => "good",
        State::Declined | State::RefusedLater => "bad",
        State::Unknown | State::Reversing | State::Reversed | State::ApprovedOffline => "warning",
        State::Cancelled => "idle",
        State::Opened | State::Collecting | State::Submitted | State::Verifying => "busy",
    }
}

pub(super) fn state_name(frame: &Frame, state: State) -> String {
    frame.say(match state {
        State::Opened => "state-opened",
        State::Collecting => "state-collecting",
        State::Submitted => "state-submitted",
        State::Verifying => "state-verifying",
        State::Unknown => "state-unknown",
        State::Reversing => "state-reversing",
        State::Approved => "state-approved",
        State::Declined => "state-declined",
        State::Cancelled => "state-cancelled",
        State::Reversed => "state-reversed",
        State::ApprovedOffline => "state-approved-offline",
        State::Confirmed => "state-confirmed",
        State::RefusedLater => "state-refused-later",
    })
}
