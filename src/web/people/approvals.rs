//! Approval in place: a supervisor types name and PIN where the cashier stands.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Payload},
};
use store_actors::domain::{
    money::Money,
    payment::Payment,
    people::{access::Verdict, approval::Action},
};

use super::people;
use crate::{
    people::{PeopleRefused, Wanted},
    web::{
        Shared,
        caller::Caller,
        guard::APPROVAL,
        input,
        model::people::{ApprovalModel, NewApproval},
        payments,
        problem::{Document, Kind, Problem},
    },
};

/// Approves a refund that somebody else asks for.
///
/// What it gives is sent with the refund. Wrong names and secrets count as they do at the sign-in.
#[utoipa::path(
    post, path = "/v1/approvals", tag = "people", operation_id = "approve", request_body = NewApproval,
    responses(
        (status = 201, description = "Approved", body = ApprovalModel),
        (status = 400, description = "invalid-request", body = Document, content_type = "application/problem+json"),
        (status = 403, description = "wrong-secret; not-allowed: this person may not approve it", body = Document, content_type = "application/problem+json"),
        (status = 404, description = "no-such-payment; not-found: sign-in is off", body = Document, content_type = "application/problem+json"),
        (status = 409, description = "not-refundable", body = Document, content_type = "application/problem+json"),
        (status = 413, description = "body-too-large", body = Document, content_type = "application/problem+json"),
        (status = 415, description = "unsupported-media-type", body = Document, content_type = "application/problem+json"),
        (status = 422, description = "invalid-amount, refund-too-large", body = Document, content_type = "application/problem+json"),
        (status = 429, description = "locked-out: too many failures; `Retry-After` says how long", body = Document, content_type = "application/problem+json"),
        (status = 503, description = "journal-stopped, no-answer", body = Document, content_type = "application/problem+json"),
    )
)]
pub(in crate::web) async fn give(
    shared: Data<Shared>,
    caller: Caller,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let new: NewApproval = input::json(&request, payload).await?;
    let people = people(&shared)?;
    let payment = payments::payment(&shared, &new.payment).await?;
    let money = of_payment(&payment, new.amount.as_deref())?;
    payment
        .check_refund(money)
        .map_err(store_actors::store::requests::Refused::from)?;
    let approved = people.approve(Wanted {
        action: Action::Refund {
            payment: payment.id,
            money,
        },
        asked_by: caller.name().unwrap_or_default(),
        name: &new.name,
        secret: &new.secret,
        from: &caller.from,
    });
    let approval = approved.await?;
    Ok(HttpResponse::Created().json(ApprovalModel { approval }))
}

/// So much of this payment; without an amount all of it.
pub(in crate::web) fn of_payment(
    payment: &Payment,
    amount: Option<&str>,
) -> Result<Money, Problem> {
    match amount {
        Some(amount) => input::money(amount, payment.money.currency()),
        None => Ok(payment.money),
    }
}

/// Who approved this action of the caller's; `None` where nobody has to.
///
/// # Errors
/// `approval-needed`: there is none, or it was given for something else.
pub(in crate::web) fn approved_by(
    shared: &Shared,
    caller: &Caller,
    request: &HttpRequest,
    action: Action,
    key: &str,
) -> Result<Option<String>, Problem> {
    let Some(person) = caller.person() else {
        return Ok(None);
    };
    let who = store_actors::domain::people::access::Who::Person(person.role);
    if action.needs().verdict(who) == Verdict::Allowed {
        return Ok(None);
    }
    let value = request
        .headers()
        .get(APPROVAL)
        .and_then(|value| value.to_str().ok());
    let missing = || Problem::new(Kind::ApprovalNeeded, "X-Approval is not there");
    let value = value.ok_or_else(missing)?;
    let used = people(shared)?.use_approval(value, action, &person.name, key);
    Ok(Some(used.map_err(PeopleRefused::from)?))
}
