//! Refunds: begin, look at.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path, Payload},
};
use store_actors::{
    domain::{
        ids::RefundId,
        payment::Payment,
        people::{approval::Action, deed::What},
        refund::ByWhom,
    },
    store::requests::{GetRefund, RefundOpened, RefundPayment},
};

use super::{
    Shared,
    caller::Caller,
    input,
    model::{NewRefund, RefundModel},
    payments,
    people::{self, approvals},
    problem::{Document, Kind, Problem},
};

const REASON_CHARACTERS_MAX: usize = 128;

/// Pays back all or part of an approved payment.
///
/// Answers once the refund is on disk, before the acquirer has made it: follow it by `GET`. The
/// same Idempotency-Key with the same body gives the same refund again, with status 200. Keys of
/// payments and refunds are one set.
#[utoipa::path(
    post, path = "/v1/payments/{id}/refunds", tag = "refunds", operation_id = "createRefund",
    params(
        ("id" = String, Path, description = "The payment's id"),
        ("Idempotency-Key" = String, Header, description = "1 to 128 visible characters, new for each refund"),
        ("X-Approval" = Option<String>, Header, description = "What POST /v1/approvals gave, for who may not refund alone"),
    ),
    request_body = NewRefund,
    responses(
        (status = 201, description = "Begun", body = RefundModel, headers(("Location" = String))),
        (status = 200, description = "Begun by an earlier request with this key", body = RefundModel),
        (status = 400, description = "invalid-request, idempotency-key-missing", body = Document, content_type = "application/problem+json"),
        (status = 404, description = "no-such-payment", body = Document, content_type = "application/problem+json"),
        (status = 409, description = "not-refundable: it is not approved, or has too many refunds; not-ready", body = Document, content_type = "application/problem+json"),
        (status = 413, description = "body-too-large", body = Document, content_type = "application/problem+json"),
        (status = 415, description = "unsupported-media-type", body = Document, content_type = "application/problem+json"),
        (status = 422, description = "invalid-amount, foreign-currency, refund-too-large, key-reused", body = Document, content_type = "application/problem+json"),
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
    let new: NewRefund = input::json(&request, payload).await?;
    let payment = payments::payment(&shared, &id).await?;
    caller.check_counter(&payment.counter)?;
    let currency = payment.money.currency();
    if let Some(code) = &new.currency
        && input::currency(code)? != currency
    {
        let detail = format!("the payment was made in {currency}");
        return Err(Problem::new(Kind::ForeignCurrency, detail));
    }
    let money = approvals::of_payment(&payment, new.amount.as_deref())?;
    let reason = input::words("reason", new.reason, REASON_CHARACTERS_MAX)?;
    let (of, amount) = (payment.id.to_string(), money.amount().to_string());
    let meaning = [Some("refund"), Some(&of), Some(&amount), reason.as_deref()];
    let fingerprint = input::fingerprint(&request, &meaning)?;
    let action = Action::Refund {
        payment: payment.id,
        money,
    };
    let approved_by = approvals::approved_by(&shared, &caller, &request, action, &fingerprint.key)?;
    let fingerprint = Some(fingerprint);
    let refund = RefundPayment {
        payment: payment.id,
        money,
        reason,
        fingerprint,
        by_whom: ByWhom {
            by: caller.name().map(str::to_owned),
            approved_by: approved_by.clone(),
        },
    };
    let RefundOpened {
        payment,
        refund,
        repeated,
    } = (shared.parts.store.refund)(refund).await?;
    if !repeated {
        let to = payment.id.to_string();
        let note = people::note(&shared, &caller, What::Refunded, &to, |deed| {
            deed.money = Some(money);
            deed.approved_by = approved_by;
        });
        note.await;
    }
    let model = model(&payment, refund)?;
    Ok(if repeated {
        HttpResponse::Ok().json(model)
    } else {
        HttpResponse::Created()
            .insert_header(("location", format!("/v1/refunds/{refund}")))
            .json(model)
    })
}

fn model(payment: &Payment, id: RefundId) -> Result<RefundModel, Problem> {
    let refund = payment.refund(id);
    let missing = || {
        Problem::new(
            Kind::NoSuchRefund,
            format!("payment {} has no refund {id}", payment.id),
        )
    };
    refund
        .map(|refund| RefundModel::of(payment, refund))
        .ok_or_else(missing)
}

/// One refund.
#[utoipa::path(
    get, path = "/v1/refunds/{id}", tag = "refunds", operation_id = "getRefund",
    params(("id" = String, Path, description = "The refund's id")),
    responses(
        (status = 200, description = "The refund as it is", body = RefundModel),
        (status = 400, description = "invalid-request", body = Document, content_type = "application/problem+json"),
        (status = 404, description = "no-such-refund", body = Document, content_type = "application/problem+json"),
        (status = 503, description = "journal-stopped, no-answer", body = Document, content_type = "application/problem+json"),
    )
)]
pub(super) async fn show(shared: Data<Shared>, id: Path<String>) -> Result<HttpResponse, Problem> {
    let id = input::parsed("id", &id)?;
    let payment = (shared.parts.store.get_refund)(GetRefund(id)).await?;
    Ok(HttpResponse::Ok().json(model(&payment, id)?))
}
