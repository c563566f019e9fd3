//! People in front of a book on disk, a clock that stands, and deeds that are kept in a list.

use std::sync::{
    Mutex,
    atomic::{AtomicI64, Ordering},
};

use store_actors::{
    domain::{
        ids::PaymentId,
        money::{Currency, Money},
        people::{Role, Scope, approval::Action, attempts::LOCK_MS},
        timestamp::Timestamp,
    },
    language::Language,
};

use super::*;
use crate::adapters::clock::OsEntropy;

#[derive(Default)]
struct Clock(AtomicI64);

impl WallClock for Clock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_ms(1_800_000_000_000 + self.0.load(Ordering::SeqCst))
    }
}

struct World {
    people: People,
    clock: Arc<Clock>,
    deeds: Arc<Mutex<Vec<Deed>>>,
    dir: tempfile::TempDir,
}

const RULES: SessionRules = SessionRules {
    idle_ms: 60_000,
    longest_ms: 3_600_000,
};

fn open(dir: &std::path::Path, clock: &Arc<Clock>, deeds: &Arc<Mutex<Vec<Deed>>>) -> People {
    let settings = PeopleSettings {
        dir: dir.to_owned(),
        rules: RULES,
    };
    let list = Arc::clone(deeds);
    let write: WriteDeed = Arc::new(move |deed| {
        list.lock().unwrap().push(deed);
        Box::pin(async { Ok(()) })
    });
    let clock = Arc::clone(clock) as Arc<dyn WallClock>;
    People::open(&settings, clock, Arc::new(OsEntropy), write).unwrap()
}

fn new(name: &str, role: Role, secret: &str) -> NewPerson {
    NewPerson {
        name: name.into(),
        role,
        language: Language::English,
        secret: secret.into(),
    }
}

impl World {
    /// With a manager M, a supervisor S and a cashier C.
    async fn set_up() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (clock, deeds) = (Arc::default(), Arc::default());
        let people = open(dir.path(), &clock, &deeds);
        let code = people.setup_code().await.unwrap().unwrap();
        let manager = new("M", Role::Manager, "correct horse");
        people.set_up(&code, manager.clone(), "here").await.unwrap();
        let again = people.set_up(&code, manager, "here").await;
        assert!(matches!(again, Err(PeopleRefused::WrongCode)), "used once");
        assert_eq!(people.setup_code().await.unwrap(), None);
        let by = || By::Person("M".into());
        for new in [
            new("S", Role::Supervisor, "493817"),
            new("C", Role::Cashier, "815274"),
        ] {
            people.add(by(), new, "here").await.unwrap();
        }
        Self {
            people,
            clock,
            deeds,
            dir,
        }
    }

    fn later(&self, ms: i64) {
        self.clock.0.fetch_add(ms, Ordering::SeqCst);
    }

    fn deeds(&self) -> Vec<(By, What)> {
        let deeds = self.deeds.lock().unwrap();
        deeds
            .iter()
            .map(|deed| (deed.by.clone(), deed.what))
            .collect()
    }
}

#[tokio::test]
async fn a_session_holds_over_a_restart_and_ends_with_its_secret() {
    let world = World::set_up().await;
    let (cookie, person) = world.people.sign_in(" C ", "815274", "here").await.unwrap();
    assert_eq!(person.name, "C");
    let again = open(world.dir.path(), &world.clock, &world.deeds);
    assert_eq!(
        again.session(&cookie, true).await.unwrap().role,
        Role::Cashier
    );
    assert!(again.session("other", true).await.is_none());
    let change = Change {
        secret: Some("271828".into()),
        ..Change::default()
    };
    again
        .change_person(By::Shell, "C", change, "")
        .await
        .unwrap();
    assert!(again.session(&cookie, true).await.is_none());
    assert!(
        world.people.session(&cookie, true).await.is_none(),
        "the file is the truth"
    );
    let (cookie, _) = again.sign_in("C", "271828", "here").await.unwrap();
    again.sign_out(&cookie, "here").await;
    assert!(again.session(&cookie, true).await.is_none());
    assert_eq!(
        world.deeds().last().unwrap(),
        &(By::Person("C".into()), What::SignedOut)
    );
}

#[tokio::test]
async fn an_idle_manager_is_signed_out_and_one_at_work_is_not() {
    let world = World::set_up().await;
    let people = &world.people;
    let (cookie, _) = people.sign_in("M", "correct horse", "here").await.unwrap();
    for _ in 0..5 {
        world.later(59_000);
        assert!(people.session(&cookie, true).await.is_some());
        world.later(1_000);
        people.session(&cookie, true).await.unwrap();
    }
    world.later(59_000);
    assert!(
        people.session(&cookie, false).await.is_some(),
        "a page looks again"
    );
    world.later(1_000);
    assert!(people.session(&cookie, false).await.is_none());
}

#[tokio::test]
async fn guessing_locks_out_and_is_written_down_without_the_guess() {
    let world = World::set_up().await;
    let people = &world.people;
    let begun = world.deeds().len();
    let guess = async |name: &str| people.sign_in(name, "000000", "there").await.unwrap_err();
    for wait in [0, 0, 0, 2_000, 4_000] {
        world.later(wait);
        assert!(matches!(guess("C").await, PeopleRefused::Wrong));
    }
    let locked = people.sign_in("C", "815274", "there").await.unwrap_err();
    let PeopleRefused::Wait {
        seconds,
        is_locked_out: true,
    } = locked
    else {
        panic!("{locked:?}");
    };
    assert_eq!(seconds, LOCK_MS / 1_000);
    guess("my secret in the wrong field").await;
    let failed = |name: Option<&str>, what| (By::Unknown(name.map(str::to_owned)), what);
    let mut expected = vec![failed(Some("C"), What::SignInFailed); 4];
    expected.push(failed(Some("C"), What::LockedOut));
    expected.push(failed(None, What::SignInFailed));
    assert_eq!(world.deeds()[begun..], expected);
    // the manager gives new tries
    let unlock = Change {
        locked: Some(false),
        ..Change::default()
    };
    people
        .change_person(By::Person("M".into()), "C", unlock, "here")
        .await
        .unwrap();
    people.sign_in("C", "815274", "there").await.unwrap();
}

/// A thief who restarts the machine between guesses gets no more of them, and what was typed into
/// the wrong field is nowhere.
#[tokio::test]
async fn failures_and_lock_outs_outlive_a_restart() {
    let world = World::set_up().await;
    let restarted = || open(world.dir.path(), &world.clock, &world.deeds);
    for wait in [0, 0, 0, 2_000] {
        world.later(wait);
        let refused = restarted().sign_in("C", "000000", "there").await;
        assert!(matches!(refused, Err(PeopleRefused::Wrong)), "{refused:?}");
    }
    let refused = restarted().sign_in("C", "815274", "there").await;
    assert!(
        matches!(
            refused,
            Err(PeopleRefused::Wait {
                is_locked_out: false,
                ..
            })
        ),
        "{refused:?}"
    );
    world.later(4_000);
    let refused = restarted().sign_in("C", "000000", "there").await;
    assert!(matches!(refused, Err(PeopleRefused::Wrong)));
    assert_eq!(
        world.deeds().last().unwrap(),
        &(By::Unknown(Some("C".into())), What::LockedOut)
    );
    let people = restarted();
    let refused = people.sign_in("C", "815274", "elsewhere").await;
    assert!(
        matches!(
            refused,
            Err(PeopleRefused::Wait {
                is_locked_out: true,
                ..
            })
        ),
        "{refused:?}"
    );
    let _ = people.sign_in("tr0ub4dor&3", "x", "there").await;
    let kept = std::fs::read_to_string(world.dir.path().join("attempts.json")).unwrap();
    assert!(
        kept.contains("\"C\"") && !kept.contains("tr0ub4dor"),
        "{kept}"
    );
    // what succeeded, and what a manager forgave, is forgiven after a restart too
    let unlock = Change {
        locked: Some(false),
        ..Change::default()
    };
    people
        .change_person(By::Shell, "C", unlock, "here")
        .await
        .unwrap();
    restarted().sign_in("C", "815274", "here").await.unwrap();
    let kept = std::fs::read_to_string(world.dir.path().join("attempts.json")).unwrap();
    assert!(!kept.contains("\"C\""), "{kept}");
    std::fs::write(world.dir.path().join("attempts.json"), "{").unwrap();
    restarted().sign_in("C", "815274", "here").await.unwrap();
}

#[tokio::test]
async fn ones_own_secret_is_changed_with_the_old_one_and_ends_the_other_sessions() {
    let world = World::set_up().await;
    let people = &world.people;
    let (mine, person) = people.sign_in("C", "815274", "here").await.unwrap();
    let (other, _) = people.sign_in("C", "815274", "there").await.unwrap();
    let change = async |old, new| {
        let me = (&person, mine.as_str());
        people.change_own_secret(me, (old, new), "here").await
    };
    for (old, new) in [("000000", "271828"), ("815274", "815274"), ("815274", "12")] {
        let refused = change(old, new).await;
        assert!(
            matches!(
                refused,
                Err(PeopleRefused::Wrong | PeopleRefused::Secret(_))
            ),
            "{refused:?}"
        );
    }
    assert!(people.session(&other, true).await.is_some());
    let (renewed, _) = change("815274", "271828").await.unwrap();
    assert_eq!(people.session(&renewed, true).await.unwrap().name, "C");
    for ended in [&mine, &other] {
        assert!(people.session(ended, true).await.is_none());
    }
    assert_eq!(
        world.deeds().last().unwrap(),
        &(By::Person("C".into()), What::SecretChanged)
    );
    let refused = people.sign_in("C", "815274", "here").await;
    assert!(matches!(refused, Err(PeopleRefused::Wrong)));
    people.sign_in("C", "271828", "here").await.unwrap();
    // guesses here are guesses there
    for wait in [0, 0, 0, 2_000, 4_000] {
        world.later(wait);
        let refused = change("000000", "493817").await;
        assert!(matches!(refused, Err(PeopleRefused::Wrong)), "{refused:?}");
    }
    let refused = people.sign_in("C", "271828", "elsewhere").await;
    assert!(matches!(refused, Err(PeopleRefused::Wait { .. })));
}

#[tokio::test]
async fn somebody_always_looks_after_people() {
    let world = World::set_up().await;
    let people = &world.people;
    let lock = Change {
        locked: Some(true),
        ..Change::default()
    };
    let demote = Change {
        role: Some(Role::Cashier),
        ..Change::default()
    };
    for change in [lock.clone(), demote] {
        let refused = people.change_person(By::Shell, "M", change, "").await;
        assert!(
            matches!(refused, Err(PeopleRefused::LastManager)),
            "{refused:?}"
        );
    }
    assert!(matches!(
        people.remove(By::Shell, "M", "").await,
        Err(PeopleRefused::LastManager)
    ));
    let promote = Change {
        role: Some(Role::Manager),
        ..Change::default()
    };
    let refused = people
        .change_person(By::Shell, "S", promote.clone(), "")
        .await;
    assert!(
        matches!(refused, Err(PeopleRefused::Secret(_))),
        "a PIN is not enough"
    );
    let promote = Change {
        secret: Some("battery staple".into()),
        ..promote
    };
    people
        .change_person(By::Shell, "S", promote, "")
        .await
        .unwrap();
    people
        .change_person(By::Shell, "M", lock, "")
        .await
        .unwrap();
    let refused = people.sign_in("M", "correct horse", "here").await;
    assert!(matches!(refused, Err(PeopleRefused::Locked)));
    people.remove(By::Shell, "M", "").await.unwrap();
    assert!(matches!(
        people.remove(By::Shell, "M", "").await,
        Err(PeopleRefused::NoSuchPerson)
    ));
    let taken = people
        .add(By::Shell, new(" S ", Role::Cashier, "815274"), "")
        .await;
    assert!(matches!(taken, Err(PeopleRefused::NameTaken)));
}

#[tokio::test]
async fn a_token_is_shown_once_and_known_until_it_is_revoked() {
    let world = World::set_up().await;
    let people = &world.people;
    let wanted = NewToken {
        name: "till 1".into(),
        scopes: vec![Scope::Refund, Scope::Pay, Scope::Pay],
        counters: vec!["01".parse().unwrap()],
    };
    let by = || By::Person("M".into());
    let (value, token) = people
        .make_token(by(), wanted.clone(), "here")
        .await
        .unwrap();
    assert!(value.starts_with("sc_") && value.len() == 46, "{value}");
    assert_eq!(token.scopes, [Scope::Pay, Scope::Refund]);
    assert_eq!(people.token(&value), Some(token.clone()));
    let file = std::fs::read_to_string(world.dir.path().join("people.json")).unwrap();
    assert!(!file.contains(&value[3..]));
    let taken = people.make_token(by(), wanted, "here").await;
    assert!(matches!(taken, Err(PeopleRefused::NameTaken)));
    people.revoke_token(by(), &token.id, "here").await.unwrap();
    assert_eq!(people.token(&value), None);
    let gone = people.revoke_token(by(), &token.id, "here").await;
    assert!(matches!(gone, Err(PeopleRefused::NoSuchToken)));
}

#[tokio::test]
async fn an_approval_is_a_supervisors_word_for_one_thing() {
    let world = World::set_up().await;
    let people = &world.people;
    let payment = PaymentId::new(world.clock.now(), [7; 10]);
    let refund = |text| Action::Refund {
        payment,
        money: Money::parse(text, Currency::Cny).unwrap(),
    };
    let ask = async |name, secret| {
        let wanted = Wanted {
            action: refund("5.00"),
            asked_by: "C",
            name,
            secret,
            from: "here",
        };
        people.approve(wanted).await
    };
    assert!(matches!(
        ask("C", "815274").await,
        Err(PeopleRefused::MayNotApprove(_))
    ));
    let refused = (By::Person("C".into()), What::ApprovalFailed);
    assert_eq!(world.deeds().last(), Some(&refused));
    assert!(matches!(
        ask("S", "000000").await,
        Err(PeopleRefused::Wrong)
    ));
    let value = ask("S", "493817").await.unwrap();
    let used = |amount, person, key| people.use_approval(&value, refund(amount), person, key);
    assert_eq!(used("5.01", "C", "k"), Err(ApprovalRefused::AnotherAction));
    assert_eq!(used("5.00", "M", "k"), Err(ApprovalRefused::AnotherPerson));
    assert_eq!(used("5.00", "C", "k"), Ok("S".to_owned()));
    assert_eq!(
        used("5.00", "C", "k"),
        Ok("S".to_owned()),
        "the same request again"
    );
    assert_eq!(used("5.00", "C", "k2"), Err(ApprovalRefused::Used));
    let given = people.use_approval("made up", refund("5.00"), "C", "k");
    assert_eq!(given, Err(ApprovalRefused::TooOld));
}

#[tokio::test]
async fn what_the_journal_does_not_take_does_not_happen() {
    let world = World::set_up().await;
    let settings = PeopleSettings {
        dir: world.dir.path().to_owned(),
        rules: RULES,
    };
    let write: WriteDeed = Arc::new(|_| Box::pin(async { Err(JournalFailed::NearlyFull) }));
    let clock = Arc::clone(&world.clock) as Arc<dyn WallClock>;
    let people = People::open(&settings, clock, Arc::new(OsEntropy), write).unwrap();
    let added = people
        .add(By::Shell, new("N", Role::Cashier, "815274"), "")
        .await;
    assert!(matches!(added, Err(PeopleRefused::Journal(_))));
    assert!(people.contents().unwrap().person("N").is_none());
    // whoever mends it is let in
    people.sign_in("M", "correct horse", "here").await.unwrap();
}
