//! nexo Retailer messages of the device class, in JSON, as between a sale system (this controller)
//! and a terminal.
//!
//! The terminal is used as screen, keypad, PIN pad, printer and buzzer; what is to be paid and
//! whether it was paid is decided elsewhere. So the payment, loyalty and reconciliation messages of
//! the standard are deliberately not here, nor the message encryption of the cloud variants, nor
//! framing ([`super::frame::Framing::NEXO_JSON`]).
//!
//! Input is read leniently where others' terminals add things (unknown fields, unknown error
//! conditions and events) and strictly where money depends on it (`Result`, the header, the body
//! that the header announces). Errors never quote what was received: it may be a card number or a
//! code (SEC-1). Standard: nexo Sale to POI Protocol 3.0; the shapes are those of Adyen's Terminal
//! API models.

mod header;
mod input;
mod output;
mod pin;
mod private;
mod requests;
mod signature;
mod status;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use header::{Header, InvalidServiceId, PROTOCOL_VERSION, ServiceId, ServiceIds};
pub use input::{Input, InputCommand, InputData, InputRequest, InputResponse, InputResult};
pub use output::{
    BarcodeType, Device, DisplayOutput, DisplayRequest, DisplayResponse, DocumentQualifier,
    InfoQualify, OutputBarcode, OutputContent, OutputFormat, OutputResult, OutputText,
    PredefinedContent, PrintOutput, PrintRequest, PrintResponse, ResponseMode, SoundAction,
    SoundContent, SoundFormat, SoundRequest, SoundResponse,
};
pub use pin::{
    CardholderPin, EncryptedPinBlock, PinFormat, PinRequest, PinRequestType, PinResponse,
};
pub use private::Private;
pub use requests::{GET_AMOUNT, GET_CONFIRMATION, GET_SIGNATURE};
pub use signature::{CapturedSignature, Point, SignatureUnread};
pub use status::{
    AbortRequest, DiagnosisRequest, DiagnosisResponse, ErrorCondition, EventNotification,
    EventToNotify, GlobalStatus, HostStatus, MessageReference, PoiStatus, PrinterStatus, Response,
    ResultType,
};

use header::WireHeader;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

/// One message: who speaks of what to whom, and what.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    pub header: Header,
    pub body: Body,
}

/// The messages that are spoken here. An abort has no answer of its own: the aborted request is
/// answered with [`ErrorCondition::Aborted`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub enum Body {
    DisplayRequest(DisplayRequest),
    DisplayResponse(DisplayResponse),
    InputRequest(Box<InputRequest>),
    InputResponse(InputResponse),
    #[serde(rename = "PINRequest")]
    PinRequest(PinRequest),
    #[serde(rename = "PINResponse")]
    PinResponse(PinResponse),
    PrintRequest(PrintRequest),
    PrintResponse(PrintResponse),
    SoundRequest(SoundRequest),
    SoundResponse(SoundResponse),
    AbortRequest(Box<AbortRequest>),
    DiagnosisRequest(DiagnosisRequest),
    DiagnosisResponse(DiagnosisResponse),
    EventNotification(Box<EventNotification>),
}

/// The class of a message in its header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Device,
    Service,
    Event,
}

/// Why bytes are no message that is understood here, or a message cannot be sent.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum NexoError {
    /// Not a nexo message at all: another protocol, or noise. There is nobody to answer.
    #[error("not a nexo message in JSON ({bytes_len} bytes)")]
    NotNexo { bytes_len: usize },
    /// A message of the standard, or of a maker, that is not spoken here.
    #[error("message category {category} ({message_type}) is not spoken here")]
    UnknownCategory {
        header: Box<Header>,
        category: String,
        message_type: String,
    },
    /// The named part is missing, or is not what the standard says.
    #[error("{part} is missing or malformed (column {column})")]
    Malformed {
        header: Option<Box<Header>>,
        part: &'static str,
        column: usize,
    },
    /// A value that exists only for reading was to be written.
    #[error("the message holds a value that cannot be written")]
    Unwritable,
}

impl NexoError {
    /// The header of the message, if it could be read: it says which request failed.
    pub fn header(&self) -> Option<&Header> {
        match self {
            Self::UnknownCategory { header, .. } => Some(header),
            Self::Malformed { header, .. } => header.as_deref(),
            Self::NotNexo { .. } | Self::Unwritable => None,
        }
    }
}

type Parts<'a> = BTreeMap<String, &'a RawValue>;

impl Message {
    /// A message with the header of the one it answers.
    pub fn answer(&self, body: Body) -> Self {
        Self {
            header: self.header.clone(),
            body,
        }
    }

    /// Reads one frame's content.
    pub fn decode(bytes: &[u8]) -> Result<Self, NexoError> {
        let not_nexo = || NexoError::NotNexo {
            bytes_len: bytes.len(),
        };
        let outer: Parts<'_> = serde_json::from_slice(bytes).map_err(|_| not_nexo())?;
        let request = outer.get("SaleToPOIRequest");
        let inner = request
            .or_else(|| outer.get("SaleToPOIResponse"))
            .ok_or_else(not_nexo)?;
        let parts: Parts<'_> = serde_json::from_str(inner.get()).map_err(|_| not_nexo())?;
        let wire: WireHeader = part(&parts, "MessageHeader", None)?;
        let (header, message_type, category) = wire.split();
        let body = Body::decode(&message_type, &category, &parts, &header)?;
        // an answer may come in a request's envelope and the reverse only by a fault
        if request.is_some() == body.is_response() {
            let header = Some(Box::new(header));
            return Err(NexoError::Malformed {
                header,
                part: "MessageType",
                column: 0,
            });
        }
        Ok(Self { header, body })
    }

    /// Writes the content of one frame.
    pub fn encode(&self) -> Result<Vec<u8>, NexoError> {
        #[derive(Serialize)]
        struct Inner<'a> {
            #[serde(rename = "MessageHeader")]
            header: WireHeader,
            #[serde(flatten)]
            body: &'a Body,
        }
        #[derive(Serialize)]
        enum Outer<'a> {
            #[serde(rename = "SaleToPOIRequest")]
            Request(Inner<'a>),
            #[serde(rename = "SaleToPOIResponse")]
            Response(Inner<'a>),
        }
        let inner = Inner {
            header: WireHeader::new(&self.header, &self.body),
            body: &self.body,
        };
        let outer = match self.body.is_response() {
            true => Outer::Response(inner),
            false => Outer::Request(inner),
        };
        serde_json::to_vec(&outer).map_err(|_| NexoError::Unwritable)
    }
}

impl Body {
    fn decode(
        message_type: &str,
        category: &str,
        parts: &Parts<'_>,
        header: &Header,
    ) -> Result<Self, NexoError> {
        fn get<T: DeserializeOwned>(
            parts: &Parts<'_>,
            name: &'static str,
            header: &Header,
        ) -> Result<T, NexoError> {
            part(parts, name, Some(header))
        }
        let (p, h) = (parts, header);
        Ok(match (message_type, category) {
            ("Request", "Display") => Self::DisplayRequest(get(p, "DisplayRequest", h)?),
            ("Response", "Display") => Self::DisplayResponse(get(p, "DisplayResponse", h)?),
            ("Request", "Input") => Self::InputRequest(get(p, "InputRequest", h)?),
            ("Response", "Input") => Self::InputResponse(get(p, "InputResponse", h)?),
            ("Request", "PIN") => Self::PinRequest(get(p, "PINRequest", h)?),
            ("Response", "PIN") => Self::PinResponse(get(p, "PINResponse", h)?),
            ("Request", "Print") => Self::PrintRequest(get(p, "PrintRequest", h)?),
            ("Response", "Print") => Self::PrintResponse(get(p, "PrintResponse", h)?),
            ("Request", "Sound") => Self::SoundRequest(get(p, "SoundRequest", h)?),
            ("Response", "Sound") => Self::SoundResponse(get(p, "SoundResponse", h)?),
            ("Request", "Abort") => Self::AbortRequest(get(p, "AbortRequest", h)?),
            ("Request", "Diagnosis") => Self::DiagnosisRequest(get(p, "DiagnosisRequest", h)?),
            ("Response", "Diagnosis") => Self::DiagnosisResponse(get(p, "DiagnosisResponse", h)?),
            ("Notification", "Event") => Self::EventNotification(get(p, "EventNotification", h)?),
            _ => {
                return Err(NexoError::UnknownCategory {
                    header: Box::new(header.clone()),
                    category: header::shown(category),
                    message_type: header::shown(message_type),
                });
            }
        })
    }

    /// Whether this answers a request.
    pub fn is_response(&self) -> bool {
        self.kind().2 == "Response"
    }

    /// The category as the header names it, such as `Display`.
    pub fn category(&self) -> &'static str {
        self.kind().1
    }

    /// Class, category and type of the header.
    fn kind(&self) -> (Class, &'static str, &'static str) {
        match self {
            Self::DisplayRequest(_) => (Class::Device, "Display", "Request"),
            Self::DisplayResponse(_) => (Class::Device, "Display", "Response"),
            Self::InputRequest(_) => (Class::Device, "Input", "Request"),
            Self::InputResponse(_) => (Class::Device, "Input", "Response"),
            Self::PinRequest(_) => (Class::Device, "PIN", "Request"),
            Self::PinResponse(_) => (Class::Device, "PIN", "Response"),
            Self::PrintRequest(_) => (Class::Device, "Print", "Request"),
            Self::PrintResponse(_) => (Class::Device, "Print", "Response"),
            Self::SoundRequest(_) => (Class::Device, "Sound", "Request"),
            Self::SoundResponse(_) => (Class::Device, "Sound", "Response"),
            Self::AbortRequest(_) => (Class::Service, "Abort", "Request"),
            Self::DiagnosisRequest(_) => (Class::Service, "Diagnosis", "Request"),
            Self::DiagnosisResponse(_) => (Class::Service, "Diagnosis", "Response"),
            Self::EventNotification(_) => (Class::Event, "Event", "Notification"),
        }
    }
}

fn part<T: DeserializeOwned>(
    parts: &Parts<'_>,
    name: &'static str,
    header: Option<&Header>,
) -> Result<T, NexoError> {
    let malformed = |column| {
        let header = header.map(|header| Box::new(header.clone()));
        NexoError::Malformed {
            header,
            part: name,
            column,
        }
    };
    let raw = parts.get(name).ok_or_else(|| malformed(0))?;
    // the cause is dropped on purpose: serde quotes the value it did not like
    serde_json::from_str(raw.get()).map_err(|error| malformed(error.column()))
}
