//! How a request ended, how the terminal is, what happened at it, and the order to stop.

use serde::{Deserialize, Serialize};

use super::{DisplayOutput, Private, ServiceId};

/// The result of a request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Response {
    pub result: ResultType,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_condition: Option<ErrorCondition>,
    /// Free text of the terminal; for a signature, the drawing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub additional_response: Option<Private>,
}

impl Response {
    /// The request was carried out.
    pub fn success() -> Self {
        Self {
            result: ResultType::Success,
            error_condition: None,
            additional_response: None,
        }
    }

    /// The request was not carried out.
    pub fn failure(condition: ErrorCondition, additional: &str) -> Self {
        let additional = (!additional.is_empty()).then(|| additional.into());
        Self {
            result: ResultType::Failure,
            error_condition: Some(condition),
            additional_response: additional,
        }
    }

    /// Whether it was carried out wholly.
    pub fn is_success(&self) -> bool {
        self.result == ResultType::Success
    }
}

/// An unknown result is malformed, not lenient: nobody may guess whether a request succeeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ResultType {
    Success,
    Partial,
    Failure,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ErrorCondition {
    Aborted,
    Busy,
    Cancel,
    DeviceOut,
    InProgress,
    InsertedCard,
    InvalidCard,
    LoggedOut,
    MessageFormat,
    NotAllowed,
    NotFound,
    PaymentRestriction,
    Refusal,
    UnavailableDevice,
    UnavailableService,
    UnreachableHost,
    #[serde(rename = "WrongPIN")]
    WrongPin,
    /// A value of a later version or of a maker.
    #[serde(other, skip_serializing)]
    Other,
}

/// Stops the request that is named. It has no answer; the stopped request is answered with
/// `Aborted`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AbortRequest {
    pub message_reference: MessageReference,
    pub abort_reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_output: Option<DisplayOutput>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct MessageReference {
    #[serde(rename = "MessageCategory", skip_serializing_if = "Option::is_none")]
    pub message_category: Option<String>,
    #[serde(rename = "ServiceID", skip_serializing_if = "Option::is_none")]
    pub service_id: Option<ServiceId>,
    #[serde(rename = "DeviceID", skip_serializing_if = "Option::is_none")]
    pub device_id: Option<String>,
    #[serde(rename = "SaleID", skip_serializing_if = "Option::is_none")]
    pub sale_id: Option<String>,
    #[serde(rename = "POIID", skip_serializing_if = "Option::is_none")]
    pub poi_id: Option<String>,
}

/// Asks whether the terminal is alive; the heartbeat of a line.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DiagnosisRequest {
    /// The terminal is to ask its hosts too; slow, so never for a heartbeat.
    #[serde(rename = "HostDiagnosisFlag", skip_serializing_if = "Option::is_none")]
    pub host_diagnosis_flag: Option<bool>,
    #[serde(rename = "POIID", skip_serializing_if = "Option::is_none")]
    pub poi_id: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DiagnosisResponse {
    #[serde(rename = "Response")]
    pub response: Response,
    #[serde(
        rename = "LoggedSaleID",
        default,
        skip_serializing_if = "Vec::is_empty"
    )]
    pub logged_sale_id: Vec<String>,
    #[serde(rename = "POIStatus", skip_serializing_if = "Option::is_none")]
    pub poi_status: Option<PoiStatus>,
    #[serde(rename = "HostStatus", default, skip_serializing_if = "Vec::is_empty")]
    pub host_status: Vec<HostStatus>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PoiStatus {
    pub global_status: GlobalStatus,
    #[serde(rename = "SecurityOKFlag", skip_serializing_if = "Option::is_none")]
    pub security_ok_flag: Option<bool>,
    #[serde(rename = "PEDOKFlag", skip_serializing_if = "Option::is_none")]
    pub ped_ok_flag: Option<bool>,
    #[serde(rename = "CardReaderOKFlag", skip_serializing_if = "Option::is_none")]
    pub card_reader_ok_flag: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub printer_status: Option<PrinterStatus>,
    #[serde(
        rename = "CommunicationOKFlag",
        skip_serializing_if = "Option::is_none"
    )]
    pub communication_ok_flag: Option<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum GlobalStatus {
    #[serde(rename = "OK")]
    Ok,
    Busy,
    Maintenance,
    Unreachable,
    /// A value of a later version or of a maker.
    #[serde(other, skip_serializing)]
    Other,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum PrinterStatus {
    #[serde(rename = "OK")]
    Ok,
    PaperLow,
    NoPaper,
    PaperJam,
    OutOfOrder,
    /// A value of a later version or of a maker.
    #[serde(other, skip_serializing)]
    Other,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct HostStatus {
    #[serde(rename = "AcquirerID")]
    pub acquirer_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_reachable_flag: Option<bool>,
}

/// Something happened at the terminal, unasked. It has no answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct EventNotification {
    /// RFC 3339, by the terminal's clock: shown, never reckoned with.
    pub time_stamp: String,
    pub event_to_notify: EventToNotify,
    /// May hold what a terminal scanned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_details: Option<Private>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maintenance_required_flag: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_output: Option<DisplayOutput>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum EventToNotify {
    BeginMaintenance,
    EndMaintenance,
    Shutdown,
    Initialised,
    OutOfOrder,
    Completed,
    Abort,
    SaleWakeUp,
    SaleAdmin,
    CustomerLanguage,
    KeyPressed,
    SecurityAlarm,
    StopAssistance,
    CardInserted,
    CardRemoved,
    Reject,
    NetworkConnected,
    NetworkDisconnected,
    ScanBarcodeResult,
    /// A value of a later version or of a maker.
    #[serde(other, skip_serializing)]
    Other,
}
