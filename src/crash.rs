//! Crash points: places between two steps of the money's way where a test lets the process die as
//! `kill -9` would, with nothing unwound, flushed or answered.
//!
//! `FAILPOINTS=guard-written=20*off->return` lets it live through twenty passes and die at the next
//! (the `fail` crate's words). The points are in builds with debug assertions and the feature
//! `fail/failpoints`, which the lab's crate turns on for the whole workspace: `cargo build
//! --workspace` makes one build for everything. No release has them; there `point` is empty. `lab
//! --kill-at all` goes through every one of them.

/// Why no point was set. Told before anything is opened.
#[derive(Debug, thiserror::Error)]
#[error("FAILPOINTS: {0}")]
pub struct NotArmed(String);

/// Sets the points that the environment names.
///
/// # Errors
/// What is no point and action, or a build that has no points: a test that waited for one of them
/// would wait in vain.
#[cfg(debug_assertions)]
pub fn arm() -> Result<(), NotArmed> {
    let Ok(wanted) = std::env::var("FAILPOINTS") else {
        return Ok(());
    };
    if !fail::has_failpoints() {
        let why = "built without crash points: cargo build --workspace --bins has them";
        return Err(NotArmed(why.into()));
    }
    for setting in wanted.split(';').filter(|setting| !setting.is_empty()) {
        let Some((name, actions)) = setting.split_once('=') else {
            return Err(NotArmed(format!("{setting} is not POINT=ACTION")));
        };
        fail::cfg(name, actions).map_err(|why| NotArmed(format!("{name}: {why}")))?;
    }
    Ok(())
}

/// There is nothing to arm.
#[cfg(not(debug_assertions))]
pub const fn arm() -> Result<(), NotArmed> {
    Ok(())
}

/// Here the process dies if the environment says so.
#[cfg(debug_assertions)]
pub(crate) fn point(name: &str) {
    fail::fail_point!(name, |_| die(name));
}

#[cfg(not(debug_assertions))]
pub(crate) const fn point(_: &str) {}

/// One side of a step in an acquirer's procedure, which has the acquirer in its name:
/// `micropay-unsent@wechat-v2`.
#[cfg(debug_assertions)]
pub(crate) fn step(step: &str, side: &str, acquirer: &str) {
    let name = format!("{step}-{side}@{acquirer}");
    fail::fail_point!(&name, |_| die(&name));
}

#[cfg(not(debug_assertions))]
pub(crate) const fn step(_: &str, _: &str, _: &str) {}

/// Says where, past all buffers, and is gone before the next instruction.
#[cfg(debug_assertions)]
fn die(name: &str) -> ! {
    use std::io::Write as _;

    use nix::{
        sys::signal::{Signal, kill},
        unistd::Pid,
    };

    let _ = writeln!(std::io::stderr(), "crash point {name}");
    let _ = kill(Pid::this(), Signal::SIGKILL);
    // the signal can't be caught: this is not reached
    std::process::abort()
}
