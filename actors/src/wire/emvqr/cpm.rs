//! Consumer-presented codes (EMVCo CPM v1.1): base64 of BER-TLV that begins with `85 05 "CPV01"`.
//!
//! A code is a card number in disguise and buys something for about a minute: `Debug` shows no
//! value of it, and what was decoded is wiped (SEC-1).

use std::fmt;

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use zeroize::Zeroizing;

use crate::wire::emv::{
    Aid, Pan, PanError, Tlv, TlvError, Track2,
    tag::{self, Tag},
    tlv::{self, find, find_bytes},
};

/// Bytes that a reader must be able to take (CPM v1.1, 4.2).
const MAX_BYTES: usize = 512;
/// Application templates in one code at most (CPM v1.1, table 4.1).
const MAX_APPLICATIONS: usize = 2;
const FORMAT: &[u8] = b"CPV01";
/// Wallets differ in whether they write the padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Why a text is not a consumer-presented code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CpmError {
    #[error("a code holds at most {MAX_BYTES} bytes")]
    TooLong,
    #[error("the text is not base64")]
    NotBase64,
    #[error("the content is not BER-TLV")]
    NotTlv(#[from] TlvError),
    #[error("the payload format indicator is not first")]
    FormatNotFirst,
    #[error("the payload format is not CPV01")]
    UnknownFormat,
    #[error("there is no application template")]
    NoApplication,
    #[error("there are more than two application templates")]
    TooManyApplications,
    #[error("an application template has no valid application identifier")]
    BadAid,
    #[error("the card number cannot be used")]
    BadPan(#[from] PanError),
}

/// A code as its objects; nothing is lost or reordered.
#[derive(Clone, PartialEq, Eq)]
pub struct ConsumerCode {
    objects: Vec<Tlv>,
}

/// One application that can pay (template 61).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Application<'a> {
    pub aid: Aid,
    objects: &'a [Tlv],
}

impl Application<'_> {
    /// The value of a data object of this application.
    pub fn value(&self, tag: Tag) -> Option<&[u8]> {
        find_bytes(self.objects, tag)
    }

    /// Track 2 equivalent data, if the application carries it.
    ///
    /// # Errors
    /// [`CpmError::BadPan`] when it is there and wrong.
    pub fn track2(&self) -> Result<Option<Track2>, CpmError> {
        Ok(self
            .value(tag::TRACK2)
            .map(Track2::from_compressed)
            .transpose()?)
    }

    /// The card number, from 5A or track 2.
    ///
    /// # Errors
    /// [`CpmError::BadPan`] when it is there and wrong.
    pub fn pan(&self) -> Result<Option<Pan>, CpmError> {
        match self.value(tag::PAN) {
            Some(pan) => Ok(Some(Pan::from_compressed(pan)?)),
            None => Ok(self.track2()?.map(|track2| track2.pan().clone())),
        }
    }
}

impl ConsumerCode {
    /// Puts a code together from the objects that follow the payload format indicator.
    ///
    /// # Errors
    /// The same as [`parse`](Self::parse).
    pub fn new(templates: Vec<Tlv>) -> Result<Self, CpmError> {
        let mut objects = vec![Tlv::primitive(tag::PAYLOAD_FORMAT, FORMAT)];
        objects.extend(templates);
        Self::checked(objects)
    }

    /// Reads the text of a scanned code.
    ///
    /// # Errors
    /// [`CpmError`] says what the text lacks.
    pub fn parse(text: &str) -> Result<Self, CpmError> {
        if text.len() > MAX_BYTES.div_ceil(3) * 4 {
            return Err(CpmError::TooLong);
        }
        let bytes = BASE64
            .decode(text)
            .map(Zeroizing::new)
            .map_err(|_| CpmError::NotBase64)?;
        Self::checked(tlv::parse(&bytes)?)
    }

    fn checked(objects: Vec<Tlv>) -> Result<Self, CpmError> {
        match objects.first() {
            Some(first) if first.tag == tag::PAYLOAD_FORMAT => {
                if first.bytes() != Some(FORMAT) {
                    return Err(CpmError::UnknownFormat);
                }
            }
            _ => return Err(CpmError::FormatNotFirst),
        }
        let code = Self { objects };
        if tlv::encode(&code.objects).len() > MAX_BYTES {
            return Err(CpmError::TooLong);
        }
        match code.templates().count() {
            0 => return Err(CpmError::NoApplication),
            1..=MAX_APPLICATIONS => {}
            _ => return Err(CpmError::TooManyApplications),
        }
        if code.applications().count() != code.templates().count() {
            return Err(CpmError::BadAid);
        }
        Ok(code)
    }

    fn templates(&self) -> impl Iterator<Item = &Tlv> {
        self.objects
            .iter()
            .filter(|object| object.tag == tag::APPLICATION_TEMPLATE)
    }

    /// The applications, the customer's preferred first.
    pub fn applications(&self) -> impl Iterator<Item = Application<'_>> {
        self.templates().filter_map(|template| {
            let objects = template.children();
            Some(Application {
                aid: Aid::new(find_bytes(objects, tag::ADF_NAME)?)?,
                objects,
            })
        })
    }

    /// Data that all applications share (template 62).
    pub fn common(&self) -> Option<&Tlv> {
        find(&self.objects, tag::COMMON_DATA_TEMPLATE)
    }

    /// All objects, the payload format indicator first.
    pub fn objects(&self) -> &[Tlv] {
        &self.objects
    }

    /// The text that the code shows, base64 with padding.
    pub fn encode(&self) -> Zeroizing<String> {
        Zeroizing::new(BASE64.encode(Zeroizing::new(tlv::encode(&self.objects)).as_slice()))
    }
}

impl fmt::Debug for ConsumerCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let aids = self.applications().map(|application| application.aid);
        f.debug_struct("ConsumerCode")
            .field("aids", &aids.collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
