//! PIN entry. The PIN block comes encrypted from the terminal's secure part and is only ever passed
//! through to the acquirer: it is not parsed, not kept, not printed, and wiped when dropped.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::{Private, Response};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PinRequest {
    #[serde(rename = "PINRequestType")]
    pub pin_request_type: PinRequestType,
    #[serde(rename = "PINVerifMethod", skip_serializing_if = "Option::is_none")]
    pub pin_verif_method: Option<String>,
    /// For ISO format 0 and 3, digits of the card number.
    #[serde(rename = "AdditionalInput", skip_serializing_if = "Option::is_none")]
    pub additional_input: Option<Private>,
    #[serde(rename = "PINEncAlgorithm", skip_serializing_if = "Option::is_none")]
    pub pin_enc_algorithm: Option<String>,
    #[serde(rename = "PINFormat", skip_serializing_if = "Option::is_none")]
    pub pin_format: Option<PinFormat>,
    #[serde(rename = "KeyReference", skip_serializing_if = "Option::is_none")]
    pub key_reference: Option<String>,
    /// Seconds.
    #[serde(rename = "MaxWaitingTime", skip_serializing_if = "Option::is_none")]
    pub max_waiting_time: Option<u32>,
    /// The PIN to verify, for [`PinRequestType::PinVerifyOnly`].
    #[serde(rename = "CardholderPIN", skip_serializing_if = "Option::is_none")]
    pub cardholder_pin: Option<CardholderPin>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum PinRequestType {
    /// Ask for the PIN and give it back encrypted.
    #[serde(rename = "PINEnter")]
    PinEnter,
    /// Ask for the PIN and verify it.
    #[serde(rename = "PINVerify")]
    PinVerify,
    /// Verify the PIN of the request.
    #[serde(rename = "PINVerifyOnly")]
    PinVerifyOnly,
}

/// ISO 9564-1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum PinFormat {
    #[serde(rename = "ISO0")]
    Iso0,
    #[serde(rename = "ISO1")]
    Iso1,
    #[serde(rename = "ISO2")]
    Iso2,
    #[serde(rename = "ISO3")]
    Iso3,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PinResponse {
    #[serde(rename = "Response")]
    pub response: Response,
    #[serde(rename = "CardholderPIN", skip_serializing_if = "Option::is_none")]
    pub cardholder_pin: Option<CardholderPin>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CardholderPin {
    #[serde(rename = "EncrPINBlock")]
    pub encr_pin_block: EncryptedPinBlock,
    #[serde(rename = "PINFormat")]
    pub pin_format: PinFormat,
    #[serde(rename = "AdditionalInput", skip_serializing_if = "Option::is_none")]
    pub additional_input: Option<Private>,
}

/// The `ContentInformation` of an encrypted PIN block, as the terminal wrote it.
#[derive(Clone, PartialEq, Eq)]
pub struct EncryptedPinBlock(Zeroizing<String>);

/// Not one JSON object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an encrypted PIN block is one JSON object")]
pub struct InvalidPinBlock;

impl EncryptedPinBlock {
    /// Takes the JSON text of a `ContentInformation`.
    pub fn from_json(json: &str) -> Result<Self, InvalidPinBlock> {
        let raw: &RawValue = serde_json::from_str(json).map_err(|_| InvalidPinBlock)?;
        match raw.get().starts_with('{') {
            true => Ok(Self(Zeroizing::new(raw.get().to_owned()))),
            false => Err(InvalidPinBlock),
        }
    }

    /// The JSON text, for the acquirer's request and nothing else.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for EncryptedPinBlock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EncryptedPinBlock(..)")
    }
}

impl Serialize for EncryptedPinBlock {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &RawValue = serde_json::from_str(&self.0).map_err(serde::ser::Error::custom)?;
        raw.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for EncryptedPinBlock {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text: Box<str> = Box::<RawValue>::deserialize(deserializer)?.into();
        match text.starts_with('{') {
            true => Ok(Self(Zeroizing::new(text.into()))),
            false => Err(serde::de::Error::custom(InvalidPinBlock)),
        }
    }
}
