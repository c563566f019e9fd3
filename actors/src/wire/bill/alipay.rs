//! Alipay's bill of trades (业务明细), 25 columns between lines that begin with `#`.
//!
//! Text fields end in a tab. Refunds are negative, with the number of the refund's request. The
//! service fee's sign differs between merchants' files, so the line's own direction decides: it is
//! taken with a trade and given back with a refund.

use super::{BillRefused, Columns, amount, day, fee, lines, number, time};
use crate::domain::{
    day::Day,
    office::bill::{Bill, BillKind, BillLine},
};

const NEEDED: [&str; 5] = [
    "支付宝交易号",
    "商户订单号",
    "业务类型",
    "完成时间",
    "订单金额（元）",
];

pub(super) fn read(text: &str) -> Result<Bill, BillRefused> {
    let refused =
        || BillRefused::NoColumns("支付宝交易号, 商户订单号, 业务类型, 完成时间, 订单金额（元）");
    let mut numbered = text.lines().enumerate().map(|(nth, line)| (nth + 1, line));
    let mut days = None;
    let columns = loop {
        let (_, line) = numbered.next().ok_or_else(refused)?;
        if line.starts_with('#') {
            days = days.or_else(|| period(line));
        } else if let Some(columns) = Columns::of(line, &NEEDED) {
            break columns;
        }
    };
    let listed = numbered.filter(|(_, line)| !line.starts_with('#'));
    let bill = lines(listed, |number, fields| {
        line(&columns, number, fields).map(Some)
    });
    Ok(Bill { days, ..bill })
}

/// `#起始日期：[2017年08月31日 00:00:00]   终止日期：[2017年09月01日 00:00:00]`: the end is the midnight
/// after the last day.
fn period(line: &str) -> Option<(Day, Day)> {
    let rest = line.strip_prefix("#起始日期")?;
    let mut marked = rest.split('[').skip(1);
    let (from, until) = (day(marked.next()?)?, marked.next()?);
    let last = day(until)?;
    let is_midnight = until.contains("00:00:00");
    let last = if is_midnight && last > from {
        last.plus(-1)
    } else {
        last
    };
    Some((from, last))
}

fn line(columns: &Columns, number_of: usize, fields: &[String]) -> Result<BillLine, String> {
    let get = |name| columns.get(fields, name);
    let kind = match get("业务类型") {
        "交易" => BillKind::Payment,
        "退款" => BillKind::Refund,
        other => {
            return Err(format!(
                "业务类型 is {:?}: 交易 or 退款",
                super::shown(other)
            ));
        }
    };
    let order = get("商户订单号");
    if order.is_empty() {
        return Err("商户订单号 is missing".to_owned());
    }
    let fee = fee("服务费（元）", get("服务费（元）"))?.map(|fee| match kind {
        BillKind::Payment => fee.abs(),
        _ => -fee.abs(),
    });
    Ok(BillLine {
        line: number_of,
        kind,
        order: number(order).unwrap_or_default(),
        refund: number(get("退款批次号/请求号")).filter(|_| kind == BillKind::Refund),
        acquirer_ref: number(get("支付宝交易号")),
        at: time("完成时间", get("完成时间"), super::CHINA_OFFSET_MINUTES)?,
        amount: amount("订单金额（元）", get("订单金额（元）"))?.abs(),
        fee,
    })
}

/// Whether a file's name, as bytes of a zip's list, is that of the sums: they are no lines.
pub fn is_summary(name: &[u8]) -> bool {
    let (name, ..) = encoding_rs::GBK.decode(name);
    name.contains("汇总")
}
