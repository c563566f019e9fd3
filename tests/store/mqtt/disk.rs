//! A journal as the outbox sees it: a list of records. Reading is cheap, so that what is measured
//! is the uplink.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use store_actors::{
    domain::{
        certificate::SignedCertificate,
        ids::{CounterId, PaymentId, RefundId},
        offline::OfflineTotal,
        payment::Payment,
        record::{Body, Fact, Record, Tip},
    },
    ports::{BooksDisk, JournalDisk, JournalFailed, Parked, PaymentFilter, Reply},
};

#[derive(Debug, Default)]
pub struct ListDisk {
    records: Mutex<Vec<Record>>,
    receipted: AtomicU64,
}

impl ListDisk {
    pub fn new(records: Vec<Record>) -> Self {
        Self {
            records: Mutex::new(records),
            receipted: AtomicU64::new(0),
        }
    }

    fn with<T>(&self, use_them: impl FnOnce(&mut Vec<Record>) -> T) -> T {
        use_them(&mut self.records.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn done<'a, T: Send + 'a>(value: T) -> Reply<'a, Result<T, JournalFailed>> {
    Box::pin(async move { Ok(value) })
}

impl BooksDisk for ListDisk {}

impl JournalDisk for ListDisk {
    fn tip(&self) -> Tip {
        self.with(|records| {
            records.last().map_or(Tip::default(), |last| Tip {
                seq: last.seq,
                hash: last.hash(),
            })
        })
    }

    fn append(&self, group: Vec<Fact>) -> Reply<'static, Result<Tip, JournalFailed>> {
        let mut tip = self.tip();
        let chained = group.into_iter().map(|fact| tip.chain(fact));
        self.with(|records| records.extend(chained));
        done(tip)
    }

    fn records(
        &self,
        from_seq: u64,
        max_records: usize,
        max_bytes: usize,
    ) -> Reply<'_, Result<Vec<Record>, JournalFailed>> {
        let skipped = usize::try_from(from_seq.saturating_sub(1)).unwrap_or(usize::MAX);
        let mut bytes = 0;
        done(self.with(|records| {
            let fits = |record: &&Record| {
                bytes += record.body.len();
                bytes == record.body.len() || bytes <= max_bytes
            };
            records
                .iter()
                .skip(skipped)
                .take(max_records)
                .take_while(fits)
                .cloned()
                .collect()
        }))
    }

    fn last_number(&self, _: &CounterId) -> Reply<'_, Result<u64, JournalFailed>> {
        done(0)
    }

    fn last_closed(&self) -> Reply<'_, Result<Option<SignedCertificate>, JournalFailed>> {
        done(None)
    }

    fn offline_total(&self) -> Reply<'_, Result<Option<OfflineTotal>, JournalFailed>> {
        let last = |record: &Record| match record.decode_body() {
            Ok(Body::OfflineTotalSet { total }) => Some(total),
            _ => None,
        };
        done(self.with(|records| records.iter().rev().find_map(last)))
    }

    fn parked(&self) -> Reply<'_, Result<Parked, JournalFailed>> {
        done(self.with(|records| {
            let mut parked = Parked::new();
            for record in records {
                match record.decode_body() {
                    Ok(Body::Parked { record, why }) => drop(parked.insert(record, why)),
                    Ok(Body::Unparked { record }) => drop(parked.remove(&record)),
                    _ => {}
                }
            }
            parked
        }))
    }

    fn set_receipted(&self, through: u64) -> Reply<'_, Result<(), JournalFailed>> {
        self.receipted.fetch_max(through, Ordering::SeqCst);
        done(())
    }

    fn receipted(&self) -> u64 {
        self.receipted.load(Ordering::SeqCst)
    }

    fn payment(&self, _: PaymentId) -> Reply<'_, Result<Option<Payment>, JournalFailed>> {
        done(None)
    }

    fn payment_of_refund(&self, _: RefundId) -> Reply<'_, Result<Option<Payment>, JournalFailed>> {
        done(None)
    }

    fn payment_of_key(&self, _: &str) -> Reply<'_, Result<Option<Payment>, JournalFailed>> {
        done(None)
    }

    fn find(&self, _: PaymentFilter) -> Reply<'_, Result<Vec<Payment>, JournalFailed>> {
        done(Vec::new())
    }

    fn unsettled(&self) -> Reply<'_, Result<Vec<Payment>, JournalFailed>> {
        done(Vec::new())
    }
}
