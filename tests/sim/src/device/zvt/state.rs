//! What can be seen of the terminal, and what can be made to go wrong with it.

/// What becomes of the next transaction with a card, reversal or end of day, once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Nothing is said after the acknowledgement.
    Silence {
        money_moved: bool,
    },
    /// The result is said, the completion is not.
    NoCompletion,
    /// Result and completion come twice.
    Twice,
    Declined(u8),
    /// It is paid, and the customer is to sign for it.
    Signed,
    /// The result's frame is broken once (serial lines).
    WrongCrc,
    /// The command's own frame is said to be broken, once (serial lines).
    Nak,
}

/// One booking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Booking {
    pub receipt: u16,
    pub trace: u32,
    pub minor: u64,
    /// Money back to the customer.
    pub is_refund: bool,
    pub is_reversed: bool,
    /// HHMMSS and MMDD of the terminal's clock.
    pub at: (u64, u64),
}

/// What can be seen of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ZvtState {
    pub bookings: Vec<Booking>,
    /// The amount for which a card is asked.
    pub asking: Option<u64>,
    pub registrations: u32,
    /// How often the last receipt was asked for.
    pub repeats: u32,
    pub ends_of_day: u32,
    /// Bookings in days that have ended.
    pub settled: usize,
    /// How often a reversal was asked for.
    pub reversals: u32,
    /// Link-level acknowledgements that said "broken".
    pub naks: u32,
    pub text: Vec<String>,
}

impl ZvtState {
    /// Money that the store holds, in minor units.
    pub fn net(&self) -> i128 {
        self.net_from(0)
    }

    /// Of the bookings from this one on.
    pub fn net_from(&self, first: usize) -> i128 {
        let later = self.bookings.iter().skip(first);
        let held = later.filter(|booking| !booking.is_reversed);
        held.map(|booking| match booking.is_refund {
            true => -i128::from(booking.minor),
            false => i128::from(booking.minor),
        })
        .sum()
    }
}
