//! The desk between thread and listener; readers themselves are tested on a real `pcscd`.

use std::sync::atomic::{AtomicBool, Ordering};

use super::desk::Voice;
use super::*;

fn desk() -> (Arc<Desk>, Voice) {
    let desk = Arc::new(Desk::new("Reader"));
    let voice = Voice {
        desk: Arc::clone(&desk),
        live: Arc::new(AtomicBool::new(true)),
    };
    (desk, voice)
}

fn drain(events: &mut mpsc::Receiver<ReaderEvent>) -> Vec<ReaderEvent> {
    std::iter::from_fn(|| events.try_recv().ok()).collect()
}

fn inserted(atr: &[u8]) -> ReaderEvent {
    ReaderEvent::CardInserted { atr: atr.to_vec() }
}

fn gone(why: &str) -> ReaderEvent {
    ReaderEvent::Gone {
        why: why.to_owned(),
    }
}

#[test]
fn a_new_stream_begins_with_how_things_stand_and_ends_the_one_before() {
    let (desk, voice) = desk();
    let mut first = desk.subscribe();
    assert_eq!(drain(&mut first), []);
    voice.ready();
    voice.ready();
    voice.inserted(&[0x3B]);
    assert_eq!(drain(&mut first), [ReaderEvent::Ready, inserted(&[0x3B])]);
    let mut second = desk.subscribe();
    assert!(first.is_closed());
    assert_eq!(drain(&mut second), [ReaderEvent::Ready, inserted(&[0x3B])]);
    voice.removed();
    voice.removed();
    voice.gone("unplugged");
    voice.gone("unplugged");
    assert_eq!(
        drain(&mut second),
        [ReaderEvent::CardRemoved, gone("unplugged")]
    );
    assert_eq!(drain(&mut desk.subscribe()), [gone("unplugged")]);
}

#[test]
fn a_listener_that_does_not_listen_loses_its_stream_and_nothing_of_the_standing() {
    let (desk, voice) = desk();
    let mut deaf = desk.subscribe();
    voice.ready();
    for _ in 0..100 {
        voice.inserted(&[1]);
        voice.removed();
    }
    assert!(deaf.is_closed());
    assert!(drain(&mut deaf).len() <= 32);
    voice.inserted(&[2]);
    assert_eq!(
        drain(&mut desk.subscribe()),
        [ReaderEvent::Ready, inserted(&[2])]
    );
}

#[test]
fn each_card_has_its_own_number_and_no_card_has_none() {
    let (desk, voice) = desk();
    assert!(matches!(
        desk.card_lying(),
        Err(ReaderFailed::ReaderGone(_))
    ));
    voice.ready();
    assert!(matches!(desk.card_lying(), Err(ReaderFailed::CardGone)));
    voice.inserted(&[1]);
    let first = desk.card_lying().unwrap();
    assert_eq!(desk.card_lying().unwrap(), first);
    voice.removed();
    voice.inserted(&[1]);
    assert_ne!(desk.card_lying().unwrap(), first);
    voice.gone("unplugged");
    assert!(matches!(desk.card_lying(), Err(ReaderFailed::ReaderGone(why)) if why == "unplugged"));
}

#[test]
fn a_thread_that_was_left_behind_is_not_heard() {
    let (desk, voice) = desk();
    let mut events = desk.subscribe();
    voice.live.store(false, Ordering::SeqCst);
    desk.gone("stuck");
    voice.ready();
    voice.inserted(&[1]);
    voice.gone("late");
    assert_eq!(drain(&mut events), [gone("stuck")]);
}
