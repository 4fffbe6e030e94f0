//! A lane's work: taking connections, serving them, and ending them when the proxy is to stop.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::time::{Duration, Instant};

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout, timeout_at};

use crate::client_io::ClientIo;
use crate::forward::{self, Client};
use crate::lane::Lane;
use crate::tunnel;
use crate::watch::TICK;
use crate::wire::Wire;

/// Largest read buffer of a client connection; a head is never larger (see `Limits`).
const READ_BUFFER: usize = 128 << 10;
/// After a failed accept (usually: out of file descriptors) the next one is not tried at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Sweeps between two looks for pooled connections that the services closed.
const FORGET_EVERY: u32 = 20;

/// Serves clients until `stop` turns true, then drains. Returns when every request is answered and
/// every shadow has ended, or when the time for that is over.
pub(crate) async fn run(lane: Rc<Lane>, listener: TcpListener, mut stop: watch::Receiver<bool>) {
    let sweeper = tokio::task::spawn_local(sweep(Rc::clone(&lane)));
    loop {
        tokio::select! {
            biased;
            accepted = listener.accept() => match accepted {
                Ok((stream, address)) => admit(&lane, stream, address),
                Err(error) => {
                    tracing::warn!(%error, "cannot take a connection");
                    sleep(ACCEPT_PAUSE).await;
                }
            },
            _ = stop.wait_for(|&stop| stop) => break,
        }
    }
    // `biased` has emptied the backlog first: who was accepted by the kernel is served.
    drop(listener);
    drain(&lane).await;
    sweeper.abort();
}

async fn drain(lane: &Rc<Lane>) {
    let deadline = Instant::now() + lane.settings.drain;
    lane.draining.set(true);
    lane.drain.notify_waiters();
    let clients_gone = async {
        while lane.connections.get() > 0 {
            let gone = lane.clients_gone.notified();
            if lane.connections.get() > 0 {
                gone.await;
            }
        }
    };
    if timeout_at(deadline.into(), clients_gone).await.is_err() {
        tracing::warn!(
            connections = lane.connections.get(),
            "stopped before every client was done"
        );
    }
    let shadows_done = async {
        while lane.in_flight.get() > 0 {
            let idle = lane.shadow_idle.notified();
            if lane.in_flight.get() > 0 {
                idle.await;
            }
        }
    };
    // Core has at most its usual time, and none of what clients need.
    let grace = deadline
        .saturating_duration_since(Instant::now())
        .min(lane.settings.shadow.timeout());
    let _cut_short = timeout(grace, shadows_done).await;
}

async fn sweep(lane: Rc<Lane>) {
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut count = 0_u32;
    loop {
        ticks.tick().await;
        lane.sweep.run();
        lane.sink.nudge();
        count = count.wrapping_add(1);
        if count.is_multiple_of(FORGET_EVERY) {
            lane.legacy.forget_closed();
            lane.core.forget_closed();
            if let Some(twin) = &lane.twin {
                twin.upstream.forget_closed();
            }
        }
    }
}

/// Counts a connection while it lives.
struct Presence {
    lane: Rc<Lane>,
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.lane.connections.set(self.lane.connections.get() - 1);
        if self.lane.connections.get() == 0 {
            self.lane.clients_gone.notify_waiters();
        }
    }
}

fn admit(lane: &Rc<Lane>, stream: TcpStream, address: SocketAddr) {
    lane.counters.connected();
    if lane.connections.get() >= lane.settings.connections_per_lane {
        lane.counters.refuse();
        return;
    }
    lane.connections.set(lane.connections.get() + 1);
    let presence = Presence {
        lane: Rc::clone(lane),
    };
    tokio::task::spawn_local(async move {
        // A connection that breaks concerns its client only, and it knows.
        let _broken = connection(&presence.lane, stream, address).await;
    });
}

async fn connection(lane: &Rc<Lane>, stream: TcpStream, address: SocketAddr) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let wire = match &lane.settings.tls {
        None => Wire::Plain(stream),
        Some(acceptor) => {
            let accepted =
                timeout(lane.settings.patience.head, acceptor.get().accept(stream)).await;
            Wire::Tls(Box::new(accepted.map_err(io::Error::other)??.into()))
        }
    };
    let io = ClientIo::new(
        wire,
        lane.settings.limits,
        lane.settings.patience,
        &lane.sweep,
    );
    let client = Rc::new(Client {
        address: address.ip(),
        state: io.state(),
        tunnel: None.into(),
    });
    let state = io.state();
    let service = {
        let (lane, client) = (Rc::clone(lane), Rc::clone(&client));
        service_fn(move |request| forward::serve(Rc::clone(&lane), Rc::clone(&client), request))
    };
    let mut connection = http1::Builder::new()
        // A client that has said all may still wait for its answer.
        .half_close(true)
        // Legacy's answer is passed on as it is.
        .auto_date_header(false)
        .max_buf_size(READ_BUFFER)
        .serve_connection(TokioIo::new(io), service);

    let mut drain = pin!(lane.drain.notified());
    let mut draining = false;
    let served = poll_fn(|cx| {
        if !draining && (drain.as_mut().poll(cx).is_ready() || lane.draining.get()) {
            draining = true;
            Pin::new(&mut connection).graceful_shutdown();
            state.drain();
        }
        Pin::new(&mut connection).poll(cx)
    })
    .await;
    let parts = connection.into_parts();
    let io = parts.io.into_inner();
    let tunnel = client.tunnel.borrow_mut().take();
    match (served, tunnel) {
        (Ok(()), Some((end, link))) => tunnel::run(io, parts.read_buf, end, link).await,
        (served, _) => {
            // What passed the framing may still be no request; then hyper has answered 400.
            let unparsable = served.as_ref().is_err_and(hyper::Error::is_parse);
            if state.refusal().is_some() || unparsable {
                lane.counters.refuse();
            }
            if served.is_ok() || unparsable || state.refusal().is_some() {
                io.finish().await;
            }
            Ok(())
        }
    }
}
