//! The journal read by a command while no controller runs. It appends nothing and leaves the marker
//! as it is; a store that lags behind the guard log is brought up, as by any opening.

use std::{fmt, path::Path};

use store_actors::{
    domain::{
        ids::PaymentId,
        payment::Payment,
        record::{Record, Tip},
    },
    ports::{JournalFailed, PaymentFilter},
};

use super::{OpenFailed, Total, copy, open, shared::Shared};

const PAGE_RECORDS: usize = 256;
const PAGE_BYTES: usize = 1024 * 1024;

/// An existing journal, open for reading. All its methods block.
pub struct Reader {
    shared: Shared,
    was_clean: bool,
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reader({})", self.shared.dir.root().display())
    }
}

impl Reader {
    /// Errors: `InUse` while the controller runs (the store can be open once only), `Absent` if
    /// nothing is there.
    pub fn open(dir: &Path) -> Result<Self, OpenFailed> {
        let opened = open::open(dir, None)?;
        copy::drop(&opened.shared.dir)?;
        Ok(Self {
            shared: opened.shared,
            was_clean: opened.recovery.was_clean,
        })
    }

    /// Whether the last run ended in order.
    pub fn was_clean(&self) -> bool {
        self.was_clean
    }

    pub fn tip(&self) -> Tip {
        self.shared.progress().durable
    }

    pub fn receipted(&self) -> u64 {
        self.shared.progress().receipted
    }

    /// Every record from `from_seq` on. Ends after the first that can't be read.
    pub fn records(
        &self,
        from_seq: u64,
    ) -> impl Iterator<Item = Result<Record, JournalFailed>> + '_ {
        let mut next_seq = Some(from_seq.max(1));
        let pages = std::iter::from_fn(move || {
            let page = self.shared.records(next_seq?, PAGE_RECORDS, PAGE_BYTES);
            next_seq = match &page {
                Ok(records) => Some(records.last()?.seq + 1),
                Err(_) => None,
            };
            Some(page)
        });
        pages.flat_map(|page| match page {
            Ok(records) => records.into_iter().map(Ok).collect(),
            Err(failed) => vec![Err(failed)],
        })
    }

    pub fn payment(&self, id: PaymentId) -> Result<Option<Payment>, JournalFailed> {
        self.shared.payment(id)
    }

    pub fn find(&self, filter: &PaymentFilter) -> Result<Vec<Payment>, JournalFailed> {
        self.shared.find(filter)
    }

    pub fn unsettled(&self) -> Result<Vec<Payment>, JournalFailed> {
        self.shared.unsettled()
    }

    /// As `Journal::totals`.
    pub fn totals(&self, day: &str) -> Result<Vec<Total>, JournalFailed> {
        self.shared.totals(day)
    }
}
