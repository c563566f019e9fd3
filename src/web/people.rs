//! People: who may sign in, as what. For managers.

pub(super) mod approvals;
pub(super) mod audit;
pub(super) mod refused;
pub(super) mod tokens;

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path, Payload},
};
use store_actors::domain::people::deed::{By, Deed, What};

use super::{
    Shared,
    caller::Caller,
    input,
    model::people::{NewPersonModel, PeopleModel, PersonChange, PersonModel},
    problem::{Document, Kind, Problem},
};
use crate::people::{Change, NewPerson, People};

/// Everybody; `not-found` where nobody signs in.
pub(super) fn people(shared: &Shared) -> Result<&People, Problem> {
    let off = || Problem::new(Kind::NotFound, "sign-in is off (people.sign_in)");
    shared.parts.people.as_deref().ok_or_else(off)
}

/// Writes down what the caller has done; nothing where nobody signs in.
pub(super) async fn note(
    shared: &Shared,
    caller: &Caller,
    what: What,
    to: &str,
    more: impl FnOnce(&mut Deed),
) {
    if let (Some(people), Some(by)) = (&shared.parts.people, caller.by()) {
        let mut deed = people.deed(by, what, Some(to), &caller.from);
        more(&mut deed);
        people.note(deed).await;
    }
}

/// As whom the caller is written down.
fn by(caller: &Caller) -> By {
    caller.by().unwrap_or(By::Unknown(None))
}

/// Everybody who may sign in.
#[utoipa::path(
    get, path = "/v1/people", tag = "people", operation_id = "listPeople",
    responses(
        (status = 200, description = "Everybody", body = PeopleModel),
        (status = 404, description = "not-found: sign-in is off", body = Document, content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(shared: Data<Shared>) -> Result<HttpResponse, Problem> {
    let contents = people(&shared)?.contents()?;
    let people = contents.people.iter().map(PersonModel::from).collect();
    Ok(HttpResponse::Ok().json(PeopleModel { people }))
}

/// Adds somebody.
#[utoipa::path(
    post, path = "/v1/people", tag = "people", operation_id = "addPerson", request_body = NewPersonModel,
    responses(
        (status = 201, description = "Added", body = PersonModel),
        (status = 400, description = "invalid-request", body = Document, content_type = "application/problem+json"),
        (status = 404, description = "not-found: sign-in is off", body = Document, content_type = "application/problem+json"),
        (status = 409, description = "name-taken", body = Document, content_type = "application/problem+json"),
        (status = 413, description = "body-too-large", body = Document, content_type = "application/problem+json"),
        (status = 415, description = "unsupported-media-type", body = Document, content_type = "application/problem+json"),
        (status = 422, description = "secret-refused: too short, a PIN where a password is needed, or too obvious", body = Document, content_type = "application/problem+json"),
        (status = 503, description = "journal-stopped, no-answer", body = Document, content_type = "application/problem+json"),
    )
)]
pub(super) async fn add(
    shared: Data<Shared>,
    caller: Caller,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let new: NewPersonModel = input::json(&request, payload).await?;
    let new = NewPerson {
        name: new.name,
        role: new.role.into(),
        language: new.language.into(),
        secret: new.secret,
    };
    let added = people(&shared)?.add(by(&caller), new, &caller.from).await?;
    Ok(HttpResponse::Created().json(PersonModel::from(&added)))
}

/// Changes somebody: role, language, lock, a new PIN or password.
///
/// A new role, secret or lock ends all of the person's sessions. Any change gives new tries to who
/// was locked out by failures.
#[utoipa::path(
    post, path = "/v1/people/{name}", tag = "people", operation_id = "changePerson",
    params(("name" = String, Path, description = "The person's name, percent-encoded")),
    request_body = PersonChange,
    responses(
        (status = 200, description = "Changed", body = PersonModel),
        (status = 400, description = "invalid-request", body = Document, content_type = "application/problem+json"),
        (status = 404, description = "no-such-person; not-found: sign-in is off", body = Document, content_type = "application/problem+json"),
        (status = 409, description = "last-manager: nobody would be left who looks after people", body = Document, content_type = "application/problem+json"),
        (status = 413, description = "body-too-large", body = Document, content_type = "application/problem+json"),
        (status = 415, description = "unsupported-media-type", body = Document, content_type = "application/problem+json"),
        (status = 422, description = "secret-refused: also where the new role needs a password and there is a PIN", body = Document, content_type = "application/problem+json"),
        (status = 503, description = "journal-stopped, no-answer", body = Document, content_type = "application/problem+json"),
    )
)]
pub(super) async fn change(
    shared: Data<Shared>,
    caller: Caller,
    name: Path<String>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let change: PersonChange = input::json(&request, payload).await?;
    let change = Change {
        role: change.role.map(Into::into),
        language: change.language.map(Into::into),
        locked: change.locked,
        secret: change.secret,
    };
    let changed = people(&shared)?.change_person(by(&caller), &name, change, &caller.from);
    Ok(HttpResponse::Ok().json(PersonModel::from(&changed.await?)))
}

/// Removes somebody, with all sessions.
#[utoipa::path(
    post, path = "/v1/people/{name}/remove", tag = "people", operation_id = "removePerson",
    params(("name" = String, Path, description = "The person's name, percent-encoded")),
    responses(
        (status = 204, description = "Gone"),
        (status = 404, description = "no-such-person; not-found: sign-in is off", body = Document, content_type = "application/problem+json"),
        (status = 409, description = "last-manager", body = Document, content_type = "application/problem+json"),
        (status = 503, description = "journal-stopped, no-answer", body = Document, content_type = "application/problem+json"),
    )
)]
pub(super) async fn remove(
    shared: Data<Shared>,
    caller: Caller,
    name: Path<String>,
) -> Result<HttpResponse, Problem> {
    let removed = people(&shared)?.remove(by(&caller), &name, &caller.from);
    removed.await?;
    Ok(HttpResponse::NoContent().finish())
}
