//! Published directories and applications as golden bytes; round trips, truncation and garbage.

use proptest::prelude::*;

use super::*;
use crate::wire::emv::tag::*;
use crate::wire::emv::testing::hex;

const UNIONPAY_PPSE: &str = "6F30840E325041592E5359532E4444463031A51EBF0C1B61194F08A000000333010101500A50424F43\
                             204445424954870101";
const UNIONPAY_FCI: &str = "6F608408A000000333010101A554500A50424F432044454249548701019F381B9F66049F02069F03069F1A\
                            0295055F2A029A039C019F3704DF60015F2D027A689F1101019F120A50424F43204445424954BF0C0E9F4D\
                            020B0ADF4D020C0ADF610102";

#[test]
fn a_published_unionpay_directory_is_read_and_written_back() {
    let bytes = hex(UNIONPAY_PPSE);
    let objects = parse(&bytes).unwrap();
    assert_eq!(find_bytes(&objects, DF_NAME), Some(&b"2PAY.SYS.DDF01"[..]));
    assert_eq!(
        find_bytes(&objects, ADF_NAME),
        Some(&hex("A000000333010101")[..])
    );
    assert_eq!(
        find_bytes(&objects, APPLICATION_LABEL),
        Some(&b"PBOC DEBIT"[..])
    );
    assert_eq!(find_bytes(&objects, PRIORITY), Some(&[1][..]));
    assert_eq!(encode(&objects), bytes);
}

#[test]
fn a_published_unionpay_application_is_read_and_written_back() {
    let bytes = hex(UNIONPAY_FCI);
    let objects = parse(&bytes).unwrap();
    let pdol = "9F66049F02069F03069F1A0295055F2A029A039C019F3704DF6001";
    assert_eq!(find_bytes(&objects, PDOL), Some(&hex(pdol)[..]));
    assert_eq!(find_bytes(&objects, Tag::new(0xDF61)), Some(&[2][..]));
    assert_eq!(encode(&objects), bytes);
}

#[test]
fn lengths_have_one_to_four_bytes() {
    for (length, head) in [
        (0x7F, "5A7F"),
        (0x80, "5A8180"),
        (0xFF, "5A81FF"),
        (0x100, "5A820100"),
    ] {
        let object = Tlv::primitive(PAN, vec![0x11; length]);
        let bytes = encode(std::slice::from_ref(&object));
        assert!(bytes.starts_with(&hex(head)), "{length}");
        assert_eq!(parse(&bytes), Ok(vec![object]));
    }
    assert_eq!(parse(&hex("5A8300000112")).map(|list| list.len()), Ok(1));
}

#[test]
fn padding_between_objects_is_skipped() {
    let objects = parse(&hex("0000820200009401AA00")).unwrap();
    assert_eq!(objects.len(), 2);
    assert_eq!(encode(&objects), hex("820200009401AA"));
}

#[test]
fn faults_are_named_with_their_place() {
    for (bytes, error) in [
        ("82", TlvError::Truncated { at: 1 }),
        ("9F", TlvError::Truncated { at: 1 }),
        ("820200", TlvError::Truncated { at: 2 }),
        ("828102", TlvError::Truncated { at: 3 }),
        ("7003820200", TlvError::Truncated { at: 2 }),
        ("8280", TlvError::BadLength { at: 1 }),
        ("828400000001AA", TlvError::BadLength { at: 1 }),
        ("DF81818101AA", TlvError::TagTooLong { at: 0 }),
    ] {
        assert_eq!(parse(&hex(bytes)), Err(error), "{bytes}");
    }
}

#[test]
fn nesting_and_number_of_objects_are_bounded() {
    let mut deep = Tlv::primitive(AIP, [0, 0]);
    for _ in 0..8 {
        deep = Tlv::constructed(RECORD_TEMPLATE, [deep]);
    }
    assert_eq!(parse(&encode(&[deep])), Err(TlvError::TooDeep));
    assert_eq!(parse(&[0x82, 0x00].repeat(513)), Err(TlvError::TooLarge));
    assert_eq!(parse(&[0; 65_536]), Err(TlvError::TooLarge));
}

#[test]
fn debug_shows_no_card_number_no_track_and_no_name() {
    let objects = [
        Tlv::primitive(PAN, hex("6210948000000003")),
        Tlv::primitive(TRACK2, hex("6210948000000003D3012")),
        Tlv::primitive(CARDHOLDER_NAME, *b"ZHANG/SAN"),
        Tlv::primitive(ATC, hex("0102")),
    ];
    let shown = format!("{:?}", Tlv::constructed(RECORD_TEMPLATE, objects));
    assert_eq!(
        shown,
        "70 [5A <8 bytes>, 57 <11 bytes>, 5F20 <9 bytes>, 9F36 0102]"
    );
}

#[test]
fn a_published_answer_cut_at_any_byte_is_an_error() {
    for whole in [hex(UNIONPAY_PPSE), hex(UNIONPAY_FCI)] {
        for end in 1..whole.len() {
            assert!(parse(&whole[..end]).is_err(), "{end}");
        }
    }
}

fn any_tlv() -> impl Strategy<Value = Tlv> {
    let primitive = prop_oneof![Just(PAN), Just(ATC), Just(LABEL_3), Just(EXPIRY)];
    let template = prop_oneof![Just(RECORD_TEMPLATE), Just(FCI_ISSUER_DISCRETIONARY)];
    let leaf = (primitive, prop::collection::vec(any::<u8>(), 0..300))
        .prop_map(|(tag, bytes)| Tlv::primitive(tag, bytes));
    leaf.prop_recursive(4, 24, 6, move |inner| {
        (template.clone(), prop::collection::vec(inner, 0..6))
            .prop_map(|(tag, children)| Tlv::constructed(tag, children))
    })
}

const LABEL_3: Tag = Tag::new(0xDF_8101);

proptest! {
    #[test]
    fn what_is_written_is_read_back(objects in prop::collection::vec(any_tlv(), 0..4)) {
        prop_assert_eq!(parse(&encode(&objects)), Ok(objects));
    }

    #[test]
    fn garbage_is_refused_or_read_but_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        if let Ok(objects) = parse(&bytes) {
            prop_assert_eq!(parse(&encode(&objects)), Ok(objects));
        }
    }
}
