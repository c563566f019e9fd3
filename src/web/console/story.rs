//! `/payments/{id}`: one payment as a story: each step, what was asked and answered, its slip.

use actix_web::{
    HttpResponse,
    web::{Data, Path},
};
use askama::Template;
use store_actors::{
    domain::{
        payment::Payment,
        people::access::Verdict,
        refund::{Refund, RefundState},
        slip,
        tender::Tender,
        timestamp::Timestamp,
    },
    store::requests::GetPayment,
};

use super::{
    frame::{Frame, Visitor},
    office::funding_name,
    payments_page::{state_name, tone},
    shown,
};
use crate::web::{Shared, input, model::PaymentModel, payments, problem::Problem};

#[derive(Template)]
#[template(path = "payment.html", config = "src/web/console/askama.toml")]
struct StoryPage {
    frame: Frame,
    story: Story,
}

#[derive(Debug)]
struct Story {
    model: PaymentModel,
    amount: String,
    tone: &'static str,
    state: String,
    words: String,
    /// Of a card; also that it is not known, since that has a price.
    card_kind: Option<String>,
    /// Whether the visitor may give back, alone or with approval.
    refund: Verdict,
    /// What it holds can be taken or let go of, by this visitor.
    can_complete: bool,
    steps: Vec<Step>,
    slip: Vec<String>,
}

/// Something that happened, in the order of time.
#[derive(Debug)]
struct Step {
    at: String,
    what: String,
    said: String,
}

pub(super) async fn page(
    shared: Data<Shared>,
    visitor: Visitor,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let (frame, story) = look(&shared, visitor, &id).await?;
    shown(&StoryPage { frame, story })
}

async fn look(
    shared: &Data<Shared>,
    visitor: Visitor,
    id: &str,
) -> Result<(Frame, Story), Problem> {
    let payment = (shared.parts.store.get)(GetPayment(input::parsed("id", id)?)).await?;
    let frame = Frame::new(shared, visitor, format!("/payments/{}", payment.id));
    let model = PaymentModel {
        costs: payments::costs(shared, &payment).await?,
        ..PaymentModel::from(&payment)
    };
    let story = Story {
        amount: payment.money.to_string(),
        tone: tone(payment.state),
        state: state_name(&frame, payment.state),
        words: frame
            .language
            .of(model.words.zh.clone(), model.words.en.clone()),
        steps: told(
            &frame,
            &payment,
            &model,
            shared.parts.shop.letterhead.utc_offset_minutes,
        ),
        card_kind: (payment.actual_tender() == Tender::Card && payment.presented.is_some()).then(
            || {
                let funding = payment.means().funding;
                match funding {
                    Some(funding) => funding_name(frame.language, funding.as_str()),
                    None => frame.say("card-kind-unknown"),
                }
            },
        ),
        slip: slip::lines(&payment, &shared.parts.shop.letterhead),
        refund: frame.caller.verdict("POST", "/v1/payments/{id}/refunds"),
        can_complete: payment.check_completion(payment.money).is_ok()
            && frame.may("POST", "/v1/payments/{id}/completion"),
        model,
    };
    Ok((frame, story))
}

fn told(frame: &Frame, payment: &Payment, model: &PaymentModel, offset: i32) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut step = |at: Timestamp, what: String, said: String| {
        let time = at.local_time(offset);
        steps.push((
            at,
            Step {
                at: time,
                what,
                said,
            },
        ));
    };
    step(
        payment.opened_at,
        frame.say("step-opened"),
        [model.reference.clone(), payment.opened_by.clone()]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(" · "),
    );
    if let Some(at) = payment.submitted_at {
        let by = model.acquirer.clone().unwrap_or_default();
        step(at, frame.say("step-submitted"), by);
    }
    for evidence in &payment.evidence {
        let what = frame.say(match evidence.operation.as_str() {
            "charge" => "step-charge",
            "query" => "step-query",
            "reverse" => "step-reverse",
            _ => "step-refund",
        });
        let said = evidence.said.as_ref().map(ToString::to_string);
        step(
            evidence.at,
            what,
            said.unwrap_or_else(|| frame.say("no-answer-yet")),
        );
    }
    if let Some(at) = payment.ended_at {
        let why = payment.reason.as_ref().map(|why| why.say(frame.language));
        step(
            at,
            state_name(frame, payment.state),
            why.unwrap_or_default(),
        );
    }
    for refund in &payment.refunds {
        let what = frame.say(match refund.state {
            RefundState::Refunded => "step-refunded",
            RefundState::Refused => "step-refund-refused",
            RefundState::Submitted | RefundState::Unknown => "step-refund",
        });
        step(refund.changed_at, what, refunded(frame, refund));
    }
    steps.sort_by_key(|(at, _)| *at);
    steps.into_iter().map(|(_, step)| step).collect()
}

/// How much, who asked for it, and who allowed it.
fn refunded(frame: &Frame, refund: &Refund) -> String {
    let mut said = refund.money.to_string();
    if let Some(name) = &refund.by {
        said = format!("{said} · {name}");
    }
    if let Some(name) = &refund.approved_by {
        let approved = frame
            .language
            .say_with("approved-by-whom", [("name", name.as_str().into())]);
        said = format!("{said} · {approved}");
    }
    said
}
