//! What a host's answer says: the response code, in three kinds.
//!
//! The codes are those of UnionPay's list for field 39. Only a code that says for certain that no
//! money moved is a refusal; one that nobody here knows settles nothing.

/// What a response code means for the transaction that it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Response {
    Approved,
    /// No money moved, and the host or the issuer says why.
    Declined(&'static str),
    /// The host can't tell, or not yet: nothing is settled.
    Unknown(&'static str),
    /// Our MAC was wrong at the host: new working keys are needed, and nothing is settled.
    SignInAgain,
}

/// Codes of a transaction that was made.
const APPROVED: [&str; 3] = ["00", "11", "16"];

/// To a reversal: it was undone (00), or there was nothing to undo.
const UNDONE: [&str; 3] = ["00", "12", "25"];

const DECLINED: [(&str, &str); 38] = [
    ("01", "ask the issuer"),
    ("03", "the merchant is not known"),
    ("04", "the card is to be kept"),
    ("05", "the issuer declined"),
    ("07", "the card is to be kept"),
    ("12", "the transaction is not valid"),
    ("13", "the amount is not valid"),
    ("14", "the card number is not valid"),
    ("15", "nobody issued this card"),
    ("21", "the card is not in use"),
    ("25", "the original transaction is not known"),
    ("30", "the message's format is wrong"),
    ("34", "suspected fraud"),
    ("38", "the PIN was tried too often"),
    ("40", "the host does not do this"),
    ("41", "the card was reported lost"),
    ("43", "the card was reported stolen"),
    ("45", "the chip must be read, not the stripe"),
    ("51", "not enough money"),
    ("54", "the card has expired"),
    ("55", "the PIN is wrong"),
    ("56", "the card is not known"),
    ("57", "the card holder may not do this"),
    ("58", "the terminal may not do this"),
    ("59", "suspected fraud"),
    ("61", "above the card's limit"),
    ("62", "the card is restricted"),
    ("63", "a rule of security was broken"),
    ("64", "the original amount is wrong"),
    ("65", "used too often"),
    ("67", "the card is to be kept"),
    ("75", "the PIN was tried too often"),
    ("77", "the terminal must sign in again"),
    ("79", "offline data must be sent first"),
    ("93", "the transaction is against the law"),
    ("97", "the terminal is not known"),
    ("99", "the PIN block is wrong"),
    ("42", "the account is not known"),
];

const UNKNOWN: [(&str, &str); 12] = [
    ("06", "an error at the issuer"),
    ("09", "being worked on"),
    ("22", "suspected malfunction"),
    ("68", "the issuer's answer came too late"),
    ("90", "the day is being closed"),
    ("91", "the issuer can't be reached"),
    ("92", "the way to the issuer is not known"),
    ("94", "a repeated transaction"),
    ("95", "the totals differ"),
    ("96", "the system has failed"),
    ("98", "the issuer did not answer"),
    ("10", "approved for a part of the amount"),
];

impl Response {
    /// What `code` says of a request that is not a reversal.
    pub fn of(code: &str) -> Self {
        let says = |list: &[(&str, &'static str)]| {
            list.iter()
                .find(|(known, _)| *known == code)
                .map(|(_, says)| *says)
        };
        if APPROVED.contains(&code) {
            return Self::Approved;
        }
        if code == "A0" {
            return Self::SignInAgain;
        }
        match (says(&DECLINED), says(&UNKNOWN)) {
            (Some(why), _) => Self::Declined(why),
            (None, Some(why)) => Self::Unknown(why),
            (None, None) => Self::Unknown("a code that is not on the list"),
        }
    }

    /// Whether `code` ends a reversal: the original holds no money and never will.
    pub fn is_undone(code: &str) -> bool {
        UNDONE.contains(&code)
    }
}
