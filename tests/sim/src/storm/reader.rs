//! A card reader in a storm: customers take their card away too early, and readers hang.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use store_actors::ports::{CardReader, ReaderEvent, ReaderFailed, Reply};
use tokio::{sync::mpsc, time::sleep};
use zeroize::Zeroizing;

use super::{dice::Dice, fate::Fate};
use crate::device::card::{Chip, ChipProfile};

const ATR: [u8; 5] = [0x3B, 0x80, 0x80, 0x01, 0x01];

/// The reader, and the customer's hand at it. Clones are the same.
#[derive(Clone)]
pub struct StormReader {
    fate: Fate,
    dice: Dice,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    events: Option<mpsc::Sender<ReaderEvent>>,
    chip: Option<Chip>,
}

impl StormReader {
    pub fn new(fate: Fate, dice: Dice) -> Self {
        Self {
            fate,
            dice,
            state: Arc::default(),
        }
    }

    /// Lays a card there for a while.
    pub async fn tap(&self, profile: ChipProfile) {
        self.state().chip = Some(Chip::new(profile));
        self.tell(ReaderEvent::CardInserted { atr: ATR.to_vec() });
        let is_hasty = !self.fate.is_calm() && self.dice.percent(10);
        sleep(match is_hasty {
            true => self.dice.ms(1, 60),
            false => self.dice.ms(600, 1_500),
        })
        .await;
        self.state().chip = None;
        self.tell(ReaderEvent::CardRemoved);
    }

    fn tell(&self, event: ReaderEvent) {
        if let Some(events) = &self.state().events {
            // a reader that nobody listens to is asked anew
            let _ = events.try_send(event);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CardReader for StormReader {
    fn events(&self) -> mpsc::Receiver<ReaderEvent> {
        let (events, told) = mpsc::channel(16);
        let _ = events.try_send(ReaderEvent::Ready);
        self.state().events = Some(events);
        told
    }

    fn transmit(
        &self,
        apdu: Zeroizing<Vec<u8>>,
    ) -> Reply<'_, Result<Zeroizing<Vec<u8>>, ReaderFailed>> {
        Box::pin(async move {
            let hangs = !self.fate.is_calm() && self.dice.below(1_000) < 3;
            sleep(match hangs {
                true => Duration::from_secs(3_600),
                false => self.dice.ms(1, 15),
            })
            .await;
            let mut state = self.state();
            let chip = state.chip.as_mut().ok_or(ReaderFailed::CardGone)?;
            Ok(Zeroizing::new(chip.answer(&apdu)))
        })
    }

    fn reset(&self) {
        if let Some(chip) = &mut self.state().chip {
            chip.reset();
        }
    }

    fn describe(&self) -> String {
        "storm".into()
    }
}
