//! Recorded situations at a terminal's line, replayed in lockstep: what the terminal said is fed to
//! the driver, what the driver says must be what it said then, message by message.
//!
//! A recording is JSON Lines in `tests/recordings`, named after its situation; its first line says
//! which. A new one is written by hand with `?` for every message and filled by a run with
//! `RECORD=1`, in which the terminal agrees to all it is asked. An existing one is never refilled:
//! if it fails, the driver has changed what it says to terminals in stores.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream},
    time::timeout,
};

use super::*;
use crate::wire::{
    frame::{Frame, Framer, Framing},
    nexo::Message,
};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "step")]
enum Step {
    Situation {
        version: u8,
        words: String,
    },
    Plug,
    Unplug,
    /// The counter's command.
    Show {
        payment: u8,
        notice: Notice,
    },
    /// The driver says this.
    ToTerminal {
        message: String,
    },
    /// The terminal says this.
    ToStore {
        message: String,
    },
    /// The driver tells the counter that the terminal is so.
    Health {
        is: String,
    },
}

struct Replay {
    rig: Rig,
    far: Option<DuplexStream>,
    framer: Framer,
    unread: Vec<Vec<u8>>,
    last: Option<Message>,
    is_recording: bool,
}

impl Replay {
    fn new() -> Self {
        Self {
            rig: Rig::new(),
            far: None,
            framer: Framer::new(Framing::NEXO_JSON, 65_536),
            unread: Vec::new(),
            last: None,
            is_recording: std::env::var_os("RECORD").is_some(),
        }
    }

    /// Carries a step out and gives it as it was.
    async fn step(&mut self, step: Step) -> Step {
        match step {
            Step::Plug => {
                self.far = Some(self.rig.opener.plug_in(65_536));
                self.framer.reset();
                self.unread.clear();
            }
            Step::Unplug => self.far = None,
            Step::Show {
                payment,
                ref notice,
            } => self.rig.show(payment, notice.clone()).await,
            Step::Health { ref is } => drop(self.rig.office.health(is).await),
            Step::ToTerminal { ref message } => {
                let said = self.next_message().await;
                assert!(*message == said || self.may_fill(message), "said {said}");
                self.last = Some(Message::decode(said.as_bytes()).expect("nexo"));
                return Step::ToTerminal { message: said };
            }
            Step::ToStore { message } => {
                let message = if self.may_fill(&message) {
                    self.agreement()
                } else {
                    message
                };
                let frame = self.framer.encode(message.as_bytes()).expect("framable");
                let far = self.far.as_mut().expect("plugged in");
                far.write_all(&frame).await.expect("room");
                return Step::ToStore { message };
            }
            Step::Situation { .. } => {}
        }
        step
    }

    fn may_fill(&self, message: &str) -> bool {
        message == "?" && self.is_recording
    }

    fn agreement(&self) -> String {
        let asked = self.last.as_ref().expect("something was asked");
        let answer = asked.answer(fake::ok(asked)).encode().expect("writable");
        String::from_utf8(answer).expect("text")
    }

    async fn next_message(&mut self) -> String {
        let mut bytes = [0; 4_096];
        while self.unread.is_empty() {
            let far = self.far.as_mut().expect("plugged in");
            let read = timeout(Duration::from_secs(600), far.read(&mut bytes)).await;
            let count = read.expect("in time").expect("readable");
            assert!(count > 0, "the driver hung up");
            let frames = self.framer.feed(&bytes[..count]);
            self.unread
                .extend(frames.into_iter().map(|frame| match frame {
                    Frame::Data(data) => data.to_vec(),
                    Frame::Garbage { .. } => panic!("the driver says garbage"),
                }));
        }
        String::from_utf8(self.unread.remove(0)).expect("text")
    }
}

async fn replay(situation: &str) {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/recordings");
    let file = folder.join(format!("{situation}.jsonl"));
    let text = std::fs::read_to_string(&file).expect("a recording");
    let mut replay = Replay::new();
    let mut played = String::new();
    for (n, line) in text.lines().enumerate() {
        let step: Step =
            serde_json::from_str(line).unwrap_or_else(|e| panic!("line {}: {e}", n + 1));
        if n == 0 {
            assert!(
                matches!(step, Step::Situation { version: 1, .. }),
                "not a recording: {line}"
            );
        }
        let step = replay.step(step).await;
        played.push_str(&serde_json::to_string(&step).expect("writable"));
        played.push('\n');
    }
    if replay.is_recording && played != text {
        std::fs::write(&file, &played).expect("recorded");
    }
    assert!(!played.contains("\"?\""), "{situation} was never recorded");
}

#[actix::test]
async fn terminal_unplugged_mid_charge() {
    replay("terminal-unplugged-mid-charge").await;
}

#[actix::test]
async fn terminal_gone_before_it_confirmed_the_words() {
    replay("terminal-gone-before-it-confirmed").await;
}
