//! Reads as tables: what the terminal sends, what the card answers, how it ends.

use jiff::civil::date;
use proptest::prelude::*;

use super::*;
use crate::domain::{
    card_list::CardList,
    money::{Currency, Money},
    tender::{Funding, Scheme},
};
use crate::wire::emv::aid::{CardKind, default_candidates};
use crate::wire::emv::apdu::ApduError;
use crate::wire::emv::card::{CardRead, CryptogramKind, Expiry};
use crate::wire::emv::failure::Advice;
use crate::wire::emv::pan::PanError;
use crate::wire::emv::testing::hex;

const PPSE: &str = "00A404000E325041592E5359532E444446303100";
const SELECT_UNIONPAY: &str = "00A4040008A00000033301010100";
const SELECT_VISA: &str = "00A4040007A000000003101000";
const SELECT_MASTERCARD: &str = "00A4040007A000000004101000";
const UNIONPAY_PPSE: &str = "6F30840E325041592E5359532E4444463031A51EBF0C1B61194F08A000000333010101500A50424F43\
                             2044454249548701019000";
const UNIONPAY_FCI: &str = "6F608408A000000333010101A554500A50424F432044454249548701019F381B9F66049F02069F03069F1A\
                            0295055F2A029A039C019F3704DF60015F2D027A689F1101019F120A50424F43204445424954BF0C0E9F4D\
                            020B0ADF4D020C0ADF6101029000";
/// The published PDOL, filled: TTQ, 12.34, 0, China, TVR, CNY, 9 March 2026, purchase, number,
/// DF60.
const UNIONPAY_GPO: &str = "80A80000248322 26800080 000000001234 000000000000 0156 0000000000 0156 260309 00\
                            01020304 00 00";
const CRYPTOGRAM: &str = "9F2608A1A2A3A4A5A6A7A8 9F270180 9F36020007 9F100807010103A0000001";
const UNIONPAY_TRACK: &str = "5710 6212345678901232D30122010000000F";
const RECORD: &str = "7010 5A086212345678901232 5F2403301231 9000";

fn terminal() -> TerminalData {
    let amount = Money::parse("12.34", Currency::Cny).unwrap();
    TerminalData::purchase(amount, date(2026, 3, 9).at(8, 5, 59, 0), [1, 2, 3, 4])
}

/// Wraps hexadecimal digits in a template, with a one-byte length.
fn template(tag: &str, content: &str) -> String {
    let bytes = hex(content);
    let digits: String = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
    format!("{tag}{:02X}{digits}", bytes.len())
}

fn ok(tag: &str, content: &str) -> String {
    template(tag, content) + "9000"
}

/// The whole exchange with a UnionPay debit card that gives everything but the number at GPO.
fn unionpay() -> Vec<(String, String)> {
    let gpo = ok(
        "77",
        &format!("82027C00 940408010100 5F340101 {UNIONPAY_TRACK} {CRYPTOGRAM}"),
    );
    script(&[
        (PPSE, UNIONPAY_PPSE),
        (SELECT_UNIONPAY, UNIONPAY_FCI),
        (UNIONPAY_GPO, &gpo),
        ("00B2010C00", RECORD),
    ])
}

fn script(exchanges: &[(&str, &str)]) -> Vec<(String, String)> {
    exchanges
        .iter()
        .map(|(sent, answer)| ((*sent).to_owned(), (*answer).to_owned()))
        .collect()
}

/// Plays a scripted card; each command must be the scripted one.
fn play(script: &[(String, String)]) -> Result<CardRead, ReadFailure> {
    let mut read = ContactlessRead::new(default_candidates(), terminal());
    let mut step = read.start();
    for (sent, answer) in script {
        let Step::Transmit(command) = &step else {
            panic!("ended before {sent}: {step:?}")
        };
        assert_eq!(
            *command.to_bytes(),
            hex(sent),
            "sent {command:?}, scripted {sent}"
        );
        step = read.on_response(&hex(answer));
    }
    match step {
        Step::Done(card) => Ok(*card),
        Step::Failed(failure) => Err(failure),
        Step::Transmit(command) => panic!("goes on with {command:?}"),
    }
}

#[test]
fn a_unionpay_debit_card_is_read_through_its_directory() {
    let card = play(&unionpay()).unwrap();
    assert_eq!(
        (card.scheme, card.kind),
        (Scheme::UnionPay, CardKind::UnionPayDebit)
    );
    assert_eq!(card.pan.expose(), "6212345678901232");
    assert_eq!(
        card.expiry,
        Expiry {
            year: 2030,
            month: 12
        }
    );
    assert_eq!(
        (card.psn, card.label.as_deref()),
        (Some(1), Some("PBOC DEBIT"))
    );
    assert_eq!(card.cryptogram, CryptogramKind::Online);
    assert!(card.track2.is_some());
    let field_55 = hex(
        "9F2608A1A2A3A4A5A6A7A8 9F270180 9F100807010103A0000001 9F370401020304 9F36020007 95050000000000
         9A03260309 9C0100 9F0206000000001234 5F2A020156 82027C00 9F1A020156 9F0306000000000000
         9F3303E0E1C8 8408A000000333010101 5F340101 9F350122 9F1E083030303030303031",
    );
    assert_eq!(card.emv_data.as_bytes(), field_55);
}

#[test]
fn a_card_without_directory_is_found_by_our_own_list() {
    let gpo = ok(
        "77",
        &format!("82022000 57104111111111111111D30122010000000F {CRYPTOGRAM}"),
    );
    let card = play(&script(&[
        (PPSE, "6A82"),
        (SELECT_UNIONPAY, "6A82"),
        ("00A4040008A00000033301010200", "6A82"),
        ("00A4040008A00000033301010300", "6283"),
        (SELECT_VISA, "6F0D8407A0000000031010A50250009000"),
        ("80A8000002830000", &gpo),
    ]))
    .unwrap();
    assert_eq!(
        (card.kind, card.pan.masked()),
        (CardKind::Visa, "411111******1111".to_owned())
    );
    assert_eq!((card.psn, card.label), (None, None));
}

#[test]
fn a_visa_card_names_its_data_and_tells_the_kind_in_its_issuer_data() {
    let fci = ok(
        "6F",
        "8407A0000000031010 A50F 9F380C 9F6604 9F0206 9F3704 5F2A02",
    );
    let ppse = ok(
        "6F",
        "840E325041592E5359532E4444463031 A511 BF0C0E 610C 4F07A0000000031010 870101",
    );
    for (iad_byte, expected) in [
        ("A0", Ok(CryptogramKind::Online)),
        ("90", Ok(CryptogramKind::OfflineApproved)),
        ("80", Err(ReadFailure::DeclinedByCard)),
    ] {
        let gpo = format!(
            "82022000 57104111111111111111D30122010000000F 9F2608A1A2A3A4A5A6A7A8 9F36020007
             9F10070601110 3{iad_byte}0000"
        );
        let read = play(&script(&[
            (PPSE, &ppse),
            (SELECT_VISA, &fci),
            (
                "80A80000 12 8310 26800080 000000001234 01020304 0156 00",
                &ok("77", &gpo),
            ),
        ]));
        assert_eq!(read.map(|card| card.cryptogram), expected, "{iad_byte}");
    }
}

#[test]
fn a_card_asks_for_a_signature_unless_something_better_does() {
    let fci = ok(
        "6F",
        "8407A0000000031010 A50F 9F380C 9F6604 9F0206 9F3704 5F2A02",
    );
    for (says, expected) in [
        ("", false),
        ("9F6C020000", false),
        ("9F6C024000", true),
        ("9F6C02C000", false),
        ("9F6C024080", false),
        ("9F34031E0000", true),
        ("9F3403020000", false),
    ] {
        let gpo = format!("82022000 57104111111111111111D30122010000000F {says} {CRYPTOGRAM}");
        let read = play(&script(&[
            (PPSE, "6A82"),
            (SELECT_UNIONPAY, "6A82"),
            ("00A4040008A00000033301010200", "6A82"),
            ("00A4040008A00000033301010300", "6283"),
            (SELECT_VISA, &fci),
            (
                "80A80000 12 8310 26800080 000000001234 01020304 0156 00",
                &ok("77", &gpo),
            ),
        ]));
        assert_eq!(read.map(|card| card.signature), Ok(expected), "{says}");
    }
}

#[test]
fn debit_or_credit_is_what_the_list_the_identifier_or_the_name_says() {
    let mut list = CardList::default();
    list.add("6212", Funding::Credit).unwrap();
    let card = play(&unionpay()).unwrap();
    assert_eq!(card.funding(&CardList::default()), Some(Funding::Debit));
    assert_eq!(card.funding(&list), Some(Funding::Credit), "listed");
    let named = |name: &str| CardRead {
        kind: CardKind::Visa,
        label: Some(name.into()),
        ..card.clone()
    };
    for (name, funding) in [
        ("VISA DEBIT", Some(Funding::Debit)),
        ("Visa Credit", Some(Funding::Credit)),
        ("VISA", None),
        ("DEBIT/CREDIT", None),
    ] {
        assert_eq!(named(name).funding(&CardList::default()), funding, "{name}");
    }
}

#[test]
fn a_card_that_answers_in_format_80_gives_its_cryptogram_at_generate_ac() {
    let ppse = ok(
        "6F",
        "840E325041592E5359532E4444463031 A511 BF0C0E 610C 4F07A0000000041010 870101",
    );
    let record = ok(
        "70",
        "5A085555555555554444 5F2403301231 5F340100 8C0D 9F0206 9F3704 9F3602 9500 8201",
    );
    let script = |answer: &str| {
        script(&[
            (PPSE, &ppse),
            (SELECT_MASTERCARD, "6F0D8407A0000000041010A50250009000"),
            ("80A8000002830000", "8006 1980 10010100 9000"),
            ("00B2011400", &record),
            ("80AE8000 0D 000000001234 01020304 0000 19 00", answer),
        ])
    };
    for answer in [
        ok("80", "80 0102 B1B2B3B4B5B6B7B8 0110A0"),
        ok(
            "77",
            "9F270180 9F36020102 9F2608B1B2B3B4B5B6B7B8 9F10030110A0",
        ),
    ] {
        let card = play(&script(&answer)).unwrap();
        assert_eq!((card.kind, card.psn), (CardKind::Mastercard, Some(0)));
        assert!(card.track2.is_none());
        let begin = hex("9F2608B1B2B3B4B5B6B7B8 9F270180 9F10030110A0 9F370401020304 9F36020102");
        assert!(card.emv_data.as_bytes().starts_with(&begin));
    }
    for (answer, failure) in [
        (
            ok("80", "00 0102 B1B2B3B4B5B6B7B8"),
            ReadFailure::DeclinedByCard,
        ),
        ("6985".to_owned(), ReadFailure::ConditionsNotSatisfied),
        ("6986".to_owned(), ReadFailure::SeePhone),
        (
            ok("80", "80 0102 B1"),
            ReadFailure::Malformed("a response in format 80 is too short"),
        ),
    ] {
        assert_eq!(play(&script(&answer)), Err(failure), "{answer}");
    }
}

#[test]
fn applications_are_tried_by_the_cards_priority_and_only_ours() {
    let entry = |aid: &str, rest: &str| template("61", &(template("4F", aid) + rest));
    let entries = [
        entry("A000000333010102", "870182"), // the high nibble is not the priority
        entry("A0000000999999", "870101"),   // not ours
        entry("A0000000031010", ""),         // no priority: last
        entry("A00000033301010109", "870101"),
    ];
    let directory = template("BF0C", &entries.concat());
    let ppse = ok(
        "6F",
        &(template("84", "325041592E5359532E4444463031") + &template("A5", &directory)),
    );
    let read = play(&script(&[
        (PPSE, &ppse),
        ("00A4040009A0000003330101010900", "6A82"),
        ("00A4040008A00000033301010200", "6A82"),
        (SELECT_VISA, "6A82"),
    ]));
    assert_eq!(read, Err(ReadFailure::NoSupportedApplication));
}

#[test]
fn an_answer_in_pieces_is_put_together() {
    let whole = unionpay();
    let fci = &whole[1].1;
    let expected = play(&whole).unwrap();
    let mut pieces = whole.clone();
    pieces.splice(
        1..2,
        script(&[
            (SELECT_UNIONPAY, "612A"),
            ("00C000002A", &format!("{}6138", &fci[..84])),
            ("00C0000038", &fci[84..]),
        ]),
    );
    assert_eq!(play(&pieces), Ok(expected.clone()));
    let mut wrong_le = whole;
    wrong_le.splice(
        3..4,
        script(&[("00B2010C00", "6C12"), ("00B2010C12", RECORD)]),
    );
    assert_eq!(play(&wrong_le), Ok(expected));
}

#[test]
fn a_card_that_never_stops_is_left() {
    let mut read = ContactlessRead::new(default_candidates(), terminal());
    read.start();
    for answer in ["6101", "AA6101"] {
        read.start();
        let ends = (0..200)
            .map(|_| read.on_response(&hex(answer)))
            .find(|s| !matches!(s, Step::Transmit(_)));
        assert_eq!(
            ends,
            Some(Step::Failed(ReadFailure::TooManyExchanges)),
            "{answer}"
        );
    }
    read.start();
    assert!(matches!(read.on_response(&hex("6C10")), Step::Transmit(_)));
    let again = read.on_response(&hex("6C10"));
    assert!(
        matches!(again, Step::Transmit(ref command) if command.ins == Command::SELECT),
        "{again:?}"
    );
}

#[test]
fn failures_say_what_to_tell_the_customer() {
    let until_gpo = |answer: &str| {
        let mut exchanges = unionpay();
        exchanges.truncate(3);
        exchanges[2].1 = answer.to_owned();
        play(&exchanges).unwrap_err()
    };
    let gpo = |content: &str| until_gpo(&ok("77", content));
    let track = UNIONPAY_TRACK;
    for (failure, expected, advice) in [
        (
            until_gpo("6985"),
            ReadFailure::ConditionsNotSatisfied,
            Advice::UseAnother,
        ),
        (until_gpo("6986"), ReadFailure::SeePhone, Advice::SeePhone),
        (
            until_gpo(""),
            ApduError::NoStatusWord { length: 0 }.into(),
            Advice::TapAgain,
        ),
        (
            until_gpo("90"),
            ApduError::NoStatusWord { length: 1 }.into(),
            Advice::TapAgain,
        ),
        (
            until_gpo("77819000"),
            TlvError::Truncated { at: 2 }.into(),
            Advice::TapAgain,
        ),
        (
            gpo("82027C00"),
            ReadFailure::NoCryptogram,
            Advice::UseAnother,
        ),
        (
            gpo(CRYPTOGRAM),
            ReadFailure::Malformed("the card gave no card number"),
            Advice::UseAnother,
        ),
        (
            gpo(&format!(
                "{track} {}",
                CRYPTOGRAM.replace("9F270180", "9F270100")
            )),
            ReadFailure::DeclinedByCard,
            Advice::UseAnother,
        ),
        (
            gpo(&format!("{} {CRYPTOGRAM}", track.replace("1232D", "1233D"))),
            PanError::CheckDigit.into(),
            Advice::UseAnother,
        ),
        (
            gpo(&format!("{track} 5A086210948000000003 {CRYPTOGRAM}")),
            ReadFailure::Malformed("track 2 names another card number"),
            Advice::UseAnother,
        ),
        (
            until_gpo("6D00"),
            ReadFailure::UnexpectedStatus {
                command: "GET PROCESSING OPTIONS",
                status: StatusWord::INSTRUCTION_NOT_SUPPORTED,
            },
            Advice::UseAnother,
        ),
    ] {
        assert_eq!((&failure, failure.advice()), (&expected, advice));
    }
}

#[test]
fn an_application_that_refuses_gives_way_to_the_next() {
    let ppse = ok(
        "6F",
        "840E325041592E5359532E4444463031 A520 BF0C1D
         610D 4F08A000000333010101 870101 610C 4F07A0000000031010 870102",
    );
    let gpo = ok(
        "77",
        &format!("57104111111111111111D30122010000000F {CRYPTOGRAM}"),
    );
    let card = play(&script(&[
        (PPSE, &ppse),
        (SELECT_UNIONPAY, UNIONPAY_FCI),
        (UNIONPAY_GPO, "6985"),
        (SELECT_VISA, "6F0D8407A0000000031010A50250009000"),
        ("80A8000002830000", &gpo),
    ]))
    .unwrap();
    assert_eq!(card.kind, CardKind::Visa);
}

#[test]
fn a_record_that_contradicts_the_first_answer_is_refused() {
    let mut exchanges = unionpay();
    exchanges[3].1 = ok("70", "5F340102");
    assert_eq!(
        play(&exchanges),
        Err(ReadFailure::Malformed("the card contradicts itself"))
    );
    exchanges[3].1 = "6A83".to_owned();
    let status = StatusWord::RECORD_NOT_FOUND;
    let failure = ReadFailure::UnexpectedStatus {
        command: "READ RECORD",
        status,
    };
    assert_eq!(play(&exchanges), Err(failure));
}

#[test]
fn an_answer_torn_at_any_byte_never_yields_a_card() {
    let whole = unionpay();
    for torn in 0..whole.len() {
        let answer = hex(&whole[torn].1);
        for end in 0..answer.len() {
            let mut read = ContactlessRead::new(default_candidates(), terminal());
            let mut step = read.start();
            for (_, answer) in &whole[..torn] {
                step = read.on_response(&hex(answer));
            }
            assert!(matches!(step, Step::Transmit(_)));
            step = read.on_response(&answer[..end]);
            while let Step::Transmit(_) = step {
                step = read.on_response(&[]);
            }
            assert!(
                matches!(step, Step::Failed(_)),
                "answer {torn} cut at {end}: {step:?}"
            );
        }
    }
}

#[test]
fn nothing_shown_holds_the_card_number() {
    let mut read = ContactlessRead::new(default_candidates(), terminal());
    let mut shown = format!("{:?}", read.start());
    for (_, answer) in unionpay() {
        let step = read.on_response(&hex(&answer));
        shown += &format!("{step:?} {read:?}");
        if let Step::Done(card) = step {
            shown += &serde_json::to_string(&card).unwrap();
        }
    }
    assert!(shown.contains("621234******1232"), "{shown}");
    for secret in ["6212345678901232", "345678"] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}

#[test]
fn an_answer_after_the_end_fails_and_a_new_start_reads_again() {
    let mut read = ContactlessRead::new(default_candidates(), terminal());
    assert!(matches!(
        read.on_response(&hex("9000")),
        Step::Failed(ReadFailure::Malformed(_))
    ));
    read.start();
    assert!(matches!(
        read.on_response(&[]),
        Step::Failed(ReadFailure::Communication(_))
    ));
    let mut step = read.start();
    for (_, answer) in unionpay() {
        step = read.on_response(&hex(&answer));
    }
    assert!(matches!(step, Step::Done(_)), "{step:?}");
}

const STATUSES: &[u16] = &[0x9000, 0x6110, 0x6C20, 0x6A82];

proptest! {
    #[test]
    fn any_card_ends_the_read(
        genuine in 0..4_usize,
        answers in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..8),
        statuses in prop::collection::vec(prop::sample::select(STATUSES), 8),
    ) {
        let mut read = ContactlessRead::new(default_candidates(), terminal());
        let mut step = read.start();
        for (_, answer) in unionpay().iter().take(genuine) {
            step = read.on_response(&hex(answer));
        }
        let mut garbage = answers.iter().zip(&statuses).cycle();
        for _ in 0..100 {
            if !matches!(step, Step::Transmit(_)) {
                break;
            }
            let (data, status) = garbage.next().unwrap();
            step = read.on_response(&[data.as_slice(), &status.to_be_bytes()].concat());
        }
        prop_assert!(matches!(step, Step::Failed(_)), "{:?}", step);
    }
}
