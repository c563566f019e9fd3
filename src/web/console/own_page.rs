//! `/me`: one's own PIN or password. A plain form, so that it works where no script does.

use actix_web::{
    HttpRequest, HttpResponse,
    http::StatusCode,
    web::{Data, Payload},
};
use askama::Template;

use super::{
    frame::{Frame, Visitor},
    shown_as,
    sign_in_page::{see_other, status},
};
use crate::web::{
    Shared,
    guard::{session_cookie, session_of},
    input,
    people::{people, refused},
    problem::Problem,
};

#[derive(Template)]
#[template(path = "me.html", config = "src/web/console/askama.toml")]
struct OwnPage {
    frame: Frame,
    refused: Option<String>,
    is_changed: bool,
}

pub(super) async fn page(
    shared: Data<Shared>,
    visitor: Visitor,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    if shared.parts.people.is_none() {
        return Ok(see_other("/"));
    }
    let page = OwnPage {
        frame: Frame::new(&shared, visitor, "/me"),
        refused: None,
        is_changed: request.query_string() == "changed",
    };
    shown_as(StatusCode::OK, &page)
}

pub(super) async fn change(
    shared: Data<Shared>,
    visitor: Visitor,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let people = people(&shared)?;
    let form = input::form(&request, payload).await?;
    let (Some(person), Some(session)) = (visitor.caller.person(), session_of(&request)) else {
        return Ok(see_other("/sign-in"));
    };
    let (status, refused) = if form.get("secret") == form.get("again") {
        let secrets = (form.get("old"), form.get("secret"));
        let from = &visitor.caller.from;
        match people
            .change_own_secret((person, &session), secrets, from)
            .await
        {
            Ok((session, _)) => {
                // another value of the session, and with it another proof in its forms
                let mut answer = see_other("/me?changed");
                if let Err(cause) = answer.add_cookie(&session_cookie(&request, Some(session))) {
                    tracing::error!(%cause, "a cookie can't be given");
                }
                return Ok(answer);
            }
            Err(why) => (status(&why), refused::said(&why, visitor.language)),
        }
    } else {
        let said = visitor.language.say("refused-typed-twice");
        (StatusCode::UNPROCESSABLE_ENTITY, said)
    };
    let page = OwnPage {
        frame: Frame::new(&shared, visitor, "/me"),
        refused: Some(refused),
        is_changed: false,
    };
    shown_as(status, &page)
}
