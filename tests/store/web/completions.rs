//! Pre-authorisations and completions as the till asks for them.

use serde_json::json;
use store_actors::domain::payment::{Part, State};

use super::shop::{Shop, order, payment, yuan};

#[actix_web::test]
async fn money_is_held_and_taken_by_a_payment_of_its_own() {
    let shop = Shop::open().await;
    let mut body = order();
    body["tender"] = "card".into();
    body["pre_authorise"] = true.into();
    let begun = shop.pay("k-1", &body).await;
    assert_eq!(begun.status, 201);
    assert_eq!(begun.json()["pre_authorisation"], true);
    // the same without it is another request
    body["pre_authorise"] = false.into();
    let other = shop.pay("k-1", &body).await;
    assert_eq!(other.problem(), (422, "key-reused".into()));

    let held = begun.json()["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/payments/{held}/completion");
    let too_soon = shop.post(&path, "k-2", &json!({})).await;
    assert_eq!(too_soon.problem(), (409, "not-held".into()));
    let mut authorised = payment(1, |opening| opening.money = yuan("12.50"));
    authorised.state = State::Authorised;
    authorised.part = Some(Part::PreAuthorisation { completion: None });
    shop.know(authorised);
    let shown = shop.get(&format!("/v1/payments/{held}")).await.json();
    assert_eq!(shown["state"], "authorised");
    assert_eq!(shown["words"]["zh"], "预授权成功");
    for (body, problem) in [
        (json!({ "amount": "12.51" }), (422, "more-than-held")),
        (json!({ "amount": "0" }), (422, "invalid-amount")),
        (json!({ "amount": "1.005" }), (422, "invalid-amount")),
        (json!({ "sum": "1" }), (400, "invalid-request")),
    ] {
        let refused = shop.post(&path, "k-3", &body).await;
        assert_eq!(refused.problem(), (problem.0, problem.1.into()), "{body}");
    }
    let taken = shop.post(&path, "k-4", &json!({ "amount": "10.00" })).await;
    assert_eq!(taken.status, 201);
    assert_eq!(taken.json()["completes"], held);
    assert_eq!(taken.json()["amount"], "10.00");
    let unknown = format!("/v1/payments/{}/completion", "0".repeat(32));
    let nobody = shop.post(&unknown, "k-5", &json!({})).await;
    assert_eq!(nobody.problem(), (404, "no-such-payment".into()));
}
