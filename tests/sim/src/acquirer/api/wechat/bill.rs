//! The bill of a day: every trade and refund of the ledger, in the columns and with the backticks
//! of the real one (UTF-8 with a byte-order mark, amounts in yuan).

use std::fmt::Write as _;

use actix_web::HttpRequest;
use jiff::tz::Offset;
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use serde_json::{Value, json};

use super::{APPID, MCHID};
use crate::acquirer::config::Tender;
use crate::acquirer::desk::Desk;
use crate::acquirer::ledger::MovementKind;
use crate::acquirer::letters::Provider;

const HEAD: &str = "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,\
    交易状态,付款银行,货币种类,应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,\
    退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注";
const SUMMARY: &str = "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,\
    申请退款总金额";

/// Where the bill of `bill_date` lies, and its sum.
pub(super) fn place(desk: &Desk, req: &HttpRequest) -> Value {
    let day = form_urlencoded::parse(req.query_string().as_bytes())
        .find(|(name, _)| name == "bill_date")
        .map(|(_, day)| day.into_owned())
        .unwrap_or_default();
    let token = format!("token={day}");
    let sum = digest(&SHA1_FOR_LEGACY_USE_ONLY, text(desk, &token).as_bytes());
    let sum: String = sum.as_ref().iter().map(|b| format!("{b:02x}")).collect();
    let host = req.connection_info().host().to_owned();
    let url = format!("http://{host}/v3/billdownload/file?{token}");
    json!({ "hash_type": "SHA1", "hash_value": sum, "download_url": url })
}

/// The bill of the day that the token names, `2026-11-26` or `20261126`.
pub(super) fn text(desk: &Desk, token: &str) -> String {
    let wanted = token.trim_start_matches("token=").replace('-', "");
    let mut rows = String::new();
    let (mut count, mut paid, mut back) =
        (0, rust_decimal::Decimal::ZERO, rust_decimal::Decimal::ZERO);
    for order in desk.reader().orders() {
        // the ledger is every provider's
        let is_own = matches!(
            desk.provider(&order.order),
            Some(Provider::WechatV3 | Provider::WechatV2)
        );
        for movement in order.movements.iter().filter(|_| is_own) {
            let instant = jiff::Timestamp::from_millisecond(movement.at_ms).unwrap_or_default();
            let at = Offset::constant(8).to_datetime(instant);
            if at.strftime("%Y%m%d").to_string() != wanted {
                continue;
            }
            let kind = match order.tender {
                Tender::MerchantQr => "NATIVE",
                _ => "MICROPAY",
            };
            let amount = movement.amount;
            let zero = rust_decimal::Decimal::ZERO;
            let (state, sold, given_back) = match movement.kind {
                MovementKind::Charge | MovementKind::Reinstatement => ("SUCCESS", amount, zero),
                MovementKind::Refund => ("REFUND", zero, amount),
                MovementKind::Reversal => ("REVOKED", zero, amount),
            };
            (count, paid, back) = (count + 1, paid + sold, back + given_back);
            let at = at.strftime("%Y-%m-%d %H:%M:%S");
            let _ = writeln!(
                rows,
                "`{at},`{APPID},`{MCHID},`0,`{},`{},`{},`,`{kind},`{state},`OTHERS,`CNY,`{sold:.2},\
                 `0.00,`0,`{},`{given_back:.2},`0.00,`,`,`,`,`0.00000,`0.60%,`{sold:.2},\
                 `{given_back:.2},`",
                order.counter,
                order.reference,
                order.order,
                movement.refund.as_deref().unwrap_or("0"),
            );
        }
    }
    format!(
        "\u{feff}{HEAD}\n{rows}{SUMMARY}\n`{count},`{paid:.2},`{back:.2},`0.00,`0.00000,`{paid:.2},\
         `{back:.2}\n"
    )
}
