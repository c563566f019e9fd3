//! What a terminal shows, prints and sounds: DisplayRequest, PrintRequest, SoundRequest and their
//! answers.

use serde::{Deserialize, Serialize};

use super::{Private, Response};

/// The logical device. A terminal has the customer's two; the cashier's belong to the sale system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Device {
    CustomerDisplay,
    CustomerInput,
    CashierDisplay,
    CashierInput,
}

/// What kind of information is shown or asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum InfoQualify {
    Display,
    Input,
    Status,
    Error,
    CustomerAssistance,
    Document,
    Receipt,
    Voucher,
    Sound,
    #[serde(rename = "POIReplication")]
    PoiReplication,
    /// A value of a later version or of a maker.
    #[serde(other, skip_serializing)]
    Other,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DisplayRequest {
    /// Shown together; each replaces what this logical device showed before.
    pub display_output: Vec<DisplayOutput>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DisplayOutput {
    pub device: Device,
    pub info_qualify: InfoQualify,
    pub output_content: OutputContent,
    /// Seconds that the terminal shows it at least.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minimum_display_time: Option<u32>,
    /// Absent means that an answer is required.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_required_flag: Option<bool>,
}

/// One of text, barcode or a message that the terminal knows; `output_format` says which.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct OutputContent {
    pub output_format: OutputFormat,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub predefined_content: Option<PredefinedContent>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub output_text: Vec<OutputText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_barcode: Option<OutputBarcode>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum OutputFormat {
    Text,
    BarCode,
    MessageRef,
    #[serde(rename = "XHTML")]
    Xhtml,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PredefinedContent {
    #[serde(rename = "ReferenceID")]
    pub reference_id: String,
    /// ISO 639-1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
}

/// One line of text, or a piece of it. Attributes of print (bold, alignment) are kept as the
/// standard's words.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct OutputText {
    #[serde(default)]
    pub text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alignment: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub character_style: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub character_height: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_of_line_flag: Option<bool>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct OutputBarcode {
    #[serde(default)]
    pub barcode_type: BarcodeType,
    pub barcode_value: Private,
}

/// The standard's default is EAN-13. Two spellings of the QR code are in use; the standard's is
/// written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum BarcodeType {
    #[default]
    #[serde(rename = "EAN13")]
    Ean13,
    #[serde(rename = "EAN8")]
    Ean8,
    #[serde(rename = "UPCA")]
    UpcA,
    Code25,
    Code128,
    #[serde(rename = "PDF417")]
    Pdf417,
    #[serde(rename = "QRCode", alias = "QRCODE")]
    QrCode,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DisplayResponse {
    /// One for each output of the request that required an answer.
    pub output_result: Vec<OutputResult>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct OutputResult {
    pub device: Device,
    pub info_qualify: InfoQualify,
    pub response: Response,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PrintRequest {
    pub print_output: PrintOutput,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PrintOutput {
    pub document_qualifier: DocumentQualifier,
    pub response_mode: ResponseMode,
    /// More of the same document follows: do not cut the paper.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub integrated_print_flag: Option<bool>,
    /// Leave room for a signature with a pen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub required_signature_flag: Option<bool>,
    pub output_content: OutputContent,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DocumentQualifier {
    CustomerReceipt,
    CashierReceipt,
    SaleReceipt,
    Document,
    Voucher,
    Journal,
}

/// When the terminal answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ResponseMode {
    NotRequired,
    Immediate,
    PrintEnd,
    SoundEnd,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PrintResponse {
    pub document_qualifier: DocumentQualifier,
    pub response: Response,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SoundRequest {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_mode: Option<ResponseMode>,
    pub sound_action: SoundAction,
    /// 0 to 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sound_volume: Option<u8>,
    pub sound_content: SoundContent,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SoundAction {
    StartSound,
    StopSound,
    SetDefaultVolume,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SoundContent {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sound_format: Option<SoundFormat>,
    /// A sound or message that the terminal knows.
    #[serde(rename = "ReferenceID", skip_serializing_if = "Option::is_none")]
    pub reference_id: Option<String>,
    /// ISO 639-1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Text to be spoken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SoundFormat {
    SoundRef,
    MessageRef,
    Text,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SoundResponse {
    pub response: Response,
}
