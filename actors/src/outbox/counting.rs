//! Looking through the journal for unsent money, beside all that the outbox does.

use std::time::Duration;

use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};
use tokio::time::timeout;

use super::{Outbox, State};
use crate::ports::ASK_TIMEOUT;

/// Records of one look for money, and their bytes: about a millisecond's work.
const COUNTED_RECORDS: usize = 256;
const COUNTED_BYTES: usize = 256 * 1024;
const COUNTING_PAUSE: Duration = Duration::from_millis(2);

/// While the backlog goes out: what is receipted by then need not be looked at.
const DRAINING_PAUSE: Duration = Duration::from_millis(20);

impl Outbox {
    /// Looks at records that were not looked at, a few at a time: after a start behind a long
    /// backlog that takes as long as it must, and nobody waits for it.
    pub(super) fn count_money(&mut self, ctx: &mut Context<Self>) {
        self.unsent.receipted(self.machine.receipted());
        if self.counting {
            return;
        }
        if self.unsent.next() > self.deps.disk.tip().seq {
            self.counted = true;
            return;
        }
        self.counting = true;
        let (disk, from) = (self.deps.disk.clone(), self.unsent.next());
        let read = async move {
            tokio::task::yield_now().await;
            timeout(
                ASK_TIMEOUT,
                disk.records(from, COUNTED_RECORDS, COUNTED_BYTES),
            )
            .await
        };
        ctx.spawn(read.into_actor(self).map(|read, outbox, ctx| {
            outbox.counting = false;
            let Ok(Ok(records)) = read else { return };
            outbox.unsent.count(&records);
            if !records.is_empty() {
                let pause = match outbox.machine.state() {
                    State::Draining => DRAINING_PAUSE,
                    _ => COUNTING_PAUSE,
                };
                ctx.run_later(pause, Self::count_money);
            }
        }));
    }
}
