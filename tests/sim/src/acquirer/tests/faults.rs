//! Each rule, over the wire, with what the ledger says of it.

use std::time::Duration;

use serde_json::{Value, json};

use super::shop::{Shop, charge, client, number};
use crate::acquirer::{Connection, Delivery, Operation, Rule, Tender, Then, Verdict, When};

const PAID: [&str; 3] = ["1", "0", "0"];
const NOTHING: [&str; 3] = ["0", "0", "0"];

fn on_charge(delivery: Delivery) -> Vec<Rule> {
    vec![Rule::on(Operation::Charge).delivery(delivery)]
}

fn decline(code: &str) -> Verdict {
    Verdict::Decline {
        code: code.to_owned(),
    }
}

#[tokio::test]
async fn declined_with_the_rules_code_and_for_good() {
    let rule = Rule::on(Operation::Charge)
        .verdict(decline("NOT_ENOUGH"))
        .times(1);
    let shop = Shop::open(vec![rule]);
    for _ in 0..2 {
        let reply = shop.charge(&number(1), "1.00").await;
        assert_eq!((reply.state(), reply.code()), ("declined", "NOT_ENOUGH"));
    }
    assert_eq!(shop.reverse(&number(1)).await.state(), "declined");
    assert_eq!(shop.moved(&number(1)), NOTHING);
}

#[tokio::test]
async fn verifying_and_then_approved_or_declined_on_the_divided_clock() {
    let after = |then| Verdict::Verifying {
        for_ms: 20_000,
        then,
    };
    let no = Then::Decline {
        code: "PASSWORD".to_owned(),
    };
    let shop = Shop::with(|config| {
        config.speed = 200; // 20 s become 100 ms
        config.rules = vec![
            Rule::on(Operation::Charge)
                .verdict(after(Then::Approve))
                .times(1),
            Rule::on(Operation::Charge).verdict(after(no)),
        ];
    });
    assert_eq!(shop.charge(&number(1), "1.00").await.state(), "verifying");
    assert_eq!(shop.charge(&number(2), "1.00").await.state(), "verifying");
    shop.until(&number(1), "approved").await;
    shop.until(&number(2), "declined").await;
    assert_eq!(shop.moved(&number(1)), PAID);
    assert_eq!(shop.moved(&number(2)), NOTHING);
}

#[tokio::test]
async fn a_scripted_customer_pays_the_qr_code_after_a_while() {
    let pays = Verdict::Verifying {
        for_ms: 50,
        then: Then::Approve,
    };
    let shop = Shop::open(vec![Rule::on(Operation::Qr).verdict(pays)]);
    assert_eq!(shop.qr(&number(1), "1.00").await.state(), "pending");
    shop.until(&number(1), "approved").await;
    assert_eq!(shop.moved(&number(1)), PAID);
}

#[tokio::test]
async fn silence_and_server_errors_with_and_without_the_money_moved() {
    for (money_moved, expected) in [(true, PAID), (false, NOTHING)] {
        let connection = Connection::Drop;
        let shop = Shop::open(on_charge(Delivery::Silence {
            money_moved,
            connection,
        }));
        let error = shop
            .ask("POST", "/v1/charges", &charge(&number(1), "1.00"))
            .await;
        assert!(!error.unwrap_err().is_connect(), "it was sent");
        assert_eq!(shop.moved(&number(1)), expected);

        let shop = Shop::open(on_charge(Delivery::Error {
            status: 503,
            money_moved,
        }));
        let reply = shop.charge(&number(1), "1.00").await;
        assert_eq!((reply.status, reply.trusted), (503, false));
        assert_eq!(shop.moved(&number(1)), expected);
        let state = if money_moved { "approved" } else { "not_found" };
        assert_eq!(shop.query(&number(1)).await.state(), state);
    }
}

#[tokio::test]
async fn a_connection_held_in_silence_times_out_at_the_store() {
    let hold = Delivery::Silence {
        money_moved: true,
        connection: Connection::Hold,
    };
    let mut shop = Shop::open(on_charge(hold));
    shop.client = reqwest::Client::builder()
        .timeout(Duration::from_millis(100))
        .build()
        .unwrap();
    let error = shop
        .ask("POST", "/v1/charges", &charge(&number(1), "1.00"))
        .await
        .unwrap_err();
    assert!(error.is_timeout(), "{error:?}");
    assert_eq!(shop.moved(&number(1)), PAID);
}

#[tokio::test]
async fn a_held_connection_is_dropped_in_the_end() {
    let hold = Delivery::Silence {
        money_moved: true,
        connection: Connection::Hold,
    };
    let shop = Shop::with(|config| {
        config.hold_ms = 20;
        config.rules = on_charge(hold);
    });
    let error = shop
        .ask("POST", "/v1/charges", &charge(&number(1), "1.00"))
        .await
        .unwrap_err();
    assert!(!error.is_timeout(), "{error:?}");
}

#[tokio::test]
async fn a_slow_answer_has_moved_the_money_long_before() {
    let shop = Shop::open(on_charge(Delivery::Slow { ms: 200 }));
    let order = number(1);
    let (slow, ()) = tokio::join!(shop.charge(&order, "1.00"), shop.until(&order, "approved"));
    assert_eq!(slow.state(), "approved");
}

#[tokio::test]
async fn a_late_charge_finds_its_order_reversed() {
    let shop = Shop::open(on_charge(Delivery::Late { ms: 300 }));
    let order = number(1);
    let (late, reversed) = tokio::join!(shop.charge(&order, "1.00"), shop.reverse(&order));
    assert_eq!(reversed.state(), "closed");
    assert_eq!((late.state(), late.code()), ("closed", "ORDER_CLOSED"));
    assert_eq!(shop.moved(&order), NOTHING);
}

#[tokio::test]
async fn an_answer_for_another_order_is_rightly_signed_and_says_so() {
    let shop = Shop::open(on_charge(Delivery::OtherOrder));
    let reply = shop.charge(&number(1), "1.00").await;
    assert!(reply.trusted);
    assert_eq!(reply.body["order"], number(0));
    assert_eq!(shop.moved(&number(1)), PAID);
}

#[tokio::test]
async fn a_wrong_signature_and_garbage_are_no_answers() {
    let shop = Shop::open(on_charge(Delivery::WrongSignature));
    let reply = shop.charge(&number(1), "1.00").await;
    assert_eq!((reply.status, reply.trusted), (200, false));
    let shop = Shop::open(on_charge(Delivery::Garbage));
    let reply = shop.charge(&number(1), "1.00").await;
    assert_eq!(
        (reply.status, reply.trusted, reply.body),
        (200, true, Value::Null)
    );
}

#[tokio::test]
async fn an_answer_given_twice_settles_nothing_but_its_own_order() {
    let shop = Shop::open(on_charge(Delivery::Duplicate));
    for n in 0..20 {
        let order = number(n);
        // the second copy may be read as the next answer on this connection: then it is not trusted
        let Ok(reply) = shop
            .ask("POST", "/v1/charges", &charge(&order, "1.00"))
            .await
        else {
            continue;
        };
        assert!(!reply.trusted || reply.body["order"] == order, "{reply:?}");
    }
    shop.acquirer.ledger().audit().unwrap();
    assert!(shop.acquirer.rules().used("Charge") > 1);
    let mut wire = tokio::net::TcpStream::connect(shop.acquirer.addr())
        .await
        .unwrap();
    let seen = two_answers(&shop, &mut wire).await;
    assert_eq!(seen.matches("HTTP/1.1 200 OK").count(), 2, "{seen}");
}

/// One charge over a bare connection, and all bytes until both answers are there.
async fn two_answers(shop: &Shop, wire: &mut tokio::net::TcpStream) -> String {
    use crate::acquirer::sign;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let body = charge(&number(99), "1.00").to_string();
    let time = jiff::Timestamp::now().as_second().to_string();
    let nonce = "nonce-nonce-nonce-nonce";
    let path = "/v1/charges";
    let signature = sign::request(&shop.key, "POST", path, &time, nonce, body.as_bytes());
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n{}: sandbox-merchant\r\n\
         {}: {time}\r\n{}: {nonce}\r\n{}: {signature}\r\n\r\n",
        body.len(),
        sign::MERCHANT,
        sign::TIMESTAMP,
        sign::NONCE,
        sign::SIGNATURE,
    );
    wire.write_all(format!("{head}{body}").as_bytes())
        .await
        .unwrap();
    let mut seen = Vec::new();
    let both = async {
        while String::from_utf8_lossy(&seen)
            .matches("\"approved\"")
            .count()
            < 2
        {
            assert_ne!(wire.read_buf(&mut seen).await.unwrap(), 0, "closed early");
        }
    };
    tokio::time::timeout(Duration::from_secs(5), both)
        .await
        .unwrap();
    String::from_utf8(seen).unwrap()
}

#[tokio::test]
async fn the_customer_pays_between_the_last_query_and_the_reversal() {
    let wait = Verdict::Verifying {
        for_ms: 3_600_000,
        then: Then::Never,
    };
    let shop = Shop::open(vec![
        Rule::on(Operation::Charge).verdict(wait),
        Rule::on(Operation::Reverse).verdict(Verdict::CustomerPaysFirst),
    ]);
    shop.charge(&number(1), "1.00").await;
    assert_eq!(shop.query(&number(1)).await.state(), "verifying");
    assert_eq!(shop.reverse(&number(1)).await.state(), "reversed");
    assert_eq!(shop.moved(&number(1)), ["1", "0", "1"]);
}

#[tokio::test]
async fn a_reversal_put_off_because_the_customer_is_paying_finds_the_order_paid() {
    let wait = Verdict::Verifying {
        for_ms: 3_600_000,
        then: Then::Never,
    };
    let paying = Verdict::Verifying {
        for_ms: 20,
        then: Then::Approve,
    };
    let put_off = Rule {
        per_order: Some(1),
        ..Rule::on(Operation::Reverse).verdict(paying)
    };
    let shop = Shop::open(vec![Rule::on(Operation::Charge).verdict(wait), put_off]);
    shop.charge(&number(1), "1.00").await;
    assert_eq!(shop.reverse(&number(1)).await.state(), "verifying");
    shop.until(&number(1), "approved").await;
    assert_eq!(shop.reverse(&number(1)).await.state(), "reversed");
    assert_eq!(shop.moved(&number(1)), ["1", "0", "1"]);
}

#[tokio::test]
async fn a_refused_reversal_tells_the_state_and_the_reason() {
    let rule = Rule::on(Operation::Reverse)
        .verdict(decline("TOO_LATE"))
        .times(1);
    let shop = Shop::open(vec![rule]);
    shop.charge(&number(1), "1.00").await;
    let refused = shop.reverse(&number(1)).await;
    assert_eq!((refused.state(), refused.code()), ("approved", "TOO_LATE"));
    assert_eq!(shop.moved(&number(1)), PAID);
}

#[tokio::test]
async fn status_queries_fail_so_many_times_for_each_order() {
    let error = Delivery::Error {
        status: 500,
        money_moved: false,
    };
    let rule = Rule {
        per_order: Some(2),
        ..Rule::on(Operation::Query).delivery(error)
    };
    let shop = Shop::open(vec![rule]);
    for order in [1, 2].map(number) {
        shop.charge(&order, "1.00").await;
        let mut seen = Vec::new();
        for _ in 0..3 {
            seen.push(shop.query(&order).await.status);
        }
        assert_eq!(seen, [500, 500, 200]);
    }
}

#[tokio::test]
async fn a_query_may_not_have_heard_of_an_order_that_exists() {
    let shop = Shop::open(vec![
        Rule::on(Operation::Query)
            .verdict(Verdict::NotFound)
            .times(1),
    ]);
    shop.charge(&number(1), "1.00").await;
    let unheard = shop.query(&number(1)).await;
    assert_eq!((unheard.status, unheard.state()), (404, "not_found"));
    assert_eq!(shop.query(&number(1)).await.state(), "approved");
}

#[tokio::test]
async fn a_refund_is_worked_on_and_then_paid_or_called_off_by_a_reversal() {
    let work = |for_ms| Verdict::Verifying {
        for_ms,
        then: Then::Approve,
    };
    let shop = Shop::open(vec![
        Rule::on(Operation::Refund).verdict(work(20)).times(1),
        Rule::on(Operation::Refund).verdict(work(3_600_000)),
    ]);
    let [order, quick, slow] = [1, 2, 3].map(number);
    shop.charge(&order, "1.00").await;
    assert_eq!(
        shop.refund(&order, &quick, "0.40").await.state(),
        "verifying"
    );
    let path = format!("/v1/orders/{order}/refunds/{quick}");
    let paid = async {
        while shop.ask("GET", &path, &Value::Null).await.unwrap().state() != "approved" {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), paid)
        .await
        .unwrap();
    assert_eq!(
        shop.refund(&order, &slow, "0.50").await.state(),
        "verifying"
    );
    let over = shop.refund(&order, &number(4), "0.20").await;
    assert_eq!(
        over.code(),
        "REFUND_EXCEEDS_PAYMENT",
        "what is being refunded is spoken for"
    );
    assert_eq!(shop.reverse(&order).await.state(), "reversed");
    assert_eq!(
        shop.refund(&order, &slow, "0.50").await.code(),
        "ORDER_REVERSED"
    );
    assert_eq!(shop.moved(&order), ["1", "0.4", "0.6"]);
}

#[tokio::test]
async fn refunds_are_refused_lost_or_broken_by_rule_and_paid_once() {
    let lost = Delivery::Silence {
        money_moved: true,
        connection: Connection::Drop,
    };
    let shop = Shop::open(vec![Rule::on(Operation::Refund).delivery(lost).times(1)]);
    let [order, refund] = [1, 2].map(number);
    shop.charge(&order, "1.00").await;
    let path = format!("/v1/orders/{order}/refunds/{refund}");
    let body = json!({ "amount": "1.00", "currency": "CNY" });
    assert!(shop.ask("POST", &path, &body).await.is_err());
    assert_eq!(
        shop.refund(&order, &refund, "1.00").await.state(),
        "approved"
    );
    assert_eq!(shop.moved(&order), ["1", "1", "0"]);
}

#[tokio::test]
async fn rules_come_and_go_over_http() {
    let shop = Shop::open(vec![]);
    let url = format!("{}/v1/sim/rules", shop.acquirer.url());
    let rule = json!({ "when": { "operation": "charge", "tender": "customer_code", "suffix": "9406",
        "amount_from": "1.00", "amount_to": "2.00", "store": "s1", "counter": "c1" },
        "verdict": { "decline": { "code": "NO" } }, "delivery": { "slow": { "ms": 1 } } });
    let http = client();
    let added = http.post(&url).body(rule.to_string()).send().await.unwrap();
    assert_eq!(added.status(), 201);
    let listed = http.get(&url).send().await.unwrap().bytes().await.unwrap();
    let listed: Vec<Rule> = serde_json::from_slice(&listed).unwrap();
    assert_eq!(listed[0].when.tender, Some(Tender::CustomerCode));
    assert_eq!(shop.charge(&number(1), "1.50").await.code(), "NO");
    assert_eq!(shop.charge(&number(2), "2.01").await.state(), "approved");
    for bad in [
        json!({ "when": {} }),
        json!({ "verdict": "approve", "unknown": 1 }),
        json!(3),
    ] {
        assert_eq!(
            http.post(&url)
                .body(bad.to_string())
                .send()
                .await
                .unwrap()
                .status(),
            400
        );
    }
    assert_eq!(http.delete(&url).send().await.unwrap().status(), 204);
    assert_eq!(shop.charge(&number(3), "1.50").await.state(), "approved");
    let later = Rule {
        when: When::default(),
        ..Rule::on(Operation::Charge)
    };
    assert!(shop.acquirer.rules().add(later).is_err(), "does nothing");
}
