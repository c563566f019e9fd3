//! The requests that the controller makes, each ready to send, so that a driver says what it wants
//! in one line.

use super::{
    AbortRequest, BarcodeType, Body, Device, DiagnosisRequest, DisplayOutput, DisplayRequest,
    DocumentQualifier, Header, InfoQualify, InputCommand, InputData, InputRequest,
    MessageReference, OutputBarcode, OutputContent, OutputFormat, OutputText, PinFormat,
    PinRequest, PinRequestType, PredefinedContent, PrintOutput, PrintRequest, Private,
    ResponseMode, SoundAction, SoundContent, SoundFormat, SoundRequest,
};

/// Predefined content that makes a terminal show an amount while digits are typed.
pub const GET_AMOUNT: &str = "GetAmount";
/// Predefined content with two buttons.
pub const GET_CONFIRMATION: &str = "GetConfirmation";
/// Predefined content that makes a confirmation a signature.
pub const GET_SIGNATURE: &str = "GetSignature";

impl Body {
    /// Shows lines of text to the customer.
    pub fn show_text(lines: &[&str]) -> Self {
        let display_output = vec![DisplayOutput::customer(OutputContent::text(lines))];
        Self::DisplayRequest(DisplayRequest { display_output })
    }

    /// Shows lines of text and under them a QR code to the customer.
    pub fn show_qr(lines: &[&str], value: &str) -> Self {
        let text = DisplayOutput::customer(OutputContent::text(lines));
        let qr = DisplayOutput::customer(OutputContent::qr(value));
        Self::DisplayRequest(DisplayRequest {
            display_output: vec![text, qr],
        })
    }

    /// Asks for an amount in minor units: at most `max_digits` digits, within `max_input_s`
    /// seconds.
    pub fn ask_amount(lines: &[&str], max_digits: u32, max_input_s: u32) -> Self {
        let mut request = InputRequest::ask(InputCommand::DigitString, GET_AMOUNT, lines);
        request.input_data.max_input_time = Some(max_input_s);
        request.input_data.min_length = Some(1);
        request.input_data.max_length = Some(max_digits);
        request.input_data.from_right_to_left_flag = Some(true);
        Self::InputRequest(Box::new(request))
    }

    /// Asks yes or no, within `max_input_s` seconds.
    pub fn ask_confirmation(lines: &[&str], max_input_s: u32) -> Self {
        let command = InputCommand::GetConfirmation;
        let mut request = InputRequest::ask(command, GET_CONFIRMATION, lines);
        request.input_data.max_input_time = Some(max_input_s);
        Self::InputRequest(Box::new(request))
    }

    /// Asks for a signature on the screen, within `max_input_s` seconds.
    pub fn ask_signature(lines: &[&str], max_input_s: u32) -> Self {
        let mut request = InputRequest::ask(InputCommand::GetConfirmation, GET_SIGNATURE, lines);
        request.input_data.max_input_time = Some(max_input_s);
        Self::InputRequest(Box::new(request))
    }

    /// Asks for the PIN, to be given back encrypted under the key named, within `max_wait_s`
    /// seconds.
    /// `pan_digits` are the digits of the card number that the PIN format mixes in.
    pub fn enter_pin(
        format: PinFormat,
        pan_digits: Option<Private>,
        key_reference: &str,
        max_wait_s: u32,
    ) -> Self {
        Self::PinRequest(PinRequest {
            pin_request_type: PinRequestType::PinEnter,
            pin_verif_method: None,
            additional_input: pan_digits,
            pin_enc_algorithm: None,
            pin_format: Some(format),
            key_reference: Some(key_reference.to_owned()),
            max_waiting_time: Some(max_wait_s),
            cardholder_pin: None,
        })
    }

    /// Prints lines of a customer's slip; with `more`, another part of the slip follows.
    pub fn print_text(lines: &[&str], more: bool) -> Self {
        Self::print(OutputContent::text(lines), more, false)
    }

    /// Prints a whole slip, perhaps with room for a signature.
    pub fn print_slip(lines: &[&str], room_for_pen: bool) -> Self {
        Self::print(OutputContent::text(lines), false, room_for_pen)
    }

    /// Prints a QR code on a customer's slip. A slip with text and QR is two requests, since one
    /// output has one format; all but the last say that more follows.
    pub fn print_qr(value: &str, more: bool) -> Self {
        Self::print(OutputContent::qr(value), more, false)
    }

    fn print(output_content: OutputContent, more: bool, room_for_pen: bool) -> Self {
        Self::PrintRequest(PrintRequest {
            print_output: PrintOutput {
                document_qualifier: DocumentQualifier::CustomerReceipt,
                response_mode: ResponseMode::PrintEnd,
                integrated_print_flag: more.then_some(true),
                required_signature_flag: room_for_pen.then_some(true),
                output_content,
            },
        })
    }

    /// Plays a sound that the terminal knows by name.
    pub fn play_sound(reference_id: &str) -> Self {
        Self::SoundRequest(SoundRequest {
            response_mode: Some(ResponseMode::Immediate),
            sound_action: SoundAction::StartSound,
            sound_volume: None,
            sound_content: SoundContent {
                sound_format: Some(SoundFormat::SoundRef),
                reference_id: Some(reference_id.to_owned()),
                ..SoundContent::default()
            },
        })
    }

    /// Speaks a text, such as how much was paid. `language` is ISO 639-1.
    pub fn speak(text: &str, language: &str) -> Self {
        Self::SoundRequest(SoundRequest {
            response_mode: Some(ResponseMode::Immediate),
            sound_action: SoundAction::StartSound,
            sound_volume: None,
            sound_content: SoundContent {
                sound_format: Some(SoundFormat::Text),
                reference_id: None,
                language: Some(language.to_owned()),
                value: Some(text.to_owned()),
            },
        })
    }

    /// Stops the request `of` of category `category` (as [`Body::category`] names it).
    pub fn abort(of: &Header, category: &str, reason: &str) -> Self {
        let message_reference = MessageReference {
            message_category: Some(category.to_owned()),
            service_id: of.service_id.clone(),
            device_id: of.device_id.clone(),
            sale_id: of.sale_id.clone(),
            poi_id: Some(of.poi_id.clone()),
        };
        let abort_reason = reason.to_owned();
        let display_output = None;
        Self::AbortRequest(Box::new(AbortRequest {
            message_reference,
            abort_reason,
            display_output,
        }))
    }

    /// The heartbeat.
    pub fn heartbeat() -> Self {
        let host_diagnosis_flag = Some(false);
        Self::DiagnosisRequest(DiagnosisRequest {
            host_diagnosis_flag,
            poi_id: None,
        })
    }
}

impl InputRequest {
    fn ask(input_command: InputCommand, predefined: &str, lines: &[&str]) -> Self {
        let mut content = OutputContent::text(lines);
        let reference_id = predefined.to_owned();
        content.predefined_content = Some(PredefinedContent {
            reference_id,
            language: None,
        });
        Self {
            display_output: Some(DisplayOutput::customer(content)),
            input_data: InputData {
                device: Device::CustomerInput,
                info_qualify: InfoQualify::Input,
                input_command,
                max_input_time: None,
                min_length: None,
                max_length: None,
                max_decimal_length: None,
                default_input_string: None,
                from_right_to_left_flag: None,
                mask_characters_flag: None,
                disable_cancel_flag: None,
            },
        }
    }

    /// Whether this confirmation is to be a signature.
    pub fn is_signature(&self) -> bool {
        let predefined = self
            .display_output
            .as_ref()
            .and_then(|output| output.output_content.predefined_content.as_ref());
        self.input_data.input_command == InputCommand::GetConfirmation
            && predefined.is_some_and(|content| content.reference_id == GET_SIGNATURE)
    }
}

impl DisplayOutput {
    fn customer(output_content: OutputContent) -> Self {
        Self {
            device: Device::CustomerDisplay,
            info_qualify: InfoQualify::Display,
            output_content,
            minimum_display_time: None,
            response_required_flag: None,
        }
    }
}

impl OutputContent {
    fn text(lines: &[&str]) -> Self {
        let line = |line: &&str| OutputText {
            text: (*line).to_owned(),
            ..OutputText::default()
        };
        Self {
            output_format: OutputFormat::Text,
            predefined_content: None,
            output_text: lines.iter().map(line).collect(),
            output_barcode: None,
        }
    }

    fn qr(value: &str) -> Self {
        let barcode = OutputBarcode {
            barcode_type: BarcodeType::QrCode,
            barcode_value: value.into(),
        };
        Self {
            output_format: OutputFormat::BarCode,
            predefined_content: None,
            output_text: Vec::new(),
            output_barcode: Some(barcode),
        }
    }
}
