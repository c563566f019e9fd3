//! A line between store and broker that can go dead (nothing more passes, and nobody is told), or
//! be shut (new ones wait until it is opened).

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::JoinHandle,
};

pub struct Proxy {
    pub port: u16,
    lines: Arc<Lines>,
    is_open: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// Lines are numbered from 1; those up to `dead` are dead.
#[derive(Default)]
struct Lines {
    opened: AtomicUsize,
    dead: AtomicUsize,
}

impl Proxy {
    pub async fn before(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own_port = listener.local_addr().unwrap().port();
        let lines = Arc::new(Lines::default());
        let (is_open, opened) = watch::channel(true);
        let task = tokio::spawn(accept(listener, port, lines.clone(), opened));
        Self {
            port: own_port,
            lines,
            is_open,
            task,
        }
    }

    /// All lines of now go dead; new ones are well.
    pub fn cut_silently(&self) {
        self.lines.dead.store(self.opened(), Ordering::SeqCst);
    }

    /// Lines of now go on; whoever connects from now on waits for `open`.
    pub fn shut(&self) {
        self.is_open.send_replace(false);
    }

    pub fn open(&self) {
        self.is_open.send_replace(true);
    }

    pub fn opened(&self) -> usize {
        self.lines.opened.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(
    listener: TcpListener,
    port: u16,
    lines: Arc<Lines>,
    mut opened: watch::Receiver<bool>,
) {
    while let Ok((store, _)) = listener.accept().await {
        let _ = opened.wait_for(|open| *open).await;
        let number = lines.opened.fetch_add(1, Ordering::SeqCst) + 1;
        let Ok(broker) = TcpStream::connect(("127.0.0.1", port)).await else {
            continue;
        };
        let (from_store, to_store) = store.into_split();
        let (from_broker, to_broker) = broker.into_split();
        tokio::spawn(carry(from_store, to_broker, number, lines.clone()));
        tokio::spawn(carry(from_broker, to_store, number, lines.clone()));
    }
}

async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, number: usize, lines: Arc<Lines>) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        if number <= lines.dead.load(Ordering::SeqCst) {
            // the sockets stay open as long as this task does
            std::future::pending::<()>().await;
        }
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}
