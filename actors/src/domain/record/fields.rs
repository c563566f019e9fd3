//! How a body is read: the fields that any kind of fact has, then the fact.
//!
//! serde reads an internally tagged enum twice, by way of a tree of its own in memory. Every record
//! is read behind its acknowledgement, at each start and at the head office, so it is read in one
//! go here.

use serde::{Deserialize, de};

use super::Body;
use crate::domain::{
    certificate::SignedCertificate, office::entry::Entry, offline::OfflineTotal, payment::Payment,
};

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Payment,
    Started,
    Stopped,
    Device,
    Parked,
    Unparked,
    DayClosed,
    OfflineTotalSet,
    Office,
}

#[derive(Deserialize)]
pub(super) struct Fields {
    kind: Kind,
    payment: Option<Box<Payment>>,
    version: Option<String>,
    clean: Option<bool>,
    device: Option<String>,
    event: Option<String>,
    record: Option<u64>,
    why: Option<String>,
    certificate: Option<Box<SignedCertificate>>,
    total: Option<OfflineTotal>,
    office: Option<Box<Entry>>,
}

fn need<T>(field: Option<T>, name: &'static str) -> Result<T, de::value::Error> {
    field.ok_or_else(|| de::Error::missing_field(name))
}

impl TryFrom<Fields> for Body {
    type Error = de::value::Error;

    fn try_from(fields: Fields) -> Result<Self, Self::Error> {
        Ok(match fields.kind {
            Kind::Payment => Body::Payment {
                payment: need(fields.payment, "payment")?,
            },
            Kind::Started => Body::Started {
                version: need(fields.version, "version")?,
                clean: need(fields.clean, "clean")?,
            },
            Kind::Stopped => Body::Stopped,
            Kind::Device => Body::Device {
                device: need(fields.device, "device")?,
                event: need(fields.event, "event")?,
            },
            Kind::Parked => Body::Parked {
                record: need(fields.record, "record")?,
                why: need(fields.why, "why")?,
            },
            Kind::Unparked => Body::Unparked {
                record: need(fields.record, "record")?,
            },
            Kind::DayClosed => Body::DayClosed {
                certificate: need(fields.certificate, "certificate")?,
            },
            Kind::OfflineTotalSet => Body::OfflineTotalSet {
                total: need(fields.total, "total")?,
            },
            Kind::Office => Body::Office {
                office: need(fields.office, "office")?,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_fact_lacks_is_named() {
        for (text, lacks) in [
            (r#"{"kind":"payment"}"#, "payment"),
            (r#"{"kind":"started","version":"1"}"#, "clean"),
            (r#"{"kind":"device","event":"back"}"#, "device"),
            (r#"{"kind":"parked","record":7}"#, "why"),
            (r#"{"kind":"unparked"}"#, "record"),
            (r#"{"kind":"day_closed"}"#, "certificate"),
            (r#"{"kind":"offline_total_set"}"#, "total"),
            (r#"{"kind":"office"}"#, "office"),
            (r#"{"version":"1"}"#, "kind"),
        ] {
            let refused = serde_json::from_str::<Body>(text).unwrap_err().to_string();
            assert!(
                refused.contains(&format!("missing field `{lacks}`")),
                "{text}: {refused}"
            );
        }
        let refused = serde_json::from_str::<Body>(r#"{"kind":"wish"}"#).unwrap_err();
        assert!(
            refused.to_string().contains("unknown variant `wish`"),
            "{refused}"
        );
    }

    #[test]
    fn what_is_written_is_read() {
        let parked = Body::Parked {
            record: 7,
            why: "too large".into(),
        };
        for body in [Body::Stopped, Body::Unparked { record: 7 }, parked] {
            let text = body.to_text().unwrap();
            assert_eq!(serde_json::from_str::<Body>(&text).unwrap(), body);
        }
    }
}
