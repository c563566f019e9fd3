//! The codec, by published messages, frozen bytes, round trips and garbage.

mod crypto;
mod golden;

use proptest::prelude::*;

use super::{
    field::{Align, Format, Length},
    *,
};

/// The sample of the UnionPay POS documents: a sign-in.
const SAMPLE: &str = "003B60000600006022000000000800002000000\
                      0C0001200124735384430313131353838373538\
                      44303438313635353535001100000001003000023031";

pub(super) fn hex(text: &str) -> Vec<u8> {
    let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let pair = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(pair).collect()
}

fn message_of(frame: &[u8]) -> (Envelope, &[u8]) {
    let (prefix, rest) = frame.split_first_chunk().unwrap();
    assert_eq!(Envelope::length(*prefix), Ok(rest.len()));
    Envelope::unwrap_frame(rest).unwrap()
}

#[test]
fn the_published_sign_in_decodes_and_encodes_to_the_same_bytes() {
    let frame = hex(SAMPLE);
    let (envelope, message) = message_of(&frame);
    assert_eq!(
        envelope.tpdu,
        Tpdu {
            to: [0x00, 0x06],
            from: [0, 0]
        }
    );
    assert_eq!(envelope.header, Header([0x60, 0x22, 0, 0, 0, 0]));
    let decoded = Decoded::decode(message).unwrap();
    assert_eq!(decoded.mti(), Mti::NETWORK);
    assert_eq!(decoded.number(Field::Stan), Some(1_247));
    assert_eq!(decoded.text(Field::Terminal).as_deref(), Some("58D01115"));
    assert_eq!(
        decoded.text(Field::Merchant).as_deref(),
        Some("88758D048165555")
    );
    let batch = decoded.digits(Field::Batch).unwrap().to_text();
    assert_eq!(
        batch.as_str(),
        "00000001003",
        "11 digits, of which the last stands alone"
    );
    assert_eq!(decoded.text(Field::Private63).as_deref(), Some("01"));
    assert_eq!(decoded.fields().count(), 5);
    let again = Message::try_from(&decoded).unwrap();
    assert_eq!(*envelope.wrap(&again.encode()).unwrap(), frame);
}

#[test]
fn trap_12_an_odd_number_of_digits_begins_on_the_side_that_its_row_says() {
    for (field, text, bytes) in [
        (Field::Pan, "4761739001010010008", "19 47617390010100100080"),
        (
            Field::Track2,
            "4761739001010010D2512201",
            "24 4761739001010010D2512201",
        ),
        (
            Field::Track2,
            "476173900101001D2512201",
            "23 476173900101001D25122010",
        ),
        (Field::Track3, "123", "0003 1230"),
        (Field::AcquirerCode, "48021", "05 480210"),
        (Field::EntryMode, "071", "0710"),
        (Field::CardSequence, "001", "0001"),
        (Field::Batch, "22000001000", "0011 220000010000"),
    ] {
        let message = Message::new(Mti::FINANCIAL).digits(field, text).unwrap();
        let encoded = message.encode();
        assert_eq!(encoded[10..], hex(bytes), "{field:?}");
        let decoded = Decoded::decode(&encoded).unwrap();
        assert_eq!(
            decoded.digits(field).unwrap().to_text().as_str(),
            text,
            "{field:?}"
        );
    }
}

#[test]
fn trap_12_what_a_host_puts_into_the_nibble_left_over_is_not_looked_at() {
    let odd = hex("0210 0000000000000010 0011 22000001000F");
    let decoded = Decoded::decode(&odd).unwrap();
    assert_eq!(
        decoded.digits(Field::Batch).unwrap().to_text().as_str(),
        "22000001000"
    );
    let again = Message::try_from(&decoded).unwrap();
    assert_eq!(again.encode()[12..], hex("220000010000"));
}

#[test]
fn trap_6_money_is_twelve_digits_of_minor_units() {
    let message = Message::new(Mti::FINANCIAL)
        .number(Field::Amount, 1_250)
        .unwrap();
    assert_eq!(message.encode()[10..], hex("000000001250"));
    let most = 999_999_999_999;
    let message = Message::new(Mti::FINANCIAL)
        .number(Field::Amount, most)
        .unwrap();
    let encoded = message.encode();
    assert_eq!(
        Decoded::decode(&encoded).unwrap().number(Field::Amount),
        Some(most)
    );
    let beyond = Message::new(Mti::FINANCIAL).number(Field::Amount, most + 1);
    assert_eq!(
        beyond.unwrap_err(),
        EncodeError::Length {
            field: 4,
            length: 13,
            max: 12
        }
    );
}

#[test]
fn the_table_is_in_order_and_no_number_has_two_rows() {
    let numbers: Vec<_> = Field::ALL.iter().map(|field| field.spec().number).collect();
    assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
    for field in Field::ALL {
        assert_eq!(Field::of_number(field.spec().number), Some(*field));
        assert_eq!(Field::ALL[*field as usize], *field);
    }
    assert_eq!(Field::of_number(1), None);
}

#[test]
fn an_error_names_the_field_and_what_is_wrong_with_it() {
    for (bytes, error) in [
        ("", DecodeError::NoHead),
        ("0210 00", DecodeError::NoHead),
        ("02A0 0000000000000000", DecodeError::NoType),
        ("0210 8000000000000000 00", DecodeError::NoHead),
        ("0210 0800000000000000", DecodeError::UnknownField(5)),
        ("0210 0000000000000000 00", DecodeError::Trailing(1)),
        (
            "0210 1000000000000000 0000000012",
            DecodeError::Field {
                field: 4,
                problem: Problem::Truncated,
            },
        ),
        (
            "0210 1000000000000000 00000000125A",
            DecodeError::Field {
                field: 4,
                problem: Problem::NotDigits,
            },
        ),
        (
            "0210 4000000000000000 1A 47",
            DecodeError::Field {
                field: 2,
                problem: Problem::LengthNotDigits,
            },
        ),
        (
            "0210 4000000000000000 20 47617390010100100000",
            DecodeError::Field {
                field: 2,
                problem: Problem::TooLong {
                    length: 20,
                    max: 19,
                },
            },
        ),
        (
            "0210 0000000002000000 3007",
            DecodeError::Field {
                field: 39,
                problem: Problem::NotText,
            },
        ),
    ] {
        assert_eq!(Decoded::decode(&hex(bytes)).unwrap_err(), error, "{bytes}");
    }
    let told = Decoded::decode(&hex("0210 4000000000000000 20 4761"))
        .unwrap_err()
        .to_string();
    assert_eq!(told, "field 2: it is 20 long, and 19 at most is allowed");
}

#[test]
fn a_field_takes_only_what_its_row_allows() {
    let new = || Message::new(Mti::FINANCIAL);
    assert_eq!(
        new().digits(Field::Pan, "4761739001010010D").unwrap_err(),
        EncodeError::Kind { field: 2 }
    );
    assert_eq!(
        new().digits(Field::Stan, "1").unwrap_err(),
        EncodeError::Length {
            field: 11,
            length: 1,
            max: 6
        }
    );
    assert!(new().text(Field::Terminal, "123456789").is_err());
    assert!(new().text(Field::Terminal, "终端").is_err());
    assert!(new().bytes(Field::PinBlock, &[0; 7]).is_err());
    assert!(new().bytes(Field::Pan, &[0; 8]).is_err());
    assert!(new().text(Field::Stan, "000001").is_err());
    assert!(new().digits(Field::Terminal, "00000001").is_err());
    let short = new().text(Field::Terminal, "T1").unwrap().encode();
    assert_eq!(short[10..], *b"T1      ");
}

#[test]
fn no_secret_is_shown() {
    let message = golden::purchase();
    let encoded = message.encode();
    let decoded = Decoded::decode(&encoded).unwrap();
    for shown in [
        format!("{decoded:?}"),
        format!("{message:?}"),
        format!("{decoded:#?}"),
    ] {
        for secret in [
            "4761739001010010",
            "2512",
            "476173",
            "[01, 23",
            "9F26",
            "9F, 26",
        ] {
            assert!(!shown.contains(secret), "{secret} in {shown}");
        }
        assert!(
            shown.contains("F4 Amount") && shown.contains("000000001250"),
            "{shown}"
        );
    }
    let digits = format!("{:?}", decoded.digits(Field::Pan));
    assert_eq!(digits, "Some(Digits(16))");
}

#[test]
fn an_answers_tpdu_is_changed_over_and_its_header_may_ask_for_something() {
    let tpdu = Tpdu {
        to: [0, 6],
        from: [0x12, 0x34],
    };
    assert_eq!(tpdu.to_bytes(), [0x60, 0, 6, 0x12, 0x34]);
    assert_eq!(tpdu.swapped().to_bytes(), [0x60, 0x12, 0x34, 0, 6]);
    for (state, asks) in [
        (0x00, HostAsks::Nothing),
        (0x10, HostAsks::Nothing),
        (0x03, HostAsks::SignIn),
        (0x15, HostAsks::Other(5)),
    ] {
        assert_eq!(Header([0x60, 0x22, state, 0, 0, 0]).asks(), asks);
    }
    assert_eq!(
        Envelope::length([0, 10]),
        Err(envelope::FrameError::Length(10))
    );
    assert_eq!(
        Envelope::length([0xFF, 0xFF]),
        Err(envelope::FrameError::Length(0xFFFF))
    );
    let other = Envelope::unwrap_frame(&[0x61; 20]);
    assert_eq!(other.unwrap_err(), envelope::FrameError::Tpdu(0x61));
}

#[test]
fn only_a_code_that_says_that_no_money_moved_is_a_refusal() {
    assert_eq!(Response::of("00"), Response::Approved);
    assert_eq!(Response::of("A0"), Response::SignInAgain);
    for code in ["51", "55", "14", "30", "97"] {
        assert!(
            matches!(Response::of(code), Response::Declined(_)),
            "{code}"
        );
    }
    for code in [
        "06", "91", "96", "98", "68", "94", "09", "10", "ZZ", "", "0",
    ] {
        assert!(matches!(Response::of(code), Response::Unknown(_)), "{code}");
    }
    for (code, undone) in [
        ("00", true),
        ("12", true),
        ("25", true),
        ("96", false),
        ("A0", false),
    ] {
        assert_eq!(Response::is_undone(code), undone, "{code}");
    }
}

/// Any content that the field's row allows.
fn content(field: Field) -> BoxedStrategy<(Field, Vec<u8>)> {
    let spec = field.spec();
    let max = usize::from(spec.max);
    let length = match spec.length {
        Length::Fixed => max..=max,
        Length::Ll | Length::Lll => 0..=max,
    };
    let alphabet: Vec<u8> = match spec.format {
        Format::N => (b'0'..=b'9').collect(),
        Format::Z => (b'0'..=b'9').chain([b'D']).collect(),
        Format::An | Format::Ans => (0x20..0x7F).collect(),
        Format::B => (0..=255).collect(),
    };
    let byte = proptest::sample::select(alphabet);
    proptest::collection::vec(byte, length)
        .prop_map(move |bytes| (field, bytes))
        .boxed()
}

fn any_message() -> impl Strategy<Value = Message> {
    let some = proptest::sample::subsequence(Field::ALL.to_vec(), 0..=Field::ALL.len());
    let contents = some.prop_flat_map(|fields| fields.into_iter().map(content).collect::<Vec<_>>());
    contents.prop_map(|contents| {
        let set = |message: Message, (field, bytes): (Field, Vec<u8>)| {
            let text = || String::from_utf8(bytes.clone()).unwrap();
            match field.spec().format {
                Format::N | Format::Z => message.digits(field, &text()),
                Format::An | Format::Ans => message.text(field, &text()),
                Format::B => message.bytes(field, &bytes),
            }
            .unwrap()
        };
        contents.into_iter().fold(Message::new(Mti::FINANCIAL), set)
    })
}

proptest! {
    #[test]
    fn what_is_emitted_decodes_to_itself(message in any_message()) {
        let encoded = message.encode();
        let decoded = Decoded::decode(&encoded).unwrap();
        prop_assert_eq!(&Message::try_from(&decoded).unwrap(), &message);
        prop_assert_eq!(&*Message::try_from(&decoded).unwrap().encode(), &*encoded);
    }

    #[test]
    fn any_bytes_are_a_message_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(decoded) = Decoded::decode(&bytes) {
            let _ = (format!("{decoded:?}"), decoded.sealed_part());
        }
        let _ = Envelope::unwrap_frame(&bytes);
    }

    #[test]
    fn a_message_changed_in_one_byte_is_a_message_or_an_error(at in 0usize..160, with in any::<u8>()) {
        let mut bytes = golden::purchase().encode();
        let at = at % bytes.len();
        bytes[at] ^= with;
        if let Ok(decoded) = Decoded::decode(&bytes) {
            let _ = format!("{decoded:?}");
        }
    }

    #[test]
    fn no_answer_changed_in_one_bit_has_the_right_mac(at in 0usize..4096) {
        let key = CipherKey::new(Cipher::TripleDes, &[0x5A; 16]).unwrap();
        for method in [MacMethod::Ecb, MacMethod::X919, MacMethod::Cbc] {
            let sealed = golden::purchase().seal(|bytes| method.mac(&key, bytes)).unwrap();
            let mut spoilt = sealed.to_vec();
            let at = at % (spoilt.len() * 8);
            spoilt[at / 8] ^= 1 << (at % 8);
            let (data, mac) = spoilt.split_last_chunk::<8>().unwrap();
            prop_assert!(!method.verifies(&key, data, mac).unwrap(), "{:?}, bit {}", method, at);
        }
    }
}

#[test]
fn a_digit_packed_on_the_right_side_reads_back() {
    for align in [Align::Left, Align::Right] {
        let mut bytes = Vec::new();
        bcd::pack("123", align, &mut bytes).unwrap();
        assert_eq!(Digits::new(&bytes, 3, align).to_u64(), Some(123));
    }
}
