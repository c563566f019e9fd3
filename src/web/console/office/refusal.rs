//! Why the office did not do what a form asked for, in the visitor's language.

use actix_web::{ResponseError as _, http::StatusCode};
use store_actors::{
    domain::office::{books::Obstacle, difference::DifferenceRefused, shift::ShiftRefused},
    language::Value,
    office::requests::OfficeRefused,
};

use super::Frame;
use crate::web::{
    office::Undone,
    problem::{Problem, Words},
};

#[derive(Debug)]
pub(super) enum Refusal {
    /// A day that can't be closed, with all that stands in the way.
    Obstacles(Vec<Obstacle>),
    Shift(ShiftRefused),
    Difference(DifferenceRefused),
    /// What is wrong with the form, or with the store.
    Other(Problem),
}

impl From<Undone> for Refusal {
    fn from(undone: Undone) -> Self {
        let refused = match undone {
            Undone::Input(problem) => return Self::Other(problem),
            Undone::Refused(refused) => refused,
        };
        match refused {
            OfficeRefused::DayNotClosable(obstacles) => Self::Obstacles(obstacles),
            OfficeRefused::Shift(refused) => Self::Shift(refused),
            OfficeRefused::Difference(refused) => Self::Difference(refused),
            other => Self::Other(other.into()),
        }
    }
}

impl Refusal {
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Other(problem) => problem.status_code(),
            Self::Obstacles(_) | Self::Shift(_) | Self::Difference(_) => StatusCode::CONFLICT,
        }
    }

    /// Each reason by itself.
    pub(super) fn words(&self, frame: &Frame) -> Vec<String> {
        match self {
            Self::Obstacles(obstacles) => {
                let words = obstacles
                    .iter()
                    .map(|obstacle| against_closing(frame, obstacle));
                words.collect()
            }
            Self::Shift(refused) => vec![against_shift(frame, refused)],
            Self::Difference(refused) => vec![frame.say(match refused {
                DifferenceRefused::NoteMissing => "refused-note-missing",
                DifferenceRefused::NothingChanges => "refused-nothing-changes",
                DifferenceRefused::TooManySteps => "refused-too-many-steps",
            })],
            Self::Other(problem) => {
                let Words { zh, en } = problem.words();
                let why = Value::from(frame.language.of(zh, en));
                vec![frame.language.say_with("refused-form", [("why", why)])]
            }
        }
    }
}

fn against_shift(frame: &Frame, refused: &ShiftRefused) -> String {
    let id = match refused {
        ShiftRefused::StillOpen(number) => {
            let number = Value::from(*number);
            return frame
                .language
                .say_with("refused-still-open", [("number", number)]);
        }
        ShiftRefused::NoneOpen => "refused-none-open",
        ShiftRefused::Closing => "refused-closing",
        ShiftRefused::KeyReused => "refused-key-reused",
        ShiftRefused::Money(_) => "refused-money",
    };
    frame.say(id)
}

fn against_closing(frame: &Frame, obstacle: &Obstacle) -> String {
    let say = |id, name, value: String| frame.language.say_with(id, [(name, value.into())]);
    match obstacle {
        Obstacle::NotOver => frame.say("open-not-over"),
        Obstacle::ClosedAlready => frame.say("open-closed-already"),
        Obstacle::NotNext(day) => say("open-not-next", "day", day.to_string()),
        Obstacle::OpenShift { counter, number } => {
            say("open-shift", "shift", format!("{counter}/{number}"))
        }
        Obstacle::Unsettled(payment) => say("open-payment", "payment", payment.clone()),
        Obstacle::Difference(id) => say("open-difference", "difference", id.clone()),
    }
}
