//! Completions: taking what a pre-authorisation holds.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path, Payload},
};
use store_actors::{domain::people::deed::What, store::requests::CompletePayment};

use super::{
    Shared,
    caller::Caller,
    input,
    model::{NewCompletion, PaymentModel},
    payments,
    people::{self, approvals},
    problem::{Document, Problem},
};

/// Takes what a pre-authorisation holds, or a part of it.
///
/// The money is taken by a payment of its own, with which this answers once it is on disk: follow
/// it as any other. When it is approved, the pre-authorisation is `completed` and what it did not
/// take is no longer held. If it comes to nothing, the money stays held and may be taken again. The
/// same Idempotency-Key with the same body gives the same payment again, with status 200.
#[utoipa::path(
    post, path = "/v1/payments/{id}/completion", tag = "payments", operation_id = "completePayment",
    params(
        ("id" = String, Path, description = "The pre-authorisation's id"),
        ("Idempotency-Key" = String, Header, description = "1 to 128 visible characters, new for each completion"),
    ),
    request_body = NewCompletion,
    responses(
        (status = 201, description = "Begun", body = PaymentModel, headers(("Location" = String))),
        (status = 200, description = "Begun by an earlier request with this key", body = PaymentModel),
        (status = 400, description = "invalid-request, idempotency-key-missing", body = Document, content_type = "application/problem+json"),
        (status = 404, description = "no-such-payment", body = Document, content_type = "application/problem+json"),
        (status = 409, description = "not-held: it holds nothing, or another payment is taking it; not-ready", body = Document, content_type = "application/problem+json"),
        (status = 413, description = "body-too-large", body = Document, content_type = "application/problem+json"),
        (status = 415, description = "unsupported-media-type", body = Document, content_type = "application/problem+json"),
        (status = 422, description = "invalid-amount, more-than-held, key-reused", body = Document, content_type = "application/problem+json"),
        (status = 503, description = "journal-stopped, no-answer: repeat with the same key", body = Document, content_type = "application/problem+json"),
    )
)]
pub(super) async fn create(
    shared: Data<Shared>,
    caller: Caller,
    id: Path<String>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let new: NewCompletion = input::json(&request, payload).await?;
    let held = payments::payment(&shared, &id).await?;
    caller.check_counter(&held.counter)?;
    let money = approvals::of_payment(&held, new.amount.as_deref())?;
    let (of, amount) = (held.id.to_string(), money.amount().to_string());
    let meaning = [Some("completion"), Some(of.as_str()), Some(amount.as_str())];
    let fingerprint = input::fingerprint(&request, &meaning)?;
    let complete = CompletePayment {
        payment: held.id,
        money,
        fingerprint: Some(fingerprint),
        by: caller.name().map(str::to_owned),
    };
    let begun = (shared.parts.store.complete)(complete).await?;
    if !begun.repeated {
        let note = people::note(&shared, &caller, What::Completed, &of, |deed| {
            deed.money = Some(money);
        });
        note.await;
    }
    Ok(payments::begun(&begun))
}
