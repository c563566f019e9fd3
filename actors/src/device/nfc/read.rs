//! One read of one card: the exchanges of `wire::emv`, each with its time-out.

use std::{sync::Arc, time::Duration};

use tokio::time::timeout;

use crate::{
    ports::{CardReader, ReaderFailed},
    wire::emv::{Advice, Candidate, CardRead, ContactlessRead, ReadFailure, Step, TerminalData},
};

/// How a read ended. The words are for the customer and hold nothing of the card.
pub(super) enum Outcome {
    Read(Box<CardRead>),
    Failed(String),
    /// The card or the reader does not answer: only a reset helps.
    Stuck(String),
}

pub(super) async fn read_card(
    reader: Arc<dyn CardReader>,
    candidates: Vec<Candidate>,
    terminal: TerminalData,
    apdu_timeout: Duration,
    read_timeout: Duration,
) -> Outcome {
    let mut flow = ContactlessRead::new(candidates, terminal);
    let exchanges = async {
        let mut step = flow.start();
        loop {
            let command = match step {
                Step::Transmit(command) => command,
                Step::Done(card) => return Outcome::Read(card),
                Step::Failed(failure) => return Outcome::Failed(words(&failure)),
            };
            step = match timeout(apdu_timeout, reader.transmit(command.to_bytes())).await {
                Ok(Ok(answer)) => flow.on_response(&answer),
                Ok(Err(failed)) => return Outcome::Failed(reader_words(&failed)),
                Err(_) => return Outcome::Stuck(String::from("the card stopped answering")),
            };
        }
    };
    timeout(read_timeout, exchanges)
        .await
        .unwrap_or_else(|_| Outcome::Stuck(String::from("the card takes too long")))
}

fn words(failure: &ReadFailure) -> String {
    match failure.advice() {
        Advice::TapAgain => format!("{failure}: hold it there again"),
        Advice::SeePhone => failure.to_string(),
        Advice::UseAnother => format!("{failure}: use another card"),
    }
}

fn reader_words(failed: &ReaderFailed) -> String {
    match failed {
        ReaderFailed::CardGone | ReaderFailed::Torn(_) => {
            String::from("the card was taken away too early: hold it there again")
        }
        ReaderFailed::ReaderGone(_) => String::from("the reader was unplugged"),
        ReaderFailed::Failed(_) => String::from("the reader failed: hold the card there again"),
    }
}
