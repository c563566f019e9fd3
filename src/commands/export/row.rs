//! A record as a row of CSV: one column per thing that a bookkeeper asks for.

use std::io::Write;

use store_actors::{
    domain::{
        record::{Body, Record},
        refund::RefundState,
    },
    ports::JournalFailed,
};

use crate::commands::Failed;

const COLUMNS: [&str; 15] = [
    "seq",
    "at",
    "kind",
    "counter",
    "payment",
    "state",
    "tender",
    "currency",
    "minor_units",
    "refunded_minor_units",
    "acquirer",
    "acquirer_ref",
    "reference",
    "prev",
    "hash",
];

pub(super) fn write(
    records: impl Iterator<Item = Result<Record, JournalFailed>>,
    out: &mut dyn Write,
) -> Result<(), Failed> {
    let mut csv = csv::Writer::from_writer(out);
    csv.write_record(COLUMNS)?;
    for record in records {
        let record = record?;
        csv.write_record(row(&record, &record.decode_body()?))?;
    }
    Ok(csv.flush()?)
}

fn row(record: &Record, body: &Body) -> [String; COLUMNS.len()] {
    let mut row: [String; COLUMNS.len()] = Default::default();
    let (prev, hash) = (record.prev.to_string(), record.hash().to_string());
    let always = [
        record.seq.to_string(),
        record.at.to_string(),
        body.kind().into(),
    ];
    let ours: Vec<String> = match body {
        Body::Payment { payment, .. } => {
            let done = payment
                .refunds
                .iter()
                .filter(|refund| refund.state == RefundState::Refunded);
            let refunded: u64 = done.map(|refund| refund.money.minor_units()).sum();
            let text = |text: &Option<String>| text.clone().unwrap_or_default();
            vec![
                payment.counter.to_string(),
                payment.id.to_string(),
                payment.state.as_str().into(),
                payment.actual_tender().as_str().into(),
                payment.money.currency().to_string(),
                payment.money.minor_units().to_string(),
                refunded.to_string(),
                payment
                    .acquirer
                    .as_ref()
                    .map(ToString::to_string)
                    .unwrap_or_default(),
                text(&payment.acquirer_ref),
                text(&payment.reference),
            ]
        }
        _ => vec![String::new(); COLUMNS.len() - 5],
    };
    let cells = always.into_iter().chain(ours).chain([prev, hash]);
    row.iter_mut().zip(cells).for_each(|(to, from)| *to = from);
    row
}
