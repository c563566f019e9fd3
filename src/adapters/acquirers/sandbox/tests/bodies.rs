//! Bodies as tables: what each means, and what means nothing.

use serde_json::{Value, json};
use store_actors::domain::payment::{NoAnswer, Operation, Verdict, answer::RefundVerdict};

use crate::adapters::acquirers::sandbox::{
    body::{self, Named},
    client::Signed,
};
use crate::adapters::acquirers::testing::{cny, order, refund};

fn signed(status: u16, body: &Value) -> Signed {
    Signed {
        status,
        body: body.to_string().into_bytes(),
    }
}

fn approval() -> Value {
    json!({ "order": order(1), "state": "approved", "reference": "R", "amount": "1.00",
        "currency": "CNY" })
}

#[test]
fn a_verdict_needs_every_part_of_it() {
    let told =
        |status, body: &Value| body::verdict(&signed(status, body), order(1), Operation::Charge);
    let approved = Verdict::Approved {
        acquirer_ref: "R".to_owned(),
        money: cny("1.00"),
        signature: false,
    };
    assert_eq!(told(200, &approval()).map(|a| a.verdict), Ok(approved));
    let mut to_be_signed = approval();
    to_be_signed["signature"] = json!(true);
    assert!(matches!(
        told(200, &to_be_signed).map(|a| a.verdict),
        Ok(Verdict::Approved {
            signature: true,
            ..
        })
    ));
    let changes = [
        ("state", json!("paid")),
        ("state", json!(null)),
        ("reference", json!(null)),
        ("amount", json!(null)),
        ("amount", json!(1.0)),
        ("amount", json!("-1.00")),
        ("amount", json!("1.001")),
        ("currency", json!("XXX")),
        ("order", json!("1")),
        ("state", json!("not_found")),
    ];
    for (field, value) in changes {
        let mut body = approval();
        body[field] = value;
        assert!(
            matches!(told(200, &body), Err(NoAnswer::Unintelligible(_))),
            "{body}"
        );
    }
    assert!(matches!(
        told(404, &approval()),
        Err(NoAnswer::Unintelligible(_))
    ));
    for status in [201, 204, 301, 400, 403, 409, 422, 429] {
        assert!(
            matches!(told(status, &approval()), Err(NoAnswer::Refused(_))),
            "{status}"
        );
    }
    let mut body = approval();
    body["order"] = json!(order(2));
    assert_eq!(told(200, &body), Err(NoAnswer::AnotherOrder));
    let mut body = approval();
    body["refund"] = json!(refund(1));
    assert_eq!(
        told(200, &body),
        Err(NoAnswer::AnotherOrder),
        "it is about a refund"
    );
}

#[test]
fn garbage_is_unintelligible_and_is_not_quoted() {
    for garbage in [
        &b""[..],
        b"null",
        b"[]",
        b"{",
        b"\xff\xfe",
        b"{\"order\":\"4761739001010010\"}",
    ] {
        let answer = Signed {
            status: 200,
            body: garbage.to_vec(),
        };
        let told = body::verdict(&answer, order(1), Operation::Query);
        let Err(NoAnswer::Unintelligible(why)) = told else {
            panic!("{told:?}")
        };
        assert!(!why.contains("4761"), "{why}");
    }
}

#[test]
fn a_refunds_verdict_is_of_this_refund_and_this_amount() {
    let named = Named {
        order: order(1),
        refund: Some(refund(1)),
    };
    let told = |body: &Value| body::refund_verdict(&signed(200, body), named, cny("1.00"));
    let mut body = approval();
    assert_eq!(
        told(&body),
        Err(NoAnswer::AnotherOrder),
        "of the order, not the refund"
    );
    body["refund"] = json!(refund(1));
    let refunded = RefundVerdict::Refunded {
        acquirer_ref: "R".to_owned(),
        money: cny("1.00"),
    };
    assert_eq!(told(&body), Ok(refunded));
    body["amount"] = json!("1.01");
    assert!(matches!(told(&body), Err(NoAnswer::Unintelligible(_))));
    body["state"] = json!("closed");
    assert!(matches!(told(&body), Err(NoAnswer::Unintelligible(_))));
    body["state"] = json!("verifying");
    assert_eq!(told(&body), Ok(RefundVerdict::InProgress));
    body["refund"] = json!(refund(2));
    assert_eq!(told(&body), Err(NoAnswer::AnotherOrder));
}

#[test]
fn an_acquirers_words_are_bounded_and_plain() {
    let mut body = approval();
    body["state"] = json!("declined");
    body["code"] = json!("A\u{7}B\n");
    body["text"] = json!("x".repeat(5_000));
    let told = body::verdict(&signed(200, &body), order(1), Operation::Charge)
        .unwrap()
        .verdict;
    let Verdict::Declined { code, text } = told else {
        panic!("{told:?}")
    };
    assert_eq!((code.as_str(), text.len()), ("AB", 200));
}
