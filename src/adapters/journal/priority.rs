//! Threads that nobody waits for give way to the one that acknowledges, and to the store's own.

use rustix::process::setpriority_process;

/// Linux's `nice`: a tenth of what another busy thread gets, so that it never stands still.
const NICE: i32 = 10;

/// For the calling thread, and for those it starts: on Linux each thread has its own.
pub(super) fn behind_all_others() {
    if let Err(cause) = setpriority_process(None, NICE) {
        tracing::debug!(%cause, "the journal's store keeps its priority");
    }
}
