//! What the head office lets the store accept offline: written down when it is news, and in force
//! from then on, also while the head office can't be reached.
//!
//! The message is retained at the broker and comes with every connection; the journal's last word
//! tells whether it says anything new. Who lends out the total reads it from the journal.

use actix::prelude::*;
use tokio::time::timeout;

use super::actor::Outbox;
use crate::{
    domain::{offline::OfflineTotal, record::Body},
    ports::ASK_TIMEOUT,
};

impl Outbox {
    pub(super) fn set_offline_total(&mut self, total: OfflineTotal, ctx: &mut Context<Self>) {
        let disk = self.deps.disk.clone();
        let read = async move { timeout(ASK_TIMEOUT, disk.offline_total()).await };
        ctx.spawn(read.into_actor(self).map(move |read, outbox, ctx| match read {
            Ok(Ok(known)) if known == Some(total) => {}
            Ok(Ok(_)) => outbox.write_down(Body::OfflineTotalSet { total }, ctx, move |_, _| {
                tracing::info!(sum = %total.sum, count = total.count, "the head office has set the offline budget");
            }),
            _ => drop(ctx.run_later(ASK_TIMEOUT, move |outbox, ctx| {
                outbox.set_offline_total(total, ctx);
            })),
        }));
    }
}
