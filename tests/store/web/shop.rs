//! A server in front of a store that answers as it is told, and a client that judges each answer by
//! the description.

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use actix::{Actor, Context, Handler};
use serde_json::{Value, json};
use store_actors::{
    counter::{CounterStatus, trial::Tried},
    domain::{
        ids::{CounterId, PaymentId, RefundId},
        money::{Currency, Money},
        payment::{
            AcquirerClock, Fingerprint, Opening, Origin, Part, Payment, State, machine::Times,
        },
        record::{Body, Fact},
        refund::{Refund, RefundState},
        signature::Signed,
        slip::Letterhead,
        tender::Tender,
        timestamp::Timestamp,
        unresolved::Unresolved,
    },
    journal::{Journal, JournalDeps, memory::MemoryDisk},
    language::Languages,
    office::{Office, OfficeDeps, OfficeSettings},
    ports::{JournalDisk as _, PaymentFilter},
    settlement::{Settling, SettlingDeps},
    signal::{Signal, Signals},
    store::requests::*,
    supervisor::{ChildSpec, Handle, Heartbeat, Supervision, Supervisor, SupervisorDeps},
    testing::{BatchingAcquirer, ScriptedAcquirer},
};
use store_controller::{
    adapters::clock::{OsEntropy, SystemClock},
    config::{Api, Config, fees},
    metrics::Metrics,
    office::Ledger,
    people::People,
    stickers::Stickers,
    web::{OfficeApi, OutboxApi, Parts, SettlingApi, Stopper, StoreApi, serve},
};

/// What the store knows, what it shall say next, and what it was asked.
#[derive(Default)]
pub struct Script {
    pub payments: BTreeMap<PaymentId, Payment>,
    pub counters: Vec<CounterStatus>,
    pub refuse: VecDeque<Refused>,
    pub filters: Vec<PaymentFilter>,
    pub tried: Vec<TryDevice>,
    pub scanned: Vec<String>,
}

pub type Told = Arc<Mutex<Script>>;

struct FakeStore(Told);

impl Actor for FakeStore {
    type Context = Context<Self>;
}

impl Handler<Heartbeat> for FakeStore {
    type Result = ();
    fn handle(&mut self, _: Heartbeat, _: &mut Self::Context) {}
}

macro_rules! answers {
    ($($message:ty => $answer:ty, |$script:ident, $asked:ident| $body:expr;)+) => { $(
        impl Handler<$message> for FakeStore {
            type Result = Result<$answer, Refused>;

            fn handle(&mut self, $asked: $message, _: &mut Self::Context) -> Self::Result {
                let mut script = self.0.lock().unwrap();
                if let Some(refused) = script.refuse.pop_front() {
                    return Err(refused);
                }
                let $script = &mut *script;
                $body
            }
        }
    )+ };
}

answers! {
    OpenPayment => Opened, |script, open| open_payment(script, open);
    GetPayment => Payment, |script, get| script.payments.get(&get.0).cloned().ok_or(Refused::NoSuchPayment);
    CancelPayment => Payment, |script, cancel| {
        let payment = script.payments.get_mut(&cancel.0).ok_or(Refused::NoSuchPayment)?;
        payment.state = State::Cancelled;
        Ok(payment.clone())
    };
    FindPayments => Vec<Payment>, |script, find| {
        script.filters.push(find.0.clone());
        let found = script.payments.values().rev().filter(|payment| find.0.admits(payment));
        Ok(found.take(find.0.page_len()).cloned().collect())
    };
    RefundPayment => RefundOpened, |script, refund| refund_payment(script, refund);
    CompletePayment => Opened, |script, complete| complete_payment(script, complete);
    SignPayment => Payment, |script, sign| {
        let payment = script.payments.get_mut(&sign.payment).ok_or(Refused::NoSuchPayment)?;
        if !payment.wants_signature() {
            return Err(Refused::NoSignatureWanted);
        }
        payment.signature = Some(Signed { at: now(), drawing: sign.drawing });
        Ok(payment.clone())
    };
    GetRefund => Payment, |script, get| {
        let holds = |payment: &&Payment| payment.refund(get.0).is_some();
        script.payments.values().find(holds).cloned().ok_or(Refused::NoSuchRefund)
    };
    GetUnknown => Vec<Unresolved>, |script, _unknown| {
        let times = Times { now: now(), acquirer: AcquirerClock::USUAL, collect_timeout_ms: 0 };
        let lines = script.payments.values().flat_map(|payment| Unresolved::of(payment, &times));
        Ok(lines.collect())
    };
    TryDevice => Tried, |script, ask| {
        script.tried.push(ask);
        Ok(Tried::Told)
    };
    Scan => PaymentId, |script, scan| {
        script.scanned.push(scan.text.expose().to_owned());
        script.payments.keys().next().copied().ok_or(Refused::NotCollecting)
    };
}

impl Handler<GetCounters> for FakeStore {
    type Result = actix::MessageResult<GetCounters>;
    fn handle(&mut self, _: GetCounters, _: &mut Self::Context) -> Self::Result {
        actix::MessageResult(self.0.lock().unwrap().counters.clone())
    }
}

fn open_payment(script: &mut Script, open: OpenPayment) -> Result<Opened, Refused> {
    let used = |payment: &&Payment| key_of(&payment.fingerprint) == key_of(&open.fingerprint);
    if let Some(payment) = script.payments.values().find(used).cloned() {
        let same = payment.fingerprint == open.fingerprint;
        return if same {
            Ok(Opened {
                payment,
                repeated: true,
            })
        } else {
            Err(Refused::KeyReused)
        };
    }
    let mut payment = payment(script.payments.len() as u64 + 1, |opening| {
        opening.counter = open.counter;
        opening.money = open.money;
        opening.tender = open.tender;
        opening.reference = open.reference;
        opening.fingerprint = open.fingerprint;
        opening.opened_by = open.by;
    });
    payment.part = open
        .pre_authorise
        .then_some(Part::PreAuthorisation { completion: None });
    script.payments.insert(payment.id, payment.clone());
    Ok(Opened {
        payment,
        repeated: false,
    })
}

fn complete_payment(script: &mut Script, complete: CompletePayment) -> Result<Opened, Refused> {
    let held = script.payments.get(&complete.payment);
    let held = held.ok_or(Refused::NoSuchPayment)?;
    held.check_completion(complete.money)?;
    let mut payment = payment(script.payments.len() as u64 + 1, |opening| {
        opening.money = complete.money;
        opening.tender = Tender::Card;
        opening.fingerprint = complete.fingerprint;
        opening.opened_by = complete.by;
    });
    payment.part = Some(Part::Completion {
        of: complete.payment,
    });
    script.payments.insert(payment.id, payment.clone());
    Ok(Opened {
        payment,
        repeated: false,
    })
}

fn refund_payment(script: &mut Script, refund: RefundPayment) -> Result<RefundOpened, Refused> {
    let payment = script
        .payments
        .get_mut(&refund.payment)
        .ok_or(Refused::NoSuchPayment)?;
    let used = |known: &&Refund| key_of(&known.fingerprint) == key_of(&refund.fingerprint);
    if let Some(known) = payment.refunds.iter().find(used) {
        let (id, same) = (known.id, known.fingerprint == refund.fingerprint);
        return match same {
            true => Ok(RefundOpened {
                payment: payment.clone(),
                refund: id,
                repeated: true,
            }),
            false => Err(Refused::KeyReused),
        };
    }
    payment.check_refund(refund.money)?;
    let id = RefundId::new(now(), [u8::try_from(payment.refunds.len()).unwrap(); 10]);
    payment.refunds.push(Refund {
        id,
        money: refund.money,
        state: RefundState::Submitted,
        requested_at: now(),
        changed_at: now(),
        reason: refund.reason,
        fingerprint: refund.fingerprint,
        by: refund.by_whom.by,
        approved_by: refund.by_whom.approved_by,
        acquirer_ref: None,
        refusal: None,
        last_word: None,
        attempts: 0,
        due: None,
    });
    Ok(RefundOpened {
        payment: payment.clone(),
        refund: id,
        repeated: false,
    })
}

fn key_of(fingerprint: &Option<Fingerprint>) -> &str {
    fingerprint
        .as_ref()
        .map_or("", |fingerprint| &fingerprint.key)
}

pub fn now() -> Timestamp {
    Timestamp::from_unix_ms(1_800_000_000_000)
}

pub fn yuan(amount: &str) -> Money {
    Money::parse(amount, Currency::Cny).unwrap()
}

/// The `number`th payment, opened in that order.
pub fn payment(number: u64, change: impl FnOnce(&mut Opening)) -> Payment {
    let mut opening = Opening {
        id: PaymentId::new(now().plus_ms(number), [7; 10]),
        counter: "01".parse::<CounterId>().unwrap(),
        money: yuan("12.50"),
        tender: Tender::Any,
        origin: Origin::Till,
        reference: None,
        fingerprint: None,
        number: 0,
        opened_by: None,
    };
    change(&mut opening);
    Payment::open(opening, now().plus_ms(number))
}

/// A real office over the journal in memory; acquirer `a` takes 0.6 %.
fn office(supervision: &Supervision, disk: &MemoryDisk, signals: Signals) -> OfficeApi {
    let disk = Arc::new(disk.clone());
    let journal_deps = JournalDeps {
        disk: disk.clone(),
        clock: Arc::new(SystemClock),
        signals,
    };
    let journal = supervision.child(ChildSpec::new("journal"), move || {
        Journal::new(journal_deps.clone())
    });
    let rates = "[[fee]]\nname = \"A\"\nacquirer = \"a\"\nrate_percent = \"0.6\"\nrounding = \"half_up\"\n\
                 rounded_per = \"transaction\"\nrefund = \"given_back\"\n";
    let table = fees::parse("fees.toml", rates, std::path::Path::new(""))
        .unwrap()
        .table;
    let fees = Arc::new(table);
    let deps = OfficeDeps {
        disk: disk.clone(),
        journal,
        clock: Arc::new(SystemClock),
        settings: OfficeSettings {
            offset_minutes: 0,
            counters: vec!["01".parse().unwrap()],
            fees: Arc::clone(&fees),
            owner: "manager".into(),
            cut_off_ms: 60_000,
        },
    };
    let office = supervision.child(ChildSpec::new("office"), move || Office::new(deps.clone()));
    OfficeApi::new(office, Arc::new(Ledger::new(disk, fees, 0)), Currency::Cny)
}

/// A real one over the journal in memory: acquirer `a` settles by itself, `b` as the test has it.
fn settling(
    supervision: &Supervision,
    disk: &MemoryDisk,
    signals: Signals,
    batching: Arc<BatchingAcquirer>,
) -> Handle<Settling> {
    let disk = Arc::new(disk.clone());
    let journal_deps = JournalDeps {
        disk: disk.clone(),
        clock: Arc::new(SystemClock),
        signals: signals.clone(),
    };
    let journal = supervision.child(ChildSpec::new("journal of batches"), move || {
        Journal::new(journal_deps.clone())
    });
    let deps = SettlingDeps {
        acquirers: vec![
            Arc::new(ScriptedAcquirer::named("a".parse().unwrap())),
            batching,
        ],
        disk,
        journal,
        signals,
        clock: Arc::new(SystemClock),
        offset_minutes: 0,
    };
    supervision.child(ChildSpec::new("settling"), move || {
        Settling::new(deps.clone())
    })
}

/// The running API and everything around it.
pub struct Shop {
    pub address: SocketAddr,
    pub told: Told,
    pub disk: MemoryDisk,
    /// Acquirer `b`.
    pub batching: Arc<BatchingAcquirer>,
    pub signals: Signals,
    pub stopper: Stopper,
    client: reqwest::Client,
    _supervision: Supervision,
}

/// An answer, already found to be as described.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// Status and last part of the problem's type.
    pub fn problem(&self) -> (u16, String) {
        assert_eq!(
            self.header("content-type"),
            "application/problem+json",
            "{self:?}"
        );
        let problem = self.json();
        assert_eq!(problem["status"], self.status);
        let chinese = problem["words"]["zh"].as_str().unwrap();
        let is_chinese = chinese
            .chars()
            .any(|c| ('\u{4e00}'..'\u{9fff}').contains(&c));
        assert!(is_chinese, "{problem}");
        let kind = problem["type"]
            .as_str()
            .unwrap()
            .strip_prefix("urn:store-controller:problem:");
        (self.status, kind.unwrap().to_owned())
    }
}

impl Shop {
    pub async fn open() -> Self {
        Self::open_with(|_| {}).await
    }

    pub async fn open_with(change: impl FnOnce(&mut Api)) -> Self {
        Self::open_for(None, change).await
    }

    /// With these people, or for everybody.
    pub async fn open_for(people: Option<Arc<People>>, change: impl FnOnce(&mut Api)) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default(); // another test was first
        let signals = Signals::default();
        let supervision = Supervisor::start(SupervisorDeps {
            signals: signals.clone(),
            clock: Arc::new(SystemClock),
            entropy: Arc::new(OsEntropy),
        });
        let told = Told::default();
        let script = Arc::clone(&told);
        let store = supervision.child(ChildSpec::new("store"), move || {
            FakeStore(Arc::clone(&script))
        });
        let disk = MemoryDisk::default();
        let mut api = Config::load(None).unwrap().api;
        api.listen.set_port(0);
        change(&mut api);
        let metrics = Arc::new(Metrics::new(signals.clone()).unwrap());
        let counting = Arc::clone(&metrics);
        actix_web::rt::spawn(async move { counting.run().await });
        let batching = Arc::new(BatchingAcquirer::named("b".parse().unwrap()));
        let settling = settling(&supervision, &disk, signals.clone(), Arc::clone(&batching));
        let parts = Parts {
            store: StoreApi::of(&store),
            outbox: OutboxApi::of(None),
            office: office(&supervision, &disk, signals.clone()),
            settling: SettlingApi::of(Some(&settling)),
            disk: Arc::new(disk.clone()),
            signals: signals.clone(),
            clock: Arc::new(SystemClock),
            metrics: Arc::new(move || metrics.page().map_err(|cause| cause.to_string())),
            totals: Arc::new(|_| Box::pin(async { Ok(Vec::new()) })),
            shop: store_controller::web::shop::Shop {
                currency: Currency::Cny,
                letterhead: Letterhead {
                    store: "Test store".into(),
                    languages: Languages::default(),
                    utc_offset_minutes: 480,
                },
                speech: true,
                collect_timeout_ms: std::iter::empty().collect(),
                qr_expiry_ms: std::iter::empty().collect(),
            },
            stickers: Arc::new(Stickers {
                store: "0001".parse().unwrap(),
                store_name: "Test store".into(),
                printable: Vec::new(),
            }),
            entropy: Arc::new(OsEntropy),
            people,
            tls: None,
        };
        let bound = serve(&api, parts).unwrap();
        actix_web::rt::spawn(bound.run);
        let client = reqwest::Client::builder()
            .timeout(Duration::from_secs(30))
            .build()
            .unwrap();
        let (address, stopper) = (bound.addresses[0], bound.stopper);
        Self {
            address,
            told,
            disk,
            batching,
            signals,
            stopper,
            client,
            _supervision: supervision,
        }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method.parse().unwrap(), self.url(path))
    }

    /// Sends a request and holds the answer against the description.
    pub async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let request = request.build().unwrap();
        let (method, path) = (
            request.method().to_string(),
            request.url().path().to_owned(),
        );
        let response = self.client.execute(request).await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let answer = Answer {
            status,
            headers,
            body: response.bytes().await.unwrap().to_vec(),
        };
        super::description::check(&method, &path, &answer);
        answer
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request("GET", path)).await
    }

    pub async fn post(&self, path: &str, key: &str, body: &Value) -> Answer {
        self.send(
            self.request("POST", path)
                .header("idempotency-key", key)
                .json(body),
        )
        .await
    }

    pub async fn pay(&self, key: &str, body: &Value) -> Answer {
        self.post("/v1/payments", key, body).await
    }

    pub fn refuse(&self, refused: Refused) {
        self.told.lock().unwrap().refuse.push_back(refused);
    }

    pub fn know(&self, payment: Payment) {
        self.told
            .lock()
            .unwrap()
            .payments
            .insert(payment.id, payment);
    }

    /// Puts bodies onto the disk, without a word to anybody.
    pub async fn write(&self, bodies: Vec<Body>) {
        for body in bodies {
            let fact = Fact::new(now(), &body).unwrap();
            self.disk.append(vec![fact]).await.unwrap();
        }
    }

    /// Puts payments onto the disk, without a word to anybody.
    pub async fn journal(&self, payments: &[Payment]) -> Vec<Signal> {
        let mut signals = Vec::new();
        for payment in payments {
            let body = Body::Payment {
                payment: Box::new(payment.clone()),
            };
            let fact = Fact::new(now(), &body).unwrap();
            let tip = self.disk.append(vec![fact]).await.unwrap();
            signals.push(Signal::PaymentMoved {
                seq: tip.seq,
                payment: Arc::new(payment.clone()),
            });
        }
        signals
    }
}

/// A request that is in order.
pub fn order() -> Value {
    json!({ "counter": "01", "amount": "12.50", "currency": "CNY", "tender": "any" })
}
