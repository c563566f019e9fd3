//! Golden bytes of commands, answers cut short, round trips and garbage.

use proptest::prelude::*;

use super::*;
use crate::wire::emv::testing::hex;

#[test]
fn commands_have_the_bytes_of_the_standard() {
    for (command, bytes) in [
        (
            Command::select(PPSE_NAME),
            "00A404000E325041592E5359532E444446303100",
        ),
        (
            Command::select(&hex("A0000000031010")),
            "00A4040007A000000003101000",
        ),
        (Command::get_processing_options(&[]), "80A8000002830000"),
        (
            Command::get_processing_options(&[0xAB; 3]),
            "80A80000058303ABABAB00",
        ),
        (Command::read_record(1, 1), "00B2010C00"),
        (Command::read_record(2, 3), "00B2031400"),
        (Command::get_response(0x1C), "00C000001C"),
        (Command::generate_ac(&[1, 2]), "80AE800002010200"),
    ] {
        assert_eq!(*command.to_bytes(), hex(bytes), "{command:?}");
        assert_eq!(Command::parse(&hex(bytes)), Ok(command));
    }
}

#[test]
fn commands_that_disagree_with_their_lengths_are_refused() {
    for bytes in [
        "",
        "00A404",
        "00A4040000AA",
        "00A4040003AABB",
        "00A4040001AABBCC",
    ] {
        let length = bytes.len() / 2;
        assert_eq!(
            Command::parse(&hex(bytes)),
            Err(ApduError::BadCommand { length }),
            "{bytes}"
        );
    }
}

#[test]
fn an_answer_below_two_bytes_or_without_status_word_is_a_communication_error() {
    assert_eq!(
        Response::parse(&[]),
        Err(ApduError::NoStatusWord { length: 0 })
    );
    assert_eq!(
        Response::parse(&[0x90]),
        Err(ApduError::NoStatusWord { length: 1 })
    );
    let torn = Response::parse(&hex("6F30840E3250"));
    assert_eq!(torn, Err(ApduError::BadStatusWord(StatusWord(0x3250))));
}

#[test]
fn answers_split_into_data_and_status_word() {
    let response = Response::parse(&hex("820200009000")).unwrap();
    assert_eq!(
        (&response.data[..], response.status),
        (&hex("82020000")[..], StatusWord::OK)
    );
    assert_eq!(*response.to_bytes(), hex("820200009000"));
    assert_eq!(StatusWord(0x611C).more_data(), Some(0x1C));
    assert_eq!(StatusWord(0x6C20).wrong_le(), Some(0x20));
    assert_eq!(
        (StatusWord::OK.more_data(), StatusWord::OK.wrong_le()),
        (None, None)
    );
}

#[test]
fn debug_shows_no_data() {
    let response = Response::ok(hex("5A086210948000000003"));
    assert_eq!(format!("{response:?}"), "<10 bytes> 9000");
    let command = Command::generate_ac(&hex("6210948000000003"));
    assert_eq!(format!("{command:?}"), "80AE8000 <8 bytes> le Some(0)");
}

proptest! {
    #[test]
    fn commands_are_read_back(
        header in any::<[u8; 4]>(),
        data in prop::collection::vec(any::<u8>(), 0..=255),
        le in any::<Option<u8>>(),
    ) {
        let command = Command { le, ..Command::new(header, data) };
        prop_assert_eq!(Command::parse(&command.to_bytes()), Ok(command));
    }

    #[test]
    fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(command) = Command::parse(&bytes) {
            prop_assert_eq!(&*command.to_bytes(), &bytes);
        }
        if let Ok(response) = Response::parse(&bytes) {
            prop_assert_eq!(&*response.to_bytes(), &bytes);
        }
    }
}
