//! Lines on paused time, over in-memory pipes.

use std::{collections::VecDeque, io, sync::Mutex};

use futures_util::StreamExt;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    time::timeout,
};

use super::*;
use crate::{
    device::testing::{NoJitter, ScriptedOpener},
    ports::{Duplex, Reply},
};

fn settings() -> LineSettings {
    LineSettings {
        write_queue: 2,
        ..LineSettings::default()
    }
}

struct Rig {
    opener: ScriptedOpener,
    line: Line,
    events: std::pin::Pin<Box<dyn Stream<Item = LineEvent>>>,
}

impl Rig {
    fn new(settings: LineSettings) -> Self {
        let opener = ScriptedOpener::default();
        let (line, events) = Line::start(Arc::new(opener.clone()), settings, Arc::new(NoJitter));
        Self {
            opener,
            line,
            events: Box::pin(events),
        }
    }

    async fn next(&mut self) -> LineEvent {
        let next = timeout(Duration::from_secs(60), self.events.next());
        next.await.expect("an event in time").expect("an event")
    }

    async fn up(&mut self, pipe: usize) -> DuplexStream {
        let far = self.opener.plug_in(pipe);
        loop {
            match self.next().await {
                LineEvent::Up => return far,
                LineEvent::Down(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    async fn text(&mut self) -> String {
        match self.next().await {
            LineEvent::Frame(received) => String::from_utf8(received.bytes.to_vec()).expect("text"),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn it_is_tried_for_ever_at_least_once_a_second() {
    let mut rig = Rig::new(settings());
    let began = Instant::now();
    for _ in 0..100 {
        let event = rig.next().await;
        let LineEvent::Down(Down::Absent(why)) = event else {
            panic!("{event:?}")
        };
        assert_eq!(why, "not plugged in");
    }
    assert!(
        began.elapsed() < Duration::from_secs(100),
        "{:?}",
        began.elapsed()
    );
    let plugged_in = Instant::now();
    let _far = rig.up(64).await;
    assert!(plugged_in.elapsed() <= Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn an_unplugged_line_is_seen_at_once() {
    let mut rig = Rig::new(settings());
    let far = rig.up(64).await;
    let began = Instant::now();
    drop(far);
    let event = rig.next().await;
    assert!(matches!(event, LineEvent::Down(Down::Absent(ref why)) if why == "unplugged"));
    assert_eq!(began.elapsed(), Duration::ZERO);
    assert_eq!(rig.line.send(b"late"), Err(WriteFailed::Down));
}

#[tokio::test(start_paused = true)]
async fn frames_come_whole_however_the_bytes_are_cut_and_know_when_they_began() {
    let mut rig = Rig::new(settings());
    let mut far = rig.up(64).await;
    let began = Instant::now();
    for byte in b"12345" {
        far.write_all(&[*byte]).await.expect("room");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    far.write_all(b"\rab\rcd\r").await.expect("room");
    let LineEvent::Frame(first) = rig.next().await else {
        panic!("a frame")
    };
    assert_eq!((&first.bytes[..], first.began), (&b"12345"[..], began));
    assert_eq!(
        (rig.text().await, rig.text().await),
        ("ab".into(), "cd".into())
    );
}

#[tokio::test(start_paused = true)]
async fn a_half_frame_that_falls_silent_is_garbage_and_the_next_frame_is_clean() {
    let mut rig = Rig::new(settings());
    let mut far = rig.up(64).await;
    far.write_all(b"half").await.expect("room");
    let event = rig.next().await;
    assert!(
        matches!(event, LineEvent::Garbage { bytes_len: 4, .. }),
        "{event:?}"
    );
    far.write_all(b"whole\r").await.expect("room");
    assert_eq!(rig.text().await, "whole");
}

#[tokio::test(start_paused = true)]
async fn what_is_written_arrives_framed_and_in_order() {
    let mut rig = Rig::new(settings());
    let mut far = rig.up(64).await;
    rig.line.send(b"one").expect("queued");
    rig.line.send_raw(vec![0x16]).expect("queued");
    let mut bytes = [0; 5];
    far.read_exact(&mut bytes).await.expect("bytes");
    assert_eq!(&bytes, b"one\r\x16");
    assert!(matches!(
        rig.line.send(b""),
        Err(WriteFailed::Unframable(_))
    ));
}

#[tokio::test(start_paused = true)]
async fn a_device_that_takes_nothing_fills_the_queue_and_then_the_line_is_opened_again() {
    let mut rig = Rig::new(settings());
    let _deaf = rig.up(4).await;
    let began = Instant::now();
    rig.line.send(b"more than four bytes").expect("queued");
    tokio::task::yield_now().await;
    rig.line.send(b"waits").expect("queued");
    rig.line.send(b"waits").expect("queued");
    assert_eq!(rig.line.send(b"no room"), Err(WriteFailed::Full));
    let event = rig.next().await;
    assert!(
        matches!(event, LineEvent::Down(Down::Stuck(_))),
        "{event:?}"
    );
    assert!(began.elapsed() < Duration::from_millis(1_100));
    // and what waited then is not sent to the device that comes next
    let mut far = rig.up(64).await;
    rig.line.send(b"new").expect("queued");
    let mut bytes = [0; 4];
    far.read_exact(&mut bytes).await.expect("bytes");
    assert_eq!(&bytes, b"new\r");
}

#[tokio::test(start_paused = true)]
async fn it_is_opened_again_when_told_to() {
    let mut rig = Rig::new(settings());
    let _mute = rig.up(64).await;
    rig.opener.plug_in(64);
    rig.line.reopen("no answer");
    rig.line.reopen("no answer");
    let event = rig.next().await;
    assert!(matches!(event, LineEvent::Down(Down::Stuck(ref why)) if why == "no answer"));
    assert!(matches!(rig.next().await, LineEvent::Up));
    // the second order was for the old connection
    let quiet = timeout(Duration::from_secs(5), rig.events.next()).await;
    assert!(
        !matches!(quiet, Ok(Some(LineEvent::Down(Down::Stuck(_))))),
        "{quiet:?}"
    );
}

/// Opens never, or with errors.
struct Odd(Mutex<VecDeque<Option<io::ErrorKind>>>);
impl LineOpener for Odd {
    fn open(&self) -> Reply<'_, io::Result<Box<dyn Duplex>>> {
        let next = self.0.lock().expect("unpoisoned").pop_front().flatten();
        Box::pin(async move {
            match next {
                Some(kind) => Err(kind.into()),
                None => std::future::pending().await,
            }
        })
    }
    fn describe(&self) -> String {
        String::from("odd")
    }
}

#[tokio::test(start_paused = true)]
async fn an_open_that_hangs_is_given_up_and_errors_are_worded() {
    let script = [
        Some(io::ErrorKind::PermissionDenied),
        None,
        Some(io::ErrorKind::ConnectionRefused),
    ];
    let opener = Odd(Mutex::new(script.into()));
    let (_line, mut events) = Line::start(Arc::new(opener), settings(), Arc::new(NoJitter));
    for expected in [
        "not allowed to open it",
        "cannot be opened",
        "nothing listens there",
    ] {
        let event = events.next().await.expect("an event");
        let LineEvent::Down(Down::Absent(why)) = event else {
            panic!("{event:?}")
        };
        assert!(why.starts_with(expected), "{why}");
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_of_a_frame_is_shown_by_debug() {
    let mut rig = Rig::new(settings());
    let mut far = rig.up(64).await;
    far.write_all(b"28763443825664394\r").await.expect("room");
    let shown = format!("{:?}", rig.next().await);
    assert_eq!(shown, "Frame(Received(17 bytes))");
    let _ = duplex(1);
}
