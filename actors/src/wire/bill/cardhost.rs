//! The plain table that bills of card hosts are turned into: each acquirer has a format of its own,
//! and a spreadsheet is enough to make this of it.
//!
//! ```text
//! #day,2026-11-22
//! kind,order,refund,reference,time,amount,fee
//! payment,019a…,,123456789012,2026-11-22 14:03:09,12.50,0.08
//! refund,019a…,019b…,123456789034,2026-11-22 15:00:00,2.50,-0.02
//! reversal,,,123456789012,2026-11-22 14:03:40,12.50,-0.08
//! ```
//!
//! UTF-8 or GBK; columns in any order. `kind`, `time` and `amount` must be there, and of `order`
//! (the payment's id) and `reference` (the acquirer's own number of the transaction) at least one;
//! `refund` is the refund's id, `fee` what was taken, below zero what was given back. Amounts are
//! in whole units and never below zero. Times are by the store's clock. The line `#day` says which
//! day the bill is of, and may be left out; other lines that begin with `#` are passed over.

use super::{BillRefused, Columns, amount, day, fee, lines, number, time};
use crate::domain::office::bill::{Bill, BillKind, BillLine};

const NEEDED: [&str; 3] = ["kind", "time", "amount"];

pub(super) fn read(text: &str, offset_minutes: i32) -> Result<Bill, BillRefused> {
    let refused = || BillRefused::NoColumns("kind, time, amount, and order or reference");
    let mut numbered = text.lines().enumerate().map(|(nth, line)| (nth + 1, line));
    let mut days = None;
    let columns = loop {
        let (_, line) = numbered.next().ok_or_else(refused)?;
        if let Some(named) = line.strip_prefix("#day,") {
            days = day(named.trim()).map(|day| (day, day));
        } else if !line.starts_with('#') && !line.trim().is_empty() {
            break Columns::of(line, &NEEDED).ok_or_else(refused)?;
        }
    };
    let listed = numbered.filter(|(_, line)| !line.starts_with('#'));
    let offset = i64::from(offset_minutes);
    let bill = lines(listed, |number, fields| {
        line(&columns, number, fields, offset).map(Some)
    });
    Ok(Bill { days, ..bill })
}

fn line(
    columns: &Columns,
    number_of: usize,
    fields: &[String],
    offset_minutes: i64,
) -> Result<BillLine, String> {
    let get = |name| columns.get(fields, name);
    let kind = match get("kind") {
        "payment" => BillKind::Payment,
        "refund" => BillKind::Refund,
        "reversal" => BillKind::Reversal,
        other => {
            let shown = super::shown(other);
            return Err(format!("kind is {shown:?}: payment, refund or reversal"));
        }
    };
    let (order, reference) = (number(get("order")), number(get("reference")));
    if order.is_none() && reference.is_none() {
        return Err("neither order nor reference is there".to_owned());
    }
    let amount = amount("amount", get("amount"))?;
    if amount.is_sign_negative() {
        return Err("amount is below zero".to_owned());
    }
    Ok(BillLine {
        line: number_of,
        kind,
        order: order.unwrap_or_default(),
        refund: number(get("refund")).filter(|_| kind == BillKind::Refund),
        acquirer_ref: reference,
        at: time("time", get("time"), offset_minutes)?,
        amount,
        fee: fee("fee", get("fee"))?,
    })
}
