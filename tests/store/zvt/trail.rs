//! The terminal tells of its last booking alone: what was sent and has no answer is found out
//! before anything else is sent, whoever asks for it.

use super::*;

impl Store {
    async fn next_answer_is_lost(&self, money_moved: bool) {
        let silence = Fate::Silence { money_moved };
        self.terminal.meets(silence).await.unwrap();
    }

    /// A refund of all of it: the terminal reverses it and its answer is lost. Gives the refund.
    async fn loses_a_reversal(&self, payment: &str) -> String {
        self.next_answer_is_lost(true).await;
        let refund = self.refund("refund-1", payment, "12.50").await;
        let heard = self.terminal.until(PATIENCE, |seen| seen.reversals == 1);
        heard.await.expect("the terminal hears the reversal");
        refund
    }

    /// The list of what is unknown, once it says so.
    async fn tells_of_unknown(&self, why: &str) -> Value {
        let begun = Instant::now();
        loop {
            let unknown = self.till.get("/v1/unknown").await.unwrap();
            if unknown.to_string().contains(why) {
                return unknown;
            }
            assert!(begun.elapsed() < PATIENCE, "{unknown}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// A refund that waits for its turn behind a charge whose answer is lost: its booking would be the
/// last, and nobody could ever tell what became of the charge.
#[tokio::test]
async fn a_refund_does_not_cover_the_trail_of_a_lost_charge() {
    let store = Store::open(Way::Tcp).await;
    let first = store.paid("basket-1").await;
    store.next_answer_is_lost(true).await;
    let second = store.pay("basket-2").await;
    let refund = store.refund("refund-1", &first, "12.50").await;
    store.terminal.tap().await.unwrap();
    store.replug().await;
    store.ends(&second, "approved").await;
    store.refunded(&refund).await;
    let state = store.terminal.state();
    assert_eq!((state.net(), state.reversals), (1_250, 1), "{state:?}");
    store.close().await;
}

/// PAY-5: of the same amount, and booked after the last booking that the store had seen.
#[tokio::test]
async fn a_lost_reversal_is_never_taken_for_the_next_charge() {
    let store = Store::open(Way::Tcp).await;
    let first = store.paid("basket-1").await;
    let refund = store.loses_a_reversal(&first).await;
    store.replug().await;
    store.is_card_ready(true).await;
    store.next_answer_is_lost(false).await;
    let second = store.pay("basket-2").await;
    store.terminal.tap().await.unwrap();
    store.replug().await;
    store.ends(&second, "reversed").await;
    store.refunded(&refund).await;
    let state = store.terminal.state();
    assert_eq!((state.net(), state.reversals), (0, 1), "{state:?}");
    store.close().await;
}

/// What somebody else booked in between can't be told from it: known as unknown, with the reason,
/// and the counter goes on taking cards.
#[tokio::test]
async fn a_reversal_that_nobody_can_tell_of_is_shown_and_holds_up_nothing() {
    let store = Store::open(Way::Tcp).await;
    let first = store.paid("basket-1").await;
    let refund = store.loses_a_reversal(&first).await;
    store.terminal.book_by_hand(999).await.unwrap();
    store.replug().await;
    store.is_card_ready(true).await;
    let second = store.paid("basket-2").await;
    assert_ne!(first, second);
    let unknown = store.tells_of_unknown("of another amount").await;
    assert_eq!(unknown["count"], 1, "{unknown}");
    assert_eq!(unknown["unknown"][0]["what"], "refund", "{unknown}");
    assert_eq!(store.till.get(&refund).await.unwrap()["state"], "unknown");
    store.close().await;
}

/// The controller is killed while the terminal asks for a card, and the customer has left: it is
/// told to stop, and nothing stands in the next customer's way.
#[tokio::test]
async fn a_terminal_that_still_asks_after_a_crash_is_told_to_stop() {
    let mut store = Store::open(Way::Tcp).await;
    let id = store.pay("basket-1").await;
    store.controller.kill().await.unwrap();
    store.controller.start().unwrap();
    let idle = store.terminal.until(PATIENCE, |seen| seen.asking.is_none());
    idle.await.expect("it was told to stop");
    store.ends(&id, "reversed").await;
    store.paid("basket-2").await;
    assert_eq!(store.terminal.state().net(), 1_250);
    store.close().await;
}

/// What was booked at another time is another's, as far as anybody can tell; why is shown, and the
/// clock itself before that.
#[tokio::test]
async fn a_terminal_whose_clock_is_wrong_is_shown_and_its_lost_answers_stay_unknown() {
    let store = Store::open_at(Way::Tcp, 60).await;
    store.paid("basket-1").await;
    store.tells_clock(-3_600).await;
    store.next_answer_is_lost(true).await;
    let id = store.pay("basket-2").await;
    store.terminal.tap().await.unwrap();
    store.replug().await;
    store.tells_of_unknown("of another time").await;
    assert_eq!(state(&store.till.payment(&id).await.unwrap()), "unknown");
    store.close().await;
}
