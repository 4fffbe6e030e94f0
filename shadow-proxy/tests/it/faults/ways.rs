//! Ways of not accepting a connection or not reading from it.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use shadow_proxy::counters::Reason;

use super::answers::{Ends, LATE};
use crate::upstream::Upstream;

/// A core, and the open sockets that keep it as it is while it lives.
pub(crate) struct Held {
    pub(crate) core: Upstream,
    _listener: Option<TcpListener>,
    connections: Vec<TcpStream>,
}

impl From<Upstream> for Held {
    fn from(core: Upstream) -> Self {
        Self {
            core,
            _listener: None,
            connections: Vec::new(),
        }
    }
}

/// One way.
pub(crate) struct Way {
    pub(crate) name: &'static str,
    pub(crate) start: fn() -> Held,
    pub(super) ends: Ends,
}

fn at(address: SocketAddr) -> Upstream {
    Upstream {
        address,
        seen: Arc::default(),
    }
}

/// A port that listens, and nobody ever accepts.
fn unaccepted() -> Held {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    Held {
        core: at(listener.local_addr().expect("bound")),
        _listener: Some(listener),
        connections: Vec::new(),
    }
}

/// The same with its queue full, so that further attempts get no answer at all.
fn backlog_full() -> Held {
    let mut held = unaccepted();
    let deadline = std::time::Instant::now() + crate::wire::LIMIT;
    while let Ok(stream) =
        TcpStream::connect_timeout(&held.core.address, Duration::from_millis(150))
    {
        assert!(
            std::time::Instant::now() < deadline,
            "the queue never fills"
        );
        held.connections.push(stream);
    }
    held
}

pub(crate) fn all() -> Vec<Way> {
    const GONE: Ends = Ends::Lost(&[Reason::CoreError, Reason::CoreUnreachable]);
    let way = |name, start, ends| Way { name, start, ends };
    vec![
        way(
            "refuses",
            || Upstream::refusing().into(),
            Ends::Lost(&[Reason::CoreUnreachable]),
        ),
        way("never accepts", unaccepted, LATE),
        way("has its queue full", backlog_full, LATE),
        way(
            "accepts and never reads",
            || Upstream::start(|_, _wire, _| std::thread::park()).into(),
            LATE,
        ),
        way(
            "accepts and hangs up",
            || Upstream::start(|_, wire, _| drop(wire)).into(),
            GONE,
        ),
        way(
            "accepts and resets",
            || {
                // Closing with the request unread resets the connection.
                let reset = |_, wire: crate::wire::Wire, _: &crate::upstream::Seen| {
                    let _nothing = wire.stream.peek(&mut [0; 1]);
                };
                Upstream::start(reset).into()
            },
            GONE,
        ),
        way(
            "reads half a head and stops",
            || {
                Upstream::start(|_, mut wire, _| {
                    wire.take(&mut [0; 8]);
                    std::thread::park();
                })
                .into()
            },
            LATE,
        ),
        way(
            "reads the request and says nothing",
            || {
                Upstream::start(
                    |_, mut wire, _| {
                        while let Ok(Some(_)) = wire.message(false) {}
                    },
                )
                .into()
            },
            LATE,
        ),
    ]
}
