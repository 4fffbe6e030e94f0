//! Services of the tests: each connection has its own thread and does exactly what it is told.

use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Instant;

use crate::wire::{LIMIT, Message, Wire};

/// What a service has seen.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    requests: Mutex<Vec<Message>>,
    connections: Mutex<usize>,
    changed: Condvar,
}

impl Seen {
    pub(crate) fn note(&self, request: Message) {
        self.requests
            .lock()
            .expect("no test panics in here")
            .push(request);
        self.changed.notify_all();
    }

    /// Waits until `count` requests have come and returns all.
    pub(crate) fn wait_for(&self, count: usize) -> Vec<Message> {
        let deadline = Instant::now() + LIMIT;
        let mut requests = self.requests.lock().expect("no test panics in here");
        while requests.len() < count {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(
                !left.is_zero(),
                "{} of {count} requests came",
                requests.len()
            );
            requests = self
                .changed
                .wait_timeout(requests, left)
                .expect("no panics")
                .0;
        }
        requests.clone()
    }

    pub(crate) fn requests(&self) -> Vec<Message> {
        self.wait_for(0)
    }

    pub(crate) fn connections(&self) -> usize {
        *self.connections.lock().expect("no test panics in here")
    }
}

/// A service that is running until the test's process ends.
#[derive(Clone, Debug)]
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    pub(crate) seen: Arc<Seen>,
}

impl Upstream {
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Each connection is given to `serve` with its number, from 0.
    pub(crate) fn start(serve: impl Fn(usize, Wire, &Seen) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let seen = Arc::new(Seen::default());
        let (serve, noted) = (Arc::new(serve), Arc::clone(&seen));
        std::thread::spawn(move || {
            for (number, stream) in listener.incoming().enumerate() {
                let Ok(stream) = stream else { return };
                *noted.connections.lock().expect("no test panics in here") += 1;
                let (serve, seen) = (Arc::clone(&serve), Arc::clone(&noted));
                std::thread::spawn(move || serve(number, Wire::new(stream), &seen));
            }
        });
        Self { address, seen }
    }

    /// A sound service: answers each request as `answer` says and keeps the connection.
    pub(crate) fn answering(answer: impl Fn(&Message) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self::start(move |_, mut wire, seen| {
            use std::io::Write as _;
            while let Ok(Some(request)) = wire.message(false) {
                let answer = answer(&request);
                seen.note(request);
                if wire.stream.write_all(&answer).is_err() {
                    return;
                }
            }
        })
    }

    /// Answers everything with 200 and `body`.
    pub(crate) fn saying(body: &'static str) -> Self {
        Self::answering(move |_| ok(body))
    }

    /// An address where nobody listens. No other test's service gets it: those are at 127.0.0.1.
    pub(crate) fn refusing() -> Self {
        let listener = TcpListener::bind("127.0.0.2:0").expect("a free port");
        Self {
            address: listener.local_addr().expect("bound"),
            seen: Arc::default(),
        }
    }
}

pub(crate) fn ok(body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}
