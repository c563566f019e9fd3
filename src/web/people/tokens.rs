//! Tokens of tills and other programs. For managers.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path, Payload},
};

use super::{by, people};
use crate::{
    people::NewToken,
    web::{
        Shared,
        caller::Caller,
        input,
        model::people::{NewTokenModel, TokenModel, TokensModel},
        problem::{Document, Kind, Problem},
    },
};

/// All tokens, without what proves them.
#[utoipa::path(
    get, path = "/v1/tokens", tag = "people", operation_id = "listTokens",
    responses(
        (status = 200, description = "All tokens", body = TokensModel),
        (status = 404, description = "not-found: sign-in is off", body = Document, content_type = "application/problem+json"),
    )
)]
pub(in crate::web) async fn list(shared: Data<Shared>) -> Result<HttpResponse, Problem> {
    let contents = people(&shared)?.contents()?;
    let tokens = contents.tokens.iter().map(TokenModel::from).collect();
    Ok(HttpResponse::Ok().json(TokensModel { tokens }))
}

/// Makes a token. It is in this answer and nowhere else.
#[utoipa::path(
    post, path = "/v1/tokens", tag = "people", operation_id = "makeToken", request_body = NewTokenModel,
    responses(
        (status = 201, description = "Made", body = TokenModel),
        (status = 400, description = "invalid-request", body = Document, content_type = "application/problem+json"),
        (status = 404, description = "no-such-counter; not-found: sign-in is off", body = Document, content_type = "application/problem+json"),
        (status = 409, description = "name-taken", body = Document, content_type = "application/problem+json"),
        (status = 413, description = "body-too-large", body = Document, content_type = "application/problem+json"),
        (status = 415, description = "unsupported-media-type", body = Document, content_type = "application/problem+json"),
        (status = 503, description = "journal-stopped, no-answer", body = Document, content_type = "application/problem+json"),
    )
)]
pub(in crate::web) async fn make(
    shared: Data<Shared>,
    caller: Caller,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let new: NewTokenModel = input::json(&request, payload).await?;
    let mut counters = Vec::new();
    for counter in &new.counters {
        let counter = input::parsed("counters", counter)?;
        if !shared.parts.shop.collect_timeout_ms.contains_key(&counter) {
            let detail = format!("there is no counter {counter}");
            return Err(Problem::new(Kind::NoSuchCounter, detail));
        }
        counters.push(counter);
    }
    let new = NewToken {
        name: new.name,
        scopes: new.scopes.into_iter().map(Into::into).collect(),
        counters,
    };
    let made = people(&shared)?.make_token(by(&caller), new, &caller.from);
    let (value, token) = made.await?;
    Ok(HttpResponse::Created().json(TokenModel::from(&token).with(value)))
}

/// Revokes a token: the next request with it is refused.
#[utoipa::path(
    post, path = "/v1/tokens/{id}/revoke", tag = "people", operation_id = "revokeToken",
    params(("id" = String, Path, description = "The token's id, as the list has it")),
    responses(
        (status = 204, description = "Revoked"),
        (status = 404, description = "no-such-token; not-found: sign-in is off", body = Document, content_type = "application/problem+json"),
        (status = 503, description = "journal-stopped, no-answer", body = Document, content_type = "application/problem+json"),
    )
)]
pub(in crate::web) async fn revoke(
    shared: Data<Shared>,
    caller: Caller,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let revoked = people(&shared)?.revoke_token(by(&caller), &id, &caller.from);
    revoked.await?;
    Ok(HttpResponse::NoContent().finish())
}
