//! Ports in memory, for tests: a clock that follows tokio's, chance from a seed, an acquirer that
//! does as it is told.

mod batches;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use sha2::{Digest, Sha256};
use tokio::time::Instant;
use zeroize::Zeroizing;

use crate::{
    domain::{
        ids::{AcquirerId, PaymentId, RefundId},
        link::LinkRules,
        money::{Currency, Money},
        offline::CardToken,
        payment::{
            AcquirerClock, Answer, Answered, NoAnswer, Operation, Verdict, answer::RefundVerdict,
        },
        sticker::Claim,
        tender::{Scheme, Tender},
        timestamp::Timestamp,
    },
    journal::{Journal, JournalDeps, memory::MemoryDisk},
    ports::{Acquirer, AcquirerProfile, CardVault, Charge, Entropy, Reply, VaultFailed, WallClock},
    signal::Signals,
    supervisor::{ChildSpec, Handle, Supervision},
    wire::emv::CardRead,
};
pub use batches::BatchingAcquirer;

/// Wall-clock time that moves with tokio's clock: pausing the one pauses the other.
#[derive(Debug)]
pub struct TestClock {
    began: Instant,
}

impl Default for TestClock {
    fn default() -> Self {
        Self {
            began: Instant::now(),
        }
    }
}

impl WallClock for TestClock {
    fn now(&self) -> Timestamp {
        let elapsed_ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        Timestamp::from_unix_ms(1_800_000_000_000).plus_ms(elapsed_ms)
    }
}

/// A supervised journal on this disk.
pub fn journal_on(
    disk: &MemoryDisk,
    supervision: &Supervision,
    clock: &Arc<dyn WallClock>,
    signals: &Signals,
) -> Handle<Journal> {
    let deps = JournalDeps {
        disk: Arc::new(disk.clone()),
        clock: Arc::clone(clock),
        signals: signals.clone(),
    };
    supervision.child(ChildSpec::new("journal"), move || {
        Journal::new(deps.clone())
    })
}

/// The same bytes for the same seed (xorshift64*).
#[derive(Debug)]
pub struct SeededEntropy(Mutex<u64>);

impl SeededEntropy {
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(seed | 1))
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, out: &mut [u8]) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for byte in out {
            *state ^= *state >> 12;
            *state ^= *state << 25;
            *state ^= *state >> 27;
            *byte = state.wrapping_mul(0x2545_F491_4F6C_DD1D).to_be_bytes()[0];
        }
    }
}

/// A vault that keeps cards in memory and seals nothing. Clones are the same.
#[derive(Clone, Default)]
pub struct MemoryVault(Arc<Mutex<BTreeMap<PaymentId, Zeroizing<Vec<u8>>>>>);

impl MemoryVault {
    fn cards(&self) -> MutexGuard<'_, BTreeMap<PaymentId, Zeroizing<Vec<u8>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CardVault for MemoryVault {
    fn token(&self, card: &CardRead) -> CardToken {
        let digest = Sha256::digest(card.pan.expose());
        let mut token = [0; 16];
        token
            .iter_mut()
            .zip(digest)
            .for_each(|(to, from)| *to = from);
        CardToken(token)
    }

    fn keep(&self, payment: PaymentId, card: &CardRead) -> Reply<'_, Result<(), VaultFailed>> {
        self.cards().insert(payment, card.to_kept());
        Box::pin(async { Ok(()) })
    }

    fn read(&self, payment: PaymentId) -> Reply<'_, Result<Option<CardRead>, VaultFailed>> {
        let kept = self
            .cards()
            .get(&payment)
            .map(|bytes| CardRead::from_kept(bytes));
        let read = kept.transpose().map_err(|_| VaultFailed::Unreadable);
        Box::pin(async { read })
    }

    fn destroy(&self, payment: PaymentId) -> Reply<'_, Result<(), VaultFailed>> {
        self.cards().remove(&payment);
        Box::pin(async { Ok(()) })
    }

    fn kept(&self) -> Reply<'_, Result<Vec<PaymentId>, VaultFailed>> {
        let kept = self.cards().keys().copied().collect();
        Box::pin(async { Ok(kept) })
    }
}

/// What the acquirer does at its next question of one kind.
#[derive(Clone, Debug)]
pub enum Told {
    Say(Verdict),
    /// So late.
    SayAfter(Duration, Verdict),
    Fail(NoAnswer),
    Refund(RefundVerdict),
    /// Never answers.
    Hang,
}

#[derive(Debug, Default)]
struct Script {
    told: Vec<(Operation, VecDeque<Told>)>,
    heard: Vec<(Operation, PaymentId)>,
}

/// An acquirer without a network. What it was not told about is approved.
pub struct ScriptedAcquirer {
    profile: AcquirerProfile,
    script: Mutex<Script>,
    is_cut_off: AtomicBool,
    probe_takes: Mutex<Duration>,
    /// Called at each charge, before it is answered.
    pub at_charge: Box<dyn Fn(&Charge) + Send + Sync>,
}

impl Default for ScriptedAcquirer {
    fn default() -> Self {
        let profile = AcquirerProfile {
            id: "scripted"
                .parse()
                .unwrap_or_else(|_| unreachable!("a plain name")),
            name: "Scripted".into(),
            tenders: Tender::CONCRETE.to_vec(),
            schemes: vec![
                Scheme::Alipay,
                Scheme::WechatPay,
                Scheme::UnionPay,
                Scheme::Visa,
            ],
            currencies: vec![Currency::Cny],
            pre_authorises: true,
            limits: Vec::new(),
            clock: AcquirerClock::USUAL,
            probe_interval: Duration::from_secs(5),
            link: LinkRules::USUAL,
        };
        Self {
            profile,
            script: Mutex::default(),
            is_cut_off: AtomicBool::new(false),
            probe_takes: Mutex::default(),
            at_charge: Box::new(|_| {}),
        }
    }
}

impl ScriptedAcquirer {
    /// As the default, under another name.
    pub fn named(id: AcquirerId) -> Self {
        let mut acquirer = Self::default();
        acquirer.profile.id = id;
        acquirer
    }

    /// From now on one payment of this tender may be so large at most.
    pub fn limit(&mut self, tender: Tender, most: Money) {
        self.profile.limits.push((tender, most));
    }

    pub fn tell(&self, operation: Operation, told: Told) {
        let mut script = self.script();
        match script
            .told
            .iter_mut()
            .find(|(known, _)| *known == operation)
        {
            Some((_, queue)) => queue.push_back(told),
            None => script.told.push((operation, VecDeque::from([told]))),
        }
    }

    /// Every question so far, in order.
    pub fn heard(&self) -> Vec<(Operation, PaymentId)> {
        self.script().heard.clone()
    }

    pub fn heard_times(&self, operation: Operation) -> usize {
        self.script()
            .heard
            .iter()
            .filter(|(heard, _)| *heard == operation)
            .count()
    }

    /// The way to it is cut, or free again: probes and charges don't leave the house.
    pub fn cut_off(&self, is_cut_off: bool) {
        self.is_cut_off.store(is_cut_off, Ordering::SeqCst);
    }

    /// From now on a probe takes so long.
    pub fn slow_down(&self, by: Duration) {
        *self
            .probe_takes
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = by;
    }

    fn way_out(&self) -> Result<(), NoAnswer> {
        match self.is_cut_off.load(Ordering::SeqCst) {
            true => Err(NoAnswer::NotSent("no route to host".into())),
            false => Ok(()),
        }
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self, operation: Operation, order: PaymentId) -> Option<Told> {
        let mut script = self.script();
        script.heard.push((operation, order));
        let (_, queue) = script
            .told
            .iter_mut()
            .find(|(known, _)| *known == operation)?;
        queue.pop_front()
    }

    async fn answer(&self, operation: Operation, order: PaymentId, otherwise: Verdict) -> Answer {
        match self.next(operation, order) {
            None | Some(Told::Refund(_)) => Ok(Answered {
                order,
                verdict: otherwise,
            }),
            Some(Told::Say(verdict)) => Ok(Answered { order, verdict }),
            Some(Told::SayAfter(pause, verdict)) => {
                tokio::time::sleep(pause).await;
                Ok(Answered { order, verdict })
            }
            Some(Told::Fail(no_answer)) => Err(no_answer),
            Some(Told::Hang) => hang().await,
        }
    }
}

async fn hang<T>() -> T {
    loop {
        tokio::time::sleep(Duration::from_secs(3_600)).await;
    }
}

pub fn approved(money: Money) -> Verdict {
    Verdict::Approved {
        acquirer_ref: "A1".into(),
        money,
        signature: false,
    }
}

impl Acquirer for ScriptedAcquirer {
    fn profile(&self) -> &AcquirerProfile {
        &self.profile
    }

    fn charge(&self, charge: Charge) -> Reply<'_, Answer> {
        (self.at_charge)(&charge);
        Box::pin(async move {
            self.way_out()?;
            self.answer(Operation::Charge, charge.order, approved(charge.money))
                .await
        })
    }

    fn query(&self, order: PaymentId) -> Reply<'_, Answer> {
        Box::pin(self.answer(Operation::Query, order, Verdict::NotFound))
    }

    fn look_up(&self, payment: PaymentId, _: Claim) -> Reply<'_, Answer> {
        self.query(payment)
    }

    fn reverse(&self, order: PaymentId) -> Reply<'_, Answer> {
        Box::pin(self.answer(Operation::Reverse, order, Verdict::Reversed))
    }

    fn refund(
        &self,
        order: PaymentId,
        _: RefundId,
        money: Money,
    ) -> Reply<'_, Result<RefundVerdict, NoAnswer>> {
        Box::pin(async move {
            match self.next(Operation::Refund, order) {
                Some(Told::Refund(verdict)) => Ok(verdict),
                Some(Told::Fail(no_answer)) => Err(no_answer),
                Some(Told::Hang) => hang().await,
                None | Some(Told::Say(_) | Told::SayAfter(..)) => Ok(RefundVerdict::Refunded {
                    acquirer_ref: "R1".into(),
                    money,
                }),
            }
        })
    }

    fn probe(&self) -> Reply<'_, Result<(), NoAnswer>> {
        let takes = *self
            .probe_takes
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        Box::pin(async move {
            tokio::time::sleep(takes).await;
            self.way_out()
        })
    }
}

/// Waits until `check` gives something, for at most five minutes of tokio's time.
pub async fn until<T>(what: &str, mut check: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(300);
    loop {
        if let Some(found) = check() {
            return found;
        }
        assert!(Instant::now() < deadline, "never happened: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
