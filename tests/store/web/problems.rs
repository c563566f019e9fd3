//! Every way to be refused: its status, its type, and words that help.

use serde_json::{Value, json};
use store_actors::{
    domain::{
        ids::PaymentId, money::Currency, payment::State, readiness::Obstacle, refund::RefundRefused,
    },
    ports::JournalFailed,
    store::requests::Refused,
};

use super::shop::{Shop, order, payment, yuan};

const NOBODY: &str = "01923456789a7fffbfffffffffffffff";

#[actix_web::test]
async fn what_the_store_refuses_has_its_own_type() {
    let shop = Shop::open().await;
    let counter = || "09".parse().unwrap();
    let remaining = yuan("1.00");
    let table = [
        (Refused::NoSuchCounter(counter()), 404, "no-such-counter"),
        (Refused::NoSuchPayment, 404, "no-such-payment"),
        (Refused::NotReady(vec![]), 409, "not-ready"),
        (Refused::KeyReused, 422, "key-reused"),
        (Refused::ZeroAmount, 422, "invalid-amount"),
        (
            Refused::ForeignCurrency(Currency::Cny),
            422,
            "foreign-currency",
        ),
        (
            Refused::Journal(JournalFailed::Stopped("fsync".into())),
            503,
            "journal-stopped",
        ),
        (
            Refused::Journal(JournalFailed::NearlyFull),
            503,
            "disk-nearly-full",
        ),
        (
            Refused::Journal(JournalFailed::Unreadable("torn".into())),
            503,
            "journal-stopped",
        ),
        (Refused::Journal(JournalFailed::Busy), 503, "no-answer"),
        (Refused::Journal(JournalFailed::NoAnswer), 503, "no-answer"),
        (Refused::NoAnswer("the counter".into()), 503, "no-answer"),
    ];
    for (refused, status, kind) in table {
        let (words, is_passing) = (refused.to_string(), kind == "no-answer");
        shop.refuse(refused);
        let answer = shop.pay("k", &order()).await;
        assert_eq!(answer.problem(), (status, kind.to_owned()));
        assert_eq!(answer.json()["detail"], words);
        assert_eq!(
            answer.header("retry-after"),
            if is_passing { "1" } else { "" },
            "{kind}"
        );
    }
    let mut approved = payment(1, |_| {});
    approved.state = State::Approved;
    let refunds = format!("/v1/payments/{}/refunds", approved.id);
    let cancel = format!("/v1/payments/{}/cancel", approved.id);
    shop.know(approved.clone());
    shop.refuse(Refused::NotCancellable(State::Approved));
    assert_eq!(
        shop.send(shop.request("POST", &cancel)).await.problem(),
        (409, "not-cancellable".into())
    );
    for (refused, status, kind) in [
        (RefundRefused::TooMany, 409, "not-refundable"),
        (
            RefundRefused::NotApproved(State::Declined),
            409,
            "not-refundable",
        ),
        (
            RefundRefused::ExceedsPayment { remaining },
            422,
            "refund-too-large",
        ),
        (RefundRefused::Zero, 422, "invalid-amount"),
    ] {
        shop.refuse(Refused::Refund(refused));
        assert_eq!(
            shop.post(&refunds, "k", &json!({})).await.problem(),
            (status, kind.to_owned())
        );
    }
    shop.refuse(Refused::NoSuchRefund);
    assert_eq!(
        shop.get(&format!("/v1/refunds/{NOBODY}")).await.problem(),
        (404, "no-such-refund".into())
    );
}

#[actix_web::test]
async fn a_counter_that_cannot_says_why_in_two_languages() {
    let shop = Shop::open().await;
    let busy = PaymentId::from_bytes([7; 16]);
    shop.refuse(Refused::NotReady(vec![
        Obstacle::Busy { payment: busy },
        Obstacle::AcquirerUnreachable {
            acquirer: "sandbox".into(),
            why: "timed out".into(),
        },
        Obstacle::ScannerAbsent {
            why: "unplugged".into(),
        },
    ]));
    let answer = shop.pay("k", &order()).await;
    assert_eq!(answer.problem(), (409, "not-ready".into()));
    let problem = answer.json();
    let codes: Vec<_> = problem["obstacles"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["code"].clone())
        .collect();
    assert_eq!(codes, ["busy", "acquirer_unreachable", "scanner_absent"]);
    assert_eq!(problem["obstacles"][0]["payment"], busy.to_string());
    assert_eq!(problem["obstacles"][1]["why"], "sandbox: timed out");
    assert_eq!(
        problem["obstacles"][2]["words"]["zh"],
        "扫码枪未连接，请检查连线"
    );
    assert_eq!(
        problem["obstacles"][2]["words"]["en"],
        "The scanner is not connected: check its cable"
    );
}

#[actix_web::test]
async fn a_body_that_is_not_right_is_refused_with_what_is_wrong() {
    let shop = Shop::open().await;
    let with = |field: &str, value: Value| {
        let mut body = order();
        body[field] = value;
        body.to_string()
    };
    let mut without = order();
    without.as_object_mut().unwrap().remove("counter");
    let long = "x".repeat(65);
    for (body, status, kind, words) in [
        ("".to_owned(), 400, "invalid-request", "EOF"),
        (
            "{\"counter\": ".to_owned(),
            400,
            "invalid-request",
            "line 1 column",
        ),
        ("[]".to_owned(), 400, "invalid-request", "the body"),
        (
            with("colour", json!("red")),
            400,
            "invalid-request",
            "unknown field `colour`",
        ),
        (
            without.to_string(),
            400,
            "invalid-request",
            "missing field `counter`",
        ),
        (
            with("counter", json!("a/b")),
            400,
            "invalid-request",
            "counter: a counter id",
        ),
        (
            with("tender", json!("cash")),
            400,
            "invalid-request",
            "unknown variant `cash`",
        ),
        (
            with("amount", json!(12.5)),
            400,
            "invalid-request",
            "invalid type",
        ),
        (
            with("reference", json!(long)),
            400,
            "invalid-request",
            "reference: 1 to 64",
        ),
        (
            with("reference", json!("a\nb")),
            400,
            "invalid-request",
            "control character",
        ),
        (
            with("amount", json!("0.00")),
            422,
            "invalid-amount",
            "more than zero",
        ),
        (
            with("amount", json!("12.505")),
            422,
            "invalid-amount",
            "2 decimal places",
        ),
        (
            with("amount", json!("-1")),
            422,
            "invalid-amount",
            "not an amount",
        ),
        (
            with("amount", json!("1e3")),
            422,
            "invalid-amount",
            "not an amount",
        ),
        (
            with("amount", json!("10000000000.00")),
            422,
            "invalid-amount",
            "twelve digits",
        ),
        (
            with("currency", json!("ZZZ")),
            422,
            "foreign-currency",
            "ZZZ",
        ),
        (
            format!("{{\"reference\": \"{}\"}}", "x".repeat(20_000)),
            413,
            "body-too-large",
            "16384 bytes",
        ),
    ] {
        let request = shop
            .request("POST", "/v1/payments")
            .header("idempotency-key", "k");
        let answer = shop
            .send(
                request
                    .header("content-type", "application/json")
                    .body(body.clone()),
            )
            .await;
        assert_eq!(answer.problem(), (status, kind.to_owned()), "{body}");
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(words), "{body}: {detail}");
        let said = answer.json()["words"]["en"].as_str().unwrap().to_owned();
        assert!(!said.is_empty() && !said.starts_with("problem-"), "{said}");
    }
    assert!(
        shop.told.lock().unwrap().payments.is_empty(),
        "nothing of it reached the store"
    );
}

#[actix_web::test]
async fn a_key_is_needed_and_has_a_form() {
    let shop = Shop::open().await;
    let request = || shop.request("POST", "/v1/payments").json(&order());
    let missing = shop.send(request()).await;
    assert_eq!(missing.problem(), (400, "idempotency-key-missing".into()));
    assert!(
        missing.json()["detail"]
            .as_str()
            .unwrap()
            .contains("move money twice")
    );
    for key in ["", "a b", &"k".repeat(129), "\"\""] {
        let answer = shop.send(request().header("idempotency-key", key)).await;
        assert_eq!(answer.problem(), (400, "invalid-request".into()), "{key:?}");
    }
    let twice = shop
        .send(
            request()
                .header("idempotency-key", "a")
                .header("idempotency-key", "b"),
        )
        .await;
    assert_eq!(twice.problem(), (400, "invalid-request".into()));
}

#[actix_web::test]
async fn paths_methods_and_media_types_are_told_apart() {
    let shop = Shop::open().await;
    for (method, path, status, kind) in [
        ("GET", "/v1/nothing", 404, "not-found"),
        ("GET", "/nothing", 404, "not-found"),
        ("DELETE", "/v1/payments", 405, "method-not-allowed"),
        ("POST", "/v1/counters", 405, "method-not-allowed"),
        ("GET", "/v1/payments/7", 400, "invalid-request"),
        (
            "GET",
            &format!("/v1/payments/{NOBODY}"),
            404,
            "no-such-payment",
        ),
        (
            "POST",
            &format!("/v1/payments/{NOBODY}/cancel"),
            404,
            "no-such-payment",
        ),
        (
            "GET",
            &format!("/v1/refunds/{NOBODY}"),
            404,
            "no-such-refund",
        ),
        ("GET", "/v1/payments?limit=0", 400, "invalid-request"),
        ("GET", "/v1/payments?limit=501", 400, "invalid-request"),
        ("GET", "/v1/payments?colour=red", 400, "invalid-request"),
        ("GET", "/v1/payments?state=paid", 400, "invalid-request"),
        (
            "GET",
            "/v1/payments?since=yesterday",
            400,
            "invalid-request",
        ),
        ("GET", "/v1/payments?cursor=!", 400, "invalid-request"),
        ("GET", "/v1/payments?cursor=AAAA", 400, "invalid-request"),
        ("GET", "/v1/events?last_event_id=x", 400, "invalid-request"),
    ] {
        let answer = shop.send(shop.request(method, path)).await;
        assert_eq!(
            answer.problem(),
            (status, kind.to_owned()),
            "{method} {path}"
        );
    }
    let request = shop
        .request("POST", "/v1/payments")
        .header("idempotency-key", "k");
    let answer = shop
        .send(
            request
                .header("content-type", "text/plain")
                .body(order().to_string()),
        )
        .await;
    assert_eq!(answer.problem(), (415, "unsupported-media-type".into()));
}

#[actix_web::test]
async fn every_answer_carries_the_id_of_its_request() {
    let shop = Shop::open().await;
    let of = |id: &'static str| {
        let request = shop.request("GET", "/v1/nothing");
        shop.send(request.header("x-request-id", id))
    };
    assert_eq!(of("till-7:42").await.header("x-request-id"), "till-7:42");
    let made = of("two words").await.header("x-request-id").to_owned();
    assert_eq!(made.len(), 16, "{made}");
    assert_ne!(shop.get("/v1/counters").await.header("x-request-id"), made);
}
