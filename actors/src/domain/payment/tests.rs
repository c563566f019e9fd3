//! The life of a payment as a table: one line per step, `at event -> state | effects`.
//!
//! `at` is milliseconds since the payment was opened. The acquirer's clock of these tables: first
//! query after 5 s, then every 5 s, give up at 60 s, QR payable for 120 s, reversals 2 s apart.

mod holds;

use proptest::prelude::*;

use super::{answer::RefundVerdict, machine::Times, *};
use crate::domain::{
    code::CodeRefused,
    double::Standing,
    invariant,
    money::Currency,
    offline::CardToken,
    refund::{ByWhom, RefundRefused, RefundState},
    signature::Drawing,
    tender::Scheme,
};

fn cny(text: &str) -> Money {
    Money::parse(text, Currency::Cny).unwrap()
}

pub(super) fn order() -> PaymentId {
    PaymentId::new(Timestamp::from_unix_ms(1), [1; 10])
}

pub(super) fn opened(tender: Tender) -> Payment {
    let opening = Opening {
        id: order(),
        counter: "01".parse().unwrap(),
        money: cny("12.50"),
        tender,
        origin: Origin::Till,
        reference: None,
        fingerprint: None,
        number: 0,
        opened_by: None,
    };
    Payment::open(opening, Timestamp::from_unix_ms(0))
}

pub(super) fn times(at_ms: i64) -> Times {
    Times {
        now: Timestamp::from_unix_ms(at_ms),
        acquirer: AcquirerClock {
            reverse_not_before_ms: 0,
            ..AcquirerClock::USUAL
        },
        collect_timeout_ms: 90_000,
    }
}

fn verdict(word: &str) -> Verdict {
    let acquirer_ref = "A1".to_owned();
    match word {
        "approved" => Verdict::Approved {
            acquirer_ref,
            money: cny("12.50"),
            signature: false,
        },
        "approved-signed" => Verdict::Approved {
            acquirer_ref,
            money: cny("12.50"),
            signature: true,
        },
        "approved-1.00" => Verdict::Approved {
            acquirer_ref,
            money: cny("1.00"),
            signature: false,
        },
        "declined" => Verdict::Declined {
            code: "51".into(),
            text: "insufficient funds".into(),
        },
        "verifying" => Verdict::Verifying,
        "pending" => Verdict::Pending { qr: None },
        "qr" => Verdict::Pending {
            qr: Some("https://qr.example/1".into()),
        },
        "not-found" => Verdict::NotFound,
        "reversed" => Verdict::Reversed,
        "not-reversible" => Verdict::NotReversible {
            acquirer_ref,
            money: cny("12.50"),
        },
        other => panic!("no verdict {other}"),
    }
}

fn answer(word: &str) -> Answer {
    match word {
        "silence" => Err(NoAnswer::TimedOut),
        "5xx" => Err(NoAnswer::ServerFailed(500)),
        "not-sent" => Err(NoAnswer::NotSent("connection refused".into())),
        "forged" => Err(NoAnswer::Forged),
        "another-order" => {
            let other = PaymentId::new(Timestamp::from_unix_ms(2), [2; 10]);
            Ok(Answered {
                order: other,
                verdict: verdict("approved"),
            })
        }
        word => Ok(Answered {
            order: order(),
            verdict: verdict(word),
        }),
    }
}

fn event(text: &str) -> Event {
    let words: Vec<&str> = text.split(' ').collect();
    let ask = |operation, word| Event::Answer {
        operation,
        answer: answer(word),
    };
    match words[..] {
        ["collect"] => Event::Collect,
        ["present", "code"] => present(Presented::code(Scheme::Alipay)),
        ["present", "card"] => present(Presented::card(Scheme::Visa, "476173******0010".into())),
        ["present", "signed-card"] => present(Presented {
            signature: true,
            ..Presented::card(Scheme::Visa, "476173******0010".into())
        }),
        ["sign"] => {
            let strokes = vec![vec![[1, 1], [2, 2]]];
            Event::Sign(Drawing::new(9, 9, &strokes).unwrap())
        }
        ["present", "qr"] => present(Presented::merchant_qr()),
        ["accept"] => Event::AcceptOffline {
            presented: Presented::card(Scheme::Visa, "476173******0010".into()),
            card: CardToken([1; 16]),
        },
        ["forward"] => Event::Forward {
            acquirer: "sandbox".parse().unwrap(),
        },
        ["card-lost"] => Event::CardLost,
        ["stop"] => Event::StopCollecting(Reason::NoAcquirer),
        ["cancel"] => Event::Cancel(Reason::CashierCancelled),
        ["charge:", word] => ask(Operation::Charge, word),
        ["query:", word] => ask(Operation::Query, word),
        ["reverse:", word] => ask(Operation::Reverse, word),
        ["timer", "collect"] => Event::Timer(Timer::Collect),
        ["timer", "query"] => Event::Timer(Timer::Query),
        ["timer", "reverse"] => Event::Timer(Timer::Reverse),
        ["complete", amount] => Event::Complete {
            by: completion(),
            money: cny(amount),
        },
        ["completion", standing] => Event::CompletionSeen(match standing {
            "paid" => Standing::Paid(completion()),
            "open" => Standing::Open,
            _ => Standing::Gone,
        }),
        ["timer", "completion"] => Event::Timer(Timer::Completion),
        ["replaced"] => Event::Replaced { by: completion() },
        ["other", "paid"] => Event::DoublesSeen(vec![Standing::Paid(completion())]),
        ["restart"] => Event::Recovered,
        _ => panic!("no event {text}"),
    }
}

/// Another payment than the one that is played.
fn completion() -> PaymentId {
    PaymentId::new(Timestamp::from_unix_ms(3), [3; 10])
}

fn present(presented: Presented) -> Event {
    Event::Present {
        presented,
        acquirer: "sandbox".parse().unwrap(),
    }
}

fn effect(effect: &Effect) -> String {
    let notice = |notice: &Notice| {
        let json = serde_json::to_value(notice).unwrap();
        json.as_str()
            .map(str::to_owned)
            .unwrap_or_else(|| json.as_object().unwrap().keys().next().unwrap().clone())
    };
    match effect {
        Effect::Record => "record".into(),
        Effect::Arm => "arm".into(),
        Effect::Disarm => "disarm".into(),
        Effect::Charge => "charge".into(),
        Effect::Query => "query".into(),
        Effect::Reverse => "reverse".into(),
        Effect::Refund(_) => "refund".into(),
        Effect::Forward => "forward".into(),
        Effect::AskSignature => "ask-signature".into(),
        Effect::PrintSlip => "print".into(),
        Effect::ForgetCard => "forget".into(),
        Effect::LookForDoubles => "look".into(),
        Effect::LookForCompletion => "look-for-completion".into(),
        Effect::Show(shown) => format!("show:{}", notice(shown)),
        Effect::Schedule(timer, ms) => format!("{}@{ms}", format!("{timer:?}").to_lowercase()),
    }
}

/// Plays a table against a payment and gives the payment at its end.
pub(super) fn play(mut payment: Payment, table: &str) -> Payment {
    for line in table.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (step, expected) = line.split_once(" -> ").unwrap();
        let (at, event_text) = step.split_once(' ').unwrap();
        let expected = expected.split_whitespace().collect::<Vec<_>>().join(" ");
        let event = event(event_text.trim());
        let transition = payment.on(event.clone(), &times(at.parse().unwrap()));
        let effects: Vec<String> = transition.effects.iter().map(effect).collect();
        let got = format!(
            "{} | {}",
            transition.payment.state.as_str(),
            effects.join(" ")
        );
        assert_eq!(got.trim(), expected, "at: {line}");
        invariant::of_step(&event, &payment, &transition.payment, &transition.effects).unwrap();
        payment = transition.payment;
    }
    payment
}

#[test]
fn a_customer_shows_a_code_and_is_approved() {
    let paid = play(
        opened(Tender::CustomerCode),
        "0    collect          -> collecting | record arm show:please_pay collect@90000
         3000 present code     -> submitted  | record disarm show:processing charge
         3200 charge: approved -> approved   | record disarm show:approved
         3300 charge: approved -> approved   |
         9000 timer query      -> approved   |
         9000 cancel           -> approved   |",
    );
    assert_eq!(paid.acquirer_ref.as_deref(), Some("A1"));
}

#[test]
fn a_card_is_signed_for_once_and_after_the_approval() {
    let signed = play(
        opened(Tender::Card),
        "0    collect             -> collecting | record arm show:please_pay collect@90000
         10   sign                -> collecting |
         100  present signed-card -> submitted  | record disarm show:processing charge
         200  sign                -> submitted  |
         300  charge: approved    -> approved   | record disarm show:approved ask-signature
         400  sign                -> approved   | record disarm print
         500  sign                -> approved   |",
    );
    let given = signed.signature.unwrap();
    assert_eq!(
        (given.at.unix_ms(), given.drawing.path.as_str()),
        (400, "M1 1L2 2")
    );
}

/// The acquirer asks for a signature in its answer, also in a late one; for a code it can't.
#[test]
fn the_acquirer_asks_for_a_signature() {
    let card = play(
        opened(Tender::Card),
        "0    collect                  -> collecting | record arm show:please_pay collect@90000
         100  present card             -> submitted  | record disarm show:processing charge
         300  charge: approved-signed  -> approved   | record disarm show:approved ask-signature
         400  sign                     -> approved   | record disarm print",
    );
    assert!(card.signature.is_some());
    assert_eq!(
        card.evidence[0].said.as_deref(),
        Some("approved, to be signed for")
    );
    let code = play(
        opened(Tender::CustomerCode),
        "0    collect                  -> collecting | record arm show:please_pay collect@90000
         100  present code             -> submitted  | record disarm show:processing charge
         300  charge: approved-signed  -> approved   | record disarm show:approved",
    );
    assert!(!code.wants_signature());
}

#[test]
fn the_customer_confirms_on_the_phone() {
    play(
        opened(Tender::Any),
        "0     collect           -> collecting | record arm show:please_pay collect@90000
         100   present code      -> submitted  | record disarm show:processing charge
         200   charge: verifying -> verifying  | record show:verifying query@5000
         5200  timer query       -> verifying  | query
         5300  query: verifying  -> verifying  | query@5000
         10300 timer query       -> verifying  | query
         10400 query: approved   -> approved   | record disarm show:approved",
    );
}

#[test]
fn silence_is_unknown_until_the_acquirer_speaks() {
    play(
        opened(Tender::CustomerCode),
        "0     collect          -> collecting | record arm show:please_pay collect@90000
         0     present code     -> submitted  | record disarm show:processing charge
         10000 charge: silence  -> unknown    | record show:unknown query@5000
         15000 timer query      -> unknown    | record query
         15100 query: 5xx       -> unknown    | query@5000
         20100 timer query      -> unknown    | record query
         20200 query: not-sent  -> unknown    | query@5000
         25200 query: forged    -> unknown    | query@5000
         25300 query: another-order -> unknown | query@5000
         25400 query: approved-1.00 -> unknown | query@5000
         30000 query: declined  -> declined   | record disarm show:declined",
    );
}

#[test]
fn what_stays_unknown_is_undone_for_as_long_as_it_takes() {
    play(
        opened(Tender::CustomerCode),
        "0     collect          -> collecting | record arm show:please_pay collect@90000
         0     present code     -> submitted  | record disarm show:processing charge
         10000 charge: silence  -> unknown    | record show:unknown query@5000
         60000 query: silence   -> reversing  | record disarm show:reversing reverse
         61000 reverse: silence -> reversing  | reverse@2000
         63000 timer reverse    -> reversing  | record reverse
         63000 reverse: verifying -> reversing | reverse@4000
         64000 charge: approved -> reversing  |
         64000 query: declined  -> reversing  |
         67000 timer reverse    -> reversing  | record reverse
         67000 reverse: another-order -> reversing | reverse@8000
         75000 reverse: reversed -> reversed  | record disarm show:reversed",
    );
}

#[test]
fn an_order_that_nobody_knows_is_undone_so_that_it_can_never_arrive_late() {
    play(
        opened(Tender::CustomerCode),
        "0     collect          -> collecting | record arm show:please_pay collect@90000
         0     present code     -> submitted  | record disarm show:processing charge
         10000 charge: silence  -> unknown    | record show:unknown query@5000
         15000 query: not-found -> reversing  | record disarm show:reversing reverse
         15100 reverse: reversed -> reversed  | record disarm show:reversed",
    );
}

#[test]
fn nothing_sent_is_nothing_lost() {
    let cancelled = play(
        opened(Tender::CustomerCode),
        "0  collect          -> collecting | record arm show:please_pay collect@90000
         0  present code     -> submitted  | record disarm show:processing charge
         10 charge: not-sent -> cancelled  | record disarm show:cancelled",
    );
    assert_eq!(cancelled.reason, Some(Reason::AcquirerUnreachable));
}

#[test]
fn the_shop_shows_a_qr() {
    let paid = play(
        opened(Tender::MerchantQr),
        "0     present qr      -> submitted | record disarm show:processing charge
         100   charge: qr      -> submitted | record show:scan_this query@5000
         5100  timer query     -> submitted | query
         5200  query: pending  -> submitted | query@5000
         10200 query: silence  -> submitted | query@5000
         15200 query: approved -> approved  | record disarm show:approved",
    );
    assert_eq!(paid.qr.as_deref(), Some("https://qr.example/1"));
}

#[test]
fn a_qr_that_nobody_scans_is_closed() {
    play(
        opened(Tender::MerchantQr),
        "0      present qr       -> submitted | record disarm show:processing charge
         100    charge: qr       -> submitted | record show:scan_this query@5000
         120000 query: pending   -> reversing | record disarm show:reversing reverse
         120100 reverse: reversed -> reversed | record disarm show:reversed",
    );
}

#[test]
fn an_order_that_does_not_exist_while_its_qr_is_unscanned_waits_for_the_customer() {
    play(
        opened(Tender::MerchantQr),
        "0     present qr       -> submitted | record disarm show:processing charge
         100   charge: qr       -> submitted | record show:scan_this query@5000
         5200  query: not-found -> submitted | query@5000
         10200 query: verifying -> verifying | record show:verifying query@5000
         15200 query: approved  -> approved  | record disarm show:approved",
    );
}

#[test]
fn a_cancelled_qr_that_nobody_scanned_may_be_scanned_until_it_dies_by_itself() {
    let table = |end: &str| {
        format!(
            "0      present qr         -> submitted | record disarm show:processing charge
             100    charge: qr         -> submitted | record show:scan_this query@5000
             9000   cancel             -> reversing | record disarm show:reversing reverse
             9100   reverse: not-found -> reversing | reverse@2000
             70000  reverse: not-found -> reversing | reverse@2000
             {end}"
        )
    };
    let dead = "180000 reverse: not-found -> reversed | record disarm show:reversed";
    play(opened(Tender::MerchantQr), &table(dead));
    let scanned = "80000 reverse: reversed -> reversed | record disarm show:reversed";
    play(opened(Tender::MerchantQr), &table(scanned));
}

#[test]
fn a_qr_whose_text_was_lost_is_closed() {
    play(
        opened(Tender::MerchantQr),
        "0     present qr      -> submitted | record disarm show:processing charge
         10000 charge: silence -> unknown   | record show:unknown query@5000
         15000 query: pending  -> reversing | record disarm show:reversing reverse",
    );
}

#[test]
fn a_cancelled_payment_that_was_paid_at_the_last_moment_is_refunded_by_itself() {
    let paid = play(
        opened(Tender::CustomerCode),
        "0     collect           -> collecting | record arm show:please_pay collect@90000
         0     present code      -> submitted  | record disarm show:processing charge
         200   charge: verifying -> verifying  | record show:verifying query@5000
         3000  cancel            -> reversing  | record disarm show:reversing reverse
         3100  reverse: not-reversible -> approved | record refund",
    );
    let id = RefundId::automatic(paid.id);
    let answer = Ok(RefundVerdict::Refunded {
        acquirer_ref: "R1".into(),
        money: cny("12.50"),
    });
    let refunded = paid
        .on(Event::RefundAnswer { id, answer }, &times(4_000))
        .payment;
    assert!(refunded.is_settled());
    assert_eq!(refunded.refund(id).unwrap().state, RefundState::Refunded);
}

#[test]
fn what_was_not_asked_for_or_not_in_time_ends_at_the_stand() {
    for (tender, table) in [
        (
            Tender::Card,
            "0 collect -> collecting | record arm show:please_pay collect@90000
                        0 present code -> collecting |
                        90000 timer collect -> cancelled | record disarm show:cancelled",
        ),
        (
            Tender::CustomerCode,
            "0 stop -> cancelled | record disarm show:cancelled",
        ),
        (
            Tender::CustomerCode,
            "0 cancel -> cancelled | record disarm show:cancelled",
        ),
        (Tender::MerchantQr, "0 collect -> opened |"),
        (
            Tender::Any,
            "0 collect -> collecting | record arm show:please_pay collect@90000
                       0 present card -> submitted | record disarm show:processing charge",
        ),
    ] {
        play(opened(tender), table);
    }
}

#[test]
fn after_a_restart_nothing_is_sent_twice() {
    let submitted = play(
        opened(Tender::CustomerCode),
        "0 collect      -> collecting | record arm show:please_pay collect@90000
         0 present code -> submitted  | record disarm show:processing charge",
    );
    play(
        submitted,
        "9000 restart         -> unknown  | record show:unknown query
         9100 query: approved -> approved | record disarm show:approved
         9200 restart         -> approved |",
    );
    play(
        opened(Tender::Any),
        "9000 restart -> cancelled | record disarm show:cancelled",
    );
}

#[test]
fn a_reversal_waits_for_its_earliest_time() {
    let at = |ms| Times {
        acquirer: AcquirerClock {
            reverse_not_before_ms: 15_000,
            ..AcquirerClock::USUAL
        },
        ..times(ms)
    };
    let submitted = opened(Tender::MerchantQr)
        .on(event("present qr"), &at(0))
        .payment;
    let reversing = submitted.on(event("cancel"), &at(4_000));
    assert!(
        reversing
            .effects
            .contains(&Effect::Schedule(Timer::Reverse, 11_000)),
        "{:?}",
        reversing.effects
    );
    let recovered = reversing.payment.on(Event::Recovered, &at(20_000));
    assert_eq!(recovered.effects, [Effect::Schedule(Timer::Reverse, 0)]);
}

#[test]
fn refunds_never_exceed_the_payment() {
    let approved = play(
        opened(Tender::CustomerCode),
        "0 collect          -> collecting | record arm show:please_pay collect@90000
         0 present code     -> submitted  | record disarm show:processing charge
         1 charge: approved -> approved   | record disarm show:approved",
    );
    let id = |n| RefundId::new(Timestamp::from_unix_ms(9), [n; 10]);
    let request = |n, text| Event::RequestRefund {
        id: id(n),
        money: cny(text),
        reason: None,
        fingerprint: None,
        by_whom: ByWhom::default(),
    };
    let first = approved.on(request(1, "10.00"), &times(10));
    assert_eq!(first.effects, [Effect::Record, Effect::Refund(id(1))]);
    assert_eq!(
        first.payment.on(request(1, "10.00"), &times(11)).effects,
        [],
        "the same id again"
    );
    let remaining = cny("2.50");
    assert_eq!(
        first.payment.check_refund(cny("2.51")),
        Err(RefundRefused::ExceedsPayment { remaining })
    );
    assert_eq!(first.payment.on(request(2, "2.51"), &times(11)).effects, []);

    let refused = Ok(RefundVerdict::Refused {
        code: "CLOSED".into(),
        text: "account closed".into(),
    });
    let given_up = first
        .payment
        .on(
            Event::RefundAnswer {
                id: id(1),
                answer: refused,
            },
            &times(12),
        )
        .payment;
    assert_eq!(
        given_up.check_refund(cny("12.50")),
        Ok(()),
        "a refused refund takes nothing"
    );
    assert_eq!(
        opened(Tender::Card).check_refund(cny("1")),
        Err(RefundRefused::NotApproved(State::Opened))
    );
}

#[test]
fn a_refund_without_an_answer_is_repeated_under_its_id() {
    let mut approved = opened(Tender::Card);
    approved.state = State::Approved;
    let id = RefundId::new(Timestamp::from_unix_ms(9), [1; 10]);
    let request = Event::RequestRefund {
        id,
        money: cny("1.00"),
        reason: None,
        fingerprint: None,
        by_whom: ByWhom::default(),
    };
    let asked = approved.on(request, &times(0)).payment;
    let silent = |payment: &Payment| {
        payment.on(
            Event::RefundAnswer {
                id,
                answer: Err(NoAnswer::TimedOut),
            },
            &times(5),
        )
    };
    let unknown = silent(&asked);
    assert_eq!(
        unknown.effects,
        [Effect::Record, Effect::Schedule(Timer::Refund(id), 10_000)]
    );
    let again = unknown
        .payment
        .on(Event::Timer(Timer::Refund(id)), &times(10_005));
    assert_eq!(again.effects, [Effect::Record, Effect::Refund(id)]);
    let still = silent(&again.payment);
    assert_eq!(
        still.effects,
        [Effect::Record, Effect::Schedule(Timer::Refund(id), 20_000)],
        "what was said is kept, and the pause doubles"
    );
    let restarted = |at_ms| still.payment.on(Event::Recovered, &times(at_ms)).effects;
    assert_eq!(
        restarted(15_005),
        [Effect::Schedule(Timer::Refund(id), 5_000)],
        "not before it is due"
    );
    assert_eq!(restarted(99_000), [Effect::Record, Effect::Refund(id)]);
}

#[test]
fn the_evidence_stays_bounded_and_keeps_the_first_words() {
    let mut payment = play(
        opened(Tender::MerchantQr),
        "0 present qr -> submitted | record disarm show:processing charge
         0 charge: qr -> submitted | record show:scan_this query@5000",
    );
    for _ in 0..100 {
        payment = payment.on(event("query: silence"), &times(10)).payment;
    }
    assert_eq!(payment.evidence.len(), EVIDENCE_MAX);
    let first = payment.evidence[0].said.as_deref();
    assert_eq!(first, Some("waiting for the customer"));
    assert_eq!(payment.evidence_dropped, 101 - 12);
}

#[test]
fn past_the_latest_reversal_the_acquirer_is_asked_and_a_payment_found_is_paid_back() {
    let paid = play(
        opened(Tender::CustomerCode),
        "0        collect             -> collecting | record arm show:please_pay collect@90000
         0        present code        -> submitted  | record disarm show:processing charge
         10000    charge: silence     -> unknown    | record show:unknown query@5000
         60000    query: silence      -> reversing  | record disarm show:reversing reverse
         86399000 reverse: silence    -> reversing  | reverse@2000
         86401000 timer reverse       -> reversing  | record query
         86402000 reverse: 5xx        -> reversing  | reverse@25000
         86427000 timer reverse       -> reversing  | record query
         86428000 query: silence      -> reversing  | reverse@10000
         86438000 timer reverse       -> reversing  | record query
         86439000 query: approved     -> approved   | record refund",
    );
    let reason = paid.refunds[0].reason.as_deref();
    assert_eq!(reason, Some("paid after the till had given up"));
}

#[test]
fn an_order_nobody_knows_past_its_automatic_close_holds_no_money() {
    play(
        opened(Tender::CustomerCode),
        "0        collect             -> collecting | record arm show:please_pay collect@90000
         0        present code        -> submitted  | record disarm show:processing charge
         10000    charge: silence     -> unknown    | record show:unknown query@5000
         60000    query: silence      -> reversing  | record disarm show:reversing reverse
         86401000 timer reverse       -> reversing  | record query
         86402000 query: not-found    -> reversed   | record disarm show:reversed",
    );
}

#[test]
fn an_approval_after_the_end_is_asked_about_and_paid_back_once() {
    let reversed = "0    collect           -> collecting | record arm show:please_pay collect@90000
         0     present code      -> submitted  | record disarm show:processing charge
         3000  cancel            -> reversing  | record disarm show:reversing reverse
         3100  reverse: reversed -> reversed   | record disarm show:reversed
         3200  query: silence    -> reversed   |
         4000  charge: approved  -> reversed   | record query@25000";
    let in_doubt = play(opened(Tender::CustomerCode), reversed);
    assert!(in_doubt.is_in_doubt() && !in_doubt.is_settled());
    play(
        in_doubt.clone(),
        "29000 timer query     -> reversed | record query
         29100 query: reversed -> reversed | record",
    );
    let paid = play(
        in_doubt.clone(),
        "9000  restart         -> reversed | query@20000
         29000 timer query     -> reversed | record query
         29100 charge: approved -> reversed |
         29200 query: silence  -> reversed | query@5000
         34200 timer query     -> reversed | record query
         34300 query: approved -> reversed | record refund
         34400 charge: approved -> reversed |",
    );
    assert_eq!(paid.refunds.len(), 1);
    assert_eq!(paid.refunds[0].money, paid.money);
    let gone = play(
        in_doubt,
        "7300000 timer query      -> reversed | record query
         7300100 query: not-found -> reversed | record",
    );
    assert!(gone.is_settled());
}

#[test]
fn a_restart_waits_for_what_was_not_yet_due() {
    let submitted = play(
        opened(Tender::CustomerCode),
        "0 collect      -> collecting | record arm show:please_pay collect@90000
         0 present code -> submitted  | record disarm show:processing charge",
    );
    let resumed = play(
        submitted,
        "3000 restart -> unknown | record show:unknown query@2000
         4000 restart -> unknown | record show:unknown query@1000",
    );
    let heard = resumed.evidence[0].said.as_deref();
    assert_eq!(heard, Some("not heard: the controller was restarted"));
}

fn any_event() -> impl Strategy<Value = Event> {
    let words = prop::sample::select(vec![
        "approved",
        "approved-1.00",
        "declined",
        "verifying",
        "pending",
        "qr",
        "not-found",
        "reversed",
        "not-reversible",
        "silence",
        "5xx",
        "not-sent",
        "forged",
        "another-order",
    ]);
    let operations = prop::sample::select(vec![
        Operation::Charge,
        Operation::Query,
        Operation::Reverse,
    ]);
    let fixed = prop::sample::select(vec![
        "collect",
        "present code",
        "present card",
        "present qr",
        "stop",
        "cancel",
        "timer collect",
        "timer query",
        "timer reverse",
        "restart",
    ]);
    prop_oneof![
        2 => (operations, words).prop_map(|(operation, word)| Event::Answer { operation, answer: answer(word) }),
        1 => fixed.prop_map(event),
        1 => Just(Event::StopCollecting(Reason::CodeRefused { why: CodeRefused::Empty })),
    ]
}

proptest! {
    #[test]
    fn no_order_of_events_breaks_an_invariant(
        events in prop::collection::vec((any_event(), 0i64..20_000), 0..60),
        tender in prop::sample::select(vec![Tender::CustomerCode, Tender::MerchantQr, Tender::Card, Tender::Any]),
    ) {
        let mut payment = opened(tender);
        let mut now = 0;
        let mut final_state = None;
        let mut charges = 0;
        for (event, pause) in events {
            now += pause;
            let transition = payment.on(event.clone(), &times(now));
            let checked = invariant::of_step(&event, &payment, &transition.payment, &transition.effects);
            prop_assert!(checked.is_ok(), "{checked:?}");
            charges += transition.effects.iter().filter(|effect| **effect == Effect::Charge).count();
            prop_assert!(charges <= 1, "charged twice");
            payment = transition.payment;
            if let Some(state) = final_state {
                prop_assert_eq!(payment.state, state, "a final state was left");
            }
            if payment.state.is_final() {
                final_state = Some(payment.state);
            }
        }
    }

    #[test]
    fn what_waits_always_has_a_timer_a_question_or_a_device(
        events in prop::collection::vec((any_event(), 0i64..5_000), 0..40),
    ) {
        // a payment that is not final must never be left with nobody to wake it: after each step
        // that answers a question, something new is asked or scheduled
        let mut payment = opened(Tender::Any);
        let mut now = 0;
        for (event, pause) in events {
            now += pause;
            let answered = matches!(event, Event::Answer { .. });
            let transition = payment.on(event, &times(now));
            let heard = transition.payment.evidence != payment.evidence;
            payment = transition.payment;
            if answered && heard && !payment.state.is_final() {
                let goes_on = transition.effects.iter().any(|effect| {
                    matches!(effect, Effect::Schedule(..) | Effect::Query | Effect::Reverse)
                });
                prop_assert!(goes_on, "{} waits for nothing", payment.state.as_str());
            }
        }
    }
}
