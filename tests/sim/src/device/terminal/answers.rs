//! The answers that a terminal gives.

use sha2::{Digest, Sha256};
use store_actors::wire::nexo::{
    Body, CardholderPin, Device, DiagnosisResponse, DisplayOutput, DisplayRequest, DisplayResponse,
    EncryptedPinBlock, GlobalStatus, Header, InfoQualify, Input, InputResponse, InputResult,
    Message, OutputContent, OutputResult, PinFormat, PinRequestType, PinResponse, PoiStatus,
    PrintResponse, PrinterStatus, Private, Response, ResponseMode, ServiceId, SoundRequest,
    SoundResponse,
};

pub(super) fn diagnosis(busy: bool, no_paper: bool, sale_id: Option<String>) -> Body {
    let printer = if no_paper {
        PrinterStatus::NoPaper
    } else {
        PrinterStatus::Ok
    };
    Body::DiagnosisResponse(DiagnosisResponse {
        response: Response::success(),
        logged_sale_id: sale_id.into_iter().collect(),
        poi_status: Some(PoiStatus {
            global_status: if busy {
                GlobalStatus::Busy
            } else {
                GlobalStatus::Ok
            },
            security_ok_flag: Some(true),
            ped_ok_flag: Some(true),
            card_reader_ok_flag: Some(true),
            printer_status: Some(printer),
            communication_ok_flag: Some(true),
        }),
        host_status: Vec::new(),
    })
}

pub(super) fn contents(request: &DisplayRequest) -> impl Iterator<Item = &OutputContent> {
    request
        .display_output
        .iter()
        .map(|output| &output.output_content)
}

pub(super) fn shown(request: &DisplayRequest) -> Option<Body> {
    let wanted = |output: &&DisplayOutput| output.response_required_flag != Some(false);
    let output_result: Vec<OutputResult> = request
        .display_output
        .iter()
        .filter(wanted)
        .map(|output| OutputResult {
            device: output.device,
            info_qualify: output.info_qualify,
            response: Response::success(),
        })
        .collect();
    let any = !output_result.is_empty();
    any.then_some(Body::DisplayResponse(DisplayResponse { output_result }))
}

pub(super) fn sounded(request: &SoundRequest) -> Option<Body> {
    let wanted = request.response_mode != Some(ResponseMode::NotRequired);
    wanted.then(|| {
        Body::SoundResponse(SoundResponse {
            response: Response::success(),
        })
    })
}

/// The answer to a request that says no more than how it ended.
pub(super) fn result_of(request: &Body, response: Response) -> Option<Body> {
    Some(match request {
        Body::DisplayRequest(request) => {
            let first = request.display_output.first()?;
            let (device, info_qualify) = (first.device, first.info_qualify);
            let output_result = vec![OutputResult {
                device,
                info_qualify,
                response,
            }];
            Body::DisplayResponse(DisplayResponse { output_result })
        }
        Body::InputRequest(_) => input_result(request, response, None, None)?,
        Body::PinRequest(_) => Body::PinResponse(PinResponse {
            response,
            cardholder_pin: None,
        }),
        Body::PrintRequest(request) => {
            let document_qualifier = request.print_output.document_qualifier;
            Body::PrintResponse(PrintResponse {
                document_qualifier,
                response,
            })
        }
        Body::SoundRequest(_) => Body::SoundResponse(SoundResponse { response }),
        Body::DiagnosisRequest(_) => Body::DiagnosisResponse(DiagnosisResponse {
            response,
            logged_sale_id: Vec::new(),
            poi_status: None,
            host_status: Vec::new(),
        }),
        _ => return None,
    })
}

pub(super) fn input_result(
    request: &Body,
    response: Response,
    confirmed_flag: Option<bool>,
    digit_input: Option<Private>,
) -> Option<Body> {
    let Body::InputRequest(request) = request else {
        return None;
    };
    let data = &request.input_data;
    let input = response.is_success().then(|| Input {
        input_command: data.input_command,
        confirmed_flag,
        function_key: None,
        text_input: None,
        digit_input,
    });
    let output_result = request.display_output.as_ref().map(|output| OutputResult {
        device: output.device,
        info_qualify: output.info_qualify,
        response: Response::success(),
    });
    let (device, info_qualify) = (Device::CustomerInput, InfoQualify::Input);
    let input_result = InputResult {
        device,
        info_qualify,
        response,
        input,
    };
    Some(Body::InputResponse(InputResponse {
        output_result,
        input_result,
    }))
}

pub(super) fn pin_result(request: &Message) -> Option<Body> {
    let Body::PinRequest(asked) = &request.body else {
        return None;
    };
    let cardholder_pin = match asked.pin_request_type {
        PinRequestType::PinEnter => Some(CardholderPin {
            encr_pin_block: pin_block(&request.header)?,
            pin_format: asked.pin_format.unwrap_or(PinFormat::Iso0),
            additional_input: None,
        }),
        PinRequestType::PinVerify | PinRequestType::PinVerifyOnly => None,
    };
    Some(Body::PinResponse(PinResponse {
        response: Response::success(),
        cardholder_pin,
    }))
}

/// Eight bytes that look like an encrypted PIN block; there is no PIN in them.
fn pin_block(header: &Header) -> Option<EncryptedPinBlock> {
    let seed = header
        .service_id
        .as_ref()
        .map(ServiceId::as_str)
        .unwrap_or_default();
    let digest = Sha256::digest(seed);
    let block: String = digest
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let json = serde_json::json!({
        "ContentType": "Id-envelopedData",
        "EnvelopedData": {
            "Version": "V0",
            "EncryptedContent": {
                "ContentType": "Id-data",
                "ContentEncryptionAlgorithm": { "Algorithm": "Des-ede3-cbc" },
                "EncryptedData": block,
            },
        },
    });
    EncryptedPinBlock::from_json(&json.to_string()).ok()
}
