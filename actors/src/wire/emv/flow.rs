//! The contactless read as a state machine without I/O (EMV Contactless Book B; EMV Book 1, 12;
//! Book 3, 10).
//!
//! `start` gives the first command and each response the next, until the card is read or the read
//! has failed.
//! PPSE, SELECT, GET PROCESSING OPTIONS, READ RECORD, and GENERATE AC for cards that give their
//! cryptogram only then. The number of exchanges and the bytes gathered are bounded, so a hostile
//! card ends too. There is no clock here: the reader's actor bounds the time.

use std::collections::VecDeque;

use zeroize::Zeroizing;

use super::afl::{self, RecordAddress};
use super::aid::{self, Candidate};
use super::apdu::{Command, PPSE_NAME, Response, StatusWord};
use super::card::{CardRead, Gathered};
use super::dol;
use super::failure::ReadFailure;
use super::tag::{self, Tag};
use super::terminal::TerminalData;
use super::tlv::{self, Tlv, TlvError, find_bytes};

/// Commands sent to one card at most.
const MAX_EXCHANGES: u32 = 96;
/// Bytes of one answer put together from GET RESPONSE at most.
const MAX_ANSWER: usize = 4096;

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Send this to the card and bring the answer to [`ContactlessRead::on_response`].
    Transmit(Command),
    Done(Box<CardRead>),
    Failed(ReadFailure),
}

#[derive(Debug)]
enum Phase {
    Ppse,
    Select(Candidate),
    ProcessingOptions,
    Record,
    GenerateAc,
    Ended,
}

/// One read of one card. `Debug` shows no card data.
#[derive(Debug)]
pub struct ContactlessRead {
    terminal: TerminalData,
    /// What this store reads, its preferred first.
    ours: Vec<Candidate>,
    /// Applications still to be tried on this card.
    candidates: VecDeque<Candidate>,
    selected: Option<Candidate>,
    phase: Phase,
    sent: Option<Command>,
    /// Set while a command is repeated with the Le that the card asked for.
    corrected_le: bool,
    answer: Zeroizing<Vec<u8>>,
    exchanges: u32,
    /// Why the last application that was tried is out.
    refused: Option<ReadFailure>,
    fci: Vec<Tlv>,
    objects: Vec<Tlv>,
    records: VecDeque<RecordAddress>,
}

impl ContactlessRead {
    pub fn new(candidates: Vec<Candidate>, terminal: TerminalData) -> Self {
        Self {
            terminal,
            ours: candidates,
            candidates: VecDeque::new(),
            selected: None,
            phase: Phase::Ended,
            sent: None,
            corrected_le: false,
            answer: Zeroizing::default(),
            exchanges: 0,
            refused: None,
            fci: Vec::new(),
            objects: Vec::new(),
            records: VecDeque::new(),
        }
    }

    /// The first command, SELECT PPSE. Begins the read anew if it was under way.
    pub fn start(&mut self) -> Step {
        *self = Self::new(std::mem::take(&mut self.ours), self.terminal.clone());
        self.phase = Phase::Ppse;
        self.transmit(Command::select(PPSE_NAME))
    }

    /// Takes the card's answer to the last command; an answer when none is awaited fails.
    pub fn on_response(&mut self, bytes: &[u8]) -> Step {
        let step = Response::parse(bytes)
            .map_err(ReadFailure::from)
            .and_then(|r| self.exchange(r));
        step.unwrap_or_else(|failure| self.end(Step::Failed(failure)))
    }

    fn end(&mut self, step: Step) -> Step {
        self.phase = Phase::Ended;
        self.sent = None;
        self.objects.clear();
        step
    }

    fn transmit(&mut self, command: Command) -> Step {
        self.exchanges += 1;
        if self.exchanges > MAX_EXCHANGES {
            return self.end(Step::Failed(ReadFailure::TooManyExchanges));
        }
        self.sent = Some(command.clone());
        Step::Transmit(command)
    }

    /// A new command, whose answer begins empty.
    fn ask(&mut self, command: Command) -> Result<Step, ReadFailure> {
        if !command.is_short() {
            return Err(ReadFailure::BadTlv(TlvError::TooLarge));
        }
        self.answer.clear();
        self.corrected_le = false;
        Ok(self.transmit(command))
    }

    /// Puts an answer together (61xx, 6Cxx), then hands it to its phase.
    fn exchange(&mut self, response: Response) -> Result<Step, ReadFailure> {
        let sent = self
            .sent
            .take()
            .ok_or(ReadFailure::Malformed("no answer was awaited"))?;
        self.answer.extend_from_slice(&response.data);
        if self.answer.len() > MAX_ANSWER {
            return Err(ReadFailure::BadTlv(TlvError::TooLarge));
        }
        if let Some(length) = response.status.more_data() {
            self.corrected_le = false;
            return Ok(self.transmit(Command::get_response(length)));
        }
        if let (Some(le), false) = (response.status.wrong_le(), self.corrected_le) {
            self.corrected_le = true;
            return Ok(self.transmit(Command {
                le: Some(le),
                ..sent
            }));
        }
        let data = std::mem::take(&mut self.answer);
        match std::mem::replace(&mut self.phase, Phase::Ended) {
            Phase::Ppse => self.on_ppse(&data, response.status),
            Phase::Select(candidate) => self.on_select(candidate, &data, response.status),
            Phase::ProcessingOptions => self.on_processing_options(&data, response.status),
            Phase::Record => self.on_record(&data, response.status),
            Phase::GenerateAc => self.on_generate_ac(&data, response.status),
            Phase::Ended => Err(ReadFailure::Malformed("no answer was awaited")),
        }
    }

    fn on_ppse(&mut self, data: &[u8], status: StatusWord) -> Result<Step, ReadFailure> {
        self.candidates = if status == StatusWord::OK {
            aid::from_ppse(&tlv::parse(data)?, &self.ours).into()
        } else {
            // no directory (6A82 and its relatives): try our own list, one after the other
            self.ours.clone().into()
        };
        self.select_next()
    }

    fn select_next(&mut self) -> Result<Step, ReadFailure> {
        let Some(candidate) = self.candidates.pop_front() else {
            return Err(self
                .refused
                .take()
                .unwrap_or(ReadFailure::NoSupportedApplication));
        };
        self.objects.clear();
        let command = Command::select(candidate.aid.as_bytes());
        self.phase = Phase::Select(candidate);
        self.ask(command)
    }

    fn on_select(
        &mut self,
        candidate: Candidate,
        data: &[u8],
        status: StatusWord,
    ) -> Result<Step, ReadFailure> {
        if status != StatusWord::OK {
            return self.select_next();
        }
        self.fci = tlv::parse(data)?;
        if !self
            .fci
            .iter()
            .any(|object| object.tag == tag::FCI_TEMPLATE)
        {
            return Err(ReadFailure::Malformed(
                "the answer to SELECT holds no FCI template",
            ));
        }
        self.selected = Some(candidate);
        let pdol = dol::parse(find_bytes(&self.fci, tag::PDOL).unwrap_or_default())?;
        let values = dol::fill(&pdol, |tag| self.terminal.value(tag));
        self.phase = Phase::ProcessingOptions;
        self.ask(Command::get_processing_options(&values))
    }

    fn on_processing_options(
        &mut self,
        data: &[u8],
        status: StatusWord,
    ) -> Result<Step, ReadFailure> {
        match status {
            StatusWord::OK => {}
            StatusWord::SEE_PHONE => return Err(ReadFailure::SeePhone),
            // this application does not want to: the next one may (Contactless Book B, 3.4)
            StatusWord::CONDITIONS_NOT_SATISFIED => {
                self.refused = Some(ReadFailure::ConditionsNotSatisfied);
                return self.select_next();
            }
            status => return Err(unexpected("GET PROCESSING OPTIONS", status)),
        }
        self.objects = response_template(data, |value| {
            let (aip, afl) = value.split_at_checked(2)?;
            Some(vec![
                Tlv::primitive(tag::AIP, aip),
                Tlv::primitive(tag::AFL, afl),
            ])
        })?;
        self.records =
            afl::records(find_bytes(&self.objects, tag::AFL).unwrap_or_default())?.into();
        self.read_next()
    }

    fn read_next(&mut self) -> Result<Step, ReadFailure> {
        if let Some(RecordAddress { sfi, record }) = self.records.pop_front() {
            self.phase = Phase::Record;
            return self.ask(Command::read_record(sfi, record));
        }
        if find_bytes(&self.objects, tag::APPLICATION_CRYPTOGRAM).is_some() {
            return self.finish();
        }
        let cdol = find_bytes(&self.objects, tag::CDOL1).ok_or(ReadFailure::NoCryptogram)?;
        let values = dol::fill(&dol::parse(cdol)?, |tag| self.known(tag));
        self.phase = Phase::GenerateAc;
        self.ask(Command::generate_ac(&values))
    }

    /// A value for CDOL1: the terminal's own, or one that the card sent before.
    fn known(&self, tag: Tag) -> Option<Vec<u8>> {
        let cards = || find_bytes(&self.objects, tag).map(<[u8]>::to_vec);
        self.terminal.value(tag).or_else(cards)
    }

    fn on_record(&mut self, data: &[u8], status: StatusWord) -> Result<Step, ReadFailure> {
        if status != StatusWord::OK {
            return Err(unexpected("READ RECORD", status));
        }
        let record = tlv::parse(data)?;
        let [
            Tlv {
                tag: tag::RECORD_TEMPLATE,
                value: tlv::Value::Constructed(objects),
            },
        ] = &*record
        else {
            return Err(ReadFailure::Malformed("a record is not one template 70"));
        };
        self.add(objects)?;
        self.read_next()
    }

    /// Takes data objects in; the same one twice is a fault of the card (EMV Book 3, 10.2).
    fn add(&mut self, objects: &[Tlv]) -> Result<(), ReadFailure> {
        for object in objects {
            match self.objects.iter().find(|known| known.tag == object.tag) {
                Some(known) if known != object => {
                    return Err(ReadFailure::Malformed("the card contradicts itself"));
                }
                Some(_) => {}
                None => self.objects.push(object.clone()),
            }
        }
        Ok(())
    }

    fn on_generate_ac(&mut self, data: &[u8], status: StatusWord) -> Result<Step, ReadFailure> {
        match status {
            StatusWord::OK => {}
            StatusWord::SEE_PHONE => return Err(ReadFailure::SeePhone),
            StatusWord::CONDITIONS_NOT_SATISFIED => {
                return Err(ReadFailure::ConditionsNotSatisfied);
            }
            status => return Err(unexpected("GENERATE AC", status)),
        }
        let objects = response_template(data, |value| {
            let (cid, rest) = value.split_at_checked(1)?;
            let (atc, rest) = rest.split_at_checked(2)?;
            let (cryptogram, iad) = rest.split_at_checked(8)?;
            let mut objects = vec![
                Tlv::primitive(tag::CID, cid),
                Tlv::primitive(tag::ATC, atc),
                Tlv::primitive(tag::APPLICATION_CRYPTOGRAM, cryptogram),
            ];
            objects.extend((!iad.is_empty()).then(|| Tlv::primitive(tag::IAD, iad)));
            Some(objects)
        })?;
        self.add(&objects)?;
        self.finish()
    }

    fn finish(&mut self) -> Result<Step, ReadFailure> {
        let selected = self
            .selected
            .as_ref()
            .ok_or(ReadFailure::NoSupportedApplication)?;
        let read = Gathered {
            aid: &selected.aid,
            kind: selected.kind,
            fci: &self.fci,
            objects: &self.objects,
            terminal: &self.terminal,
        }
        .finish()?;
        Ok(self.end(Step::Done(Box::new(read))))
    }
}

/// The objects of a response in format 2 (template 77) or format 1 (80, whose fields `split`
/// knows).
fn response_template(
    data: &[u8],
    split: impl Fn(&[u8]) -> Option<Vec<Tlv>>,
) -> Result<Vec<Tlv>, ReadFailure> {
    let objects = tlv::parse(data)?;
    match &*objects {
        [
            Tlv {
                tag: tag::RESPONSE_TEMPLATE_2,
                value: tlv::Value::Constructed(objects),
            },
        ] => Ok(objects.clone()),
        [
            Tlv {
                tag: tag::RESPONSE_TEMPLATE_1,
                value: tlv::Value::Primitive(bytes),
            },
        ] => split(bytes).ok_or(ReadFailure::Malformed(
            "a response in format 80 is too short",
        )),
        _ => Err(ReadFailure::Malformed(
            "the response is neither in format 77 nor 80",
        )),
    }
}

fn unexpected(command: &'static str, status: StatusWord) -> ReadFailure {
    ReadFailure::UnexpectedStatus { command, status }
}

#[cfg(test)]
mod tests;
