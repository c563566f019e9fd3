//! Bodies of the third interface. An answer about an order or a refund names it (PAY-5); the two
//! that name nothing, a new QR and an order closed, are bound by their connection alone, which
//! serves one request.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use store_actors::{
    domain::{
        ids::{PaymentId, RefundId},
        money::Money,
        payment::NoAnswer,
        sticker::Notification,
        tender::Scheme,
    },
    ports::Charge,
};
use zeroize::Zeroizing;

use crate::adapters::acquirers::wechat::{
    Shop, Trade,
    words::{Back, RefundState, Refusal, Standing, TradeState, TradeType, fen, missing, money},
};

#[derive(Serialize)]
struct Amount {
    total: u64,
    currency: &'static str,
}

#[derive(Serialize)]
struct Payer<'a> {
    auth_code: &'a str,
}

#[derive(Serialize)]
struct StoreInfo<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    out_id: Option<&'a str>,
}

#[derive(Serialize)]
struct SceneInfo<'a> {
    device_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    device_ip: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payer_client_ip: Option<&'a str>,
    store_info: StoreInfo<'a>,
}

/// A new order.
#[derive(Serialize)]
struct NewOrder<'a> {
    appid: &'a str,
    mchid: &'a str,
    description: &'a str,
    out_trade_no: PaymentId,
    #[serde(skip_serializing_if = "Option::is_none")]
    notify_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payer: Option<Payer<'a>>,
    amount: Amount,
    scene_info: SceneInfo<'a>,
}

/// `codepay` with the customer's code, `native` without.
pub(super) fn order(
    shop: &Shop,
    charge: &Charge,
    code: Option<&str>,
) -> Result<Zeroizing<Vec<u8>>, NoAnswer> {
    let ip = Some(shop.device_ip.as_str());
    let store = Some(shop.store.as_str());
    let is_code = code.is_some();
    json(&NewOrder {
        appid: &shop.appid,
        mchid: &shop.mchid,
        description: &shop.description,
        out_trade_no: charge.order,
        notify_url: (!is_code).then_some(shop.notify_url.as_str()),
        payer: code.map(|auth_code| Payer { auth_code }),
        amount: Amount {
            total: fen(charge.money)?,
            currency: "CNY",
        },
        // the two methods have their own names for the same things
        scene_info: SceneInfo {
            device_id: charge.counter.as_str(),
            device_ip: ip.filter(|_| is_code),
            payer_client_ip: ip.filter(|_| !is_code),
            store_info: StoreInfo {
                id: store.filter(|_| !is_code),
                out_id: store.filter(|_| is_code),
            },
        },
    })
}

#[derive(Serialize)]
struct Names<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    appid: Option<&'a str>,
    mchid: &'a str,
}

pub(super) fn close(shop: &Shop) -> Result<Zeroizing<Vec<u8>>, NoAnswer> {
    json(&Names {
        appid: None,
        mchid: &shop.mchid,
    })
}

pub(super) fn reverse(shop: &Shop) -> Result<Zeroizing<Vec<u8>>, NoAnswer> {
    json(&Names {
        appid: Some(&shop.appid),
        mchid: &shop.mchid,
    })
}

#[derive(Serialize)]
struct RefundAmount {
    refund: u64,
    total: u64,
    currency: &'static str,
}

#[derive(Serialize)]
struct NewRefund<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    out_trade_no: Option<PaymentId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transaction_id: Option<&'a str>,
    out_refund_no: RefundId,
    amount: RefundAmount,
}

pub(super) fn refund<'a>(
    trade: impl Into<Trade<'a>>,
    refund: RefundId,
    total: Money,
    part: Money,
) -> Result<Zeroizing<Vec<u8>>, NoAnswer> {
    let (out_trade_no, transaction_id) = match trade.into() {
        Trade::Order(order) => (Some(order), None),
        Trade::Claim(claim) => (None, Some(claim.transaction.as_str())),
    };
    json(&NewRefund {
        out_trade_no,
        transaction_id,
        out_refund_no: refund,
        amount: RefundAmount {
            refund: fen(part)?,
            total: fen(total)?,
            currency: "CNY",
        },
    })
}

fn json(body: &impl Serialize) -> Result<Zeroizing<Vec<u8>>, NoAnswer> {
    // room for the largest, so that growing leaves no copy of a code behind
    let mut bytes = Zeroizing::new(Vec::with_capacity(2 * 1024));
    serde_json::to_writer(&mut *bytes, body).map_err(|e| NoAnswer::NotSent(e.to_string()))?;
    Ok(bytes)
}

#[derive(Deserialize)]
struct SaidAmount {
    total: Option<u64>,
    refund: Option<u64>,
    currency: Option<String>,
}

/// An order: to `codepay`, to a query, and within a notification.
#[derive(Deserialize)]
struct Order {
    appid: Option<String>,
    mchid: String,
    out_trade_no: String,
    transaction_id: Option<String>,
    trade_type: Option<String>,
    trade_state: TradeState,
    trade_state_desc: Option<String>,
    amount: Option<SaidAmount>,
    /// What was given with a new order, or stands in a printed QR.
    attach: Option<String>,
    scene_info: Option<SaidScene>,
}

#[derive(Deserialize)]
struct SaidScene {
    device_id: Option<String>,
}

/// The order that this body is about, and how it stands.
fn any_standing(shop: &Shop, body: &[u8]) -> Result<(Order, Standing), NoAnswer> {
    let order: Order = parse(body)?;
    let is_ours = order.mchid == shop.mchid
        && order
            .appid
            .as_ref()
            .is_none_or(|appid| *appid == shop.appid);
    if !is_ours {
        return Err(NoAnswer::AnotherOrder);
    }
    let amount = order.amount.as_ref();
    let total = amount.and_then(|amount| {
        let currency = amount.currency.as_deref();
        amount.total.map(|total| money(total, currency))
    });
    let standing = Standing::new(
        order.trade_state,
        TradeType::of(order.trade_type.as_deref()),
        order.transaction_id.as_deref(),
        total.transpose()?,
        order.trade_state_desc.as_deref(),
    )?;
    Ok((order, standing))
}

pub(super) fn standing<'a>(
    shop: &Shop,
    body: &[u8],
    trade: impl Into<Trade<'a>>,
) -> Result<Standing, NoAnswer> {
    let (order, standing) = any_standing(shop, body)?;
    let transaction = order.transaction_id.as_deref();
    trade.into().check(Some(&order.out_trade_no), transaction)?;
    Ok(standing)
}

/// What is within a notification of a payment.
pub(super) fn notified(shop: &Shop, body: &[u8]) -> Result<Notification, NoAnswer> {
    let (order, standing) = any_standing(shop, body)?;
    let amount = order.amount.as_ref().and_then(|amount| amount.total);
    let amount = amount.ok_or_else(|| missing("amount"))?;
    let device = order.scene_info.and_then(|scene| scene.device_id);
    Ok(Notification {
        transaction: order
            .transaction_id
            .unwrap_or_else(|| order.out_trade_no.clone()),
        order: order.out_trade_no,
        sent_at: None,
        money: money(amount, None)?,
        // one of which a part was given back was paid, too: the query tells what is left
        is_paid: standing.paid.is_some(),
        scheme: Scheme::WechatPay,
        labels: [order.attach, device].into_iter().flatten().collect(),
    })
}

pub(super) fn code_url(body: &[u8]) -> Result<String, NoAnswer> {
    #[derive(Deserialize)]
    struct Native {
        code_url: String,
    }
    let Native { code_url } = parse(body)?;
    match (1..=1024).contains(&code_url.len()) {
        true => Ok(code_url),
        false => Err(missing("code_url")),
    }
}

/// The order that was reversed.
pub(super) fn reversed(body: &[u8], order: PaymentId) -> Result<(), NoAnswer> {
    #[derive(Deserialize)]
    struct Reversed {
        out_trade_no: PaymentId,
    }
    match parse::<Reversed>(body)?.out_trade_no == order {
        true => Ok(()),
        false => Err(NoAnswer::AnotherOrder),
    }
}

pub(super) fn back<'a>(
    body: &[u8],
    trade: impl Into<Trade<'a>>,
    refund: RefundId,
) -> Result<Back, NoAnswer> {
    #[derive(Deserialize)]
    struct Refunded {
        refund_id: String,
        out_refund_no: RefundId,
        out_trade_no: Option<String>,
        transaction_id: Option<String>,
        status: RefundState,
        amount: SaidAmount,
    }
    let said: Refunded = parse(body)?;
    let (order, transaction) = (said.out_trade_no.as_deref(), said.transaction_id.as_deref());
    trade.into().check(order, transaction)?;
    if said.out_refund_no != refund {
        return Err(NoAnswer::AnotherOrder);
    }
    let fen = said.amount.refund.ok_or_else(|| missing("amount"))?;
    Ok(Back {
        state: said.status,
        reference: said.refund_id,
        money: money(fen, said.amount.currency.as_deref())?,
    })
}

/// What stands in place of an answer where the request was refused.
pub(super) fn refusal(status: u16, body: &[u8]) -> Refusal {
    #[derive(Deserialize)]
    struct Problem {
        code: String,
        #[serde(default)]
        message: String,
    }
    match serde_json::from_slice::<Problem>(body) {
        Ok(Problem { code, message }) => Refusal::new(&code, &message),
        // no code: it stays open
        Err(_) => Refusal::new("", &format!("HTTP {status}")),
    }
}

pub(super) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, NoAnswer> {
    // serde's own words may quote what they do not understand
    serde_json::from_slice(body).map_err(|e| {
        NoAnswer::Unintelligible(format!(
            "not as agreed at line {}, column {}",
            e.line(),
            e.column()
        ))
    })
}
