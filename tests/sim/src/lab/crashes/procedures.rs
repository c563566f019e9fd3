//! Every step of each acquirer's procedure: the program dies between a message and its answer, and
//! between the answer and what is made of it.
//!
//! All of a procedure's points are armed at once, and the first to be reached kills. It is started
//! again with the rest, until each has been reached: what a death leaves undone leads to the rarer
//! steps, questions, reversals, refunds asked about.

use std::{io, os::unix::process::ExitStatusExt, process::ExitStatus, time::Duration};

use nix::sys::signal::Signal;
use tokio::time::{Instant, sleep, timeout};

use super::{Point, SETTLE_ASKED, Victim};
use crate::lab::{acquirers::CARD_HOST, report::Crashes, shop::Shop};

/// How long the load may take to bring it to the next step.
const REACHED_WITHIN: Duration = Duration::from_secs(75);

/// The steps of one acquirer's driver. `-unsent` is before, `-answered` behind a message, or a
/// question that takes several; `-unwritten` and `-written` are of its book.
#[derive(Clone, Copy, Debug)]
pub struct Procedure {
    pub acquirer: &'static str,
    pub points: &'static [&'static str],
}

/// Both sides of each message, as the acquirer itself calls it.
macro_rules! messages {
    ($acquirer:literal: $($step:literal),+ $(,)?) => {
        Procedure {
            acquirer: $acquirer,
            points: &[$(
                concat!($step, "-unsent@", $acquirer),
                concat!($step, "-answered@", $acquirer),
            )+],
        }
    };
}

pub const PROCEDURES: [Procedure; 7] = [
    messages!("alipay":
        "alipay.trade.pay",
        "alipay.trade.precreate",
        "alipay.trade.query",
        "alipay.trade.cancel",
        "alipay.trade.close",
        "alipay.trade.refund",
        "alipay.trade.fastpay.refund.query",
        "alipay.data.dataservice.bill.downloadurl.query",
    ),
    messages!("wechat-v2":
        "/pay/micropay",
        "/pay/unifiedorder",
        "/pay/orderquery",
        "/pay/closeorder",
        "/secapi/pay/reverse",
        "/secapi/pay/refund",
        "/pay/refundquery",
        "/pay/downloadbill",
    ),
    messages!("wechat-v3":
        "codepay",
        "native",
        "order-query",
        "close",
        "reverse-order",
        "refunds",
        "refund-query",
        "tradebill",
    ),
    messages!("unionpay-qr":
        "consume",
        "apply-qr",
        "query-trans",
        "reversal",
        "void",
        "return-goods",
    ),
    // beside its messages the questions themselves, which end behind what its book has of them
    messages!("card-host":
        "sign-in",
        "purchase",
        "reversal",
        "void",
        "return-goods",
        "pre-authorisation",
        "completion",
        "pre-authorisation-cancel",
        "charge",
        "query",
        "reverse",
        "refund",
    ),
    // where cards that were accepted offline are told as advice
    Procedure {
        acquirer: "card-host-advice",
        points: &["advice-unsent@card-host", "advice-answered@card-host"],
    },
    Procedure {
        acquirer: "zvt",
        points: &[
            "charge-unsent@zvt",
            "charged-unwritten@zvt",
            "charged-written@zvt",
            "answered-unwritten@zvt",
            "answered-written@zvt",
            "charge-answered@zvt",
            "query-unsent@zvt",
            "last-unwritten@zvt",
            "last-written@zvt",
            "query-answered@zvt",
            "reverse-unsent@zvt",
            "undoing-unwritten@zvt",
            "undoing-written@zvt",
            "reverse-answered@zvt",
            "refund-unsent@zvt",
            "refunding-unwritten@zvt",
            "refunding-written@zvt",
            "refunded-unwritten@zvt",
            "refunded-written@zvt",
            "refund-answered@zvt",
            "ending-unwritten@zvt",
            "ending-written@zvt",
            "ended-unwritten@zvt",
            "ended-written@zvt",
        ],
    },
];

/// The procedure of this name, as points.
pub fn named(acquirer: &str) -> Option<Vec<Point>> {
    let found = PROCEDURES.iter().find(|one| one.acquirer == acquirer)?;
    let point = |name: &&'static str| Point {
        name,
        victim: Victim::Controller,
        passes_max: 0,
    };
    Some(found.points.iter().map(point).collect())
}

/// A point of a procedure, by its own name.
pub fn point(name: &str) -> Option<Point> {
    let mut every = PROCEDURES.iter().flat_map(|one| one.points);
    let name = every.find(|point| **point == name)?;
    Some(Point {
        name,
        victim: Victim::Controller,
        passes_max: 0,
    })
}

impl Point {
    /// Whether it is of an acquirer's procedure.
    pub fn is_step(self) -> bool {
        self.name.contains('@')
    }
}

/// Dies at each of these points, in whatever order they are reached.
///
/// # Errors
/// One was not reached in time, or the program died of something else.
pub async fn die_at_each(
    shop: &Shop,
    mut left: Vec<Point>,
    crashes: &mut Crashes,
) -> io::Result<()> {
    if left.is_empty() {
        return Ok(());
    }
    shop.note_violations().await;
    shop.controller.lock().await.kill().await?;
    while !left.is_empty() {
        let armed: Vec<String> = left
            .iter()
            .map(|at| format!("{}=return", at.name))
            .collect();
        let begun = Instant::now();
        if left.iter().any(|at| at.name.contains("bill")) {
            // what has been fetched is not fetched again
            let _ = std::fs::remove_dir_all(&shop.bills);
        }
        shop.controller.lock().await.start_armed(&armed.join(";"))?;
        let died = tokio::select! {
            died = died(shop, begun) => died,
            never = nudge(shop, &left) => match never {},
        };
        shop.acquirer_cable.plug();
        shop.card_host_cable.plug();
        let Some((ended, said)) = died? else {
            let names: Vec<&str> = left.iter().map(|at| at.name).collect();
            let why = format!(
                "not reached within {REACHED_WITHIN:?}: {}",
                names.join(", ")
            );
            return Err(io::Error::other(why));
        };
        let is_killed = ended.signal() == Some(Signal::SIGKILL as i32);
        let is_here = |at: &Point| {
            let words = format!("crash point {}", at.name);
            said.lines().any(|line| line.ends_with(&words))
        };
        let Some(at) = left.iter().position(is_here).filter(|_| is_killed) else {
            let why = format!("at none of its points, it ended with {ended}:\n{said}");
            return Err(io::Error::other(why));
        };
        let at = left.swap_remove(at);
        let took = begun.elapsed();
        shop.say(format_args!("died at {} after {took:.0?}", at.name));
        crashes.points.entry(at.name).or_default().push(0);
    }
    shop.controller.lock().await.start()
}

/// How it ended and what it had said; `None` if it has not in time.
async fn died(shop: &Shop, begun: Instant) -> io::Result<Option<(ExitStatus, String)>> {
    while begun.elapsed() < REACHED_WITHIN {
        // not held while waiting: others look whether it lives
        if let Some(ended) = shop.controller.lock().await.ended()? {
            return Ok(Some(ended));
        }
        sleep(Duration::from_millis(2)).await;
    }
    Ok(None)
}

/// Never.
enum Never {}

/// Does what customers do not: has days ended, and takes the acquirers away for a while, so that
/// cards are accepted offline.
async fn nudge(shop: &Shop, left: &[Point]) -> Never {
    let is_left = |what: &str| left.iter().any(|at| at.name.starts_with(what));
    loop {
        sleep(Duration::from_secs(2)).await;
        if is_left("end") {
            for counter in shop.counters.iter().filter(|one| one.own.is_some()) {
                let name = format!("{}-terminal", counter.id);
                // what comes of it is seen by its death
                let _ = timeout(SETTLE_ASKED, shop.till.settle(&name)).await;
            }
        }
        if is_left("settlement") {
            let _ = timeout(SETTLE_ASKED, shop.till.settle(CARD_HOST)).await;
        }
        if is_left("advice") {
            shop.acquirer_cable.pull();
            shop.card_host_cable.pull();
            sleep(Duration::from_secs(6)).await;
            // first in its turn, whoever else could charge them
            shop.card_host_cable.plug();
            sleep(Duration::from_secs(6)).await;
            shop.acquirer_cable.plug();
            sleep(Duration::from_secs(4)).await;
        }
    }
}
