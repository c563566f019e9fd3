//! Published test numbers; what is shown of a card number, and what is not.

use proptest::prelude::*;

use super::*;
use crate::wire::emv::testing::hex;

const VISA: &str = "4111111111111111";
const UNIONPAY: &str = "6212345678901232";

#[test]
fn published_test_numbers_are_card_numbers() {
    for digits in [
        VISA,
        UNIONPAY,
        "5555555555554444",
        "378282246310005",
        "6212345678900000003",
        "6759649826438453",
    ] {
        assert_eq!(
            Pan::parse(digits).map(|pan| pan.expose().to_owned()),
            Ok(digits.to_owned())
        );
    }
}

#[test]
fn other_digits_are_refused_with_the_reason() {
    for (digits, error) in [
        ("", PanError::Length),
        ("41111111111", PanError::Length),
        ("62000000000000000000", PanError::Length),
        ("4111111111111112", PanError::CheckDigit),
        ("411111111111111A", PanError::NotDigits),
        ("４１１１", PanError::NotDigits),
    ] {
        assert_eq!(Pan::parse(digits), Err(error), "{digits}");
    }
}

#[test]
fn every_output_of_a_card_number_is_masked() {
    let pan = Pan::parse(UNIONPAY).unwrap();
    assert_eq!(pan.masked(), "621234******1232");
    assert_eq!(pan.to_string(), "621234******1232");
    assert_eq!(format!("{pan:?}"), "Pan(621234******1232)");
    assert_eq!(serde_json::to_string(&pan).unwrap(), "\"621234******1232\"");
    let short = Pan::parse("676179999997").unwrap();
    assert_eq!(short.masked(), "********9997");
}

#[test]
fn compressed_numbers_lose_their_padding() {
    let odd = Pan::from_compressed(&hex("378282246310005F")).unwrap();
    assert_eq!(odd.expose(), "378282246310005");
    let padded = Pan::from_compressed(&hex("6212345678901232FFFF")).unwrap();
    assert_eq!(padded.expose(), UNIONPAY);
    assert_eq!(
        Pan::from_compressed(&hex("62123456F8901232")),
        Err(PanError::NotDigits)
    );
}

#[test]
fn track_2_yields_number_and_expiry_and_shows_nothing() {
    let track = Track2::from_compressed(&hex("6212345678901232D30122010000000000F")).unwrap();
    assert_eq!(track.pan().expose(), UNIONPAY);
    assert_eq!(
        track.expiry(),
        Expiry {
            year: 2030,
            month: 12
        }
    );
    assert_eq!(track.expose(), "6212345678901232D30122010000000000");
    assert_eq!(format!("{track:?}"), "Track2(hidden)");
}

#[test]
fn track_2_without_separator_or_expiry_is_refused() {
    for (track, error) in [
        ("6212345678901232", PanError::Track2),
        ("6212345678901232D30", PanError::Track2),
        ("6212345678901232D3013201F", PanError::Track2),
        ("6212345678901233D3012201F", PanError::CheckDigit),
        ("6212345678901232D301220A1", PanError::NotDigits),
        ("", PanError::Track2),
    ] {
        assert_eq!(Track2::from_compressed(&hex(track)), Err(error), "{track}");
    }
}

proptest! {
    #[test]
    fn at_most_the_first_six_and_the_last_four_digits_are_shown(body in "[0-9]{11,18}") {
        let full = (0..10).map(|check| format!("{body}{check}")).find(|digits| luhn(digits)).unwrap();
        let pan = Pan::parse(&full).unwrap();
        let masked = pan.masked();
        prop_assert_eq!(masked.len(), full.len());
        prop_assert!(masked.chars().filter(char::is_ascii_digit).count() <= 10);
        prop_assert!(full.ends_with(&masked[masked.len() - 4..]));
        prop_assert!(masked[6..masked.len() - 4].bytes().all(|byte| byte == b'*'));
    }

    #[test]
    fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..24), text in ".{0,24}") {
        let _ = (Pan::from_compressed(&bytes), Track2::from_compressed(&bytes), Pan::parse(&text));
    }

    #[test]
    fn one_wrong_digit_is_noticed(at in 0..16_usize, add in 1..10_u8) {
        let mut digits = UNIONPAY.as_bytes().to_vec();
        digits[at] = b'0' + (digits[at] - b'0' + add) % 10;
        prop_assert_eq!(Pan::parse(std::str::from_utf8(&digits).unwrap()), Err(PanError::CheckDigit));
    }
}
