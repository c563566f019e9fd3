//! A synthetic EMV chip: it answers commands as a contactless payment card does.
//!
//! The numbers are those that the schemes publish for tests. The cryptogram is made from a key of
//! the card, the terminal's data and the transaction counter, so that two payments never have the
//! same, but by no scheme's algorithm: no real issuer would take it.

use sha2::{Digest as _, Sha256};
use store_actors::wire::emv::{
    Aid, CardKind, Command, Response, StatusWord, Tag, Tlv,
    apdu::PPSE_NAME,
    dol,
    tag::{self, AFL, AIP, ATC, CID, IAD},
    tlv,
};

/// `9F66 04 9F02 06 9F03 06 9F1A 02 95 05 5F2A 02 9A 03 9C 01 9F37 04`, as Visa and UnionPay ask.
const USUAL_PDOL: [(Tag, u8); 9] = [
    (tag::TTQ, 4),
    (tag::AMOUNT_AUTHORISED, 6),
    (tag::AMOUNT_OTHER, 6),
    (tag::TERMINAL_COUNTRY, 2),
    (tag::TVR, 5),
    (tag::TRANSACTION_CURRENCY, 2),
    (tag::TRANSACTION_DATE, 3),
    (tag::TRANSACTION_TYPE, 1),
    (tag::UNPREDICTABLE_NUMBER, 4),
];
/// UnionPay's own wishes.
const UNIONPAY_PDOL: [(Tag, u8); 2] = [(Tag::new(0xDF60), 1), (Tag::new(0xDF69), 1)];
const CDOL1: [(Tag, u8); 5] = [
    (tag::AMOUNT_AUTHORISED, 6),
    (tag::TRANSACTION_CURRENCY, 2),
    (tag::TRANSACTION_DATE, 3),
    (tag::TRANSACTION_TYPE, 1),
    (tag::UNPREDICTABLE_NUMBER, 4),
];
const WRONG_DATA: StatusWord = StatusWord(0x6A80);

/// Who a card is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChipProfile {
    pub kind: CardKind,
    /// Digits; a published test number.
    pub pan: String,
    /// `YYMM`
    pub expiry: String,
    pub psn: u8,
    pub label: String,
    /// Whether the card has a directory (PPSE).
    pub directory: bool,
    /// Whether the card wants its owner to confirm on it before it pays (6986).
    pub see_phone: bool,
}

impl ChipProfile {
    fn new(kind: CardKind, pan: &str, label: &str) -> Self {
        Self {
            kind,
            pan: pan.into(),
            expiry: "3012".into(),
            psn: 1,
            label: label.into(),
            directory: true,
            see_phone: false,
        }
    }

    /// UnionPay's published test numbers.
    pub fn unionpay_debit() -> Self {
        Self::new(CardKind::UnionPayDebit, "6212345678901232", "PBOC DEBIT")
    }

    pub fn unionpay_credit() -> Self {
        Self::new(CardKind::UnionPayCredit, "6212345678901265", "PBOC CREDIT")
    }

    /// Visa's published test number.
    pub fn visa() -> Self {
        Self::new(CardKind::Visa, "4111111111111111", "VISA CREDIT")
    }

    /// Mastercard's published test number.
    pub fn mastercard() -> Self {
        Self::new(CardKind::Mastercard, "5555555555554444", "MASTERCARD")
    }
}

/// A chip with its memory; what is selected is forgotten at a reset, the counter never.
#[derive(Debug)]
pub struct Chip {
    profile: ChipProfile,
    /// Application transaction counter.
    counter: u16,
    selected: bool,
    /// What GENERATE AC may follow.
    initiated: bool,
}

impl Chip {
    pub fn new(profile: ChipProfile) -> Self {
        Self {
            profile,
            counter: 0,
            selected: false,
            initiated: false,
        }
    }

    pub fn profile(&self) -> &ChipProfile {
        &self.profile
    }

    /// How many payments the chip has begun.
    pub fn counter(&self) -> u16 {
        self.counter
    }

    /// Power off, on, or a reset.
    pub fn reset(&mut self) {
        self.selected = false;
        self.initiated = false;
    }

    /// The answer to a command, with its status word.
    pub fn answer(&mut self, apdu: &[u8]) -> Vec<u8> {
        let response = match Command::parse(apdu) {
            Ok(command) => self.respond(&command).unwrap_or_else(Response::status),
            Err(_) => Response::status(StatusWord::WRONG_LENGTH),
        };
        response.to_bytes().to_vec()
    }

    fn respond(&mut self, command: &Command) -> Result<Response, StatusWord> {
        match command.ins {
            Command::SELECT => self.select(&command.data),
            Command::GET_PROCESSING_OPTIONS => self.processing_options(&command.data),
            Command::READ_RECORD if self.selected => self.record(command.p1, command.p2),
            Command::GENERATE_AC if self.initiated => self.generate_ac(&command.data),
            Command::READ_RECORD | Command::GENERATE_AC => {
                Err(StatusWord::CONDITIONS_NOT_SATISFIED)
            }
            _ => Err(StatusWord::INSTRUCTION_NOT_SUPPORTED),
        }
    }

    /// Mastercard gives its cryptogram only at GENERATE AC; the others at GET PROCESSING OPTIONS.
    fn late_cryptogram(&self) -> bool {
        matches!(self.profile.kind, CardKind::Mastercard | CardKind::Maestro)
    }

    fn pdol(&self) -> Vec<(Tag, u8)> {
        match self.profile.kind {
            CardKind::Mastercard | CardKind::Maestro => Vec::new(),
            CardKind::Visa => USUAL_PDOL.to_vec(),
            _ => [&USUAL_PDOL[..], &UNIONPAY_PDOL].concat(),
        }
    }

    fn select(&mut self, name: &[u8]) -> Result<Response, StatusWord> {
        let aid = self.profile.kind.aid();
        let label = || Tlv::primitive(tag::APPLICATION_LABEL, self.profile.label.as_bytes());
        if name == PPSE_NAME && self.profile.directory {
            self.selected = false;
            let entry = [
                Tlv::primitive(tag::ADF_NAME, aid.as_bytes()),
                label(),
                Tlv::primitive(tag::PRIORITY, [1]),
            ];
            let entry = Tlv::constructed(tag::APPLICATION_TEMPLATE, entry);
            let directory = Tlv::constructed(tag::FCI_ISSUER_DISCRETIONARY, [entry]);
            return Ok(fci(PPSE_NAME, vec![directory]));
        }
        if !Aid::new(name).is_some_and(|wanted| wanted.matches(&aid)) {
            return Err(StatusWord::FILE_NOT_FOUND);
        }
        self.selected = true;
        self.initiated = false;
        let mut proprietary = vec![label(), Tlv::primitive(tag::PRIORITY, [1])];
        let pdol = encode_dol(&self.pdol());
        proprietary.extend((!pdol.is_empty()).then(|| Tlv::primitive(tag::PDOL, pdol)));
        Ok(fci(aid.as_bytes(), proprietary))
    }

    fn processing_options(&mut self, data: &[u8]) -> Result<Response, StatusWord> {
        if !self.selected {
            return Err(StatusWord::CONDITIONS_NOT_SATISFIED);
        }
        let command = tlv::parse(data).map_err(|_| WRONG_DATA)?;
        let values = match command.as_slice() {
            [one] if one.tag == tag::COMMAND_TEMPLATE => one.bytes().unwrap_or_default(),
            _ => return Err(WRONG_DATA),
        };
        let wanted: usize = self
            .pdol()
            .iter()
            .map(|(_, length)| usize::from(*length))
            .sum();
        match values.len() {
            0 if wanted > 0 => return Err(StatusWord::CONDITIONS_NOT_SATISFIED),
            length if length != wanted => return Err(StatusWord::WRONG_LENGTH),
            _ if self.profile.see_phone => return Err(StatusWord::SEE_PHONE),
            _ => {}
        }
        self.counter = self.counter.wrapping_add(1);
        self.initiated = true;
        let (aip, afl) = ([0x7C, 0x00], [0x08, 1, 1, 0]);
        if self.late_cryptogram() {
            let response = Tlv::primitive(tag::RESPONSE_TEMPLATE_1, [&aip[..], &afl].concat());
            return Ok(Response::ok(tlv::encode(&[response])));
        }
        let mut objects = vec![
            Tlv::primitive(AIP, aip),
            Tlv::primitive(AFL, afl),
            Tlv::primitive(tag::PSN, [self.profile.psn]),
            Tlv::primitive(tag::TRACK2, self.track2()),
        ];
        objects.extend(self.cryptogram(values));
        Ok(Response::ok(tlv::encode(&[Tlv::constructed(
            tag::RESPONSE_TEMPLATE_2,
            objects,
        )])))
    }

    fn record(&self, record: u8, reference: u8) -> Result<Response, StatusWord> {
        if (record, reference) != (1, 0x0C) {
            return Err(StatusWord::RECORD_NOT_FOUND);
        }
        let expiry = compressed(&format!("{}31", self.profile.expiry));
        let mut objects = vec![
            Tlv::primitive(tag::PAN, compressed(&self.profile.pan)),
            Tlv::primitive(tag::EXPIRY, expiry),
        ];
        if self.late_cryptogram() {
            objects.push(Tlv::primitive(tag::PSN, [self.profile.psn]));
            objects.push(Tlv::primitive(tag::TRACK2, self.track2()));
            objects.push(Tlv::primitive(tag::CDOL1, encode_dol(&CDOL1)));
        }
        Ok(Response::ok(tlv::encode(&[Tlv::constructed(
            tag::RECORD_TEMPLATE,
            objects,
        )])))
    }

    fn generate_ac(&mut self, values: &[u8]) -> Result<Response, StatusWord> {
        self.initiated = false;
        let wanted = dol::parse(&encode_dol(&CDOL1)).map_err(|_| WRONG_DATA)?;
        if values.len() != wanted.iter().map(|(_, length)| length).sum::<usize>() {
            return Err(StatusWord::WRONG_LENGTH);
        }
        let objects = self.cryptogram(values);
        Ok(Response::ok(tlv::encode(&[Tlv::constructed(
            tag::RESPONSE_TEMPLATE_2,
            objects,
        )])))
    }

    /// An ARQC over what the terminal said, and what goes with it.
    fn cryptogram(&self, values: &[u8]) -> Vec<Tlv> {
        let mut hash = Sha256::new();
        hash.update(self.profile.pan.as_bytes());
        hash.update(values);
        hash.update(self.counter.to_be_bytes());
        let cryptogram: Vec<u8> = hash.finalize().iter().take(8).copied().collect();
        vec![
            Tlv::primitive(tag::APPLICATION_CRYPTOGRAM, cryptogram),
            Tlv::primitive(CID, [0x80]),
            Tlv::primitive(ATC, self.counter.to_be_bytes()),
            Tlv::primitive(IAD, [0x07, 0x01, 0x01, 0x03, 0xA0, 0x00, 0x00, 0x01]),
        ]
    }

    fn track2(&self) -> Vec<u8> {
        compressed(&format!(
            "{}D{}220000000000",
            self.profile.pan, self.profile.expiry
        ))
    }
}

fn fci(name: &[u8], proprietary: Vec<Tlv>) -> Response {
    let name = Tlv::primitive(tag::DF_NAME, name);
    let proprietary = Tlv::constructed(tag::FCI_PROPRIETARY, proprietary);
    let template = Tlv::constructed(tag::FCI_TEMPLATE, [name, proprietary]);
    Response::ok(tlv::encode(&[template]))
}

fn encode_dol(list: &[(Tag, u8)]) -> Vec<u8> {
    list.iter()
        .flat_map(|(tag, length)| [tag.to_bytes(), vec![*length]].concat())
        .collect()
}

/// Two hexadecimal digits a byte, F at the end of an odd number.
fn compressed(digits: &str) -> Vec<u8> {
    let nibble = |byte: &u8| {
        let digit = char::from(*byte).to_digit(16);
        digit
            .and_then(|digit| u8::try_from(digit).ok())
            .unwrap_or(0xF)
    };
    let pair = |pair: &[u8]| match pair {
        [high, low] => (nibble(high) << 4) | nibble(low),
        [high] => (nibble(high) << 4) | 0xF,
        _ => 0xFF,
    };
    digits.as_bytes().chunks(2).map(pair).collect()
}

#[cfg(test)]
mod tests {
    use store_actors::{
        domain::money::{Currency, Money},
        wire::emv::{Advice, ContactlessRead, ReadFailure, Step, TerminalData, aid},
    };

    use super::*;

    /// Reads a chip with the controller's own flow.
    fn read(chip: &mut Chip) -> Step {
        let amount = Money::parse("12.34", Currency::Cny).unwrap();
        let now = "2026-03-09T08:05:59".parse().unwrap();
        let terminal = TerminalData::purchase(amount, now, [1, 2, 3, 4]);
        let mut flow = ContactlessRead::new(aid::default_candidates(), terminal);
        let mut step = flow.start();
        while let Step::Transmit(command) = &step {
            let answer = chip.answer(&command.to_bytes());
            step = flow.on_response(&answer);
        }
        step
    }

    #[test]
    fn every_card_is_read_with_and_without_directory() {
        for profile in [
            ChipProfile::unionpay_debit(),
            ChipProfile::unionpay_credit(),
            ChipProfile::visa(),
            ChipProfile::mastercard(),
        ] {
            for directory in [true, false] {
                let mut chip = Chip::new(ChipProfile {
                    directory,
                    ..profile.clone()
                });
                let (first, second) = (read(&mut chip), read(&mut chip));
                let (Step::Done(first), Step::Done(second)) = (&first, &second) else {
                    panic!("{first:?} {second:?}")
                };
                assert_eq!(first.kind, profile.kind);
                assert_eq!(first.pan.expose(), profile.pan);
                assert_eq!((first.expiry.year, first.expiry.month), (2030, 12));
                assert_eq!(first.psn, Some(1));
                assert_ne!(first.emv_data, second.emv_data, "a cryptogram came twice");
                assert_eq!(chip.counter(), 2);
            }
        }
    }

    #[test]
    fn a_phone_that_wants_a_confirmation_says_so() {
        let profile = ChipProfile {
            see_phone: true,
            ..ChipProfile::visa()
        };
        let step = read(&mut Chip::new(profile));
        assert_eq!(step, Step::Failed(ReadFailure::SeePhone));
        assert_eq!(ReadFailure::SeePhone.advice(), Advice::SeePhone);
    }

    #[test]
    fn commands_out_of_order_are_refused() {
        let mut chip = Chip::new(ChipProfile::visa());
        for (command, status) in [
            (
                Command::get_processing_options(&[]),
                StatusWord::CONDITIONS_NOT_SATISFIED,
            ),
            (
                Command::read_record(1, 1),
                StatusWord::CONDITIONS_NOT_SATISFIED,
            ),
            (
                Command::generate_ac(&[]),
                StatusWord::CONDITIONS_NOT_SATISFIED,
            ),
            (Command::select(&[0xA0; 7]), StatusWord::FILE_NOT_FOUND),
            (
                Command::get_response(0),
                StatusWord::INSTRUCTION_NOT_SUPPORTED,
            ),
        ] {
            assert_eq!(
                chip.answer(&command.to_bytes()),
                status.0.to_be_bytes(),
                "{command:?}"
            );
        }
        assert_eq!(
            chip.answer(&[0x00]),
            StatusWord::WRONG_LENGTH.0.to_be_bytes()
        );
    }
}
