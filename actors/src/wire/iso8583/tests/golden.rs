//! Every message that we send, frozen byte for byte in `golden/`: one file each, the message
//! without its envelope, with the MAC that a known key gives.
//!
//! The same files are decoded by programs that nobody here wrote (`tests/store/peers_cardhost`).

use std::{fs, path::PathBuf};

use super::*;

pub fn station() -> Station {
    Station {
        terminal: "G58D0115".into(),
        merchant: "88758D048165555".into(),
        operator: "01".into(),
        reader: 6,
        echo: 301,
    }
}

pub const TRACE: Trace = Trace {
    stan: 121,
    batch: 1,
};
pub const AMOUNT: Amount = Amount {
    minor: 1_250,
    currency: 156,
};

/// Application cryptogram, its kind, and the counter.
const CHIP: [u8; 20] = [
    0x9F, 0x26, 0x08, 0x01, 0x23, 0x45, 0x67, 0x89, 0xAB, 0xCD, 0xEF, 0x9F, 0x27, 0x01, 0x80, 0x9F,
    0x36, 0x02, 0x00, 0x07,
];

pub fn card() -> Card<'static> {
    Card {
        entry: Entry::Contactless,
        pan: "4761739001010010",
        expiry: Some("2512"),
        sequence: Some(1),
        track2: Some("4761739001010010D25122011234567"),
        chip: Some(&CHIP),
        with_pin: true,
        pin_block: Some(&[0x01, 0x23, 0x45, 0x67, 0x89, 0xAB, 0xCD, 0xEF]),
    }
}

/// What of the card may be kept.
fn kept() -> Card<'static> {
    Card {
        track2: None,
        pin_block: None,
        ..card()
    }
}

fn original() -> Original<'static> {
    Original {
        trace: TRACE,
        date: Some("1126"),
        reference: Some("112612000121"),
        authorisation: Some("654321"),
    }
}

pub fn purchase() -> Message {
    station()
        .financial(Kind::Purchase, TRACE, AMOUNT, &card(), None)
        .unwrap()
}

pub fn totals() -> Totals {
    let mut totals = Totals::default();
    totals.add(true, false, 1_250);
    totals.add(false, false, 990);
    totals.add(false, true, 990);
    totals
}

pub fn details() -> [Detail; 2] {
    let detail = |is_domestic, stan, pan: &str, minor| Detail {
        is_domestic,
        stan,
        pan: pan.to_owned().into(),
        minor,
    };
    [
        detail(true, 121, "6200000000000000000", 1_250),
        detail(false, 122, "4761739001010010", 990),
    ]
}

fn all() -> Vec<(String, Vec<u8>)> {
    let station = station();
    let next = Trace { stan: 122, ..TRACE };
    let plain = |name: &str, message: Message| (name.to_owned(), message.encode().to_vec());
    let key = CipherKey::new(Cipher::TripleDes, &hex("55036372B17543ECB173730768B8D6C4")).unwrap();
    let sealed = |name: &str, message: Message| {
        let sealed = message
            .seal(|bytes| MacMethod::Ecb.mac(&key, bytes))
            .unwrap();
        (name.to_owned(), sealed.to_vec())
    };
    let mut messages = vec![
        plain(
            "sign-in",
            station.sign_in(TRACE, KeyScheme::Double).unwrap(),
        ),
        plain("echo", station.echo(TRACE).unwrap()),
        plain("sign-off", station.sign_off(TRACE).unwrap()),
        sealed("reversal", {
            let original = Original {
                reference: None,
                authorisation: None,
                ..original()
            };
            station
                .reversal(Kind::Purchase, AMOUNT, &kept(), &original, "98")
                .unwrap()
        }),
    ];
    let totals = totals();
    let codes = Codes::default();
    let settling = [
        (
            "settlement",
            station.settlement(TRACE, &totals, 156, codes).unwrap(),
        ),
        ("upload", station.upload(next, &details(), codes).unwrap()),
        (
            "settlement-end-balanced",
            station.settlement_end(next, 0, true, codes).unwrap(),
        ),
        (
            "settlement-end",
            station.settlement_end(next, 2, false, codes).unwrap(),
        ),
    ];
    messages.extend(settling.map(|(name, message)| sealed(name, message)));
    for kind in Kind::ALL {
        let is_first = matches!(
            kind,
            Kind::Purchase | Kind::PreAuthorisation | Kind::OfflineAdvice
        );
        let message = match is_first {
            true => station.financial(kind, TRACE, AMOUNT, &card(), None),
            false => station.financial(kind, next, AMOUNT, &kept(), Some(&original())),
        };
        messages.push(sealed(
            &format!("{kind:?}").to_lowercase(),
            message.unwrap(),
        ));
    }
    messages
}

#[test]
fn every_message_is_sent_as_it_was_frozen() {
    let golden = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/wire/iso8583/golden");
    let messages = all();
    for (name, bytes) in &messages {
        let file = golden.join(format!("{name}.hex"));
        let frozen = fs::read_to_string(&file).unwrap_or_default();
        let now: String = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
        assert_eq!(now, frozen.trim(), "{}", file.display());
        let decoded = Decoded::decode(bytes).unwrap();
        assert_eq!(
            *Message::try_from(&decoded).unwrap().encode(),
            *bytes,
            "{name}"
        );
    }
    assert_eq!(fs::read_dir(golden).unwrap().count(), messages.len());
}

#[test]
fn a_reversal_holds_nothing_that_may_not_be_kept() {
    let original = Original {
        reference: None,
        authorisation: None,
        ..original()
    };
    let reversal = station()
        .reversal(Kind::Purchase, AMOUNT, &kept(), &original, "98")
        .unwrap();
    let encoded = reversal.encode();
    let decoded = Decoded::decode(&encoded).unwrap();
    assert_eq!(decoded.mti(), Mti::REVERSAL);
    assert_eq!(
        decoded.number(Field::Stan),
        Some(121),
        "trap 13: the original's trace number"
    );
    assert_eq!(decoded.text(Field::ResponseCode).as_deref(), Some("98"));
    for never in [Field::Track2, Field::Track3, Field::PinBlock] {
        assert!(decoded.get(never).is_none(), "{never:?}");
    }
}
