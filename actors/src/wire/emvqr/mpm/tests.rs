//! Published codes read and written back to the letter, rules by name, round trips and garbage.

use proptest::prelude::*;

use super::*;
use crate::domain::money::{Currency, Money};

/// EMVCo MPM v1.1, annex B.
const ANNEX_B: &str = "00020101021229300012D156000000000510A93FO3230Q31280012D1560000000103081234567852044111\
                       5802CN5914BEST TRANSPORT6007BEIJING64200002ZH0104最佳运输0202北京540523.7253031565502\
                       016233030412340603***0708A60086670902ME91320016A0112233449988770708123456786304A13A";
/// Published by other implementations.
const OTHERS: [&str; 3] = [
    "00020101021252044131153137210116372101160123456789ABCDE6010Phnom Penh5913Merchant Shop5802KH540510.0053038\
     40622501081234567802090124444446304A0BA",
    "00020101021128620011ph.ppmi.p2m0111GXCHPHM2X\
     XX03212170200000546987160990503000520458145303608580\
     2PH5917S and R MBTC 91826006Taguig6104163062650012ph.ppmi.qrph0308SRSU002005212170500000669901340940708GEN00\
     35163049EE7",
    "00020126440014BR.GOV.BCB.PIX0122FULANO2019 EXAMPLE.COM5204000053039865802BR5913FULANO DE TAL6008BRASILIA624\
     10503***50300017BR.GOV.BCB.BRCODE01051.0.0630427E9",
];

#[test]
fn the_specifications_example_is_read_and_written_back() {
    let code = MerchantQr::parse(ANNEX_B).unwrap();
    assert_eq!(code.initiation(), Some(Initiation::Dynamic));
    assert_eq!(
        code.accounts()
            .map(|account| account.id)
            .collect::<Vec<_>>(),
        [29, 31]
    );
    assert_eq!(code.inner(29, 0).as_deref(), Some("D15600000000"));
    assert_eq!(code.inner(29, 5).as_deref(), Some("A93FO3230Q"));
    assert_eq!(
        (code.category(), code.currency()),
        (Some("4111"), Some(156))
    );
    assert_eq!(code.amount(), Some(Decimal::new(2372, 2)));
    assert_eq!(code.tip(), Some(Tip::Prompt));
    assert_eq!(
        (code.country(), code.name(), code.city()),
        (Some("CN"), Some("BEST TRANSPORT"), Some("BEIJING"))
    );
    assert_eq!(code.inner(id::LANGUAGE, 1).as_deref(), Some("最佳运输"));
    assert_eq!(code.inner(id::ADDITIONAL, 7).as_deref(), Some("A6008667"));
    assert_eq!(code.inner(91, 7).as_deref(), Some("12345678"));
    assert_eq!(code.encode(), ANNEX_B);
}

#[test]
fn codes_of_other_implementations_are_read_and_written_back() {
    for text in OTHERS {
        assert_eq!(
            MerchantQr::parse(text).map(|code| code.encode()),
            Ok(text.to_owned())
        );
    }
}

/// The parts of annex B in ascending order, which the specification also allows.
fn annex_b_built() -> MerchantQrBuilder {
    MerchantQrBuilder::new(
        Initiation::Dynamic,
        "4111",
        156,
        "CN",
        "BEST TRANSPORT",
        "BEIJING",
    )
    .account_template(29, "D15600000000", &[Object::new(5, "A93FO3230Q")])
    .account_template(31, "D15600000001", &[Object::new(3, "12345678")])
    .amount(Money::parse("23.72", Currency::Cny).unwrap())
    .tip(Tip::Prompt)
    .additional(&[
        Object::new(3, "1234"),
        Object::new(6, "***"),
        Object::new(7, "A6008667"),
        Object::new(9, "ME"),
    ])
    .language("ZH", "最佳运输", Some("北京"))
    .object(Object::template(
        91,
        &[
            Object::new(0, "A011223344998877"),
            Object::new(7, "12345678"),
        ],
    ))
}

#[test]
fn the_specifications_example_is_built_from_its_parts() {
    let built = annex_b_built().build().unwrap();
    let published = MerchantQr::parse(ANNEX_B).unwrap();
    let mut objects = published.objects().to_vec();
    objects.sort_by_key(|object| object.id);
    assert_eq!(built.objects(), objects);
    assert_eq!(MerchantQr::parse(&built.encode()), Ok(built));
}

#[test]
fn trap_9_a_length_counts_characters_and_the_checksum_bytes() {
    let text = annex_b_built().build().unwrap().encode();
    assert!(text.contains("0104最佳运输0202北京"), "{text}");
    let with_checksum = |body: &str| {
        let body = format!("{body}6304");
        format!("{body}{:04X}", crc16(body.as_bytes()))
    };
    let body = &text[..text.len() - 8];
    assert_eq!(with_checksum(body), text);
    // the same with lengths in bytes, as some write them
    let in_bytes = body.replace(
        "64200002ZH0104最佳运输0202北京",
        "64320002ZH0112最佳运输0206北京",
    );
    assert_ne!(in_bytes, body);
    MerchantQr::parse(&with_checksum(&in_bytes)).unwrap_err();
    // and with the checksum over a byte for each character
    let characters: Vec<u8> = body.chars().map(|c| c.to_string().as_bytes()[0]).collect();
    let over_characters = crc16(&[&characters, b"6304".as_slice()].concat());
    MerchantQr::parse(&format!("{body}6304{over_characters:04X}")).unwrap_err();
}

#[test]
fn a_checksum_has_four_digits_even_when_it_is_small() {
    let with_reference = |n: u32| {
        let reference = [Object::new(5, n.to_string())];
        MerchantQrBuilder::new(Initiation::Static, "5411", 156, "CN", "店", "上海")
            .account(15, "1234567812345678123456781234567")
            .additional(&reference)
            .build()
            .unwrap()
            .encode()
    };
    let small = (0..5_000)
        .map(with_reference)
        .find(|text| text[text.len() - 4..].starts_with("00"))
        .unwrap();
    assert!(MerchantQr::parse(&small).is_ok(), "{small}");
}

#[test]
fn fees_belong_to_their_indicator() {
    let base = || {
        MerchantQrBuilder::new(Initiation::Static, "5411", 156, "CN", "Shop", "Wuxi")
            .account(15, "12345678")
    };
    let fixed = base()
        .tip(Tip::Fixed(Decimal::new(150, 2)))
        .build()
        .unwrap();
    assert_eq!(
        (fixed.value(id::FIXED_FEE), fixed.tip()),
        (Some("1.50"), Some(Tip::Fixed(Decimal::new(150, 2))))
    );
    let percent = base()
        .tip(Tip::Percent(Decimal::new(525, 2)))
        .build()
        .unwrap();
    assert_eq!(percent.tip(), Some(Tip::Percent(Decimal::new(525, 2))));
    for (object, error) in [
        (
            Object::new(id::TIP, "02"),
            MpmError::Missing { id: id::FIXED_FEE },
        ),
        (
            Object::new(id::PERCENT_FEE, "5"),
            MpmError::Invalid {
                id: id::PERCENT_FEE,
                rule: "only with its indicator in 55",
            },
        ),
    ] {
        assert_eq!(base().object(object).build(), Err(error));
    }
}

#[test]
fn values_that_break_a_rule_are_named() {
    let with = |object: Object| {
        annex_b_without(object.id)
            .object(object)
            .build()
            .map(|code| code.encode())
    };
    for (id, value, valid) in [
        (id::AMOUNT, "98.", true),
        (id::AMOUNT, "98.73", true),
        (id::AMOUNT, "9999999999.99", true),
        (id::AMOUNT, "0.00", false),
        (id::AMOUNT, "1.2.3", false),
        (id::AMOUNT, "-1", false),
        (id::AMOUNT, ".5", false),
        (id::AMOUNT, "12345678901234", false),
        (id::CATEGORY, "411", false),
        (id::CURRENCY, "CNY", false),
        (id::COUNTRY, "C1", false),
        (
            id::NAME,
            "一二三四五六七八九十一二三四五六七八九十一二三四五",
            true,
        ),
        (
            id::NAME,
            "一二三四五六七八九十一二三四五六七八九十一二三四五六",
            false,
        ),
        (id::CITY, "Llanfairpwllgwyngyll", false),
        (id::POSTAL, "12345678901", false),
        (id::INITIATION, "13", false),
        (id::CRC, "0000", false),
        (40, "plain", false),
        (85, "0102AB", false),
        (id::LANGUAGE, "0002ZH", false),
        (10, "", false),
        (70, "an id reserved for later is kept", true),
    ] {
        let result = with(Object::new(id, value));
        match result {
            Ok(text) => {
                assert!(valid, "{id} {value} was taken");
                assert_eq!(MerchantQr::parse(&text).unwrap().value(id), Some(value));
            }
            Err(error) => {
                assert!(
                    !valid && matches!(error, MpmError::Invalid { id: named, .. } if named == id),
                    "{error}"
                );
            }
        }
    }
}

fn annex_b_without(id: u8) -> MerchantQrBuilder {
    let objects = annex_b_built().build().unwrap().objects;
    let kept = objects
        .into_iter()
        .filter(|object| object.id != id)
        .collect();
    MerchantQrBuilder { objects: kept }
}

#[test]
fn faults_of_the_text_are_named() {
    let sealed = |body: &str| {
        let covered = format!("{body}{CRC_HEAD}");
        format!("{covered}{:04X}", crc16(covered.as_bytes()))
    };
    let missing_city = "000201520441115303156540523.725802CN5904Shop1508ABCDEFGH";
    let no_account = "000201520441115303156540523.725802CN5904Shop6004Wuxi";
    for (text, error) in [
        (String::new(), MpmError::CrcNotLast),
        ("hello".to_owned(), MpmError::BadId { at: 0 }),
        ("0002010".to_owned(), MpmError::BadId { at: 6 }),
        ("00020101".to_owned(), MpmError::BadLength { id: 1 }),
        ("000201010".to_owned(), MpmError::BadLength { id: 1 }),
        ("0002010100".to_owned(), MpmError::BadLength { id: 1 }),
        (
            "0002015910北京".to_owned(),
            MpmError::Truncated {
                id: 59,
                declared: 10,
                left: 2,
            },
        ),
        ("000201".to_owned(), MpmError::CrcNotLast),
        (ANNEX_B.replace("6304A13A", ""), MpmError::CrcNotLast),
        (sealed("5802CN"), MpmError::UnknownFormat),
        (sealed("000202"), MpmError::UnknownFormat),
        (sealed(missing_city), MpmError::Missing { id: id::CITY }),
        (sealed(no_account), MpmError::NoAccount),
        (
            sealed(&format!("{no_account}5802CN")),
            MpmError::Duplicate { id: id::COUNTRY },
        ),
        (
            ANNEX_B.replace("BEIJING", "BEIJINF"),
            MpmError::CrcMismatch {
                expected: 0x0B8C,
                found: "A13A".to_owned(),
            },
        ),
        ("00".repeat(2000), MpmError::TooLong),
    ] {
        assert_eq!(MerchantQr::parse(&text), Err(error), "{text}");
    }
}

#[test]
fn a_code_cut_at_any_character_is_refused() {
    for (end, _) in ANNEX_B.char_indices() {
        assert!(MerchantQr::parse(&ANNEX_B[..end]).is_err(), "{end}");
    }
}

proptest! {
    #[test]
    fn what_is_built_is_read_back(
        name in "[一-龥A-Za-z ]{1,25}",
        city in "[一-龥A-Z]{1,15}",
        bill in "[0-9A-Za-z]{1,25}",
        fen in 1..999_999_999_u64,
        unknown in "\\PC{1,99}",
    ) {
        let amount = Money::from_minor_units(fen, Currency::Cny).unwrap();
        let built = MerchantQrBuilder::new(Initiation::Dynamic, "5411", 156, "CN", &name, &city)
            .account(15, "1234567812345678123456781234567")
            .amount(amount)
            .additional(&[Object::new(1, bill)])
            .object(Object::new(66, unknown))
            .build()
            .unwrap();
        prop_assert_eq!(built.amount(), Some(amount.amount()));
        prop_assert_eq!(MerchantQr::parse(&built.encode()), Ok(built));
    }

    #[test]
    fn one_changed_character_is_noticed(at in 0..200_usize, to in "[0-9A-Z京]") {
        let (start, old) = ANNEX_B.char_indices().nth(at).unwrap();
        let mut changed = ANNEX_B.to_owned();
        changed.replace_range(start..start + old.len_utf8(), &to);
        prop_assert!(changed == ANNEX_B || MerchantQr::parse(&changed).is_err());
    }

    #[test]
    fn garbage_never_panics(text in "\\PC{0,200}", digits in "[0-9]{0,120}") {
        let _ = (MerchantQr::parse(&text), MerchantQr::parse(&digits), parse_objects(&digits));
    }
}
