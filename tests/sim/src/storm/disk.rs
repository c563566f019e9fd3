//! The journal's disk in a storm: slow now and then, and after a crash without what was not synced,
//! or with a part of it.

use std::time::Duration;

use store_actors::{
    domain::{
        certificate::SignedCertificate,
        ids::{CounterId, PaymentId, RefundId},
        offline::OfflineTotal,
        payment::Payment,
        record::{Fact, Record, Tip},
    },
    journal::memory::MemoryDisk,
    ports::{BooksDisk, JournalDisk, JournalFailed, Parked, PaymentFilter, Reply},
};

use super::{dice::Dice, fate::Fate, office::Office};

pub struct StormDisk {
    pub memory: MemoryDisk,
    pub fate: Fate,
    pub dice: Dice,
    /// Whose word a receipt is: it is checked against what is committed there.
    pub office: Office,
}

impl StormDisk {
    fn delay(&self) -> Duration {
        match self.dice.below(100) {
            0..8 if !self.fate.is_calm() => self.dice.ms(200, 3_000),
            _ => Duration::from_micros(self.dice.between(200, 9_000)),
        }
    }

    /// What a read gives, unless the store is dead.
    fn read<'a, T: Send + 'a>(&'a self, read: Reply<'a, T>) -> Reply<'a, T> {
        Box::pin(async move {
            if self.fate.is_over() {
                std::future::pending::<()>().await;
            }
            read.await
        })
    }
}

impl BooksDisk for StormDisk {}

impl JournalDisk for StormDisk {
    fn tip(&self) -> Tip {
        self.memory.tip()
    }

    fn append(&self, group: Vec<Fact>) -> Reply<'static, Result<Tip, JournalFailed>> {
        let len = group.len();
        if !self.fate.effect(|| format!("disk: writes {len} records")) {
            return Box::pin(std::future::pending());
        }
        self.memory.set_delay(self.delay());
        let (writing, fate) = (self.memory.append(group), self.fate.clone());
        Box::pin(async move {
            let written = writing.await;
            let through = written.as_ref().map_or(0, |tip| tip.seq);
            fate.lives(|| format!("disk: has synced through {through}"))
                .await;
            written
        })
    }

    fn records(
        &self,
        from_seq: u64,
        max_records: usize,
        max_bytes: usize,
    ) -> Reply<'_, Result<Vec<Record>, JournalFailed>> {
        self.read(self.memory.records(from_seq, max_records, max_bytes))
    }

    fn payment(&self, id: PaymentId) -> Reply<'_, Result<Option<Payment>, JournalFailed>> {
        self.read(self.memory.payment(id))
    }

    fn payment_of_refund(&self, id: RefundId) -> Reply<'_, Result<Option<Payment>, JournalFailed>> {
        self.read(self.memory.payment_of_refund(id))
    }

    fn payment_of_key(&self, key: &str) -> Reply<'_, Result<Option<Payment>, JournalFailed>> {
        self.read(self.memory.payment_of_key(key))
    }

    fn find(&self, filter: PaymentFilter) -> Reply<'_, Result<Vec<Payment>, JournalFailed>> {
        self.read(self.memory.find(filter))
    }

    fn unsettled(&self) -> Reply<'_, Result<Vec<Payment>, JournalFailed>> {
        self.read(self.memory.unsettled())
    }

    fn last_number(&self, counter: &CounterId) -> Reply<'_, Result<u64, JournalFailed>> {
        self.read(self.memory.last_number(counter))
    }

    fn last_closed(&self) -> Reply<'_, Result<Option<SignedCertificate>, JournalFailed>> {
        self.read(self.memory.last_closed())
    }

    fn offline_total(&self) -> Reply<'_, Result<Option<OfflineTotal>, JournalFailed>> {
        self.read(self.memory.offline_total())
    }

    fn parked(&self) -> Reply<'_, Result<Parked, JournalFailed>> {
        self.read(self.memory.parked())
    }

    fn set_receipted(&self, through: u64) -> Reply<'_, Result<(), JournalFailed>> {
        if !self
            .fate
            .effect(|| format!("disk: receipted through {through}"))
        {
            return Box::pin(std::future::pending());
        }
        let committed = self.office.committed_through();
        if through > committed {
            self.fate.annals().broken(format!(
                "OUT-1: receipted through {through}, committed through {committed}"
            ));
        }
        self.memory.set_receipted(through)
    }

    fn receipted(&self) -> u64 {
        self.memory.receipted()
    }
}
