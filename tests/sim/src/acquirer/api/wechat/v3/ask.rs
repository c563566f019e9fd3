//! What is asked of the third interface, as the desk understands it.

use serde::Deserialize;
use serde_json::json;

use crate::acquirer::api::wechat::{APPID, Asked, MCHID, Method, Refused, refused, yuan};
use crate::acquirer::config::Tender;
use crate::acquirer::desk::Desk;
use crate::acquirer::request::Ask;

#[derive(Deserialize)]
struct Amount {
    total: u64,
    refund: Option<u64>,
    currency: Option<String>,
}

#[derive(Deserialize)]
struct Payer {
    auth_code: String,
}

#[derive(Deserialize, Default)]
struct StoreInfo {
    id: Option<String>,
    out_id: Option<String>,
}

#[derive(Deserialize, Default)]
struct SceneInfo {
    device_id: Option<String>,
    store_info: Option<StoreInfo>,
}

#[derive(Deserialize)]
struct NewOrder {
    appid: String,
    mchid: String,
    description: String,
    out_trade_no: String,
    notify_url: Option<String>,
    payer: Option<Payer>,
    amount: Amount,
    scene_info: Option<SceneInfo>,
}

#[derive(Deserialize)]
struct Names {
    appid: Option<String>,
    mchid: String,
}

#[derive(Deserialize)]
struct NewRefund {
    #[serde(default)]
    out_trade_no: String,
    transaction_id: Option<String>,
    out_refund_no: String,
    amount: Amount,
}

pub(super) fn of(
    desk: &Desk,
    verb: &str,
    path: &str,
    query: &str,
    body: &[u8],
) -> Result<Asked, Refused> {
    let parts: Vec<&str> = path.trim_start_matches("/v3/").split('/').collect();
    let (method, ask) = match (verb, parts.as_slice()) {
        ("POST", ["pay", "transactions", "codepay"]) => {
            (Method::Charge, open(Tender::CustomerCode, body))
        }
        ("POST", ["pay", "transactions", "native"]) => {
            (Method::Native, open(Tender::MerchantQr, body))
        }
        ("GET", ["pay", "transactions", "out-trade-no", order]) => {
            if query != format!("mchid={MCHID}") {
                return Err(refused(400, "PARAM_ERROR", "mchid is not this merchant's"));
            }
            let order = (*order).to_owned();
            (Method::Query, Ok(Ask::Query { order }))
        }
        ("GET", ["pay", "transactions", "id", transaction]) => {
            if query != format!("mchid={MCHID}") {
                return Err(refused(400, "PARAM_ERROR", "mchid is not this merchant's"));
            }
            let Some(order) = desk.order_of_reference(transaction) else {
                return Err(refused(404, "ORDER_NOT_EXIST", "no such order"));
            };
            (Method::Query, Ok(Ask::Query { order }))
        }
        ("POST", ["pay", "transactions", "out-trade-no", order, "close"]) => {
            names(body, false)?;
            let order = (*order).to_owned();
            (Method::Close, Ok(Ask::Close { order }))
        }
        ("POST", ["pay", "transactions", "out-trade-no", order, "reverse"]) => {
            names(body, true)?;
            let order = (*order).to_owned();
            (Method::Reverse, Ok(Ask::Reverse { order }))
        }
        ("POST", ["refund", "domestic", "refunds"]) => (Method::Refund, refund(desk, body)),
        ("GET", ["refund", "domestic", "refunds", refund]) => {
            let Some(order) = desk.order_of_refund(refund) else {
                return Err(refused(404, "RESOURCE_NOT_EXISTS", "no such refund"));
            };
            let refund = (*refund).to_owned();
            (Method::RefundQuery, Ok(Ask::RefundQuery { order, refund }))
        }
        _ => return Err(refused(404, "RESOURCE_NOT_EXISTS", "no such method")),
    };
    let ask = ask.and_then(Ask::check_ids);
    let ask = ask.map_err(|why| refused(400, "PARAM_ERROR", why))?;
    Ok(Asked { method, ask })
}

fn open(tender: Tender, body: &[u8]) -> Result<Ask, String> {
    let new: NewOrder = serde_json::from_slice(body).map_err(|_| "the body is not as agreed")?;
    if new.appid != APPID || new.mchid != MCHID {
        return Err("appid and mchid do not belong together".to_owned());
    }
    if new.description.is_empty() || new.description.len() > 127 {
        return Err("description has 1 to 127 bytes".to_owned());
    }
    if new
        .amount
        .currency
        .is_some_and(|currency| currency != "CNY")
    {
        return Err("currency is CNY".to_owned());
    }
    let scene = new.scene_info.unwrap_or_default();
    let store = scene.store_info.unwrap_or_default();
    let store = match tender {
        Tender::CustomerCode => store.out_id.or(store.id),
        _ => {
            let notify_url = new.notify_url.unwrap_or_default();
            if !notify_url.starts_with("https://") {
                return Err("notify_url is https".to_owned());
            }
            store.id
        }
    };
    let mut order = json!({
        "order": new.out_trade_no,
        "store": store.as_deref().unwrap_or("store"),
        "counter": scene.device_id.as_deref().unwrap_or("counter"),
        "amount": yuan(new.amount.total),
        "currency": "CNY",
        "provider": "wechat_v3",
    });
    if let (Some(payer), Some(order)) = (new.payer, order.as_object_mut()) {
        order.insert("code".to_owned(), payer.auth_code.into());
    }
    Ask::open(tender, order.to_string().as_bytes())
}

fn names(body: &[u8], with_appid: bool) -> Result<(), Refused> {
    let names = serde_json::from_slice::<Names>(body);
    let are_right = names.is_ok_and(|names| {
        names.mchid == MCHID && (!with_appid || names.appid.as_deref() == Some(APPID))
    });
    match are_right {
        true => Ok(()),
        false => Err(refused(400, "PARAM_ERROR", "not this merchant")),
    }
}

fn refund(desk: &Desk, body: &[u8]) -> Result<Ask, String> {
    let mut new: NewRefund =
        serde_json::from_slice(body).map_err(|_| "the body is not as agreed")?;
    if let Some(transaction) = &new.transaction_id {
        let order = desk.order_of_reference(transaction);
        new.out_trade_no = order.ok_or("no such transaction")?;
    }
    let total = desk.amount(&new.out_trade_no).map(super::super::fen);
    if total.is_some_and(|total| total != new.amount.total) {
        return Err("amount.total is not the order's".to_owned());
    }
    let amount = new.amount.refund.ok_or("amount.refund is missing")?;
    let body = json!({ "amount": yuan(amount), "currency": "CNY" }).to_string();
    Ask::refund(new.out_trade_no, new.out_refund_no, body.as_bytes())
}
