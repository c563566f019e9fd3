//! Golden messages (checked against another's models by `tests/peers/nexo`), round trips and
//! garbage.

use super::*;
use proptest::prelude::*;

const PIN_BLOCK: &str = concat!(
    r#"{"ContentType":"Id-envelopedData","EnvelopedData":{"Version":"V0","EncryptedContent":"#,
    r#"{"ContentType":"Id-data","ContentEncryptionAlgorithm":{"Algorithm":"Des-ede3-cbc"},"#,
    r#""EncryptedData":"8f3c5b1ad7e94062"}}}"#
);

fn header() -> Header {
    Header::new(
        ServiceId::new("0CW7H3K2A1").unwrap(),
        "store-0001-counter-01",
        "sim-terminal-01",
    )
}

fn pin() -> CardholderPin {
    let encr_pin_block = EncryptedPinBlock::from_json(PIN_BLOCK).unwrap();
    CardholderPin {
        encr_pin_block,
        pin_format: PinFormat::Iso0,
        additional_input: None,
    }
}

fn input_response(response: Response, input: Option<Input>) -> Body {
    let shown = OutputResult {
        device: Device::CustomerDisplay,
        info_qualify: InfoQualify::Display,
        response: Response::success(),
    };
    let (device, info_qualify) = (Device::CustomerInput, InfoQualify::Input);
    Body::InputResponse(InputResponse {
        output_result: Some(shown),
        input_result: InputResult {
            device,
            info_qualify,
            response,
            input,
        },
    })
}

fn input(command: InputCommand, confirmed: Option<bool>, digits: Option<&str>) -> Input {
    Input {
        input_command: command,
        confirmed_flag: confirmed,
        function_key: None,
        text_input: None,
        digit_input: digits.map(Private::from),
    }
}

fn answers() -> Vec<(&'static str, Body)> {
    let signed = Response {
        additional_response: Some("M0,0L9,9".into()),
        ..Response::success()
    };
    let yes = input(InputCommand::GetConfirmation, Some(true), None);
    let shown = OutputResult {
        device: Device::CustomerDisplay,
        info_qualify: InfoQualify::Display,
        response: Response::success(),
    };
    let status = PoiStatus {
        global_status: GlobalStatus::Ok,
        security_ok_flag: Some(true),
        ped_ok_flag: Some(true),
        card_reader_ok_flag: Some(true),
        printer_status: Some(PrinterStatus::PaperLow),
        communication_ok_flag: Some(true),
    };
    let host = HostStatus {
        acquirer_id: "unionpay".to_owned(),
        is_reachable_flag: Some(true),
    };
    let no_paper = Response::failure(ErrorCondition::DeviceOut, "no paper");
    let diagnosis = DiagnosisResponse {
        response: Response::success(),
        logged_sale_id: vec!["store-0001-counter-01".to_owned()],
        poi_status: Some(status),
        host_status: vec![host],
    };
    vec![
        (
            "display-response",
            Body::DisplayResponse(DisplayResponse {
                output_result: vec![shown],
            }),
        ),
        (
            "input-amount-response",
            input_response(
                Response::success(),
                Some(input(InputCommand::DigitString, None, Some("1250"))),
            ),
        ),
        (
            "input-confirmation-response",
            input_response(Response::success(), Some(yes.clone())),
        ),
        (
            "input-signature-response",
            input_response(signed, Some(yes)),
        ),
        (
            "input-aborted-response",
            input_response(Response::failure(ErrorCondition::Aborted, ""), None),
        ),
        (
            "pin-response",
            Body::PinResponse(PinResponse {
                response: Response::success(),
                cardholder_pin: Some(pin()),
            }),
        ),
        (
            "print-response",
            Body::PrintResponse(PrintResponse {
                document_qualifier: DocumentQualifier::CustomerReceipt,
                response: no_paper,
            }),
        ),
        (
            "sound-response",
            Body::SoundResponse(SoundResponse {
                response: Response::success(),
            }),
        ),
        ("diagnosis-response", Body::DiagnosisResponse(diagnosis)),
    ]
}

fn messages() -> Vec<(&'static str, Message)> {
    let verify = PinRequest {
        pin_request_type: PinRequestType::PinVerifyOnly,
        pin_verif_method: Some("offline".to_owned()),
        additional_input: None,
        pin_enc_algorithm: Some("3DES".to_owned()),
        pin_format: Some(PinFormat::Iso0),
        key_reference: Some("TPK-01".to_owned()),
        max_waiting_time: None,
        cardholder_pin: Some(pin()),
    };
    let card = EventNotification {
        time_stamp: "2026-03-01T09:30:00+08:00".to_owned(),
        event_to_notify: EventToNotify::CardInserted,
        event_details: Some("slot=1".into()),
        maintenance_required_flag: Some(false),
        display_output: None,
    };
    let mut bodies = vec![
        (
            "display-text-request",
            Body::show_text(&["请出示付款码", "CNY 12.50"]),
        ),
        (
            "display-qr-request",
            Body::show_qr(&["CNY 12.50"], "https://qr.example.cn/p/0001"),
        ),
        (
            "input-amount-request",
            Body::ask_amount(&["Amount", "CNY"], 8, 60),
        ),
        (
            "input-confirmation-request",
            Body::ask_confirmation(&["Refund?", "CNY 12.50"], 30),
        ),
        (
            "input-signature-request",
            Body::ask_signature(&["Please sign", ""], 60),
        ),
        (
            "pin-enter-request",
            Body::enter_pin(PinFormat::Iso0, Some("000000000000".into()), "TPK-01", 30),
        ),
        ("pin-verify-request", Body::PinRequest(verify)),
        (
            "print-text-request",
            Body::print_text(&["交易成功", "CNY 12.50"], true),
        ),
        (
            "print-qr-request",
            Body::print_qr("https://qr.example.cn/r/0001", false),
        ),
        ("sound-request", Body::play_sound("approved")),
        ("sound-speak-request", Body::speak("收款十二元五角", "zh")),
        (
            "abort-request",
            Body::abort(&header(), "Input", "payment cancelled"),
        ),
        ("diagnosis-request", Body::heartbeat()),
        (
            "event-notification",
            Body::EventNotification(Box::new(card)),
        ),
    ];
    bodies.extend(answers());
    bodies
        .into_iter()
        .map(|(name, body)| {
            (
                name,
                Message {
                    header: header(),
                    body,
                },
            )
        })
        .collect()
}

fn golden(name: &str) -> String {
    let path = format!(
        "{}/src/wire/nexo/golden/{name}.json",
        env!("CARGO_MANIFEST_DIR")
    );
    std::fs::read_to_string(path).unwrap().trim_end().to_owned()
}

#[test]
fn messages_are_frozen_byte_for_byte() {
    for (name, message) in messages() {
        let bytes = message.encode().unwrap();
        assert_eq!(String::from_utf8(bytes).unwrap(), golden(name), "{name}");
        assert_eq!(
            Message::decode(golden(name).as_bytes()),
            Ok(message),
            "{name}"
        );
    }
}

#[test]
fn every_golden_file_is_a_message_of_the_table() {
    let folder = format!("{}/src/wire/nexo/golden", env!("CARGO_MANIFEST_DIR"));
    let names = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    let mut files: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
    let mut table: Vec<_> = messages()
        .iter()
        .map(|(name, _)| format!("{name}.json"))
        .collect();
    files.sort();
    table.sort();
    assert_eq!(files, table);
}

#[test]
fn what_other_terminals_add_is_tolerated() {
    let with = |from: &str, to: &str, name: &str| {
        let text = golden(name);
        assert!(text.contains(from), "{name} holds no {from}");
        Message::decode(text.replacen(from, to, 1).as_bytes()).unwrap()
    };
    let extra = with(
        r#"{"Result""#,
        r#"{"MakersOwn":[1,{}],"Result""#,
        "sound-response",
    );
    assert_eq!(
        extra.body,
        Body::SoundResponse(SoundResponse {
            response: Response::success()
        })
    );
    let number = with(r#""1250""#, "1250", "input-amount-response");
    let Body::InputResponse(answer) = number.body else {
        panic!("another body")
    };
    assert_eq!(answer.input_result.digits(), Some("1250"));
    let qr = with("QRCode", "QRCODE", "print-qr-request");
    assert_eq!(
        qr.body,
        Body::print_qr("https://qr.example.cn/r/0001", false)
    );
    let condition = with(r#""DeviceOut""#, r#""OnFire""#, "print-response");
    let Body::PrintResponse(answer) = condition.body else {
        panic!("another body")
    };
    assert_eq!(answer.response.error_condition, Some(ErrorCondition::Other));
    let event = with("CardInserted", "CoffeeSpilt", "event-notification");
    assert!(
        matches!(event.body, Body::EventNotification(e) if e.event_to_notify == EventToNotify::Other)
    );
    let nobody = with(r#""ServiceID":"0CW7H3K2A1","#, "", "event-notification");
    assert_eq!(nobody.header.service_id, None);
}

#[test]
fn an_unknown_category_is_named_with_the_header_that_could_be_read() {
    let text = golden("sound-request").replace(r#""Sound""#, r#""Transmit""#);
    let error = Message::decode(text.as_bytes()).unwrap_err();
    assert_eq!(error.header(), Some(&header()));
    assert_eq!(
        error.to_string(),
        "message category Transmit (Request) is not spoken here"
    );
}

#[test]
fn faulty_messages_name_the_part_and_never_quote_it() {
    let card = "6222020000000000000";
    let malformed = |text: &str| Message::decode(text.as_bytes()).unwrap_err();
    let result = golden("sound-response").replace("Success", card);
    let digits = golden("input-amount-response").replace(r#""1250""#, &format!("[{card}]"));
    let service = golden("sound-response").replace("0CW7H3K2A1", card);
    let missing = golden("sound-response").replace("SoundResponse", "SoundAnswer");
    let swapped = golden("sound-response").replace("SaleToPOIResponse", "SaleToPOIRequest");
    let table = [
        (result, "SoundResponse", true),
        (digits, "InputResponse", true),
        (service, "MessageHeader", false),
        (missing, "SoundResponse", true),
        (swapped, "MessageType", true),
    ];
    for (text, expected, with_header) in table {
        let error = malformed(&text);
        assert!(
            matches!(&error, NexoError::Malformed { part, .. } if *part == expected),
            "{error}"
        );
        assert_eq!(error.header().is_some(), with_header);
        assert!(!format!("{error:?} {error}").contains(card));
    }
    for text in [
        "",
        "{",
        "[]",
        "{}",
        r#"{"SaleToPOIRequest":7}"#,
        "\u{0}\u{1}",
    ] {
        assert_eq!(
            malformed(text),
            NexoError::NotNexo {
                bytes_len: text.len()
            }
        );
    }
}

#[test]
fn values_that_only_reading_knows_cannot_be_written() {
    let response = Response::failure(ErrorCondition::Other, "");
    let message = Message {
        header: header(),
        body: Body::SoundResponse(SoundResponse { response }),
    };
    assert_eq!(message.encode(), Err(NexoError::Unwritable));
}

#[test]
fn debug_output_shows_neither_pin_block_nor_signature_nor_digits() {
    let secrets = [
        "8f3c5b1ad7e94062",
        "M0,0L9,9",
        "1250",
        "000000000000",
        "qr.example.cn",
        "slot=1",
    ];
    for (name, message) in messages() {
        let shown = format!("{message:?}").replace("CNY 12.50", "");
        assert!(
            !secrets.iter().any(|secret| shown.contains(secret)),
            "{name}: {shown}"
        );
    }
}

#[test]
fn the_pin_block_is_passed_through_as_it_came() {
    let spaced = PIN_BLOCK.replace(':', " :\t");
    let text = golden("pin-response").replace(PIN_BLOCK, &spaced);
    let message = Message::decode(text.as_bytes()).unwrap();
    let Body::PinResponse(PinResponse {
        cardholder_pin: Some(pin),
        ..
    }) = &message.body
    else {
        panic!("another body")
    };
    assert_eq!(pin.encr_pin_block.expose(), spaced);
    assert_eq!(message.encode().unwrap(), text.into_bytes());
    assert_eq!(
        EncryptedPinBlock::from_json("1234").unwrap_err(),
        super::pin::InvalidPinBlock
    );
}

#[test]
fn an_input_counts_only_when_the_request_succeeded() {
    let typed = Some(input(InputCommand::DigitString, Some(true), Some("1250")));
    let failed = Response::failure(ErrorCondition::Cancel, "M0,0");
    let Body::InputResponse(answer) = input_response(failed, typed) else {
        panic!("another body")
    };
    let result = answer.input_result;
    assert_eq!(
        (result.digits(), result.confirmed(), result.signature()),
        (None, None, None)
    );
}

#[test]
fn service_ids_are_short_and_do_not_come_again_after_a_restart() {
    let now = 1_772_328_600_000;
    let mut first = ServiceIds::starting_at(now);
    let mut second = ServiceIds::starting_at(now + 1);
    let mut all: Vec<ServiceId> = (0..256).map(|_| first.issue()).collect();
    all.extend((0..256).map(|_| second.issue()));
    for id in &all {
        assert_eq!(ServiceId::new(id.as_str()).as_ref(), Ok(id));
    }
    assert_eq!(all.first().map(ServiceId::as_str), Some("4GTUB47400"));
    assert!(all.is_sorted_by(|a, b| a < b));
    for text in ["", "12345678901", "a-b", "é"] {
        assert_eq!(ServiceId::new(text), Err(InvalidServiceId));
    }
}

fn body() -> impl Strategy<Value = Body> {
    let text = || any::<String>();
    prop_oneof![
        (text(), text()).prop_map(|(a, b)| Body::show_qr(&[&a], &b)),
        (text(), any::<u32>(), any::<u32>()).prop_map(|(a, b, c)| Body::ask_amount(
            &[&a, ""],
            b,
            c
        )),
        (text(), any::<bool>()).prop_map(|(a, more)| Body::print_text(&[&a], more)),
        (text(), text()).prop_map(|(a, b)| Body::speak(&a, &b)),
        text().prop_map(|a| Body::abort(&header(), "PIN", &a)),
        ("[0-9]{1,12}", any::<bool>()).prop_map(|(digits, yes)| input_response(
            Response::success(),
            Some(input(InputCommand::DigitString, Some(yes), Some(&digits))),
        )),
        text().prop_map(|a| input_response(Response::failure(ErrorCondition::Busy, &a), None)),
    ]
}

proptest! {
    #[test]
    fn messages_survive_the_wire(
        body in body(),
        device_id in proptest::option::of("[0-9]{1,10}"),
        poi_id in any::<String>(),
    ) {
        let message = Message { header: Header { device_id, poi_id, ..header() }, body };
        prop_assert_eq!(Message::decode(&message.encode().unwrap()), Ok(message));
    }

    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Message::decode(&bytes).is_err());
    }

    #[test]
    fn damaged_messages_never_panic(
        pick in any::<proptest::sample::Index>(),
        at in any::<proptest::sample::Index>(),
        byte in any::<u8>(),
        cut in any::<proptest::sample::Index>(),
    ) {
        let messages = messages();
        let mut bytes = messages[pick.index(messages.len())].1.encode().unwrap();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(message) = Message::decode(&bytes) {
            let again = message.encode().map(|bytes| Message::decode(&bytes));
            prop_assert!(again == Ok(Ok(message)) || again == Err(NexoError::Unwritable));
        }
        bytes.truncate(cut.index(bytes.len()));
        prop_assert!(Message::decode(&bytes).is_err());
    }
}
