//! `/people`, `/tokens` and `/audit`: who may do what, with which token, and who did what.

use actix_web::{
    HttpResponse,
    web::{Data, Query},
};
use askama::Template;
use serde::Deserialize;
use store_actors::domain::{
    day::Day,
    people::{
        Role, Scope,
        deed::{By, Deed, What},
    },
};

use super::{
    frame::{Frame, Visitor},
    shown,
};
use crate::web::{
    Shared, input,
    people::{audit, people},
    problem::Problem,
};

const DEEDS_MAX: usize = 200;

#[derive(Template)]
#[template(path = "people.html", config = "src/web/console/askama.toml")]
struct PeoplePage {
    frame: Frame,
    people: Vec<Line>,
    roles: Vec<(&'static str, String)>,
    own: String,
    /// Of the server's certificate.
    fingerprint: Option<String>,
}

#[derive(Debug)]
struct Line {
    name: String,
    /// The name, percent-encoded.
    path: String,
    role: &'static str,
    role_name: String,
    language: String,
    language_name: &'static str,
    is_locked: bool,
}

pub(super) async fn page(shared: Data<Shared>, visitor: Visitor) -> Result<HttpResponse, Problem> {
    let contents = people(&shared)?.contents()?;
    let frame = Frame::new(&shared, visitor, "/people");
    let line = |person: &crate::people::book::Person| Line {
        name: person.name.clone(),
        path: encoded(&person.name),
        role: person.role.as_str(),
        role_name: frame.say(role_id(person.role)),
        language: person.language.clone(),
        language_name: person.language().own_name(),
        is_locked: person.locked,
    };
    let roles = Role::ALL.map(|role| (role.as_str(), frame.say(role_id(role))));
    shown(&PeoplePage {
        people: contents.people.iter().map(line).collect(),
        roles: roles.into(),
        own: frame.caller.name().unwrap_or_default().to_owned(),
        fingerprint: shared.parts.tls.as_ref().map(|tls| tls.fingerprint.clone()),
        frame,
    })
}

/// For a path: `+` is a plus there, and a space is not one.
fn encoded(name: &str) -> String {
    let text: String = form_urlencoded::byte_serialize(name.as_bytes()).collect();
    text.replace('+', "%20")
}

#[derive(Template)]
#[template(path = "tokens.html", config = "src/web/console/askama.toml")]
struct TokensPage {
    frame: Frame,
    tokens: Vec<TokenLine>,
    scopes: Vec<(&'static str, String)>,
    counters: Vec<String>,
}

#[derive(Debug)]
struct TokenLine {
    id: String,
    name: String,
    scopes: String,
    counters: String,
    made_at: String,
    made_by: String,
}

pub(super) async fn tokens(
    shared: Data<Shared>,
    visitor: Visitor,
) -> Result<HttpResponse, Problem> {
    let contents = people(&shared)?.contents()?;
    let frame = Frame::new(&shared, visitor, "/tokens");
    let offset = shared.parts.shop.letterhead.utc_offset_minutes;
    let line = |token: &crate::people::book::Token| TokenLine {
        id: token.id.clone(),
        name: token.name.clone(),
        scopes: joined(token.scopes.iter().map(|scope| frame.say(scope_id(*scope)))),
        counters: match token.counters.is_empty() {
            true => frame.say("all-counters"),
            false => joined(token.counters.iter().map(ToString::to_string)),
        },
        made_at: token.made_at.local_time(offset),
        made_by: token.made_by.clone(),
    };
    let scopes = Scope::ALL.map(|scope| (scope.as_str(), frame.say(scope_id(scope))));
    let counters = shared.parts.shop.collect_timeout_ms.keys();
    shown(&TokensPage {
        tokens: contents.tokens.iter().map(line).collect(),
        scopes: scopes.into(),
        counters: counters.map(ToString::to_string).collect(),
        frame,
    })
}

fn joined(words: impl Iterator<Item = String>) -> String {
    words.collect::<Vec<_>>().join(", ")
}

#[derive(Template)]
#[template(path = "audit.html", config = "src/web/console/askama.toml")]
struct AuditPage {
    frame: Frame,
    day: String,
    deeds: Vec<DeedLine>,
}

#[derive(Debug)]
struct DeedLine {
    at: String,
    tone: &'static str,
    who: String,
    what: String,
    to: String,
    /// Where `to` is a payment.
    payment: Option<String>,
    amount: String,
    approved_by: String,
    from: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct AuditPageQuery {
    #[serde(default)]
    day: String,
}

pub(super) async fn audit_page(
    shared: Data<Shared>,
    visitor: Visitor,
    query: Query<AuditPageQuery>,
) -> Result<HttpResponse, Problem> {
    let wrong = || input::invalid("day: a day such as 2026-11-22");
    let day = match query.day.as_str() {
        "" => None,
        text => Some(Day::parse(text).ok_or_else(wrong)?),
    };
    let deeds = audit::deeds(&shared, day, DEEDS_MAX).await?;
    let frame = Frame::new(&shared, visitor, "/audit");
    let offset = shared.parts.shop.letterhead.utc_offset_minutes;
    shown(&AuditPage {
        deeds: deeds
            .iter()
            .map(|deed| line(&frame, deed, offset))
            .collect(),
        day: query.day.clone(),
        frame,
    })
}

fn line(frame: &Frame, deed: &Deed, offset: i32) -> DeedLine {
    let payment = matches!(
        deed.what,
        What::Refunded | What::Cancelled | What::ApprovalGiven
    );
    DeedLine {
        at: deed.at.local_time(offset),
        tone: match deed.what {
            What::SignInFailed | What::ApprovalFailed | What::SecretChangeFailed => "warning",
            What::LockedOut => "bad",
            _ => "",
        },
        who: match &deed.by {
            By::Person(name) | By::Token(name) => name.clone(),
            By::Shell => frame.say("by-shell"),
            By::Unknown(claimed) => claimed.clone().unwrap_or_else(|| frame.say("by-unknown")),
        },
        what: frame.say(what_id(deed.what)),
        payment: deed.to.clone().filter(|_| payment),
        to: deed.to.clone().unwrap_or_default(),
        amount: deed
            .money
            .map(|money| money.to_string())
            .unwrap_or_default(),
        approved_by: deed.approved_by.clone().unwrap_or_default(),
        from: deed.from.clone().unwrap_or_default(),
    }
}

pub(super) const fn role_id(role: Role) -> &'static str {
    match role {
        Role::Cashier => "role-cashier",
        Role::Supervisor => "role-supervisor",
        Role::Manager => "role-manager",
        Role::Operator => "role-operator",
        Role::Auditor => "role-auditor",
    }
}

const fn scope_id(scope: Scope) -> &'static str {
    match scope {
        Scope::Pay => "scope-pay",
        Scope::Refund => "scope-refund",
        Scope::Read => "scope-read",
        Scope::Office => "scope-office",
        Scope::Metrics => "scope-metrics",
    }
}

const fn what_id(what: What) -> &'static str {
    match what {
        What::SetUp => "deed-set-up",
        What::SignedIn => "deed-signed-in",
        What::SignInFailed => "deed-sign-in-failed",
        What::LockedOut => "deed-locked-out",
        What::SignedOut => "deed-signed-out",
        What::SecretChanged => "deed-secret-changed",
        What::SecretChangeFailed => "deed-secret-change-failed",
        What::PersonAdded => "deed-person-added",
        What::PersonChanged => "deed-person-changed",
        What::PersonRemoved => "deed-person-removed",
        What::TokenMade => "deed-token-made",
        What::TokenRevoked => "deed-token-revoked",
        What::ApprovalGiven => "deed-approval-given",
        What::ApprovalFailed => "deed-approval-failed",
        What::Cancelled => "deed-cancelled",
        What::Refunded => "deed-refunded",
        What::Completed => "deed-completed",
        What::ShiftOpened => "deed-shift-opened",
        What::CashMoved => "deed-cash-moved",
        What::ShiftClosed => "deed-shift-closed",
        What::DayClosed => "deed-day-closed",
        What::DifferenceMoved => "deed-difference-moved",
        What::RecordSent => "deed-record-sent",
        What::StickersIssued => "deed-stickers-issued",
    }
}
