//! At a terminal that authorises by itself: it asks for the card, and answers as its mood is.

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::{PATIENCE, SHOWS_AGAIN};
use crate::{
    device::{DeviceError, zvt::Fate},
    lab::{
        counter::LabOwnTerminal,
        random::Random,
        till::{Till, TillFailed, has_ended},
    },
};

/// How long a customer looks whether the terminal asks for the card.
const ASKS_WITHIN: Duration = Duration::from_millis(500);

/// What one customer does there, and meets.
#[derive(Clone, Copy)]
struct Mood {
    does: Does,
    fate: Option<Fate>,
    /// The line is cut in the moment of the answer.
    is_cut: bool,
}

#[derive(Clone, Copy)]
enum Does {
    Taps,
    /// Presses the red key.
    Refuses,
    /// Leaves, and the cashier cancels while the terminal asks.
    Leaves,
    /// Has paid, and the cashier cancels before the answer is there.
    TapsAndLeaves,
}

impl Mood {
    const GOOD: Self = Self {
        does: Does::Taps,
        fate: None,
        is_cut: false,
    };

    fn draw(random: &mut Random) -> Self {
        let does = match random.below(100) {
            0..5 => Does::Refuses,
            5..12 => Does::Leaves,
            12..18 => Does::TapsAndLeaves,
            _ => Does::Taps,
        };
        let fate = match random.below(100) {
            0..9 => Some(Fate::Silence { money_moved: true }),
            9..18 => Some(Fate::Silence { money_moved: false }),
            18..27 => Some(Fate::NoCompletion),
            27..33 => Some(Fate::Declined(0x05)),
            33..38 => Some(Fate::Twice),
            _ => None,
        };
        // an answer that is there at once can't be overtaken
        let fate = match does {
            Does::TapsAndLeaves => Some(Fate::Silence { money_moved: true }),
            _ => fate,
        };
        let is_silent = matches!(fate, Some(Fate::Silence { .. } | Fate::NoCompletion));
        Self {
            does,
            fate,
            // on a line that stays only a time-out shows that something is wrong
            is_cut: random.percent(if is_silent { 90 } else { 5 }),
        }
    }
}

pub(super) async fn pay(
    own: &LabOwnTerminal,
    till: &Till,
    id: &str,
    random: &mut Random,
) -> Result<Value, TillFailed> {
    let drawn = Mood::draw(random);
    let mut mood = if own.has_moods { drawn } else { Mood::GOOD };
    let deadline = Instant::now() + PATIENCE;
    loop {
        let asks = own
            .terminal
            .until(ASKS_WITHIN, |seen| seen.asking.is_some());
        if asks.await.is_ok() {
            if !matches!(mood.does, Does::Leaves)
                && let Err(error) = meet(own, mood).await
            {
                tracing::debug!(%error, "the terminal does not take the card");
            }
            if matches!(mood.does, Does::Leaves | Does::TapsAndLeaves) {
                match till.cancel(id).await {
                    // it has come to an end meanwhile
                    Ok(_) | Err(TillFailed::Refused(..)) => {}
                    Err(failed) => return Err(failed),
                }
            }
            // whoever is asked again has a card
            mood = Mood::GOOD;
        }
        let payment = till.until(id, SHOWS_AGAIN, has_ended).await?;
        if has_ended(&payment) || Instant::now() > deadline {
            return Ok(payment);
        }
    }
}

async fn meet(own: &LabOwnTerminal, mood: Mood) -> Result<(), DeviceError> {
    if let Does::Refuses = mood.does {
        return own.terminal.cancel().await;
    }
    if let Some(fate) = mood.fate {
        own.terminal.meets(fate).await?;
    }
    own.terminal.tap().await?;
    if mood.is_cut {
        own.terminal.unplug().await?;
        own.terminal.plug().await?;
    }
    Ok(())
}
