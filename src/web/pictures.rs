//! Pictures: the QR of a payment drawn, a code read from what a camera took.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path, Payload},
};
use store_actors::{
    domain::code::{Secret, classify},
    store::requests::Scan,
};

use super::{
    Shared,
    caller::Caller,
    input,
    model::ScannedModel,
    payments,
    problem::{Document, Kind, Problem},
};
use crate::adapters::picture::{self, QrStyle};

/// The QR that the customer scans, as SVG.
#[utoipa::path(
    get, path = "/v1/payments/{id}/qr.svg", tag = "payments", operation_id = "getQrSvg",
    params(("id" = String, Path, description = "The payment's id")),
    responses(
        (status = 200, description = "The picture", body = String, content_type = "image/svg+xml"),
        (status = 400, description = "invalid-request", body = Document, content_type = "application/problem+json"),
        (status = 404, description = "no-such-payment, no-qr: it has none, not yet, or not any more", body = Document, content_type = "application/problem+json"),
        (status = 503, description = "no-answer", body = Document, content_type = "application/problem+json"),
    )
)]
pub(super) async fn qr_svg(
    shared: Data<Shared>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let text = qr_text(&shared, &id).await?;
    let svg = picture::svg(&text, &QrStyle::default()).map_err(undrawable)?;
    Ok(HttpResponse::Ok()
        .insert_header(("cache-control", "no-store"))
        .content_type("image/svg+xml")
        .body(svg))
}

/// The QR that the customer scans, as PNG.
#[utoipa::path(
    get, path = "/v1/payments/{id}/qr.png", tag = "payments", operation_id = "getQrPng",
    params(("id" = String, Path, description = "The payment's id")),
    responses(
        (status = 200, description = "The picture", body = Vec<u8>, content_type = "image/png"),
        (status = 400, description = "invalid-request", body = Document, content_type = "application/problem+json"),
        (status = 404, description = "no-such-payment, no-qr: it has none, not yet, or not any more", body = Document, content_type = "application/problem+json"),
        (status = 503, description = "no-answer", body = Document, content_type = "application/problem+json"),
    )
)]
pub(super) async fn qr_png(
    shared: Data<Shared>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let text = qr_text(&shared, &id).await?;
    let png = picture::png(&text, &QrStyle::default()).map_err(undrawable)?;
    Ok(HttpResponse::Ok()
        .insert_header(("cache-control", "no-store"))
        .content_type("image/png")
        .body(png))
}

async fn qr_text(shared: &Shared, id: &str) -> Result<String, Problem> {
    let payment = payments::payment(shared, id).await?;
    let state = payment.state;
    let none = || {
        let detail = format!(
            "the payment is {}; a QR is there while a merchant_qr payment waits",
            state.as_str()
        );
        Problem::new(Kind::NoQr, detail)
    };
    // nobody shall pay what is already over
    payment.qr.filter(|_| !state.is_final()).ok_or_else(none)
}

fn undrawable(cause: picture::RenderError) -> Problem {
    Problem::new(Kind::Internal, cause.to_string())
}

/// A customer's code in a picture: the same as a scan at this counter.
#[utoipa::path(
    post, path = "/v1/counters/{id}/scan-image", tag = "counters", operation_id = "scanImage",
    params(("id" = String, Path, description = "The counter's id")),
    request_body(content((Vec<u8> = "image/png"), (Vec<u8> = "image/jpeg"))),
    responses(
        (status = 200, description = "The code was taken by this payment", body = ScannedModel),
        (status = 400, description = "invalid-request", body = Document, content_type = "application/problem+json"),
        (status = 404, description = "no-such-counter", body = Document, content_type = "application/problem+json"),
        (status = 409, description = "not-collecting: no payment waits for a code there", body = Document, content_type = "application/problem+json"),
        (status = 413, description = "body-too-large", body = Document, content_type = "application/problem+json"),
        (status = 415, description = "unsupported-media-type", body = Document, content_type = "application/problem+json"),
        (status = 422, description = "picture-unreadable, code-refused", body = Document, content_type = "application/problem+json"),
        (status = 503, description = "too-many-readers, no-answer", body = Document, content_type = "application/problem+json"),
    )
)]
pub(super) async fn scan_image(
    shared: Data<Shared>,
    caller: Caller,
    id: Path<String>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let counter = input::parsed("id", &id)?;
    caller.check_counter(&counter)?;
    let picture = input::body(
        &request,
        payload,
        &["image/png", "image/jpeg"],
        shared.picture_max_bytes,
    )
    .await?;
    let text = the_code(shared.pictures.read(picture).await?)?;
    let payment = (shared.parts.store.scan)(Scan { counter, text }).await?;
    Ok(HttpResponse::Ok().json(ScannedModel {
        payment: payment.to_string(),
    }))
}

/// The one payment code among the codes of a picture; a poster in the background is not one.
/// Without any, the first text goes on, so that the counter can say why it is none.
fn the_code(texts: Vec<String>) -> Result<Secret, Problem> {
    let mut texts: Vec<_> = texts.into_iter().map(Secret::new).collect();
    let codes: Vec<_> = texts
        .iter()
        .filter(|text| classify(text.expose()).is_ok())
        .cloned()
        .collect();
    if codes.len() > 1 {
        return Err(Problem::new(
            Kind::PictureUnreadable,
            "there are several payment codes in the picture",
        ));
    }
    let first = if texts.is_empty() {
        None
    } else {
        Some(texts.remove(0))
    };
    let none = || {
        Problem::new(
            Kind::PictureUnreadable,
            "no QR code was found in the picture",
        )
    };
    codes.into_iter().next().or(first).ok_or_else(none)
}
