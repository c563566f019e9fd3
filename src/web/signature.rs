//! A payment's signature: what a customer draws on a screen of the console, and the picture of it.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path, Payload},
};
use serde::Deserialize;
use store_actors::{
    domain::signature::{Drawing, POINTS_MAX},
    store::requests::SignPayment,
};
use utoipa::ToSchema;

use super::{
    Shared,
    caller::Caller,
    input,
    model::PaymentModel,
    payments,
    problem::{Document, Kind, Problem},
};

/// Room for every point with both numbers in full.
const BYTES_MAX: usize = POINTS_MAX * 16;

/// What a pen drew.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewSignature {
    /// The pad's size, 1 to 10000.
    width: u16,
    height: u16,
    /// Each a list of x and y from the pad's upper left corner; 2 to 2000 points in all.
    strokes: Vec<Vec<[u16; 2]>>,
}

/// Keeps the customer's signature with the payment.
///
/// Of a card payment whose answer has `wants_signature`; once. Answers once it is on disk.
#[utoipa::path(
    post, path = "/v1/payments/{id}/signature", tag = "payments", operation_id = "signPayment",
    params(("id" = String, Path, description = "The payment's id")),
    request_body = NewSignature,
    responses(
        (status = 200, description = "Signed", body = PaymentModel),
        (status = 400, description = "invalid-request", body = Document, content_type = "application/problem+json"),
        (status = 404, description = "no-such-payment", body = Document, content_type = "application/problem+json"),
        (status = 409, description = "no-signature-wanted: it is signed, or needs none", body = Document, content_type = "application/problem+json"),
        (status = 413, description = "body-too-large", body = Document, content_type = "application/problem+json"),
        (status = 415, description = "unsupported-media-type", body = Document, content_type = "application/problem+json"),
        (status = 422, description = "not-a-signature", body = Document, content_type = "application/problem+json"),
        (status = 503, description = "journal-stopped, no-answer", body = Document, content_type = "application/problem+json"),
    )
)]
pub(super) async fn create(
    shared: Data<Shared>,
    caller: Caller,
    id: Path<String>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    if caller.is_bound() {
        caller.check_counter(&payments::payment(&shared, &id).await?.counter)?;
    }
    let payment = input::parsed("id", &id)?;
    let new: NewSignature = input::json_up_to(&request, payload, BYTES_MAX).await?;
    let drawing = Drawing::new(new.width, new.height, &new.strokes)
        .map_err(|refused| Problem::new(Kind::NotASignature, refused.to_string()))?;
    let payment = (shared.parts.store.sign)(SignPayment { payment, drawing }).await?;
    Ok(HttpResponse::Ok().json(PaymentModel::from(&payment)))
}

/// The signature as a picture.
#[utoipa::path(
    get, path = "/v1/payments/{id}/signature.svg", tag = "payments", operation_id = "getSignatureSvg",
    params(("id" = String, Path, description = "The payment's id")),
    responses(
        (status = 200, description = "The picture", body = String, content_type = "image/svg+xml"),
        (status = 400, description = "invalid-request", body = Document, content_type = "application/problem+json"),
        (status = 404, description = "no-such-payment, not-found: it is not signed", body = Document, content_type = "application/problem+json"),
        (status = 503, description = "no-answer", body = Document, content_type = "application/problem+json"),
    )
)]
pub(super) async fn show(shared: Data<Shared>, id: Path<String>) -> Result<HttpResponse, Problem> {
    let payment = payments::payment(&shared, &id).await?;
    let signed = payment
        .signature
        .ok_or_else(|| Problem::new(Kind::NotFound, "the payment is not signed"))?;
    Ok(HttpResponse::Ok()
        .insert_header(("cache-control", "no-store"))
        .content_type("image/svg+xml")
        .body(signed.drawing.svg()))
}
