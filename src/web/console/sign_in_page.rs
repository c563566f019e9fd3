//! `/sign-in`, `/sign-out` and `/setup`: plain forms, so that they work where no script does.

use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header::LOCATION},
    web::{Data, Payload, Query},
};
use askama::Template;
use serde::Deserialize;
use store_actors::{domain::people::Role, language::Language};

use super::{
    frame::{Frame, Visitor, language_cookie, own_path},
    shown_as,
};
use crate::{
    people::{NewPerson, PeopleRefused, book::Person},
    web::{
        Shared,
        guard::{session_cookie, session_of},
        input,
        people::{people, refused},
        problem::Problem,
    },
};

#[derive(Template)]
#[template(path = "sign_in.html", config = "src/web/console/askama.toml")]
struct SignInPage {
    frame: Frame,
    back: String,
    name: String,
    refused: Option<String>,
}

#[derive(Template)]
#[template(path = "setup.html", config = "src/web/console/askama.toml")]
struct SetupPage {
    frame: Frame,
    code: String,
    name: String,
    refused: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct SignInQuery {
    #[serde(default)]
    back: String,
}

pub(super) async fn page(
    shared: Data<Shared>,
    visitor: Visitor,
    query: Query<SignInQuery>,
) -> Result<HttpResponse, Problem> {
    if shared.parts.people.is_none() {
        return Ok(see_other("/"));
    }
    let page = SignInPage {
        frame: Frame::new(&shared, visitor, "/sign-in"),
        back: own_path(&query.back).to_owned(),
        name: String::new(),
        refused: None,
    };
    shown_as(StatusCode::OK, &page)
}

pub(super) async fn sign_in(
    shared: Data<Shared>,
    visitor: Visitor,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let people = people(&shared)?;
    let form = input::form(&request, payload).await?;
    let (name, back) = (form.get("name"), own_path(form.get("back")));
    let from = &visitor.caller.from;
    match people.sign_in(name, form.get("secret"), from).await {
        Ok((session, person)) => {
            if let Some(before) = session_of(&request) {
                people.sign_out(&before, from).await;
            }
            Ok(signed_in(&request, session, &person, back))
        }
        Err(why) => {
            let page = SignInPage {
                refused: Some(refused::said(&why, visitor.language)),
                frame: Frame::new(&shared, visitor, "/sign-in"),
                back: back.to_owned(),
                name: name.to_owned(),
            };
            shown_as(status(&why), &page)
        }
    }
}

pub(super) fn status(refused: &PeopleRefused) -> StatusCode {
    match refused {
        PeopleRefused::Wait { .. } => StatusCode::TOO_MANY_REQUESTS,
        PeopleRefused::Busy(_) | PeopleRefused::Book(_) | PeopleRefused::Journal(_) => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        PeopleRefused::Secret(_) => StatusCode::UNPROCESSABLE_ENTITY,
        _ => StatusCode::FORBIDDEN,
    }
}

fn signed_in(request: &HttpRequest, session: String, person: &Person, back: &str) -> HttpResponse {
    HttpResponse::SeeOther()
        .cookie(session_cookie(request, Some(session)))
        .cookie(language_cookie(person.language()))
        .insert_header((LOCATION, back))
        .finish()
}

pub(super) fn see_other(path: &str) -> HttpResponse {
    HttpResponse::SeeOther()
        .insert_header((LOCATION, path))
        .finish()
}

pub(super) async fn sign_out(
    shared: Data<Shared>,
    visitor: Visitor,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    if let Some(session) = session_of(&request) {
        people(&shared)?
            .sign_out(&session, &visitor.caller.from)
            .await;
    }
    let mut answer = see_other("/sign-in");
    let gone = answer.add_cookie(&session_cookie(&request, None));
    if let Err(cause) = gone {
        tracing::error!(%cause, "a cookie can't be taken away");
    }
    Ok(answer)
}

#[derive(Debug, Deserialize)]
pub(super) struct SetupQuery {
    #[serde(default)]
    code: String,
}

/// For whoever has the link from the log; for everybody else it leads to the sign-in.
pub(super) async fn setup_page(
    shared: Data<Shared>,
    visitor: Visitor,
    query: Query<SetupQuery>,
) -> Result<HttpResponse, Problem> {
    let is_code = |people: &crate::people::People| people.is_setup_code(&query.code);
    if !shared.parts.people.as_deref().is_some_and(is_code) {
        return Ok(see_other("/sign-in"));
    }
    let page = SetupPage {
        frame: Frame::new(&shared, visitor, "/setup"),
        code: query.code.clone(),
        name: String::new(),
        refused: None,
    };
    shown_as(StatusCode::OK, &page)
}

pub(super) async fn set_up(
    shared: Data<Shared>,
    visitor: Visitor,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let people = people(&shared)?;
    let form = input::form(&request, payload).await?;
    let new = NewPerson {
        name: form.get("name").to_owned(),
        role: Role::Manager,
        language: Language::from_tag(form.get("language")).unwrap_or(visitor.language),
        secret: form.get("secret").to_owned(),
    };
    let is_typed_twice = form.get("secret") == form.get("again");
    let refused = if is_typed_twice {
        match people
            .set_up(form.get("code"), new, &visitor.caller.from)
            .await
        {
            Ok((session, person)) => return Ok(signed_in(&request, session, &person, "/people")),
            Err(why) => refused::said(&why, visitor.language),
        }
    } else {
        visitor.language.say("refused-typed-twice")
    };
    let page = SetupPage {
        frame: Frame::new(&shared, visitor, "/setup"),
        code: form.get("code").to_owned(),
        name: form.get("name").to_owned(),
        refused: Some(refused),
    };
    shown_as(StatusCode::UNPROCESSABLE_ENTITY, &page)
}
