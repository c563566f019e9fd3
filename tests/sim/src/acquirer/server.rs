//! Start, stop and kill: the sandbox runs on threads of its own, whatever runtime its user has.

use std::fmt;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsFd;
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use actix_web::dev::{Extensions, ServerHandle};
use actix_web::{App, HttpServer, rt, web};

use super::api::{self, Wires};
use super::cardhost::{CardHost, CardHostSettings};
use super::config::AcquirerConfig;
use super::customer::Customers;
use super::desk::Desk;
use super::error::AcquirerError;
use super::ledger::LedgerReader;
use super::letters::{self, Provider};
use super::rules::Rules;

/// Starts sandboxes.
#[derive(Debug, Clone, Copy)]
pub struct Acquirer;

/// A running sandbox. Dropped, it is killed.
pub struct AcquirerHandle {
    addr: SocketAddr,
    desk: Arc<Desk>,
    wires: Arc<Wires>,
    server: ServerHandle,
    thread: Option<JoinHandle<()>>,
}

impl Acquirer {
    /// Opens the ledger, listens, and returns when requests are taken. Blocks for as long as that
    /// takes (milliseconds): the threads are its own, so it can be called inside or outside of any
    /// runtime.
    ///
    /// # Errors
    /// A configuration that cannot work, a ledger that cannot be opened, an address that is taken.
    pub fn start(config: AcquirerConfig) -> Result<AcquirerHandle, AcquirerError> {
        config.validate()?;
        let fail = |e| AcquirerError::io(format!("listen on {}", config.listen), e);
        let listener = TcpListener::bind(config.listen).map_err(fail)?;
        let addr = listener.local_addr().map_err(fail)?;
        let desk = Arc::new(Desk::open(config)?);
        let wires = Arc::new(Wires::new());
        let (ready, started) = mpsc::sync_channel(1);
        let thread = thread::Builder::new()
            .name("sandbox-acquirer".to_owned())
            .spawn({
                let (desk, wires) = (Arc::clone(&desk), Arc::clone(&wires));
                move || rt::System::new().block_on(run(desk, wires, listener, ready))
            })
            .map_err(|e| AcquirerError::io("start the sandbox's thread", e))?;
        let server = started
            .recv()
            .map_err(|_| AcquirerError::Config("the sandbox's thread ended".to_owned()))?
            .map_err(|e| AcquirerError::io(format!("serve on {addr}"), e))?;
        Ok(AcquirerHandle {
            addr,
            desk,
            wires,
            server,
            thread: Some(thread),
        })
    }
}

impl AcquirerHandle {
    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// `http://127.0.0.1:PORT`
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// The ledger, also after the sandbox has gone.
    #[must_use]
    pub fn ledger(&self) -> LedgerReader {
        self.desk.reader()
    }

    /// Opens a card host on the same ledger, on a port of its own.
    ///
    /// # Errors
    /// There is no port or thread for it.
    pub fn card_host(&self, settings: CardHostSettings) -> Result<CardHost, AcquirerError> {
        CardHost::start(Arc::clone(&self.desk), settings)
    }

    /// Its rules.
    #[must_use]
    pub fn rules(&self) -> Rules {
        self.desk.rules.clone()
    }

    /// Its customers.
    #[must_use]
    pub fn customers(&self) -> Customers {
        Customers::new(Arc::clone(&self.desk))
    }

    /// From now on this provider tells the shop of paid QRs, at this address and path.
    pub fn tell_at(&self, provider: Provider, address: SocketAddr, path: &str) {
        let address = address.to_string();
        self.desk.post.open_door(provider, &address, path);
    }

    /// Letters that wait, tries that were made, and letters that were taken.
    #[must_use]
    pub fn letters(&self) -> (usize, u64, u64) {
        self.desk.post.counts()
    }

    /// Finishes what it is at (for a second at most), and closes the ledger.
    pub fn stop(mut self) {
        self.end(true);
    }

    /// As `kill -9`: connections break off, nothing more is written, no answer leaves.
    pub fn kill(mut self) {
        self.end(false);
    }

    fn end(&mut self, graceful: bool) {
        let Some(thread) = self.thread.take() else {
            return;
        };
        if !graceful {
            self.desk.die();
            self.wires.cut();
        }
        // the order is given at the call; the thread's end is its answer
        drop(self.server.stop(graceful));
        if thread.join().is_err() {
            tracing::error!("the sandbox's thread panicked");
        }
        self.desk.die();
        self.wires.cut();
    }
}

impl Drop for AcquirerHandle {
    fn drop(&mut self) {
        self.end(false);
    }
}

impl fmt::Debug for AcquirerHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AcquirerHandle")
            .field("addr", &self.addr)
            .finish_non_exhaustive()
    }
}

async fn run(
    desk: Arc<Desk>,
    wires: Arc<Wires>,
    listener: TcpListener,
    ready: mpsc::SyncSender<std::io::Result<ServerHandle>>,
) {
    let data = web::Data::from(Arc::clone(&desk));
    let server = HttpServer::new(move || App::new().app_data(data.clone()).configure(api::routes))
        .workers(2)
        .shutdown_timeout(1)
        .disable_signals()
        .on_connect(move |connection, data| keep_wire(&wires, connection, data))
        .listen(listener);
    let server = match server {
        Ok(server) => server.run(),
        Err(error) => {
            let _ = ready.send(Err(error));
            return;
        }
    };
    let _ = ready.send(Ok(server.handle()));
    let clock = rt::spawn(async move {
        let mut tick = rt::time::interval(Duration::from_millis(10));
        loop {
            tick.tick().await;
            if let Err(error) = desk.settle_due() {
                tracing::warn!(%error, "the sandbox's clock stops");
                return;
            }
            letters::send_due(&desk);
        }
    });
    if let Err(error) = server.await {
        tracing::error!(%error, "the sandbox's server ended");
    }
    clock.abort();
}

/// A second handle on the connection, for the rules that break it and for a kill.
fn keep_wire(wires: &Wires, connection: &dyn std::any::Any, data: &mut Extensions) {
    let tcp = connection.downcast_ref::<rt::net::TcpStream>();
    if let Some(Ok(fd)) = tcp.map(|tcp| tcp.as_fd().try_clone_to_owned()) {
        data.insert(wires.keep(fd.into()));
    }
}
