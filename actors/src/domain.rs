//! The domain: money, ids, customer codes, payments, refunds, records and the rules about them.
//!
//! Everything here is a pure function of its arguments: no actor, no clock, no I/O, no randomness.
//! What waits lives in actors, what touches the world lives in the shell's adapters.

pub mod card_list;
pub mod certificate;
pub mod code;
pub mod day;
pub mod double;
pub mod enabling;
mod hex;
pub mod ids;
pub mod invariant;
pub mod link;
pub mod money;
pub mod office;
pub mod offline;
pub mod payment;
pub mod people;
pub mod readiness;
pub mod record;
pub mod refund;
pub mod routing;
pub mod signature;
pub mod slip;
pub mod sticker;
pub mod tender;
pub mod timestamp;
pub mod unresolved;
