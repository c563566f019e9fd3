//! The back office through HTTP, over a real office and a journal in memory.

use serde_json::{Value, json};
use store_actors::domain::{
    payment::{NoAnswer, Payment, State},
    tender::{Presented, Scheme},
};

use super::shop::{Shop, now, payment, yuan};
use crate::support::eventually;

pub const TODAY: &str = "2027-01-15";

/// Approved by acquirer `a`, at the time when it was opened.
pub fn approved(number: u64, amount: &str) -> Payment {
    let mut payment = payment(number, |opening| opening.money = yuan(amount));
    payment.state = State::Approved;
    payment.presented = Some(Presented::code(Scheme::Alipay));
    payment.acquirer = Some("a".parse().unwrap());
    payment.ended_at = Some(payment.opened_at);
    payment
}

#[actix_web::test]
async fn a_statement_is_told_as_json_and_as_csv() {
    let shop = Shop::open().await;
    let mut elsewhere = approved(3, "5.00");
    elsewhere.acquirer = Some("b".parse().unwrap());
    shop.journal(&[approved(1, "12.50"), approved(2, "7.50"), elsewhere])
        .await;
    let path = format!("/v1/office/statement?from={TODAY}&to={TODAY}&by=acquirer,tender");
    let told = shop.get(&path).await;
    assert_eq!(told.status, 200);
    let line = |of: Value, payments: u64, gross: &str, fees: &str, net: &str, unpriced: u64| {
        json!({ "of": of, "currency": "CNY", "payments": payments, "gross": gross, "refunds": 0,
            "refunded": "0.00", "fees": fees, "net": net, "unpriced": unpriced })
    };
    let lines = json!([
        line(
            json!(["a", "customer_code"]),
            2,
            "20.00",
            "0.13",
            "19.87",
            0
        ),
        line(json!(["b", "customer_code"]), 1, "5.00", "0.00", "5.00", 1),
    ]);
    assert_eq!(told.json()["lines"], lines);
    assert_eq!(
        told.json()["totals"],
        json!([line(json!([]), 3, "25.00", "0.13", "24.87", 1)])
    );

    let csv = shop.get(&format!("{path}&format=csv")).await;
    assert_eq!(csv.header("content-type"), "text/csv; charset=utf-8");
    assert_eq!(
        String::from_utf8(csv.body).unwrap(),
        "acquirer,tender,currency,payments,gross,refunds,refunded,fees,net,unpriced\n\
         a,customer_code,CNY,2,20.00,0,0.00,0.13,19.87,0\nb,customer_code,CNY,1,5.00,0,0.00,0.00,5.00,1\n"
    );
    // a day that changed is added up anew
    shop.journal(&[approved(4, "100.00")]).await;
    let told = shop
        .get(&format!("/v1/office/statement?from={TODAY}&to={TODAY}"))
        .await;
    assert_eq!(told.json()["totals"][0]["gross"], "125.00");

    let told = shop
        .get(&format!("/v1/office/comparison?from={TODAY}&to={TODAY}"))
        .await;
    assert_eq!(told.json()["actual"][0]["fees"], "0.73");
    let at_a = line(json!(["a"]), 4, "125.00", "0.76", "124.24", 0);
    assert_eq!(told.json()["instead"], json!([at_a]));
    for wrong in [
        "from=2027-01-15&to=2027-01-14",
        "from=x&to=y",
        "from=2027-01-15",
        "from=2020-01-01&to=2027-01-15",
    ] {
        let refused = shop.get(&format!("/v1/office/statement?{wrong}")).await;
        assert_eq!(
            refused.problem(),
            (400, "invalid-request".into()),
            "{wrong}"
        );
    }
    let refused = shop.get(&format!("{path},colour")).await;
    assert_eq!(refused.problem(), (400, "invalid-request".into()));
}

#[actix_web::test]
async fn a_payment_tells_what_it_costs() {
    let shop = Shop::open().await;
    let (paid, open) = (approved(1, "12.50"), payment(2, |_| {}));
    shop.know(paid.clone());
    shop.know(open.clone());
    let told = shop.get(&format!("/v1/payments/{}", paid.id)).await.json();
    assert_eq!(
        told["costs"],
        json!({ "rule": "A", "fee": "0.08", "net": "12.42" })
    );
    let told = shop.get(&format!("/v1/payments/{}", open.id)).await.json();
    assert_eq!(told.get("costs"), None);
}

#[actix_web::test]
async fn a_shift_goes_from_its_float_to_its_z_report() {
    let shop = Shop::open().await;
    let new = json!({ "counter": "01", "cashier": "李", "float": "200.00" });
    let none = shop.get("/v1/office/shifts/01").await;
    assert_eq!(none.problem(), (409, "no-open-shift".into()));
    let opened = shop.post("/v1/office/shifts", "-", &new).await;
    assert_eq!(
        (opened.status, opened.json()["number"].as_u64()),
        (201, Some(1))
    );
    let again = shop.post("/v1/office/shifts", "-", &new).await;
    assert_eq!(again.problem(), (409, "shift-open".into()));
    let nowhere = shop
        .post(
            "/v1/office/shifts",
            "-",
            &json!({ "counter": "09", "float": "0" }),
        )
        .await;
    assert_eq!(nowhere.problem(), (404, "no-such-counter".into()));

    let cash = json!({ "kind": "sale", "amount": "20.00" });
    for _ in 0..2 {
        let moved = shop.post("/v1/office/shifts/01/cash", "c1", &cash).await;
        assert_eq!(
            moved.json()["cash"],
            json!([{ "kind": "sale", "count": 1, "amount": "20.00" }])
        );
    }
    let other = json!({ "kind": "sale", "amount": "21.00" });
    let reused = shop.post("/v1/office/shifts/01/cash", "c1", &other).await;
    assert_eq!(reused.problem(), (422, "key-reused".into()));

    let x = shop.get("/v1/office/shifts/01").await.json();
    assert_eq!(x["report"]["expected"], "220.00");
    let closed = shop
        .post(
            "/v1/office/shifts/01/close",
            "-",
            &json!({ "counted": "219.50" }),
        )
        .await
        .json();
    assert_eq!(
        (
            closed["state"].as_str(),
            closed["report"]["difference"].as_str()
        ),
        (Some("closed"), Some("-0.50"))
    );
    assert_eq!(shop.get("/v1/office/shifts/01/1").await.json(), closed);
    assert_eq!(
        shop.get("/v1/office/shifts/01/2").await.problem(),
        (404, "no-such-shift".into())
    );
    assert_eq!(
        shop.get("/v1/office/shifts").await.json()["shifts"],
        json!([closed])
    );
}

#[actix_web::test]
async fn a_day_is_closed_or_says_what_stands_in_the_way() {
    let shop = Shop::open().await;
    // long over by the server's real clock
    let day = "2020-02-29";
    let closed = shop
        .post(
            &format!("/v1/office/days/{day}/close"),
            "-",
            &json!({ "by": "王" }),
        )
        .await;
    assert_eq!(
        (closed.status, closed.json()["number"].as_u64()),
        (200, Some(1))
    );
    let again = shop
        .post(&format!("/v1/office/days/{day}/close"), "-", &json!({}))
        .await;
    assert_eq!(again.problem(), (409, "day-not-closable".into()));
    assert_eq!(again.json()["detail"], "the day is closed");
    let skipped = shop
        .post("/v1/office/days/2020-03-02/close", "-", &json!({}))
        .await;
    assert_eq!(skipped.json()["detail"], "2020-03-01 comes first");
    assert_eq!(
        shop.get("/v1/office/days").await.json()["days"][0]["day"],
        day
    );
    let none = shop.get("/v1/office/differences").await.json();
    assert_eq!(none, json!({ "differences": [], "bills": [] }));
    let moved = json!({ "state": "settled", "by": "王", "note": "?" });
    let unknown = shop.post("/v1/office/differences/abc", "-", &moved).await;
    assert_eq!(unknown.problem(), (404, "no-such-difference".into()));
}

#[actix_web::test]
async fn a_batch_is_settled_when_asked_and_listed() {
    let shop = Shop::open().await;
    let settle = async |id: &str| {
        let path = format!("/v1/acquirers/{id}/settlement");
        shop.post(&path, "", &json!({})).await
    };
    let nothing = settle("b").await;
    assert_eq!((nothing.status, nothing.json()), (200, json!({})));
    shop.batching.paid_at(now());
    shop.batching.fail(NoAnswer::TimedOut);
    let waits = settle("b").await;
    assert_eq!(waits.problem(), (503, "not-settled".into()));
    assert!(
        waits.json()["detail"]
            .as_str()
            .unwrap()
            .contains("no answer in time"),
        "{waits:?}"
    );
    let settled = settle("b").await;
    assert_eq!(settled.status, 200);
    let one = settled.json()["settlement"].clone();
    assert_eq!(one["acquirer"], "b");
    assert_eq!(one["debits"], json!({ "count": 1, "amount": "12.50" }));
    assert_eq!(one["credits"], json!({ "count": 0, "amount": "0.00" }));
    assert_eq!(
        (&one["balanced"], &one["uploaded"]),
        (&json!(true), &json!(0))
    );
    let listed = shop.get("/v1/office/settlements").await;
    assert_eq!(listed.json(), json!({ "settlements": [one] }));
    // the metrics follow the signals
    let metrics = eventually("the batch is counted", || async {
        let page = String::from_utf8(shop.get("/metrics").await.body).unwrap();
        page.contains("store_batches_settled_total{acquirer=\"b\",balanced=\"yes\"} 1")
            .then_some(page)
    })
    .await;
    assert!(
        metrics.contains("store_batch_waits{acquirer=\"b\"} 0"),
        "{metrics}"
    );

    assert_eq!(settle("a").await.problem(), (409, "no-batches".into()));
    assert_eq!(
        settle("c").await.problem(),
        (404, "no-such-acquirer".into())
    );
    assert_eq!(
        settle("C!").await.problem(),
        (400, "invalid-request".into())
    );
}
