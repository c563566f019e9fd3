//! `/devices/{id}`: one device, how it does, and a button for each thing that it can be tried with.
//! What came of it is said on the page that answers.

use actix_web::{
    HttpRequest, HttpResponse,
    http::StatusCode,
    web::{Data, Path, Payload},
};
use askama::Template;
use serde::Deserialize;
use store_actors::{
    counter::trial::{NotTried, Trial, Tried},
    language::Value,
    signal::DeviceStatus,
    store::requests::Refused,
};

use super::{
    frame::{Frame, Visitor},
    office::scheme_name,
    overview::{DeviceLine, device_line},
    shown_as,
};
use crate::web::{Shared, devices, input, model::TrialKind, problem::Problem};

#[derive(Template)]
#[template(path = "device.html", config = "src/web/console/askama.toml")]
struct DevicePage {
    frame: Frame,
    device: DeviceLine,
    trials: Vec<TrialButton>,
    /// What came of the last one.
    outcome: Option<Outcome>,
}

#[derive(Debug)]
struct TrialButton {
    code: &'static str,
    name: String,
}

#[derive(Debug)]
struct Outcome {
    tone: &'static str,
    words: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TrialForm {
    what: TrialKind,
}

pub(super) async fn page(
    shared: Data<Shared>,
    visitor: Visitor,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let status = devices::status(&shared, &id)?;
    shown(&shared, visitor, &status, None, StatusCode::OK)
}

fn shown(
    shared: &Data<Shared>,
    visitor: Visitor,
    status: &DeviceStatus,
    outcome: Option<Outcome>,
    code: StatusCode,
) -> Result<HttpResponse, Problem> {
    let frame = Frame::new(shared, visitor, format!("/devices/{}", status.id));
    let button = |trial: &Trial| TrialButton {
        code: trial.as_str(),
        name: frame.say(match trial {
            Trial::Beep => "try-beep",
            Trial::Display => "try-display",
            Trial::Print => "try-print",
            Trial::Read => "try-read",
        }),
    };
    let page = DevicePage {
        device: device_line(frame.language, status, shared.parts.clock.now()),
        trials: Trial::of(status.kind).iter().map(button).collect(),
        frame,
        outcome,
    };
    shown_as(code, &page)
}

/// A form: tries the device.
pub(super) async fn attempt(
    shared: Data<Shared>,
    visitor: Visitor,
    request: HttpRequest,
    id: Path<String>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let form: TrialForm = input::form_as(&request, payload).await?;
    let status = devices::status(&shared, &id)?;
    let frame = Frame::new(&shared, visitor.clone(), "");
    let (outcome, code) = match devices::attempt(&shared, &status, form.what).await {
        Ok(tried) => (came(&frame, tried), StatusCode::OK),
        Err(Refused::NotTried(why)) => (against(&frame, &why), StatusCode::CONFLICT),
        Err(refused) => return Err(refused.into()),
    };
    shown(&shared, visitor, &status, Some(outcome), code)
}

fn came(frame: &Frame, tried: Tried) -> Outcome {
    let of = |id, scheme: store_actors::domain::tender::Scheme| {
        let scheme = scheme_name(frame.language, scheme.as_str());
        frame
            .language
            .say_with(id, [("scheme", Value::from(scheme))])
    };
    let (tone, words) = match tried {
        Tried::Told => ("good", frame.say("tried-told")),
        Tried::Code(scheme) => ("good", of("tried-code", scheme)),
        Tried::OtherCode(_) => ("good", frame.say("tried-other-code")),
        Tried::Card(scheme) => ("good", of("tried-card", scheme)),
        Tried::CardUnread => ("bad", frame.say("tried-card-unread")),
        Tried::Nothing => ("warning", frame.say("tried-nothing")),
        Tried::Overtaken => ("warning", frame.say("tried-overtaken")),
    };
    Outcome { tone, words }
}

fn against(frame: &Frame, why: &NotTried) -> Outcome {
    let words = match why {
        NotTried::NoSuchDevice => frame.say("not-tried-none"),
        NotTried::Held(_) => frame.say("not-tried-held"),
        NotTried::AnotherTrial => frame.say("not-tried-another"),
        NotTried::Away(why) => {
            let why = Value::from(store_actors::language::why(frame.language, why));
            frame.language.say_with("not-tried-away", [("why", why)])
        }
        NotTried::CantDo => frame.say("not-tried-cant-do"),
    };
    Outcome { tone: "bad", words }
}
