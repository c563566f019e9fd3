//! What the tests share: servers they start and end themselves, chains of records, waiting for a
//! condition.

pub mod chain;
pub mod chromium;
pub mod mosquitto;
pub mod office;
pub mod postgres;
pub mod tap;

use std::{
    net::TcpListener,
    process::Child,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use sqlx::{AnyConnection, Connection};

/// For whatever a slow machine may take; a test that waits so long has failed.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// Asks until there is an answer.
#[allow(
    clippy::disallowed_methods,
    reason = "servers outside this process know no paused clock"
)]
pub async fn eventually<T, F: Future<Output = Option<T>>>(
    what: &str,
    mut ask: impl FnMut() -> F,
) -> T {
    let begun = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(begun.elapsed() < DEADLINE, "waited too long for {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A port nobody listens on now. Whoever uses it must be ready to find it taken.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// A connection past the head office, to look and to meddle.
pub async fn connect(url: &str) -> AnyConnection {
    sqlx::any::install_default_drivers();
    AnyConnection::connect(url).await.unwrap()
}

pub fn send_signal(child: &Child, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap());
    // the process may have ended by itself
    let _ = kill(pid, signal);
}
