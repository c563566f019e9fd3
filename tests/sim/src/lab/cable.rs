//! A network cable that can be pulled: forwards TCP connections while it is in.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
    time::timeout,
};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// One cable to one server. Pulled, it breaks what goes through it and refuses what comes.
#[derive(Debug)]
pub struct Cable {
    address: SocketAddr,
    is_in: Arc<watch::Sender<bool>>,
    task: JoinHandle<()>,
}

impl Cable {
    /// A cable to `server` (HOST:PORT), plugged in, on a free loopback port.
    pub async fn to(server: String) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let is_in = Arc::new(watch::channel(true).0);
        let task = tokio::spawn(forward(listener, server, Arc::clone(&is_in)));
        Ok(Self {
            address,
            is_in,
            task,
        })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn pull(&self) {
        self.is_in.send_replace(false);
    }

    pub fn plug(&self) {
        self.is_in.send_replace(true);
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn forward(listener: TcpListener, server: String, is_in: Arc<watch::Sender<bool>>) {
    loop {
        let Ok((mut near, _)) = listener.accept().await else {
            return;
        };
        let mut state = is_in.subscribe();
        if !*state.borrow() {
            continue;
        }
        let server = server.clone();
        tokio::spawn(async move {
            let connected = timeout(CONNECT_TIMEOUT, TcpStream::connect(&server)).await;
            let Ok(Ok(mut far)) = connected else { return };
            let _ = (near.set_nodelay(true), far.set_nodelay(true));
            tokio::select! {
                _ = copy_bidirectional(&mut near, &mut far) => {}
                _ = state.wait_for(|is_in| !is_in) => {}
            }
        });
    }
}
