//! Golden bytes, what real terminals sent, and garbage.

use proptest::prelude::*;

use super::*;
use crate::wire::{
    emv::testing::hex,
    frame::{Frame, Framer, Framing, GarbageReason},
};

#[test]
fn what_the_store_says_is_frozen() {
    let lines = ["Approved".to_owned()];
    let table = [
        (
            Request::Register {
                password: 123_456,
                config_byte: 0xBE,
                currency: 978,
            },
            "0600 0E 123456 BE 0978 0606 2604 0A02 06D3",
        ),
        (
            Request::Authorise {
                minor: 1_250,
                currency: 156,
            },
            "0601 0A 04000000001250 490156",
        ),
        (
            Request::Reverse {
                password: 0,
                receipt: 231,
            },
            "0630 06 000000 870231",
        ),
        (
            Request::Refund {
                password: 1,
                minor: 999_999_999_999,
                currency: 978,
            },
            "0631 0D 000001 04999999999999 490978",
        ),
        (Request::RepeatReceipt { password: 0 }, "0620 03 000000"),
        (Request::EndOfDay { password: 0 }, "0650 03 000000"),
        (Request::Enquire, "0501 00"),
        (Request::Abort, "06B0 00"),
        (
            Request::Display {
                lines: &lines,
                seconds: 5,
            },
            "06E0 0D F005 F1F0F8 417070726F766564",
        ),
    ];
    for (request, bytes) in table {
        assert_eq!(request.encode().unwrap(), hex(bytes), "{}", request.name());
    }
    let beyond = Request::Authorise {
        minor: 1_000_000_000_000,
        currency: 978,
    };
    let what = "the amount";
    assert_eq!(beyond.encode(), Err(ZvtError::TooLarge { what }));
}

#[test]
fn a_status_information_is_read_and_its_card_number_masked() {
    let bytes = hex(
        "2700 04000000002500 490978 0C225558 0D0405 22F0F8 5598831234568074 870231 0B000975 \
         2952523535 8C01 8BF1F1 4D617374657243617264 00",
    );
    let bytes = Apdu::new(0x04, 0x0F, bytes).encode().unwrap();
    let Said::Status(status) = Said::read(&bytes).unwrap() else {
        panic!("no status");
    };
    let expected = StatusInformation {
        result: Some(0),
        minor: Some(2_500),
        currency: Some(978),
        receipt: Some(231),
        trace: Some(975),
        time: Some(225_558),
        date: Some(405),
        terminal: Some(52_523_535),
        card_name: Some("MasterCard".into()),
        masked_pan: Some("559883******8074".into()),
        signature: false,
    };
    assert_eq!(*status, expected);
    let (receipt, trace) = (231, 975);
    assert_eq!(status.booking(), Some(Booking { receipt, trace }));
    assert!(!format!("{status:?}").contains("559883123"));
}

#[test]
fn a_terminal_says_whether_the_customer_signs() {
    for (container, signature) in [
        ("", false),
        ("06 04 1F100100", false),
        ("06 04 1F100101", true),
        ("06 04 1F100102", false),
        ("06 04 1F100107", true),
        ("06 04 1F1001FF", false),
        ("06 03 1F1000", false),
    ] {
        let bytes = hex(&format!("2700 04000000002500 {container}"));
        let bytes = Apdu::new(0x04, 0x0F, bytes).encode().unwrap();
        let Said::Status(status) = Said::read(&bytes).unwrap() else {
            panic!("no status");
        };
        assert_eq!(status.signature, signature, "{container}");
    }
}

#[test]
fn the_other_words_of_a_terminal_are_read() {
    let block = "06D3 17 0615 1F070101 250F 0703414243 0700 070344 45 46 090180";
    let table = [
        ("800000", Said::Ack),
        ("840000", Said::Ack),
        ("849C00", Said::Refused { code: 0x9C }),
        ("04FF020A01", Said::Intermediate { status: 0x0A }),
        ("060F00", Said::Completed),
        ("061E016C", Said::Aborted { code: 0x6C }),
        (
            "06D10600 48656C6C6F",
            Said::Slip {
                lines: vec!["Hello".into()],
            },
        ),
        (
            block,
            Said::Slip {
                lines: vec!["ABC".into(), String::new(), "DEF".into()],
            },
        ),
        (
            "040C00",
            Said::Other {
                class: 0x04,
                instruction: 0x0C,
            },
        ),
    ];
    for (bytes, said) in table {
        assert_eq!(Said::read(&hex(bytes)).unwrap(), said, "{bytes}");
    }
    assert_eq!(Said::read(&hex("061E00")), Err(ZvtError::Missing { at: 0 }));
    assert_eq!(Said::read(&hex("060F05")), Err(ZvtError::Length));
    let field = 0x04;
    assert_eq!(
        Said::read(&hex("040F030400 00")),
        Err(ZvtError::Truncated { field })
    );
}

#[test]
fn a_length_beyond_254_takes_three_bytes() {
    for (len, header) in [(254, "06D3FE"), (255, "06D3FFFF00"), (1_648, "06D3FF7006")] {
        let apdu = Apdu::new(0x06, 0xD3, vec![7; len]);
        let bytes = apdu.encode().unwrap();
        assert!(bytes.starts_with(&hex(header)));
        assert_eq!(Apdu::decode(&bytes).unwrap(), apdu);
    }
    assert!(Apdu::new(6, 1, vec![0; 65_536]).encode().is_err());
}

/// `10 02 06 01 07 04 00 00 00 00 01 90 10 03 76 57`, of a terminal's own log.
#[test]
fn a_serial_frame_is_what_a_terminal_logged() {
    let message = hex("06010704000000000190");
    let frame = hex("1002 06010704000000000190 1003 7657");
    let framer = Framer::new(Framing::DleStxCrc, 1_024);
    assert_eq!(framer.encode(&message).unwrap(), frame);
    assert_eq!(framer.encode(&LINK_ACK).unwrap(), LINK_ACK);
}

#[test]
fn a_wrong_crc_is_told_and_the_next_frame_found() {
    let mut framer = Framer::new(Framing::DleStxCrc, 1_024);
    let mut bytes = framer.encode(&hex("800000")).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    bytes.extend(framer.encode(&hex("061E0110")).unwrap());
    let frames = framer.feed(&bytes);
    let garbage = Frame::Garbage {
        reason: GarbageReason::WrongChecksum,
        bytes_len: 9,
    };
    assert_eq!(frames, [garbage, Frame::Data(hex("061E0110"))]);
}

#[test]
fn another_protocol_on_the_port_is_garbage() {
    let mut framer = Framer::new(Framing::ZvtApdu, 4_096);
    let mut frames = framer.feed(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    frames.extend(framer.idle());
    assert!(frames.iter().all(|f| matches!(f, Frame::Garbage { .. })));
    assert!(!frames.is_empty());
}

fn message() -> impl Strategy<Value = Vec<u8>> {
    let classes = prop::sample::select(vec![0x04_u8, 0x05, 0x06, 0x80, 0x84]);
    let data = prop::collection::vec(any::<u8>(), 0..600);
    (classes, any::<u8>(), data).prop_map(|(class, instruction, data)| {
        Apdu::new(class, instruction, data).encode().unwrap()
    })
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), class in 0_u8..=6) {
        let _ = Said::read(&bytes);
        let _ = Said::read(&Apdu::new(class, 0x0F, bytes.clone()).encode().unwrap());
        let _ = Said::read(&Apdu::new(0x06, 0xD3, bytes).encode().unwrap());
    }

    #[test]
    fn no_status_shows_more_than_ten_digits_of_a_card(
        pan in prop::collection::vec(prop::sample::select((0..100_u8).collect::<Vec<_>>()), 1..10)
    ) {
        let bcd = pan.iter().map(|pair| ((pair / 10) << 4) | (pair % 10));
        let mut data = vec![0x22, 0xF0, 0xF0 + u8::try_from(pan.len()).unwrap()];
        data.extend(bcd);
        let Ok(Said::Status(status)) = Said::read(&Apdu::new(4, 0x0F, data).encode().unwrap())
        else { panic!() };
        let shown = status.masked_pan.unwrap();
        prop_assert!(shown.chars().filter(char::is_ascii_digit).count() <= 10);
        prop_assert_eq!(shown.len(), pan.len() * 2);
    }

    #[test]
    fn every_cut_gives_the_same_messages(
        messages in prop::collection::vec(message(), 1..5),
        cuts in prop::collection::vec(1_usize..40, 1..60),
    ) {
        for framing in [Framing::ZvtApdu, Framing::DleStxCrc] {
            let mut framer = Framer::new(framing, 4_096);
            let framed: Vec<u8> = messages.iter().flat_map(|m| framer.encode(m).unwrap()).collect();
            let (mut rest, mut found, mut cuts) = (framed.as_slice(), Vec::new(), cuts.iter().cycle());
            while !rest.is_empty() {
                let (now, later) = rest.split_at(rest.len().min(*cuts.next().unwrap()));
                found.extend(framer.feed(now));
                rest = later;
            }
            let expected: Vec<_> = messages.iter().cloned().map(Frame::Data).collect();
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn noise_before_a_serial_frame_loses_no_frame(
        noise in prop::collection::vec(prop::sample::select((0x20..0x80_u8).collect::<Vec<_>>()), 0..100),
        message in message(),
    ) {
        let mut framer = Framer::new(Framing::DleStxCrc, 4_096);
        let bytes = [noise.as_slice(), &framer.encode(&message).unwrap()].concat();
        prop_assert!(framer.feed(&bytes).contains(&Frame::Data(message)));
    }

    #[test]
    fn garbage_never_stops_a_framer(bytes in prop::collection::vec(any::<u8>(), 0..500)) {
        for framing in [Framing::ZvtApdu, Framing::DleStxCrc] {
            let mut framer = Framer::new(framing, 256);
            framer.feed(&bytes);
            framer.idle();
            prop_assert!(!framer.is_partial());
            let message = vec![0x80, 0, 0];
            let framed = framer.encode(&message).unwrap();
            prop_assert_eq!(framer.feed(&framed), vec![Frame::Data(message)]);
        }
    }
}
