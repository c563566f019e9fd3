//! The messages that a terminal sends: each kind of transaction is one row, and a builder puts the
//! fields together.
//!
//! Source: the key table of 中国银联 POS 终端消息域说明 and the fields of each message. What the
//! sources do not confirm is a parameter of the station, so that an acquirer's own word can be
//! configured: the operator's field, the reader's capability and the codes of network management.

use super::{
    encode::{EncodeError, Message},
    field::Field,
    keys::KeyScheme,
    mti::Mti,
};

/// A kind of financial transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    Purchase,
    /// Of the same day and batch, in full.
    PurchaseVoid,
    Refund,
    PreAuthorisation,
    PreAuthorisationCancel,
    Completion,
    CompletionVoid,
    /// A chip card's sale that was approved offline, told afterwards.
    OfflineAdvice,
}

struct Row {
    mti: Mti,
    processing: u64,
    condition: u64,
    /// 60.1
    transaction: u32,
}

impl Kind {
    pub const ALL: [Kind; 8] = [
        Kind::Purchase,
        Kind::PurchaseVoid,
        Kind::Refund,
        Kind::PreAuthorisation,
        Kind::PreAuthorisationCancel,
        Kind::Completion,
        Kind::CompletionVoid,
        Kind::OfflineAdvice,
    ];

    const fn row(self) -> Row {
        let (mti, processing, condition, transaction) = match self {
            Kind::Purchase => (Mti::FINANCIAL, 0, 0, 22),
            Kind::PurchaseVoid => (Mti::FINANCIAL, 200_000, 0, 23),
            Kind::Refund => (Mti::ADVICE, 200_000, 0, 25),
            Kind::PreAuthorisation => (Mti::AUTHORISATION, 30_000, 6, 10),
            Kind::PreAuthorisationCancel => (Mti::AUTHORISATION, 200_000, 6, 11),
            Kind::Completion => (Mti::FINANCIAL, 0, 6, 20),
            Kind::CompletionVoid => (Mti::FINANCIAL, 200_000, 6, 21),
            Kind::OfflineAdvice => (Mti::ADVICE, 0, 0, 36),
        };
        Row {
            mti,
            processing,
            condition,
            transaction,
        }
    }

    /// Whether a request without an answer is undone by a reversal; an advice is repeated instead.
    pub const fn is_reversible(self) -> bool {
        !matches!(self, Kind::Refund | Kind::OfflineAdvice)
    }
}

/// The terminal, as the acquirer knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Station {
    /// Eight characters.
    pub terminal: String,
    /// Fifteen characters.
    pub merchant: String,
    /// Field 63 of network management.
    pub operator: String,
    /// 60.4: what the reader can read (6: chip and contactless).
    pub reader: u8,
    /// 60.3 of an echo.
    pub echo: u32,
}

/// The numbers under which a terminal sends a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trace {
    /// 1 to 999999, once in a batch.
    pub stan: u32,
    /// 0 to 999999.
    pub batch: u32,
}

/// Minor units and the currency's numeric code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Amount {
    pub minor: u64,
    pub currency: u16,
}

/// How the card was read: the first two digits of field 22.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    Manual = 1,
    Stripe = 2,
    Chip = 5,
    Contactless = 7,
}

/// A card's data for a message. Shown by nothing: it has no `Debug`.
#[derive(Clone, Copy)]
pub struct Card<'a> {
    pub entry: Entry,
    pub pan: &'a str,
    /// YYMM.
    pub expiry: Option<&'a str>,
    pub sequence: Option<u8>,
    /// `D` as separator.
    pub track2: Option<&'a str>,
    /// BER-TLV for field 55.
    pub chip: Option<&'a [u8]>,
    /// Whether the customer entered a PIN: the last digit of field 22.
    pub with_pin: bool,
    /// As the terminal encrypted it.
    pub pin_block: Option<&'a [u8]>,
}

/// The transaction that another one is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Original<'a> {
    pub trace: Trace,
    /// MMDD, the host's.
    pub date: Option<&'a str>,
    /// Field 37.
    pub reference: Option<&'a str>,
    /// Field 38.
    pub authorisation: Option<&'a str>,
}

impl Station {
    /// A financial message, to be sealed.
    ///
    /// # Errors
    /// A value that its field can't hold.
    pub fn financial(
        &self,
        kind: Kind,
        trace: Trace,
        amount: Amount,
        card: &Card<'_>,
        original: Option<&Original<'_>>,
    ) -> Result<Message, EncodeError> {
        let row = kind.row();
        let message = self.begun(row.mti, trace)?;
        let message = transaction(message, &row, amount)?;
        let mut message = self.of_card(message, &row, trace, card)?;
        if let Some(track2) = card.track2 {
            message = message.digits(Field::Track2, track2)?;
        }
        if let Some(block) = card.pin_block {
            // 12 digits of a PIN at most; a block of ANSI X9.8 with the card number, three times
            // DES
            message = message
                .number(Field::PinCapture, 12)?
                .bytes(Field::PinBlock, block)?;
            message = message.digits(Field::Security, "2600000000000000")?;
        }
        original.map_or(Ok(message.clone()), |original| about(message, original))
    }

    /// The reversal of a request whose answer did not come, under the same trace number each time.
    /// `reason` is field 39: 98 no answer in time, 96 the answer made no sense, A0 its MAC was
    /// wrong. It carries neither track nor PIN: those may not be kept.
    ///
    /// # Errors
    /// A value that its field can't hold.
    pub fn reversal(
        &self,
        kind: Kind,
        amount: Amount,
        card: &Card<'_>,
        original: &Original<'_>,
        reason: &str,
    ) -> Result<Message, EncodeError> {
        let row = kind.row();
        let message = self.begun(Mti::REVERSAL, original.trace)?;
        let message = transaction(message, &row, amount)?;
        let message = self.of_card(message, &row, original.trace, card)?;
        let no_reference = Original {
            reference: None,
            ..*original
        };
        about(message, &no_reference)?.text(Field::ResponseCode, reason)
    }

    /// Asks for working keys. Not sealed.
    ///
    /// # Errors
    /// A value that its field can't hold.
    pub fn sign_in(&self, trace: Trace, keys: KeyScheme) -> Result<Message, EncodeError> {
        self.network(Mti::NETWORK, trace, keys.code())
    }

    /// Asks whether anybody is there. Not sealed.
    ///
    /// # Errors
    /// A value that its field can't hold.
    pub fn echo(&self, trace: Trace) -> Result<Message, EncodeError> {
        self.network(Mti::NETWORK, trace, self.echo)
    }

    /// Says good-bye. Not sealed.
    ///
    /// # Errors
    /// A value that its field can't hold.
    pub fn sign_off(&self, trace: Trace) -> Result<Message, EncodeError> {
        self.network(Mti::SIGN_OFF, trace, 2)
    }

    pub(super) fn network(
        &self,
        mti: Mti,
        trace: Trace,
        management: u32,
    ) -> Result<Message, EncodeError> {
        self.of_batch(mti, trace, management)?
            .text(Field::Private63, &self.operator)
    }

    pub(super) fn of_batch(
        &self,
        mti: Mti,
        trace: Trace,
        management: u32,
    ) -> Result<Message, EncodeError> {
        let batch = format!("00{:06}{management:03}", trace.batch);
        self.begun(mti, trace)?.digits(Field::Batch, &batch)
    }

    fn begun(&self, mti: Mti, trace: Trace) -> Result<Message, EncodeError> {
        Message::new(mti)
            .number(Field::Stan, trace.stan.into())?
            .text(Field::Terminal, &self.terminal)?
            .text(Field::Merchant, &self.merchant)
    }

    /// What of a card may be kept, and how it was read.
    fn of_card(
        &self,
        message: Message,
        row: &Row,
        trace: Trace,
        card: &Card<'_>,
    ) -> Result<Message, EncodeError> {
        let pin = if card.with_pin { 1 } else { 2 };
        let entry = format!("{:02}{pin}", card.entry as u8);
        let batch = format!(
            "{:02}{:06}000{}0",
            row.transaction,
            trace.batch,
            self.reader % 10
        );
        let mut message = message
            .digits(Field::Pan, card.pan)?
            .digits(Field::EntryMode, &entry)?
            .digits(Field::Batch, &batch)?;
        if let Some(expiry) = card.expiry {
            message = message.digits(Field::Expiry, expiry)?;
        }
        if let Some(sequence) = card.sequence {
            message = message.number(Field::CardSequence, sequence.into())?;
        }
        match card.chip {
            Some(chip) => message.bytes(Field::Chip, chip),
            None => Ok(message),
        }
    }
}

fn transaction(message: Message, row: &Row, amount: Amount) -> Result<Message, EncodeError> {
    message
        .number(Field::ProcessingCode, row.processing)?
        .number(Field::Amount, amount.minor)?
        .number(Field::ConditionCode, row.condition)?
        .text(Field::Currency, &format!("{:03}", amount.currency))
}

fn about(message: Message, original: &Original<'_>) -> Result<Message, EncodeError> {
    let Trace { stan, batch } = original.trace;
    let date = original.date.unwrap_or("0000");
    let mut message = message.digits(Field::Original, &format!("{batch:06}{stan:06}{date}"))?;
    if let Some(reference) = original.reference {
        message = message.text(Field::Reference, reference)?;
    }
    if let Some(authorisation) = original.authorisation {
        message = message.text(Field::Authorisation, authorisation)?;
    }
    Ok(message)
}
