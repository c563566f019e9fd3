//! Payments and refunds: begun once, repeated at will, listed in pages.

use serde_json::json;
use store_actors::domain::{
    double::Tie,
    money::Currency,
    payment::{Evidence, Operation, Reason, Resolving, State},
    tender::{Presented, Scheme, Tender},
};

use super::shop::{Shop, order, payment, yuan};

#[actix_web::test]
async fn a_payment_is_begun_once_however_often_it_is_asked_for() {
    let shop = Shop::open().await;
    let mut body = order();
    body["reference"] = "basket 7".into();
    let first = shop.pay("k-1", &body).await;
    assert_eq!(first.status, 201);
    let id = first.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(first.header("location"), format!("/v1/payments/{id}"));
    assert_eq!(first.json()["amount"], "12.50");
    assert_eq!(first.json()["reference"], "basket 7");
    assert_eq!(
        first.json()["words"],
        json!({ "zh": "请付款", "en": "Show your payment code or tap your card" })
    );
    // the same meaning, laid out differently, and the key as a structured field
    body["amount"] = "12.5".into();
    for key in ["k-1", "\"k-1\""] {
        let again = shop.pay(key, &body).await;
        assert_eq!((again.status, again.json()), (200, first.json()));
    }
    assert_eq!(
        shop.get(&format!("/v1/payments/{id}")).await.json(),
        first.json()
    );
    for (field, other) in [
        ("amount", "12.51"),
        ("counter", "02"),
        ("tender", "card"),
        ("reference", "basket 8"),
    ] {
        let mut changed = body.clone();
        changed[field] = other.into();
        assert_eq!(
            shop.pay("k-1", &changed).await.problem(),
            (422, "key-reused".into()),
            "{field}"
        );
    }
    assert_eq!(shop.pay("k-2", &body).await.status, 201);
}

#[actix_web::test]
async fn every_amount_is_exact() {
    let shop = Shop::open().await;
    for (amount, currency, shown) in [
        ("0.01", "CNY", "0.01"),
        ("9999999999.99", "CNY", "9999999999.99"),
        ("5", "JPY", "5"),
    ] {
        let body =
            json!({ "counter": "01", "amount": amount, "currency": currency, "tender": "card" });
        let begun = shop.pay(&format!("k-{amount}"), &body).await;
        assert_eq!(
            (begun.status, begun.json()["amount"].as_str().unwrap()),
            (201, shown)
        );
    }
    assert_eq!(
        Currency::ALL.len(),
        13,
        "a new currency deserves a line above if its places are others"
    );
}

#[actix_web::test]
async fn a_payment_shows_all_there_is_to_know() {
    let shop = Shop::open().await;
    let mut known = payment(1, |opening| opening.tender = Tender::Card);
    known.state = State::Unknown;
    known.presented = Some(Presented::card(Scheme::Visa, "476173******0010".into()));
    known.acquirer = Some("sandbox".parse().unwrap());
    known.submitted_at = Some(known.opened_at);
    known.acquirer_ref = Some("A1".into());
    known.reason = Some(Reason::Acquirer {
        acquirer_code: "05".into(),
        text: "no".into(),
    });
    let mut asked = Evidence::sent(Operation::Charge, known.opened_at);
    asked.answered("no answer in time", known.opened_at.plus_ms(10_000));
    known.evidence.push(asked);
    shop.know(known.clone());
    let shown = shop.get(&format!("/v1/payments/{}", known.id)).await.json();
    assert_eq!(shown["state"], "unknown");
    assert_eq!(shown["is_final"], false);
    assert_eq!(shown["next_action"], "ask_acquirer");
    assert_eq!(
        shown["presented"],
        json!({ "tender": "card", "scheme": "visa", "masked_pan": "476173******0010" })
    );
    assert_eq!(
        shown["reason"],
        json!({ "code": "acquirer", "acquirer_code": "05", "text": "no" })
    );
    assert_eq!(shown["evidence"][0]["said"], "no answer in time");
    assert_eq!(shown["words"]["zh"], "结果查询中 请勿重复付款");
    assert!(shown.get("fingerprint").is_none() && shown.get("refundable_amount").is_none());
}

#[actix_web::test]
async fn cancelling_answers_with_the_payment_as_it_then_is() {
    let shop = Shop::open().await;
    let id = shop.pay("k", &order()).await.json()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let cancelled = shop
        .send(shop.request("POST", &format!("/v1/payments/{id}/cancel")))
        .await;
    assert_eq!(
        (cancelled.status, &cancelled.json()["state"]),
        (200, &json!("cancelled"))
    );
}

#[actix_web::test]
async fn a_list_is_filtered_and_walked_page_by_page() {
    let shop = Shop::open().await;
    (1..=5).for_each(|number| shop.know(payment(number, |_| {})));
    let mut path = "/v1/payments?limit=2".to_owned();
    let mut seen = Vec::new();
    for page in 0..3 {
        let answer = shop.get(&path).await.json();
        let payments = answer["payments"].as_array().unwrap();
        assert_eq!(payments.len(), [2, 2, 1][page]);
        seen.extend(
            payments
                .iter()
                .map(|payment| payment["id"].as_str().unwrap().to_owned()),
        );
        match answer["next_cursor"].as_str() {
            Some(cursor) => path = format!("/v1/payments?limit=2&cursor={cursor}"),
            None => assert_eq!(page, 2),
        }
    }
    let mut newest_first = seen.clone();
    newest_first.sort();
    newest_first.reverse();
    assert_eq!(seen, newest_first);
    newest_first.dedup();
    assert_eq!(newest_first.len(), 5);

    let path =
        "/v1/payments?counter=02&state=unknown&reference=a%20b&since=2026-01-31T09:00:00%2B08:00";
    assert_eq!(
        shop.get(path).await.json(),
        json!({ "payments": [], "next_cursor": null })
    );
    let filter = shop.told.lock().unwrap().filters.pop().unwrap();
    assert_eq!(filter.counter.unwrap().as_str(), "02");
    assert_eq!(
        (filter.state, filter.reference.as_deref(), filter.limit),
        (Some(State::Unknown), Some("a b"), 50)
    );
    assert_eq!(
        filter.since.unwrap().to_string(),
        "2026-01-31T01:00:00.000Z"
    );
}

#[actix_web::test]
async fn refunds_are_begun_once_and_add_up() {
    let shop = Shop::open().await;
    let mut approved = payment(1, |_| {});
    approved.state = State::Approved;
    let path = format!("/v1/payments/{}/refunds", approved.id);
    shop.know(approved.clone());
    let part = json!({ "amount": "2.5", "reason": "broken" });
    let first = shop.post(&path, "r-1", &part).await;
    assert_eq!(
        (first.status, first.json()["amount"].as_str()),
        (201, Some("2.50"))
    );
    assert_eq!(first.json()["payment"], approved.id.to_string());
    let location = first.header("location").to_owned();
    let again = shop
        .post(
            &path,
            "r-1",
            &json!({ "amount": "2.50", "currency": "CNY", "reason": "broken" }),
        )
        .await;
    assert_eq!((again.status, again.json()), (200, first.json()));
    assert_eq!(shop.get(&location).await.json(), first.json());
    let other = shop.post(&path, "r-1", &json!({ "amount": "2.51" })).await;
    assert_eq!(other.problem(), (422, "key-reused".into()));
    // without an amount all of it, which is too much by now
    let all = shop.post(&path, "r-2", &json!({})).await;
    assert_eq!(all.problem(), (422, "refund-too-large".into()));
    let said = all.json()["detail"].as_str().unwrap().to_owned();
    assert!(said.contains(&yuan("10.00").to_string()), "{said}");
    let shown = shop
        .get(&format!("/v1/payments/{}", approved.id))
        .await
        .json();
    assert_eq!(shown["refundable_amount"], "10.00");
    assert_eq!(shown["refunds"].as_array().unwrap().len(), 1);
    let foreign = shop
        .post(&path, "r-3", &json!({ "amount": "1", "currency": "USD" }))
        .await;
    assert_eq!(foreign.problem(), (422, "foreign-currency".into()));
}

#[actix_web::test]
async fn the_payments_command_prints_what_the_api_lists() {
    let shop = Shop::open().await;
    (1..=3).for_each(|number| shop.know(payment(number, |_| {})));
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("store.toml");
    std::fs::write(
        &file,
        format!(
            "[api]\nlisten = \"{}\"\n[people]\nsign_in = \"off\"\n",
            shop.address
        ),
    )
    .unwrap();
    let printed = tokio::process::Command::new(env!("CARGO_BIN_EXE_store-controller"))
        .args(["payments", "--json", "--limit", "2", "--config"])
        .arg(&file)
        .output()
        .await
        .unwrap();
    assert!(
        printed.status.success(),
        "{}",
        String::from_utf8_lossy(&printed.stderr)
    );
    let lines = String::from_utf8(printed.stdout).unwrap();
    let lines: Vec<serde_json::Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let listed = shop.get("/v1/payments?limit=2").await.json();
    assert_eq!(serde_json::Value::Array(lines), listed["payments"]);
}

#[actix_web::test]
async fn what_nobody_knows_is_a_list_with_age_evidence_and_next_action() {
    let shop = Shop::open().await;
    let none = shop.get("/v1/unknown").await.json();
    assert_eq!(none, json!({ "count": 0, "oldest_ms": 0, "unknown": [] }));
    let mut unknown = payment(1, |opening| opening.reference = Some("B1".into()));
    unknown.state = State::Unknown;
    let mut asked = Evidence::sent(Operation::Query, unknown.opened_at);
    asked.answered("no answer in time", unknown.opened_at.plus_ms(10_000));
    unknown.evidence.push(asked);
    unknown.resolving = Some(Resolving {
        queries: 3,
        ..Resolving::begun(unknown.opened_at, unknown.opened_at.plus_ms(15_000))
    });
    unknown.submitted_at = Some(unknown.opened_at);
    unknown.replaced_by.push(Tie {
        payment: payment(9, |_| {}).id,
        at: unknown.opened_at,
    });
    shop.know(payment(2, |_| {}));
    shop.know(unknown.clone());
    let list = shop.get("/v1/unknown").await.json();
    assert_eq!(list["count"], 1);
    assert_eq!(list["oldest_ms"], list["unknown"][0]["age_ms"]);
    let line = &list["unknown"][0];
    assert_eq!(line["what"], "outcome");
    assert_eq!(line["amount"], "12.50");
    assert_eq!(line["next_action"], "ask_acquirer");
    assert_eq!(line["queries"], 3);
    assert_eq!(
        line["next_at"],
        unknown.opened_at.plus_ms(15_000).to_string()
    );
    assert_eq!(line["payment"]["id"], unknown.id.to_string());
    let evidence = &line["payment"]["evidence"][0];
    assert_eq!(evidence["sent_at"], unknown.opened_at.to_string());
    assert_eq!(evidence["said"], "no answer in time");
    let tie = &line["payment"]["replaced_by"][0];
    assert_eq!(*tie, payment(9, |_| {}).id.to_string());
}

#[actix_web::test]
async fn a_card_is_signed_for_once() {
    let shop = Shop::open().await;
    let mut known = payment(1, |opening| opening.tender = Tender::Card);
    known.state = State::Approved;
    known.presented = Some(Presented {
        signature: true,
        ..Presented::card(Scheme::Visa, "476173******0010".into())
    });
    let path = format!("/v1/payments/{}/signature", known.id);
    shop.know(known);
    let picture = format!("{path}.svg");
    assert_eq!(
        shop.get(&picture).await.problem(),
        (404, "not-found".into())
    );
    let sign = |strokes: serde_json::Value| {
        let body = json!({ "width": 600, "height": 200, "strokes": strokes });
        shop.send(shop.request("POST", &path).json(&body))
    };
    let tap = sign(json!([[[1, 1]]])).await;
    assert_eq!(tap.problem(), (422, "not-a-signature".into()));
    let outside = sign(json!([[[1, 1], [601, 1]]])).await;
    assert_eq!(outside.problem(), (422, "not-a-signature".into()));
    let words = sign(json!([["<script>"]])).await;
    assert_eq!(words.problem(), (400, "invalid-request".into()));
    let signed = sign(json!([[[1, 2], [30, 40]], [[5, 6], [7, 8]]])).await;
    assert_eq!(signed.status, 200);
    assert_eq!(signed.json()["signature"]["svg"], picture);
    assert_eq!(signed.json()["wants_signature"], false);
    let drawn = shop.get(&picture).await;
    assert_eq!(drawn.header("content-type"), "image/svg+xml");
    assert!(
        String::from_utf8(drawn.body)
            .unwrap()
            .contains("M1 2L30 40M5 6L7 8")
    );
    let again = sign(json!([[[1, 2], [30, 40]]])).await;
    assert_eq!(again.problem(), (409, "no-signature-wanted".into()));
}
