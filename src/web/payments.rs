//! Payments: begin, look at, list, cancel.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path, Payload},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;
use store_actors::{
    domain::{
        ids::PaymentId,
        payment::{Origin, Payment},
        people::deed::What,
        tender::Tender,
        timestamp::Timestamp,
    },
    ports::PaymentFilter,
    store::requests::{CancelPayment, FindPayments, GetPayment, OpenPayment, Opened},
};
use utoipa::IntoParams;

use super::{
    Shared,
    caller::Caller,
    input,
    model::{NewPayment, PaymentModel, PaymentsModel, StateKind, office::CostsModel},
    people,
    problem::{Document, Problem},
};
use crate::crash;

const REFERENCE_CHARACTERS_MAX: usize = 64;
const PAGE_USUAL: usize = 50;
const PAGE_MAX: usize = 500;

/// Begins a payment at a counter.
///
/// Answers once the payment is on disk, before the customer has paid: follow it by `GET` or
/// `/v1/events`. The same Idempotency-Key with the same body gives the same payment again, with
/// status 200.
#[utoipa::path(
    post, path = "/v1/payments", tag = "payments", operation_id = "createPayment",
    params(("Idempotency-Key" = String, Header, description = "1 to 128 visible characters, new for each payment")),
    request_body = NewPayment,
    responses(
        (status = 201, description = "Begun", body = PaymentModel, headers(("Location" = String))),
        (status = 200, description = "Begun by an earlier request with this key", body = PaymentModel),
        (status = 400, description = "invalid-request, idempotency-key-missing", body = Document, content_type = "application/problem+json"),
        (status = 404, description = "no-such-counter: the configuration has no counter of this id", body = Document, content_type = "application/problem+json"),
        (status = 409, description = "not-ready: the counter is there and can't take this now; `obstacles` says why. no-pre-authorisation: nobody holds a card's money here, or another tender was asked for. paid-already: a payment for this reference that had no outcome turned out paid just now. too-many-tries: too many payments for this reference have no outcome", body = Document, content_type = "application/problem+json"),
        (status = 413, description = "body-too-large", body = Document, content_type = "application/problem+json"),
        (status = 415, description = "unsupported-media-type", body = Document, content_type = "application/problem+json"),
        (status = 422, description = "invalid-amount, foreign-currency, key-reused", body = Document, content_type = "application/problem+json"),
        (status = 503, description = "journal-stopped, disk-nearly-full, no-answer: repeat with the same key", body = Document, content_type = "application/problem+json"),
    )
)]
pub(super) async fn create(
    shared: Data<Shared>,
    caller: Caller,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let new: NewPayment = input::json(&request, payload).await?;
    let counter = input::parsed("counter", &new.counter)?;
    caller.check_counter(&counter)?;
    let money = input::money(&new.amount, input::currency(&new.currency)?)?;
    let tender = Tender::from(new.tender);
    let reference = input::words("reference", new.reference, REFERENCE_CHARACTERS_MAX)?;
    let (amount, currency) = (money.amount().to_string(), money.currency());
    let mut meaning = vec![
        Some("payment"),
        Some(&new.counter),
        Some(&amount),
        Some(currency.alpha()),
        Some(tender.as_str()),
        reference.as_deref(),
    ];
    if new.pre_authorise {
        meaning.push(Some("pre-authorise"));
    }
    let fingerprint = Some(input::fingerprint(&request, &meaning)?);
    let open = OpenPayment {
        counter,
        money,
        tender,
        origin: Origin::Till,
        reference,
        fingerprint,
        by: caller.name().map(str::to_owned),
        pre_authorise: new.pre_authorise,
    };
    let opened = (shared.parts.store.open)(open).await?;
    crash::point("till-unanswered");
    Ok(begun(&opened))
}

/// The answer to a request that begins a payment.
pub(super) fn begun(Opened { payment, repeated }: &Opened) -> HttpResponse {
    let model = PaymentModel::from(payment);
    if *repeated {
        return HttpResponse::Ok().json(model);
    }
    let location = format!("/v1/payments/{}", payment.id);
    HttpResponse::Created()
        .insert_header(("location", location))
        .json(model)
}

/// One payment.
#[utoipa::path(
    get, path = "/v1/payments/{id}", tag = "payments", operation_id = "getPayment",
    params(("id" = String, Path, description = "The payment's id, 32 hexadecimal characters")),
    responses(
        (status = 200, description = "The payment as it is", body = PaymentModel),
        (status = 400, description = "invalid-request: this is no payment id", body = Document, content_type = "application/problem+json"),
        (status = 404, description = "no-such-payment", body = Document, content_type = "application/problem+json"),
        (status = 503, description = "journal-stopped, no-answer", body = Document, content_type = "application/problem+json"),
    )
)]
pub(super) async fn show(shared: Data<Shared>, id: Path<String>) -> Result<HttpResponse, Problem> {
    let payment = payment(&shared, &id).await?;
    Ok(HttpResponse::Ok().json(PaymentModel {
        costs: costs(&shared, &payment).await?,
        ..PaymentModel::from(&payment)
    }))
}

/// What it costs, where money moved and a rate fits.
pub(super) async fn costs(
    shared: &Shared,
    payment: &Payment,
) -> Result<Option<CostsModel>, Problem> {
    let costs = shared.parts.office.ledger.costs(payment).await?;
    Ok(costs.map(|costs| CostsModel {
        rule: costs.rule,
        fee: costs.fee.to_string(),
        net: costs.net.to_string(),
    }))
}

/// The payment of a path.
pub(super) async fn payment(shared: &Shared, id: &str) -> Result<Payment, Problem> {
    Ok((shared.parts.store.get)(GetPayment(input::parsed("id", id)?)).await?)
}

/// Cancels a payment: stops collecting, undoes what was submitted, or lets go of what is held.
///
/// Answers with the payment as it then is: `cancelled`, or `reversing` until the acquirer has said
/// that it is undone.
#[utoipa::path(
    post, path = "/v1/payments/{id}/cancel", tag = "payments", operation_id = "cancelPayment",
    params(("id" = String, Path, description = "The payment's id")),
    responses(
        (status = 200, description = "Cancelled or being undone", body = PaymentModel),
        (status = 400, description = "invalid-request", body = Document, content_type = "application/problem+json"),
        (status = 404, description = "no-such-payment", body = Document, content_type = "application/problem+json"),
        (status = 409, description = "not-cancellable: it is final; an approved payment is refunded instead. not-held: what it holds is being taken", body = Document, content_type = "application/problem+json"),
        (status = 503, description = "journal-stopped, no-answer", body = Document, content_type = "application/problem+json"),
    )
)]
pub(super) async fn cancel(
    shared: Data<Shared>,
    caller: Caller,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    if caller.is_bound() {
        caller.check_counter(&payment(&shared, &id).await?.counter)?;
    }
    let payment = (shared.parts.store.cancel)(CancelPayment(input::parsed("id", &id)?)).await?;
    let to = payment.id.to_string();
    people::note(&shared, &caller, What::Cancelled, &to, |deed| {
        deed.money = Some(payment.money)
    })
    .await;
    Ok(HttpResponse::Ok().json(PaymentModel::from(&payment)))
}

/// What to look for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    /// A counter's id.
    counter: Option<String>,
    state: Option<StateKind>,
    /// The till's own words, exactly.
    reference: Option<String>,
    /// Opened then or later, RFC 3339.
    #[param(format = DateTime)]
    since: Option<String>,
    /// 1 to 500 payments; 50 without it.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<usize>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Payments, newest first, in pages.
#[utoipa::path(
    get, path = "/v1/payments", tag = "payments", operation_id = "listPayments",
    params(ListQuery),
    responses(
        (status = 200, description = "One page", body = PaymentsModel),
        (status = 400, description = "invalid-request", body = Document, content_type = "application/problem+json"),
        (status = 503, description = "journal-stopped, no-answer", body = Document, content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(
    shared: Data<Shared>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let query: ListQuery = input::query(&request)?;
    let limit = input::limit(query.limit, PAGE_USUAL, PAGE_MAX)?;
    let not_a_time = || {
        input::invalid("since: a time of RFC 3339, e.g. 2026-01-31T09:00:00+08:00 (its + as %2B)")
    };
    let since = query
        .since
        .map(|text| Timestamp::parse(&text).ok_or_else(not_a_time))
        .transpose()?;
    let filter = PaymentFilter {
        counter: query
            .counter
            .map(|counter| input::parsed("counter", &counter))
            .transpose()?,
        state: query.state.map(Into::into),
        reference: query.reference,
        since,
        limit,
        before: query
            .cursor
            .map(|cursor| from_cursor(&cursor))
            .transpose()?,
    };
    let found = (shared.parts.store.find)(FindPayments(filter)).await?;
    // a full page may be the last one: the next is empty then
    let last = found.last().filter(|_| found.len() >= limit);
    let next_cursor = last.map(|payment| to_cursor(payment.id));
    let payments = found.iter().map(PaymentModel::from).collect();
    Ok(HttpResponse::Ok().json(PaymentsModel {
        payments,
        next_cursor,
    }))
}

/// Opaque to clients: what it is made of may change.
fn to_cursor(last: PaymentId) -> String {
    URL_SAFE_NO_PAD.encode(last.to_bytes())
}

fn from_cursor(cursor: &str) -> Result<PaymentId, Problem> {
    let bytes = URL_SAFE_NO_PAD
        .decode(cursor)
        .ok()
        .and_then(|bytes| bytes.try_into().ok());
    bytes
        .map(PaymentId::from_bytes)
        .ok_or_else(|| input::invalid("cursor: not one that this API gave"))
}
