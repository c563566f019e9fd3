//! The specification's example (annex B), faults by name, round trips and garbage.

use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;

use super::*;
use crate::wire::emv::testing::hex;

/// EMVCo CPM v1.1, annex B.
const ANNEX_B: &str = "hQVDUFYwMWEaTwegAAAAVVVVVw8SNFZ4kBI0WNGRIgESNF8=";

fn encoded(objects: &str) -> String {
    STANDARD.encode(hex(objects))
}

#[test]
fn the_specifications_example_is_read_and_written_back() {
    let code = ConsumerCode::parse(ANNEX_B).unwrap();
    let applications: Vec<_> = code.applications().collect();
    let [application] = &applications[..] else {
        panic!("{applications:?}")
    };
    assert_eq!(application.aid.to_string(), "A0000000555555");
    assert_eq!(
        application.value(tag::TRACK2),
        Some(&hex("1234567890123458D191220112345F")[..])
    );
    assert_eq!(code.common(), None);
    assert_eq!(*code.encode(), ANNEX_B);
    assert_eq!(ConsumerCode::parse(ANNEX_B.trim_end_matches('=')), Ok(code));
}

#[test]
fn track_2_of_a_code_yields_the_card_number() {
    let track2 = Tlv::primitive(tag::TRACK2, hex("6212345678901232D30122010000000F"));
    let aid = Tlv::primitive(tag::ADF_NAME, hex("A000000333010101"));
    let code = ConsumerCode::new(vec![Tlv::constructed(
        tag::APPLICATION_TEMPLATE,
        [aid, track2],
    )])
    .unwrap();
    let application = code.applications().next().unwrap();
    assert_eq!(
        application
            .pan()
            .unwrap()
            .map(|pan| pan.masked())
            .as_deref(),
        Some("621234******1232")
    );
    assert_eq!(ConsumerCode::parse(&code.encode()), Ok(code.clone()));
    let shown = format!("{code:?} {application:?}");
    assert!(!shown.contains("345678"), "{shown}");
}

#[test]
fn two_applications_share_common_data() {
    let application = |n: &str| format!("610A4F08A0000003330101{n}");
    let common = "620D 64 0B 9F2608A1A2A3A4A5A6A7A8";
    let objects = format!(
        "85054350563031{}{}{common}",
        application("01"),
        application("02")
    );
    let code = ConsumerCode::parse(&encoded(&objects)).unwrap();
    let aids: Vec<_> = code
        .applications()
        .map(|application| application.aid.to_string())
        .collect();
    assert_eq!(aids, ["A000000333010101", "A000000333010102"]);
    let cryptogram = find_bytes(
        code.common().unwrap().children(),
        tag::APPLICATION_CRYPTOGRAM,
    );
    assert_eq!(cryptogram, Some(&hex("A1A2A3A4A5A6A7A8")[..]));
}

#[test]
fn other_texts_are_refused_with_the_reason() {
    let application = "610A4F08A000000333010101";
    for (text, error) in [
        (String::new(), CpmError::FormatNotFirst),
        ("120061098828009406!".to_owned(), CpmError::NotBase64),
        (encoded("8505435056"), TlvError::Truncated { at: 2 }.into()),
        (encoded(application), CpmError::FormatNotFirst),
        (encoded("85054350563032"), CpmError::UnknownFormat),
        (encoded("85054350563031"), CpmError::NoApplication),
        (encoded("850543505630316104 5002 4142"), CpmError::BadAid),
        (encoded("850543505630316104 4F02 A000"), CpmError::BadAid),
        (
            encoded(&format!("85054350563031{}", application.repeat(3))),
            CpmError::TooManyApplications,
        ),
        ("hQVDUFYwMWEa".repeat(80), CpmError::TooLong),
    ] {
        assert_eq!(ConsumerCode::parse(&text), Err(error), "{text}");
    }
}

proptest! {
    #[test]
    fn a_torn_or_damaged_code_never_panics(at in 0..ANNEX_B.len(), with in "[A-Za-z0-9+/=]", cut in 0..ANNEX_B.len()) {
        let mut damaged = ANNEX_B.to_owned();
        damaged.replace_range(at..=at, &with);
        for text in [&damaged, &damaged[..cut], &ANNEX_B[..cut]] {
            if let Ok(code) = ConsumerCode::parse(text) {
                prop_assert_eq!(ConsumerCode::parse(&code.encode()), Ok(code));
            }
        }
    }

    #[test]
    fn garbage_never_panics(text in ".{0,80}", bytes in prop::collection::vec(any::<u8>(), 0..120)) {
        let _ = ConsumerCode::parse(&text);
        let mut content = hex("85054350563031");
        content.extend(bytes);
        if let Ok(code) = ConsumerCode::parse(&STANDARD.encode(&content)) {
            prop_assert!(code.applications().next().is_some());
        }
    }
}
