//! A card accepted offline, as tables: see `payment/tests.rs` for how they read.

use crate::domain::{
    invariant,
    offline::{CardToken, OfflineRefused},
    payment::{
        Event, Reason, State,
        tests::{opened, order, play, times},
    },
    tender::{Presented, Scheme, Tender},
    unresolved::{Action, Doubt, Unresolved},
};

const ACCEPTED: &str = "0    collect -> collecting       | record arm show:please_pay collect@90000
     3000 accept  -> approved_offline | record disarm show:accepted_offline";

fn accepted() -> crate::domain::payment::Payment {
    play(opened(Tender::Any), ACCEPTED)
}

#[test]
fn accepted_forwarded_confirmed() {
    let waiting = accepted();
    assert!(waiting.waits_for_forwarding() && !waiting.is_settled());
    assert!(!waiting.state.holds_stand() && waiting.acquirer.is_none());
    let confirmed = play(
        waiting,
        "3600000 forward          -> approved_offline | record forward
         3600100 forward          -> approved_offline |
         3600100 cancel           -> approved_offline |
         3600200 charge: approved -> confirmed        | record forget
         3600300 charge: declined -> confirmed        |",
    );
    assert!(confirmed.is_settled() && confirmed.exposure().is_none());
    assert_eq!(confirmed.acquirer_ref.as_deref(), Some("A1"));
    assert_eq!(confirmed.check_refund(confirmed.money), Ok(()));
}

#[test]
fn refused_afterwards_is_booked_with_the_acquirers_word() {
    let refused = play(
        accepted(),
        "9000 forward          -> approved_offline | record forward
         9100 charge: declined -> refused_later    | record forget",
    );
    assert!(refused.is_settled());
    assert!(matches!(refused.reason, Some(Reason::Acquirer { .. })));
}

#[test]
fn silence_is_asked_about_and_nothing_is_undone() {
    play(
        accepted(),
        "9000   forward               -> approved_offline | record forward
         19000  charge: silence       -> approved_offline | query@5000
         24000  timer query           -> approved_offline | record query
         24100  query: 5xx            -> approved_offline | query@5000
         29100  timer query           -> approved_offline | record query
         29200  query: another-order  -> approved_offline | query@10000
         39200  timer query           -> approved_offline | record query
         39300  query: approved-1.00  -> approved_offline | query@20000
         59300  timer query           -> approved_offline | record query
         500000 query: verifying      -> approved_offline | query@40000
         600000 query: approved       -> confirmed        | record forget",
    );
}

#[test]
fn what_the_acquirer_does_not_know_is_sent_again_under_the_same_number() {
    let again = play(
        accepted(),
        "9000  forward          -> approved_offline | record forward
         19000 charge: silence  -> approved_offline | query@5000
         24000 query: not-found -> approved_offline | query@5000
         69000 query: not-found -> approved_offline | record
         70000 forward          -> approved_offline | record forward",
    );
    assert_eq!(again.offline.map(|one| one.forwards), Some(2));
    assert_eq!(again.id, order());
    play(again, "70100 charge: approved -> confirmed | record forget");
}

#[test]
fn what_did_not_leave_the_house_waits_for_its_turn() {
    let waiting = play(
        accepted(),
        "9000 forward          -> approved_offline | record forward
         9010 charge: not-sent -> approved_offline | record",
    );
    assert!(waiting.waits_for_forwarding());
    assert_eq!(waiting.acquirer, None, "any acquirer may be the next");
}

#[test]
fn a_restart_forgets_neither_the_question_nor_the_turn() {
    play(accepted(), "5000 restart -> approved_offline |");
    play(
        accepted(),
        "9000  forward         -> approved_offline | record forward
         10000 restart         -> approved_offline | query@4000
         14000 timer query     -> approved_offline | record query
         14500 restart         -> approved_offline | query@4500
         99000 query: approved -> confirmed        | record forget",
    );
}

#[test]
fn the_cashier_may_take_it_back_before_it_is_sent() {
    play(
        accepted(),
        "5000 cancel  -> cancelled | record disarm show:cancelled forget
         6000 forward -> cancelled |",
    );
}

#[test]
fn a_card_that_is_lost_is_a_loss_that_is_told() {
    let lost = play(
        accepted(),
        "9000 forward   -> approved_offline | record forward
         9001 card-lost -> refused_later    | record forget",
    );
    assert_eq!(lost.reason, Some(Reason::CardLost));
}

#[test]
fn an_approval_after_the_refusal_is_looked_into_and_paid_back() {
    play(
        accepted(),
        "9000  forward          -> approved_offline | record forward
         19000 charge: silence  -> approved_offline | query@5000
         20000 query: declined  -> refused_later    | record forget
         20100 charge: approved -> refused_later    | record query@25000
         45100 timer query      -> refused_later    | record query
         45200 query: approved  -> refused_later    | record refund",
    );
}

#[test]
fn it_is_listed_until_the_acquirer_has_spoken() {
    let line = |payment: &crate::domain::payment::Payment| {
        let lines = Unresolved::of(payment, &times(10_000));
        assert_eq!(lines.len(), 1);
        (lines[0].doubt, lines[0].next)
    };
    let waiting = accepted();
    assert_eq!(line(&waiting), (Doubt::Offline, Action::Forward));
    let asked = play(waiting, "9000 forward -> approved_offline | record forward");
    let query = Action::Ask(crate::domain::payment::Operation::Query);
    assert_eq!(line(&asked), (Doubt::Offline, query));
}

#[test]
fn a_code_is_never_accepted_offline() {
    let collecting = play(
        opened(Tender::Any),
        "0 collect -> collecting | record arm show:please_pay collect@90000",
    );
    let event = Event::AcceptOffline {
        presented: Presented::code(Scheme::Alipay),
        card: CardToken([1; 16]),
    };
    let after = collecting.on(event, &times(1));
    assert_eq!(
        (after.payment.state, after.effects),
        (State::Collecting, vec![])
    );
    let mut forged = accepted();
    forged.presented = Some(Presented::code(Scheme::Alipay));
    let broken = invariant::only_cards_offline(&forged).unwrap_err();
    assert_eq!(broken.rule.name(), "PAY-6");
}

#[test]
fn a_refusal_says_why_in_words() {
    let reason = Some(Reason::OfflineRefused {
        why: OfflineRefused::PinNeeded,
    });
    let lines = crate::domain::payment::Notice::Cancelled { reason }
        .lines(crate::language::Languages::default());
    assert!(lines[0].contains("网络中断"), "{lines:?}");
    assert!(lines[1].contains("PIN"), "{lines:?}");
}
