//! Bugs planted on purpose, one of each class that has cost shops money, to prove that the storms
//! would find them. Only in builds with debug assertions and the feature `mutants`; no release has
//! either, and there `is_planted` is a constant `false`.

#[cfg(all(feature = "mutants", debug_assertions))]
use std::cell::Cell;

/// A class of bugs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutant {
    /// A write is acknowledged before it is on stable storage.
    AckBeforeFsync,
    /// A charge without an answer is sent again under a new order number.
    RetryWithNewId,
    /// The head office receipts what it has not committed (planted in the simulated one).
    ReceiptBeforeCommit,
    /// An answer that names another order settles the payment.
    AnswerToWrongPayment,
    /// After a restart a counter's numbers begin anew.
    SequenceReused,
    /// What one counter was lent of the offline budget is lent to another, too.
    LentTwice,
    /// A charge that may have left is tried at the second acquirer.
    SecondAfterSilence,
}

impl Mutant {
    pub const ALL: [Mutant; 7] = [
        Mutant::AckBeforeFsync,
        Mutant::RetryWithNewId,
        Mutant::ReceiptBeforeCommit,
        Mutant::AnswerToWrongPayment,
        Mutant::SequenceReused,
        Mutant::LentTwice,
        Mutant::SecondAfterSilence,
    ];
}

#[cfg(all(feature = "mutants", debug_assertions))]
thread_local! {
    static PLANTED: Cell<Option<Mutant>> = const { Cell::new(None) };
}

/// Plants a bug on this thread, and digs out the one before.
#[cfg(all(feature = "mutants", debug_assertions))]
pub fn plant(mutant: Option<Mutant>) {
    PLANTED.set(mutant);
}

#[cfg(all(feature = "mutants", debug_assertions))]
pub(crate) fn is_planted(mutant: Mutant) -> bool {
    PLANTED.get() == Some(mutant)
}

/// Nothing can be planted in this build.
#[cfg(not(all(feature = "mutants", debug_assertions)))]
pub const fn plant(_: Option<Mutant>) {}

#[cfg(not(all(feature = "mutants", debug_assertions)))]
pub(crate) const fn is_planted(_: Mutant) -> bool {
    false
}
