//! `/payments`: payments, newest first, filtered and in pages: of a business day, or of all days.
//!
//! A page is as long as its rows, and what is rare is looked for only as long as a person waits
//! gladly (`lookup`): with a million payments in the journal it is as fast as with ten.

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, http::header::LOCATION, web::Data};
use askama::Template;
use serde::Deserialize;
use store_actors::{
    domain::{day::Day, ids::PaymentId, payment::Payment, payment::State},
    language::Value,
    ports::PaymentFilter,
    store::requests::GetPayment,
};

use super::{
    frame::{Frame, Visitor},
    overview::tender_name,
    payments_export,
    report::Format,
    shown,
};
use crate::web::{
    Shared, input,
    lookup::{self, Found},
    problem::Problem,
};

const PAGE_PAYMENTS: usize = 50;
/// How long what is rare is looked for; and for whoever wants to wait.
const PATIENCE: Duration = Duration::from_millis(20);
const LONG_PATIENCE: Duration = Duration::from_secs(2);

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
    /// Absent: today. Empty: all days.
    day: Option<String>,
    counter: String,
    state: String,
    /// A till's reference, or a payment's id: of any day.
    text: String,
    before: String,
    /// Looks as long as it takes, nearly.
    far: bool,
    format: String,
}

#[derive(Debug)]
struct List {
    /// Empty: all days.
    day: String,
    text: String,
    states: Vec<Choice>,
    counters: Vec<Choice>,
    rows: Vec<Row>,
    next: Option<String>,
    /// How far it was looked for more.
    looked_back: Option<String>,
    day_before: Option<String>,
    all_days: String,
    csv: String,
}

/// One of a list to choose from.
#[derive(Debug)]
pub(super) struct Choice {
    pub value: String,
    pub name: String,
    pub is_chosen: bool,
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
    let (day, filter) = wanted(&shared, &search)?;
    if Format::parse(&search.format)? == Format::Csv {
        let name = day.map_or_else(|| "payments".into(), |day| format!("payments-{day}"));
        return Ok(payments_export::file(shared, frame, filter, &name));
    }
    let list = look(&shared, &frame, search, day, &filter).await?;
    shown(&PaymentsPage { frame, list })
}

/// The day, and what is looked for.
fn wanted(shared: &Shared, search: &Search) -> Result<(Option<Day>, PaymentFilter), Problem> {
    let offset = shared.parts.shop.letterhead.utc_offset_minutes;
    let day = match search.day.as_deref() {
        None => Some(Day::of(shared.parts.clock.now(), offset)),
        Some("") => None,
        Some(text) => Some(Day::parse(text).ok_or_else(|| input::invalid("day: e.g. 2026-01-31"))?),
    };
    let state = |text: &str| {
        let known = State::ALL.into_iter().find(|state| state.as_str() == text);
        known.ok_or_else(|| input::invalid("state: no such state"))
    };
    let text = search.text.trim();
    // a reference is found by itself, whatever day it was
    let bounds = day.filter(|_| text.is_empty());
    let before = match search.before.as_str() {
        "" => bounds.map(|day| PaymentId::first_at(day.next().begins_at(offset))),
        id => Some(input::parsed("before", id)?),
    };
    let filter = PaymentFilter {
        counter: (!search.counter.is_empty())
            .then(|| input::parsed("counter", &search.counter))
            .transpose()?,
        state: (!search.state.is_empty())
            .then(|| state(&search.state))
            .transpose()?,
        reference: (!text.is_empty()).then(|| text.to_owned()),
        since: bounds.map(|day| day.begins_at(offset)),
        limit: PAGE_PAYMENTS,
        before,
    };
    Ok((day, filter))
}

async fn look(
    shared: &Shared,
    frame: &Frame,
    search: Search,
    day: Option<Day>,
    filter: &PaymentFilter,
) -> Result<List, Problem> {
    let offset = shared.parts.shop.letterhead.utc_offset_minutes;
    let patience = if search.far { LONG_PATIENCE } else { PATIENCE };
    let Found {
        payments,
        goes_on,
        looked_back_to,
    } = lookup::look(shared, filter, patience).await?;
    let first_page = Search {
        before: String::new(),
        far: false,
        ..search.clone()
    };
    let next = goes_on.map(|before| Search {
        before: before.to_string(),
        far: looked_back_to.is_some(),
        ..search.clone()
    });
    let looked_back = looked_back_to.map(|at| {
        let time = Value::from(at.local_time(offset));
        frame.language.say_with("looked-back", [("time", time)])
    });
    Ok(List {
        next: next.map(|next| path(day, &next)),
        looked_back,
        day_before: day.map(|day| path(Some(day.plus(-1)), &first_page)),
        all_days: path(None, &first_page),
        csv: path(
            day,
            &Search {
                format: "csv".to_owned(),
                ..first_page
            },
        ),
        states: states(frame, filter.state),
        counters: counters(shared, frame, &search.counter),
        rows: payments
            .iter()
            .map(|payment| row(frame, payment, offset))
            .collect(),
        day: day.map(|day| day.to_string()).unwrap_or_default(),
        text: search.text.trim().to_owned(),
    })
}

fn path(day: Option<Day>, search: &Search) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("day", &day.map(|day| day.to_string()).unwrap_or_default());
    let fields = [
        ("counter", search.counter.as_str()),
        ("state", &search.state),
        ("text", search.text.trim()),
        ("before", &search.before),
        ("far", if search.far { "true" } else { "" }),
        ("format", &search.format),
    ];
    query.extend_pairs(fields.into_iter().filter(|(_, value)| !value.is_empty()));
    format!("/payments?{}", query.finish())
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

pub(super) fn counters(shared: &Shared, frame: &Frame, chosen: &str) -> Vec<Choice> {
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
        State::Approved | State::Confirmed | State::Authorised => "good",
        State::Declined | State::RefusedLater => "bad",
        State::Unknown | State::Reversing | State::Reversed | State::ApprovedOffline => "warning",
        State::Cancelled | State::Completed => "idle",
        State::Opened | State::Collecting | State::Submitted | State::Verifying => "busy",
    }
}

pub(super) fn state_name(frame: &Frame, state: State) -> String {
    frame.say(state.text_id())
}
