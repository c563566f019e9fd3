//! A line that can be opened: whoever connects before waits behind it, so that what is measured
//! begins at a known moment.

use std::time::Duration;

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
    time::{Instant, sleep},
};

#[derive(Debug)]
pub struct Gate {
    pub port: u16,
    open: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Gate {
    /// A gate to that port, closed.
    pub async fn before(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own = listener.local_addr().unwrap().port();
        let (open, mut opened) = watch::channel(false);
        let task = tokio::spawn(async move {
            let _ = opened.wait_for(|open| *open).await;
            while let Ok((from, _)) = listener.accept().await {
                tokio::spawn(carry(from, port));
            }
        });
        Self {
            port: own,
            open,
            task,
        }
    }

    /// Opens it; since when it is open.
    pub fn open(&self) -> Instant {
        self.open.send_replace(true);
        Instant::now()
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn carry(mut from: TcpStream, port: u16) {
    let Ok(mut to) = TcpStream::connect(("127.0.0.1", port)).await else {
        // nobody there: the line breaks, after the moment that a broker takes to be back
        return sleep(Duration::from_millis(10)).await;
    };
    let _ = (from.set_nodelay(true), to.set_nodelay(true));
    let _ = copy_bidirectional(&mut from, &mut to).await;
}
