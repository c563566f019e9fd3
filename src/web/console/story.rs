//! `/payments/{id}`: one payment as a story: each step, what was asked and answered, its slip.

use actix_web::{
    HttpResponse,
    web::{Data, Path},
};
use askama::Template;
use store_actors::{
    domain::{payment::Payment, refund::RefundState, slip, timestamp::Timestamp},
    store::requests::GetPayment,
};

use super::{
    frame::{Frame, Visitor},
    payments_page::{state_name, tone},
    shown,
};
use crate::web::{Shared, input, model::PaymentModel, problem::Problem};

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
    let model = PaymentModel::from(&payment);
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
            shared.parts.shop.utc_offset_minutes,
        ),
        slip: slip::lines(&payment),
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
        model.reference.clone().unwrap_or_default(),
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
        step(at, state_name(frame, payment.state), reason(model));
    }
    for refund in &payment.refunds {
        let what = frame.say(match refund.state {
            RefundState::Refunded => "step-refunded",
            RefundState::Refused => "step-refund-refused",
            RefundState::Submitted | RefundState::Unknown => "step-refund",
        });
        step(refund.changed_at, what, refund.money.to_string());
    }
    steps.sort_by_key(|(at, _)| *at);
    steps.into_iter().map(|(_, step)| step).collect()
}

fn reason(model: &PaymentModel) -> String {
    let Some(reason) = &model.reason else {
        return String::new();
    };
    [
        Some(reason.code.to_owned()),
        reason.acquirer_code.clone(),
        reason.text.clone(),
    ]
    .into_iter()
    .flatten()
    .collect::<Vec<_>>()
    .join(" · ")
}
