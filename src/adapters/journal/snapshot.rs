//! A clean end leaves sled a snapshot, so that the next start is quick.
//!
//! sled looks through its log at each opening, from its last snapshot on, and makes a snapshot only
//! then: after a long run the next start would look through all that the run wrote. So it is done
//! behind the end, when nobody waits for the store. Cut off in the middle it costs nothing: what is
//! durable stays, and a torn snapshot is put aside at the next opening.

use std::path::Path;

use super::{directory::Directory, failed::OpenFailed, store::Store};

/// Opens the store of a journal that was closed, and lets go of it. Blocks for as long as sled
/// looks through its log: some seconds for a million payments.
///
/// Errors: as opening the journal; one that was not closed cleanly is left alone, without an error.
pub fn leave_snapshot(dir: &Path) -> Result<(), OpenFailed> {
    let dir = Directory::take(dir, false)?;
    if dir.marker()?.is_some_and(|marker| marker.clean) {
        drop(Store::open(&dir)?);
    }
    Ok(())
}
