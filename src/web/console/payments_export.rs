//! `/payments?format=csv`: all payments that the filters admit, newest first, as they are read: a
//! million of them take no more memory than a page.

use std::time::Duration;

use actix_web::{Error, HttpResponse, web::Data};
use async_stream::try_stream;
use bytes::Bytes;
use store_actors::{
    domain::{payment::Payment, tender::Means},
    ports::PaymentFilter,
};

use super::{
    frame::Frame,
    office::{funding_name, scheme_name},
    overview::tender_name,
    payments_page::state_name,
};
use crate::web::{
    Shared, lookup, payments,
    problem::{Kind, Problem},
    spreadsheet::{MARK, Spreadsheet},
};

/// Payments of one piece.
const PIECE: usize = 500;
/// How long one piece is looked for before the next one is: the client sees that it goes on.
const PATIENCE: Duration = Duration::from_millis(500);

const HEADINGS: [&str; 17] = [
    "payment-id",
    "time",
    "counter",
    "number",
    "state",
    "tender",
    "scheme",
    "card-kind",
    "currency",
    "amount",
    "sum-refunded",
    "sum-fees",
    "sum-net",
    "reference",
    "acquirer",
    "acquirer-ref",
    "ended",
];

/// The file, from its first line on.
pub(super) fn file(
    shared: Data<Shared>,
    frame: Frame,
    filter: PaymentFilter,
    name: &str,
) -> HttpResponse {
    let pieces = try_stream! {
        let headings = HEADINGS.map(|id| frame.say(id));
        yield piece(MARK, [headings.to_vec()])?;
        let mut filter = PaymentFilter { limit: PIECE, ..filter };
        loop {
            let found = lookup::look(&shared, &filter, PATIENCE).await?;
            let mut rows = Vec::with_capacity(found.payments.len());
            for payment in &found.payments {
                rows.push(row(&shared, &frame, payment).await?);
            }
            if !rows.is_empty() {
                yield piece("", rows)?;
            }
            match found.goes_on {
                Some(before) => filter.before = Some(before),
                None => break,
            }
        }
    };
    let pieces: std::pin::Pin<Box<dyn futures_util::Stream<Item = Result<Bytes, Error>>>> =
        Box::pin(pieces);
    HttpResponse::Ok()
        .content_type("text/csv; charset=utf-8")
        .insert_header((
            "content-disposition",
            format!("attachment; filename=\"{name}.csv\""),
        ))
        .streaming(pieces)
}

fn piece(mark: &str, rows: impl IntoIterator<Item = Vec<String>>) -> Result<Bytes, Problem> {
    let internal = |cause: csv::Error| Problem::new(Kind::Internal, cause.to_string());
    let mut csv = Spreadsheet::new(mark.as_bytes().to_vec());
    for row in rows {
        csv.row(row.iter().map(String::as_str)).map_err(internal)?;
    }
    csv.finish().map(Bytes::from).map_err(internal)
}

async fn row(shared: &Shared, frame: &Frame, payment: &Payment) -> Result<Vec<String>, Problem> {
    let offset = shared.parts.shop.letterhead.utc_offset_minutes;
    let Means {
        tender,
        scheme,
        funding,
    } = payment.means();
    let refunded = payment.refunded_or_pending();
    // rates by the month's volume are priced day by day, in the statement
    let costs = match shared.parts.office.ledger.table().has_tiers() {
        true => None,
        false => payments::costs(shared, payment).await?,
    };
    let (fee, net) = costs.map_or_else(Default::default, |costs| (costs.fee, costs.net));
    Ok(vec![
        payment.id.to_string(),
        payment.opened_at.local_time(offset),
        payment.counter.to_string(),
        payment.number.to_string(),
        state_name(frame, payment.state),
        tender_name(frame.language, tender.as_str()),
        scheme.map_or_else(String::new, |scheme| {
            scheme_name(frame.language, scheme.as_str())
        }),
        funding.map_or_else(String::new, |funding| {
            funding_name(frame.language, funding.as_str())
        }),
        payment.money.currency().to_string(),
        payment.money.amount().to_string(),
        refunded.map_or_else(|_| String::new(), |money| money.amount().to_string()),
        fee,
        net,
        payment.reference.clone().unwrap_or_default(),
        payment
            .acquirer
            .as_ref()
            .map_or_else(String::new, ToString::to_string),
        payment.acquirer_ref.clone().unwrap_or_default(),
        payment
            .ended_at
            .map_or_else(String::new, |at| at.local_time(offset)),
    ])
}
