//! The message header: which request, of which sale system, to which terminal.

use serde::{Deserialize, Deserializer, Serialize};

use super::{Body, Class};

/// The version of the protocol that is spoken.
pub const PROTOCOL_VERSION: &str = "3.0";

const SERVICE_ID_MAX_LEN: usize = 10;

/// The parties and the message pair. Class, category and type follow from the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Identifies request and answer; absent from some terminals' notifications.
    pub service_id: Option<ServiceId>,
    /// A second identifier for exchanges within a service; echoed if given.
    pub device_id: Option<String>,
    /// The sale system: this controller's counter.
    pub sale_id: Option<String>,
    /// The terminal.
    pub poi_id: String,
}

impl Header {
    /// The header of a request from the sale system `sale_id` to the terminal `poi_id`.
    pub fn new(service_id: ServiceId, sale_id: &str, poi_id: &str) -> Self {
        let (sale_id, poi_id) = (Some(sale_id.to_owned()), poi_id.to_owned());
        Self {
            service_id: Some(service_id),
            device_id: None,
            sale_id,
            poi_id,
        }
    }
}

/// Identifies a request for its sale system for 48 hours: 1 to 10 letters and digits. A terminal
/// refuses a repeat.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct ServiceId(String);

/// Not 1 to 10 ASCII letters and digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a ServiceID has 1 to {SERVICE_ID_MAX_LEN} letters and digits")]
pub struct InvalidServiceId;

impl ServiceId {
    /// Takes an identifier that another made.
    pub fn new(text: &str) -> Result<Self, InvalidServiceId> {
        let right_length = (1..=SERVICE_ID_MAX_LEN).contains(&text.len());
        match right_length && text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            true => Ok(Self(text.to_owned())),
            false => Err(InvalidServiceId),
        }
    }

    /// The identifier as it is on the wire.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for ServiceId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ServiceId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::new(&text).map_err(serde::de::Error::custom)
    }
}

/// Makes service identifiers that do not come again, neither in this run nor after a restart: it
/// counts on from the time of the start, 256 to the millisecond, in base 36. Ten digits last until
/// the year 2422.
#[derive(Debug, Clone)]
pub struct ServiceIds {
    next: u64,
}

impl ServiceIds {
    const PER_MS: u64 = 256;
    const BASE: u64 = 36;

    /// Starts at a wall-clock time in milliseconds since 1970. Two makers for one sale system must
    /// start at different times.
    pub fn starting_at(unix_ms: u64) -> Self {
        Self {
            next: unix_ms.saturating_mul(Self::PER_MS),
        }
    }

    /// The next identifier.
    pub fn issue(&mut self) -> ServiceId {
        let mut rest = self.next;
        self.next = self.next.wrapping_add(1);
        let mut digits = [b'0'; SERVICE_ID_MAX_LEN];
        for digit in digits.iter_mut().rev() {
            let value = u8::try_from(rest % Self::BASE).unwrap_or(0);
            *digit = if value < 10 {
                b'0' + value
            } else {
                b'A' + value - 10
            };
            rest /= Self::BASE;
        }
        ServiceId(digits.iter().map(|digit| char::from(*digit)).collect())
    }
}

/// The header as it is on the wire.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct WireHeader {
    #[serde(skip_serializing_if = "Option::is_none")]
    protocol_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_class: Option<String>,
    message_category: String,
    message_type: String,
    #[serde(rename = "ServiceID", skip_serializing_if = "Option::is_none")]
    service_id: Option<ServiceId>,
    #[serde(rename = "DeviceID", skip_serializing_if = "Option::is_none")]
    device_id: Option<String>,
    #[serde(rename = "SaleID", skip_serializing_if = "Option::is_none")]
    sale_id: Option<String>,
    #[serde(rename = "POIID")]
    poi_id: String,
}

impl WireHeader {
    pub(super) fn new(header: &Header, body: &Body) -> Self {
        let (class, category, message_type) = body.kind();
        let class = match class {
            Class::Device => "Device",
            Class::Service => "Service",
            Class::Event => "Event",
        };
        Self {
            protocol_version: Some(PROTOCOL_VERSION.to_owned()),
            message_class: Some(class.to_owned()),
            message_category: category.to_owned(),
            message_type: message_type.to_owned(),
            service_id: header.service_id.clone(),
            device_id: header.device_id.clone(),
            sale_id: header.sale_id.clone(),
            poi_id: header.poi_id.clone(),
        }
    }

    /// The header, the message type and the category.
    pub(super) fn split(self) -> (Header, String, String) {
        let Self {
            service_id,
            device_id,
            sale_id,
            poi_id,
            message_type,
            message_category,
            ..
        } = self;
        (
            Header {
                service_id,
                device_id,
                sale_id,
                poi_id,
            },
            message_type,
            message_category,
        )
    }
}

/// A name from a terminal, made fit to be shown: letters only, at most 32.
pub(super) fn shown(name: &str) -> String {
    name.chars()
        .filter(char::is_ascii_alphabetic)
        .take(32)
        .collect()
}
