//! The bill of a day: where it lies, and the file: a zip of two CSV files in GBK, as the real one.

use std::io::{Cursor, Write as _};

use actix_web::{HttpRequest, HttpResponse};
use encoding_rs::GBK;
use jiff::{civil::Date, tz::Offset};
use serde_json::json;
use zip::{ZipWriter, write::SimpleFileOptions};

use super::{Parameters, sign};
use crate::acquirer::api::Shared;
use crate::acquirer::config::Tender;
use crate::acquirer::desk::Desk;
use crate::acquirer::ledger::MovementKind;
use crate::acquirer::letters::Provider;

pub(super) const METHOD: &str = "alipay.data.dataservice.bill.downloadurl.query";

const HEAD: &str = "支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号,\
    对方账户,订单金额（元）,商家实收（元）,支付宝红包（元）,集分宝（元）,支付宝优惠（元）,商家优惠（元）,\
    券核销金额（元）,券名称,商家红包消费金额（元）,卡消费金额（元）,退款批次号/请求号,服务费（元）,分润（元）,备注";

/// Where the bill lies.
pub(super) fn place(req: &HttpRequest, all: &Parameters) -> HttpResponse {
    let content = all.get("biz_content").map_or("", String::as_str);
    let content: serde_json::Value = serde_json::from_str(content).unwrap_or_default();
    let day = content.get("bill_date").and_then(|day| day.as_str());
    let day = day.unwrap_or_default();
    let host = req.connection_info().host().to_owned();
    let url = format!("http://{host}/alipay-bill.zip?day={day}");
    let object = json!({ "code": "10000", "msg": "Success", "bill_download_url": url });
    let object = object.to_string();
    let signature = sign::by_gateway(&object, false);
    let name = METHOD.replace('.', "_");
    let certificate = match all.contains_key("app_cert_sn") {
        true => format!(r#","alipay_cert_sn":"{}""#, sign::GATEWAY_NUMBER.as_str()),
        false => String::new(),
    };
    let body = format!(r#"{{"{name}_response":{object}{certificate},"sign":"{signature}"}}"#);
    HttpResponse::Ok()
        .content_type("text/html;charset=utf-8")
        .body(body)
}

pub(super) async fn file(desk: Shared, req: HttpRequest) -> HttpResponse {
    let day = req.query_string().trim_start_matches("day=").to_owned();
    match zipped(&desk, &day) {
        Ok(bytes) => HttpResponse::Ok().body(bytes),
        Err(error) => HttpResponse::InternalServerError().body(error.to_string()),
    }
}

fn zipped(desk: &Desk, day: &str) -> zip::result::ZipResult<Vec<u8>> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default();
    for (name, text) in [
        (format!("20882021_{day}_业务明细.csv"), rows(desk, day)),
        (
            format!("20882021_{day}_业务明细(汇总).csv"),
            "#支付宝业务汇总查询\n".to_owned(),
        ),
    ] {
        zip.start_file(name, options)?;
        zip.write_all(&GBK.encode(&text).0)?;
    }
    Ok(zip.finish()?.into_inner())
}

fn rows(desk: &Desk, day: &str) -> String {
    let from: Date = day.parse().unwrap_or_default();
    let until = from.tomorrow().unwrap_or(from);
    let written = |date: Date| date.strftime("%Y年%m月%d日 00:00:00").to_string();
    let (from, until) = (written(from), written(until));
    let mut text = format!(
        "#支付宝业务明细查询\n#账号：[20885212319120680156]\n#起始日期：[{from}]   终止日期：[{until}]\n\
         #-----------------------------------------业务明细列表----------------------------------------\n{HEAD}\n"
    );
    for order in desk.reader().orders() {
        // the ledger is every provider's
        let is_alipays = desk.provider(&order.order) == Some(Provider::Alipay);
        for movement in order.movements.iter().filter(|_| is_alipays) {
            let instant = jiff::Timestamp::from_millisecond(movement.at_ms).unwrap_or_default();
            let at = Offset::constant(8).to_datetime(instant);
            if at.strftime("%Y-%m-%d").to_string() != day {
                continue;
            }
            let at = at.strftime("%Y-%m-%d %H:%M:%S");
            let (kind, sign, request) = match movement.kind {
                MovementKind::Charge | MovementKind::Reinstatement => ("交易", "", String::new()),
                MovementKind::Refund => ("退款", "-", movement.refund.clone().unwrap_or_default()),
                MovementKind::Reversal => ("退款", "-", order.order.clone()),
            };
            let amount = movement.amount;
            let counter = match order.tender {
                Tender::MerchantQr => "",
                _ => order.counter.as_str(),
            };
            text.push_str(&format!(
                "{}\t,{}\t,{kind}\t,茶\t,{at},{at},\t,\t,\t,{counter}\t,*(159****5620)\t,{sign}{amount:.2},\
                 {sign}{amount:.2},0.00,0.00,0.00,0.00,0.00,\t,0.00,0.00,{request}\t,0.00,0.00,\t\n",
                order.reference, order.order
            ));
        }
    }
    text.push_str("#-----------------------------------------业务明细列表结束------------------------------------\n");
    text
}
