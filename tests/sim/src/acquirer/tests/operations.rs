//! What a store may rely on when nothing goes wrong.

use serde_json::{Value, json};

use super::shop::{ALIPAY, PAN, Shop, WECHAT, charge, number, opening};
use crate::acquirer::sign::Key;
use crate::acquirer::{Operation, Rule, Tender, Then, Verdict};

#[tokio::test]
async fn the_same_order_moves_money_once_and_another_body_is_refused() {
    let shop = Shop::open(vec![]);
    let order = number(1);
    let first = shop.charge(&order, "12.50").await;
    let second = shop.charge(&order, "12.50").await;
    assert_eq!((first.status, first.state()), (200, "approved"));
    assert_eq!(first.body, second.body);
    assert_eq!(first.body["reference"], "SBX000000000001");
    let other = shop.charge(&order, "12.51").await;
    assert_eq!((other.status, other.code()), (409, "NUMBER_CONFLICT"));
    let mut code = charge(&order, "12.50");
    code["code"] = ALIPAY.into();
    assert_eq!(
        shop.ask("POST", "/v1/charges", &code).await.unwrap().status,
        409
    );
    assert_eq!(shop.qr(&order, "12.50").await.status, 409);
    assert_eq!(shop.moved(&order), ["12.5", "0", "0"]);
    assert_eq!(shop.acquirer.ledger().totals("CNY").orders, 1);
}

#[tokio::test]
async fn twenty_posts_of_one_order_at_once_move_money_once() {
    let shop = Shop::open(vec![]);
    let order = number(1);
    let posts = (0..20).map(|_| shop.charge(&order, "3.00"));
    for reply in futures_util::future::join_all(posts).await {
        assert_eq!(reply.state(), "approved");
    }
    assert_eq!(shop.moved(&order), ["3", "0", "0"]);
}

#[tokio::test]
async fn an_unknown_number_that_was_reversed_can_never_be_charged() {
    let shop = Shop::open(vec![]);
    let order = number(1);
    assert_eq!(shop.query(&order).await.state(), "not_found");
    assert_eq!(shop.reverse(&order).await.state(), "closed");
    assert_eq!(shop.reverse(&order).await.state(), "closed");
    let late = shop.charge(&order, "1.00").await;
    assert_eq!((late.state(), late.code()), ("closed", "ORDER_CLOSED"));
    assert_eq!(shop.query(&order).await.state(), "closed");
    assert!(shop.acquirer.ledger().is_tombstoned(&order));
    assert_eq!(shop.moved(&order), ["0", "0", "0"]);
}

#[tokio::test]
async fn a_paid_order_is_paid_back_once_however_often_it_is_reversed() {
    let shop = Shop::open(vec![]);
    let order = number(1);
    shop.charge(&order, "8.00").await;
    assert_eq!(
        shop.refund(&order, &number(2), "3.00").await.state(),
        "approved"
    );
    for _ in 0..3 {
        assert_eq!(shop.reverse(&order).await.state(), "reversed");
    }
    assert_eq!(shop.charge(&order, "8.00").await.state(), "reversed");
    assert_eq!(shop.moved(&order), ["8", "3", "5"]);
    let refund = shop.refund(&order, &number(3), "1.00").await;
    assert_eq!(
        (refund.state(), refund.code()),
        ("declined", "ORDER_REVERSED")
    );
}

#[tokio::test]
async fn refunds_are_one_per_number_in_parts_and_never_beyond_the_payment() {
    let shop = Shop::open(vec![]);
    let [order, one, two, three] = [1, 2, 3, 4].map(number);
    shop.charge(&order, "10.00").await;
    let first = shop.refund(&order, &one, "4.00").await;
    assert_eq!(first.state(), "approved");
    assert_eq!(shop.refund(&order, &one, "4.00").await.body, first.body);
    assert_eq!(shop.refund(&order, &one, "4.01").await.status, 409);
    let over = shop.refund(&order, &two, "6.01").await;
    assert_eq!(
        (over.state(), over.code()),
        ("declined", "REFUND_EXCEEDS_PAYMENT")
    );
    assert_eq!(
        shop.refund(&order, &three, "6.00").await.state(),
        "approved"
    );
    let path = format!("/v1/orders/{order}/refunds/{one}");
    let query = shop.ask("GET", &path, &Value::Null).await.unwrap();
    assert_eq!(
        (query.state(), query.body["refund"].as_str()),
        ("approved", Some(one.as_str()))
    );
    let path = format!("/v1/orders/{order}/refunds/{}", number(9));
    assert_eq!(
        shop.ask("GET", &path, &Value::Null).await.unwrap().state(),
        "not_found"
    );
    assert_eq!(
        shop.refund(&number(8), &number(9), "1.00").await.state(),
        "not_found"
    );
    assert_eq!(shop.moved(&order), ["10", "10", "0"]);
}

#[tokio::test]
async fn an_unpaid_order_cannot_be_refunded() {
    let shop = Shop::open(vec![]);
    let order = number(1);
    shop.qr(&order, "5.00").await;
    let refund = shop.refund(&order, &number(2), "5.00").await;
    assert_eq!(
        (refund.state(), refund.code()),
        ("declined", "ORDER_NOT_PAID")
    );
}

#[tokio::test]
async fn a_qr_code_is_pending_until_a_customer_pays_it_once() {
    let shop = Shop::open(vec![]);
    let order = number(1);
    let shown = shop.qr(&order, "6.60").await;
    assert_eq!(shown.state(), "pending");
    let pay = json!({ "qr": shown.body["qr"], "wallet": "alipay-alice" });
    let url = format!("{}/v1/sim/pay", shop.acquirer.url());
    let body = pay.to_string();
    let paid = shop
        .client
        .post(&url)
        .body(body.clone())
        .send()
        .await
        .unwrap();
    assert_eq!(paid.status(), 200);
    assert_eq!(
        shop.client
            .post(&url)
            .body(body)
            .send()
            .await
            .unwrap()
            .status(),
        409
    );
    assert_eq!(shop.query(&order).await.state(), "approved");
    assert_eq!(shop.moved(&order), ["6.6", "0", "0"]);
    let account = ("customer:wallet:alipay-alice".to_owned(), "CNY".to_owned());
    assert_eq!(
        shop.acquirer.ledger().balances()[&account].to_string(),
        "-6.60"
    );
}

#[tokio::test]
async fn a_qr_code_that_was_closed_cannot_be_paid() {
    let shop = Shop::open(vec![]);
    let order = number(1);
    let qr = shop.qr(&order, "6.60").await.body["qr"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(shop.reverse(&order).await.state(), "closed");
    let refusal = shop.acquirer.customers().pay(&qr, "bob").unwrap_err();
    assert_eq!(refusal.code, "ORDER_CLOSED");
    assert_eq!(shop.moved(&order), ["0", "0", "0"]);
}

#[tokio::test]
async fn a_qr_code_that_nobody_pays_expires() {
    let shop = Shop::with(|config| {
        config.qr_life_ms = 2_000;
        config.speed = 100;
    });
    let order = number(1);
    shop.qr(&order, "1.00").await;
    shop.until(&order, "closed").await;
}

#[tokio::test]
async fn a_card_pays_with_its_number_its_track_or_its_chip_data() {
    let shop = Shop::open(vec![]);
    let chip = "5A0847617390010100109F02060000000002009F2608112233445566778";
    let fields = [
        json!({ "pan": PAN }),
        json!({ "track2": format!("{PAN}D2212201"), "pin_block": "0011223344556677" }),
        json!({ "emv": format!("{chip}8") }),
    ];
    for (n, fields) in (1..).zip(fields) {
        let mut body = opening(&number(n), "2.00");
        body.as_object_mut()
            .unwrap()
            .extend(fields.as_object().unwrap().clone());
        let reply = shop.ask("POST", "/v1/cards", &body).await.unwrap();
        assert_eq!(reply.state(), "approved", "{fields}");
    }
    let mut body = opening(&number(7), "2.00");
    body["pan"] = "4761739001010011".into();
    let reply = shop.ask("POST", "/v1/cards", &body).await.unwrap();
    assert_eq!((reply.state(), reply.code()), ("declined", "INVALID_CARD"));
}

#[tokio::test]
async fn a_code_of_nobody_is_declined_and_stays_so() {
    let shop = Shop::open(vec![]);
    let mut body = charge(&number(1), "2.00");
    body["code"] = "99".into();
    for _ in 0..2 {
        let reply = shop.ask("POST", "/v1/charges", &body).await.unwrap();
        assert_eq!(
            (reply.state(), reply.code()),
            ("declined", "AUTH_CODE_INVALID")
        );
    }
}

#[tokio::test]
async fn a_code_pays_one_order_where_codes_are_used_up() {
    let shop = Shop::with(|config| config.single_use_codes = true);
    assert_eq!(shop.charge(&number(1), "2.00").await.state(), "approved");
    let again = shop.charge(&number(2), "2.00").await;
    assert_eq!(
        (again.state(), again.code()),
        ("declined", "AUTH_CODE_USED")
    );
    assert_eq!(shop.charge(&number(1), "2.00").await.state(), "approved");
}

#[tokio::test]
async fn a_tender_that_the_store_lacks_is_refused_with_its_reason() {
    let shop = Shop::with(|config| {
        config
            .stores
            .insert("s1".into(), [Tender::MerchantQr].into());
    });
    let refused = shop.charge(&number(1), "2.00").await;
    assert_eq!(
        (refused.state(), refused.code()),
        ("declined", "TENDER_NOT_ENABLED")
    );
    assert_eq!(shop.qr(&number(2), "2.00").await.state(), "pending");
    let mut body = opening(&number(3), "2.00");
    body["store"] = "s2".into();
    let unknown = shop.ask("POST", "/v1/qr", &body).await.unwrap();
    assert_eq!(
        (unknown.state(), unknown.code()),
        ("declined", "STORE_UNKNOWN")
    );
}

#[tokio::test]
async fn a_wrong_key_a_wrong_clock_and_a_bad_nonce_are_unauthorized() {
    let mut shop = Shop::open(vec![]);
    shop.shift_s = -301;
    let skewed = shop.charge(&number(1), "1.00").await;
    assert_eq!(
        (skewed.status, skewed.code(), skewed.trusted),
        (401, "CLOCK_SKEW", false)
    );
    shop.shift_s = 290;
    assert_eq!(shop.charge(&number(1), "1.00").await.status, 200);
    shop.shift_s = 0;
    shop.key = Key::new("another");
    let reply = shop.charge(&number(2), "1.00").await;
    assert_eq!((reply.status, reply.code()), (401, "BAD_SIGNATURE"));
    let bare = shop
        .client
        .get(format!("{}/v1/orders/{}", shop.acquirer.url(), number(1)));
    assert_eq!(bare.send().await.unwrap().status(), 401);
    assert!(shop.acquirer.ledger().order(&number(2)).is_none());
}

#[tokio::test]
async fn requests_that_are_not_as_agreed_get_a_reason_without_the_customers_code() {
    let shop = Shop::open(vec![]);
    let changes = [
        ("order", json!("1")),
        ("order", json!("A".repeat(32))),
        ("amount", json!(1.0)),
        ("amount", json!("0")),
        ("amount", json!("1.001")),
        ("amount", json!("-1")),
        ("currency", json!("XXX")),
        ("store", json!("")),
        ("counter", json!("a\nb")),
        ("code", json!(120061098828009406u64)),
        ("pan", json!(PAN)),
        ("extra", json!(true)),
    ];
    for (field, value) in changes {
        let mut body = charge(&number(1), "1.00");
        body[field] = value.clone();
        let reply = shop.ask("POST", "/v1/charges", &body).await.unwrap();
        assert_eq!(
            (reply.status, reply.code()),
            (400, "BAD_REQUEST"),
            "{field} {value}"
        );
        assert!(!reply.body.to_string().contains(WECHAT), "{}", reply.body);
    }
    assert_eq!(shop.query("xyz").await.status, 400);
    assert_eq!(shop.acquirer.ledger().orders().len(), 0);
}

#[tokio::test]
async fn no_customer_code_and_no_card_number_is_in_the_ledger_or_in_debug_output() {
    let shop = Shop::open(vec![]);
    shop.charge(&number(1), "1.00").await;
    let mut body = opening(&number(2), "1.00");
    body["track2"] = format!("{PAN}D2212201").into();
    shop.ask("POST", "/v1/cards", &body).await.unwrap();
    let file = std::fs::read_to_string(super::shop::ledger(shop.folder.path())).unwrap();
    let orders = format!("{:?}", shop.acquirer.ledger().orders());
    let ask = crate::acquirer::request::Ask::open(Tender::Card, body.to_string().as_bytes());
    for text in [file, orders, format!("{ask:?}")] {
        assert!(!text.contains(WECHAT) && !text.contains(PAN), "{text}");
    }
}

#[tokio::test]
async fn a_customer_who_must_confirm_confirms_or_refuses() {
    let wait = Verdict::Verifying {
        for_ms: 3_600_000,
        then: Then::Never,
    };
    let shop = Shop::open(vec![Rule::on(Operation::Charge).verdict(wait)]);
    let [yes, no] = [1, 2].map(number);
    assert_eq!(shop.charge(&yes, "1.00").await.state(), "verifying");
    assert_eq!(shop.charge(&no, "1.00").await.state(), "verifying");
    shop.acquirer.customers().confirm(&yes).unwrap();
    shop.acquirer.customers().refuse(&no).unwrap();
    assert_eq!(shop.query(&yes).await.state(), "approved");
    assert_eq!(shop.query(&no).await.code(), "CUSTOMER_REFUSED");
    assert!(shop.acquirer.customers().confirm(&no).is_err());
}

#[tokio::test]
async fn health_is_told_without_a_key() {
    let shop = Shop::open(vec![]);
    let health = shop
        .client
        .get(format!("{}/healthz", shop.acquirer.url()))
        .send()
        .await
        .unwrap();
    assert_eq!(health.status(), 200);
}
