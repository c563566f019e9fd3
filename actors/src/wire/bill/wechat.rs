//! WeChat Pay's bill of trades (the same of both interfaces): UTF-8, a back-tick before each value.
//!
//! A line with state `REFUND` is a refund and carries its amount in a column of its own, one with
//! `REVOKED` an order that was undone after it had been paid. The last two lines are the totals.
//! Nothing in the file says which day it is of.

use rust_decimal::Decimal;

use super::{BillRefused, Columns, amount, fee, lines, number, time};
use crate::domain::office::bill::{Bill, BillKind, BillLine};

/// By which such a file is known.
pub(super) const FIRST_COLUMN: &str = "交易时间,";
const SUMMARY: &str = "总交易单数,";

const NEEDED: [&str; 4] = ["交易时间", "微信订单号", "商户订单号", "交易状态"];

pub(super) fn read(text: &str) -> Result<Bill, BillRefused> {
    let refused = || BillRefused::NoColumns("交易时间, 微信订单号, 商户订单号, 交易状态");
    let mut numbered = text.lines().enumerate().map(|(nth, line)| (nth + 1, line));
    let (_, header) = numbered.next().ok_or_else(refused)?;
    let columns = Columns::of(header, &NEEDED).ok_or_else(refused)?;
    let listed = numbered.take_while(|(_, line)| !line.starts_with(SUMMARY));
    Ok(lines(listed, |number, fields| {
        line(&columns, number, fields).map(Some)
    }))
}

fn line(columns: &Columns, number_of: usize, fields: &[String]) -> Result<BillLine, String> {
    let get = |name| columns.get(fields, name);
    let kind = match get("交易状态") {
        "SUCCESS" => BillKind::Payment,
        "REFUND" => BillKind::Refund,
        "REVOKED" => BillKind::Reversal,
        other => {
            let shown = super::shown(other);
            return Err(format!("交易状态 is {shown:?}: SUCCESS, REFUND or REVOKED"));
        }
    };
    let order = number(get("商户订单号")).ok_or("商户订单号 is missing")?;
    // files of before 2020 have the two columns at the end not
    let first_of = |names: [&'static str; 2]| -> Result<Decimal, String> {
        for name in names {
            let text = get(name);
            let read = if text.is_empty() {
                Decimal::ZERO
            } else {
                amount(name, text)?
            };
            if !read.is_zero() {
                return Ok(read);
            }
        }
        Err(format!(
            "neither {} nor {} has an amount",
            names[0], names[1]
        ))
    };
    let paid = ["订单金额", "应结订单金额"];
    let back = ["申请退款金额", "退款金额"];
    let amount = match kind {
        BillKind::Payment => first_of(paid)?,
        BillKind::Refund => first_of(back)?,
        BillKind::Reversal => first_of(back).or_else(|_| first_of(paid))?,
    };
    Ok(BillLine {
        line: number_of,
        kind,
        order,
        refund: number(get("商户退款单号")).filter(|_| kind == BillKind::Refund),
        acquirer_ref: number(get("微信订单号")),
        at: time("交易时间", get("交易时间"), super::CHINA_OFFSET_MINUTES)?,
        amount: amount.abs(),
        fee: fee("手续费", get("手续费"))?.map(|fee| match kind {
            BillKind::Payment => fee,
            _ => -fee.abs(),
        }),
    })
}
