//! Pre-authorisations and their completions, as tables.

use super::*;

fn pre_authorisation() -> Payment {
    Payment {
        part: Some(Part::PreAuthorisation { completion: None }),
        ..opened(Tender::Card)
    }
}

fn held() -> Payment {
    play(
        pre_authorisation(),
        "0    collect          -> collecting | record arm show:please_pay collect@90000
         900  present card     -> submitted | record disarm show:processing charge
         1500 charge: approved -> authorised | record disarm show:authorised",
    )
}

#[test]
fn what_is_held_is_taken_once_by_the_payment_that_it_was_tied_to_first() {
    let held = held();
    assert!(held.is_settled() && !held.state.is_paid() && !held.holds_stand());
    let taken = play(
        held,
        "90000 complete 12.51       -> authorised |
         90000 complete 10.00       -> authorised | record completion@2000
         90001 complete 2.50        -> authorised |
         90002 cancel               -> authorised |
         92000 timer completion     -> authorised | look-for-completion
         92001 completion open      -> authorised | completion@2000
         92002 restart              -> authorised | look-for-completion
         94000 completion paid      -> completed | record
         94001 completion gone      -> completed |
         94002 cancel               -> completed |
         94003 complete 1.00        -> completed |",
    );
    assert_eq!(
        taken.completion().map(|tie| tie.payment),
        Some(completion())
    );
    assert!(taken.is_settled() && !taken.state.is_paid());
}

#[test]
fn what_becomes_of_held_money_days_later_is_no_outcome_that_took_days() {
    let held = held();
    assert_eq!(held.outcome_after_ms(), Some(600));
    let taken = play(
        held.clone(),
        "864000000 complete 10.00   -> authorised | record completion@2000
         864001000 completion paid   -> completed | record",
    );
    let released = play(
        held,
        "864000000 cancel             -> reversing | record disarm show:reversing reverse
         864001000 reverse: reversed  -> reversed | record disarm show:reversed",
    );
    assert_eq!(taken.outcome_after_ms(), None);
    assert_eq!(released.outcome_after_ms(), None);
}

#[test]
fn a_completion_that_came_to_nothing_leaves_the_money_held_for_another_one() {
    let held = play(
        held(),
        "90000 complete 10.00   -> authorised | record completion@2000
         92000 completion gone  -> authorised | record
         93000 complete 12.50   -> authorised | record completion@2000",
    );
    assert!(held.is_being_completed() && !held.is_settled());
}

#[test]
fn what_is_held_is_let_go_of_days_later_until_the_acquirer_says_so() {
    const DAYS: &str = "864000000";
    let table = format!(
        "{DAYS} cancel                     -> reversing | record disarm show:reversing reverse
         864010000 reverse: silence         -> reversing | reverse@2000
         864012000 timer reverse            -> reversing | record reverse
         864012500 query: approved          -> reversing |
         864013000 reverse: reversed        -> reversed | record disarm show:reversed"
    );
    let released = play(held(), &table);
    assert!(released.is_settled() && released.refunds.is_empty());
}

#[test]
fn what_the_acquirer_does_not_let_go_of_stays_held_and_is_not_refunded() {
    let held = play(
        held(),
        "90000 cancel                   -> reversing | record disarm show:reversing reverse
         90500 reverse: not-reversible  -> authorised | record disarm show:authorised",
    );
    assert_eq!(held.reason, Some(Reason::ReleaseRefused));
    assert!(held.refunds.is_empty() && held.check_completion(cny("12.50")).is_ok());
}

#[test]
fn a_pre_authorisation_without_an_answer_is_asked_about_and_undone() {
    let undone = play(
        pre_authorisation(),
        "0     collect            -> collecting | record arm show:please_pay collect@90000
         900   present card       -> submitted | record disarm show:processing charge
         10900 charge: silence    -> unknown | record show:unknown query@5000
         15900 timer query        -> unknown | record query
         16000 query: 5xx         -> unknown | query@5000
         61000 query: 5xx         -> reversing | record disarm show:reversing reverse
         62000 reverse: reversed  -> reversed | record disarm show:reversed",
    );
    assert!(undone.is_settled());
    // it was authorised after all: nothing was paid, so it is undone and not refunded
    let again = play(
        undone,
        "63000 charge: approved   -> reversed | record query@25000
         90000 timer query        -> reversed | record query
         90500 query: approved    -> reversing | record disarm show:reversing reverse
         91000 reverse: reversed  -> reversed | record disarm show:reversed",
    );
    assert!(again.is_settled() && again.refunds.is_empty());
}

#[test]
fn what_is_held_is_let_go_of_where_the_basket_was_paid_otherwise() {
    let tied = play(
        pre_authorisation(),
        "0     collect           -> collecting | record arm show:please_pay collect@90000
         900   present card      -> submitted | record disarm show:processing charge
         10900 charge: silence   -> unknown | record show:unknown query@5000
         11000 replaced          -> unknown | record
         16000 query: approved   -> authorised | record disarm show:authorised look",
    );
    assert_eq!(
        tied.check_completion(cny("1.00")),
        Err(CompletionRefused::PerhapsPaid)
    );
    let released = play(
        tied,
        "17000 other paid          -> reversing | record disarm show:reversing reverse
         18000 reverse: reversed   -> reversed | record disarm show:reversed",
    );
    assert_eq!(released.reason, Some(Reason::PaidOtherwise));
}

#[test]
fn a_completion_is_any_other_payment_but_for_the_stand() {
    let mut completion = opened(Tender::Card);
    completion.part = Some(Part::Completion { of: order() });
    assert!(!completion.holds_stand());
    let undone = play(
        completion,
        "0     present card       -> submitted | record disarm show:processing charge
         10000 charge: silence    -> unknown | record show:unknown query@5000
         11000 cancel             -> reversing | record disarm show:reversing reverse
         12000 reverse: reversed  -> reversed | record disarm show:reversed",
    );
    assert!(undone.is_settled());
}

#[test]
fn only_the_issuer_can_hold_money_so_no_card_is_held_offline() {
    play(
        pre_authorisation(),
        "0   collect -> collecting | record arm show:please_pay collect@90000
         900 accept  -> collecting |",
    );
}

#[test]
fn why_it_can_not_be_taken_is_said() {
    let held = held();
    let zero = Money::zero(Currency::Cny);
    assert_eq!(held.check_completion(zero), Err(CompletionRefused::Zero));
    let all = CompletionRefused::ExceedsHold { held: cny("12.50") };
    assert_eq!(held.check_completion(cny("12.51")), Err(all));
    let dollars = Money::parse("1.00", Currency::Usd).unwrap();
    assert!(matches!(
        held.check_completion(dollars),
        Err(CompletionRefused::Money(_))
    ));
    let open = pre_authorisation().check_completion(cny("1.00"));
    assert_eq!(open, Err(CompletionRefused::NotHeld(State::Opened)));
}
