//! `/unknown`: what nobody knows yet. `/outbox`: what the head office does not hold yet.

use actix_web::{HttpResponse, web::Data};
use askama::Template;
use store_actors::{language::Value, store::requests::GetUnknown};

use super::{
    frame::{Frame, Visitor},
    overview::{age_words, unsent_money},
    shown,
};
use crate::web::{
    Shared,
    model::{OutboxModel, ParkedModel, UnknownModel},
    problem::Problem,
};

#[derive(Template)]
#[template(path = "unknown.html", config = "src/web/console/askama.toml")]
struct UnknownPage {
    frame: Frame,
    lines: Vec<Line>,
}

#[derive(Template)]
#[template(path = "outbox.html", config = "src/web/console/askama.toml")]
struct OutboxPage {
    frame: Frame,
    outbox: OutboxModel,
    money: Vec<String>,
    oldest: String,
    parked: Vec<ParkedModel>,
}

/// One line of what nobody knows.
#[derive(Debug)]
struct Line {
    payment: String,
    counter: String,
    amount: String,
    what: String,
    age: String,
    next: String,
    asked: String,
    last_word: String,
}

pub(super) async fn unknown(
    shared: Data<Shared>,
    visitor: Visitor,
) -> Result<HttpResponse, Problem> {
    let frame = Frame::new(&shared, visitor, "/unknown");
    let lines = lines(&shared, &frame).await?;
    shown(&UnknownPage { frame, lines })
}

async fn lines(shared: &Shared, frame: &Frame) -> Result<Vec<Line>, Problem> {
    let unknown = (shared.parts.store.unknown)(GetUnknown).await?;
    let unknown = UnknownModel::of(&unknown, shared.parts.clock.now());
    let line = |line: &crate::web::model::UnresolvedModel| {
        let last = line.payment.evidence.last();
        Line {
            payment: line.payment.id.clone(),
            counter: line.payment.counter.clone(),
            amount: format!("{} {}", line.amount, line.payment.currency),
            what: frame.say(match line.what {
                "outcome" => "doubt-outcome",
                "late_approval" => "doubt-late",
                "refund" => "doubt-refund",
                "paid_twice" => "doubt-twice",
                _ => "doubt-offline",
            }),
            age: age_words(frame.language, line.age_ms),
            next: frame.say(line.next_action.text_id()),
            asked: frame.language.say_with(
                "asked",
                [
                    ("queries", Value::from(line.queries)),
                    ("reversals", Value::from(line.reversals)),
                ],
            ),
            last_word: last.and_then(|last| last.said.clone()).unwrap_or_default(),
        }
    };
    Ok(unknown.unknown.iter().map(line).collect())
}

pub(super) async fn outbox(
    shared: Data<Shared>,
    visitor: Visitor,
) -> Result<HttpResponse, Problem> {
    let frame = Frame::new(&shared, visitor, "/outbox");
    let status = shared.parts.signals.board().outbox;
    let money = unsent_money(frame.language, status.money.as_deref().unwrap_or_default());
    let outbox = OutboxModel::from(&status);
    let age = outbox.oldest_age_ms.filter(|_| outbox.depth > 0);
    let oldest = age.map_or_else(
        || frame.say("nothing-unsent"),
        |age| age_words(frame.language, age),
    );
    let parked = crate::web::parked::all(&shared).await?;
    shown(&OutboxPage {
        frame,
        outbox,
        oldest,
        money,
        parked,
    })
}
