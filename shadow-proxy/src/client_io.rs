//! The client's socket as the HTTP parser sees it: every byte has passed [`Framing`], and every wait
//! has a limit.

use std::cell::{Cell, RefCell};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};

use crate::framing::{Framing, Limits, Phase, Refusal};
use crate::watch::{Sweep, Watch};
use crate::wire::Wire;

/// How long a client may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// A connection may be silent between requests for so long.
    pub(crate) idle: Duration,
    /// A head must be whole so long after its first byte.
    pub(crate) head: Duration,
    /// A body may stand still for so long.
    pub(crate) body_stall: Duration,
    /// A body must be whole so long after its first byte.
    pub(crate) body: Duration,
    /// A client may take nothing of its answer for so long.
    pub(crate) write_stall: Duration,
}

/// How long an answered, unreadable connection is kept so that its last answer arrives: closing a
/// socket with unread input resets it, and the reset can overtake the answer.
const LINGER: Duration = Duration::from_secs(2);
/// Most input that is thrown away meanwhile.
const LINGER_BYTES: usize = 4 << 20;

/// What the connection's task and the request in service know about its socket.
#[derive(Debug)]
pub(crate) struct ClientState {
    framing: RefCell<Framing>,
    refusal: Cell<Option<Refusal>>,
    /// Whether the refusal struck a request in service, which answers for itself.
    in_service: Cell<bool>,
    watch: Rc<Watch>,
}

impl ClientState {
    /// Why this connection's input was refused, if it was.
    pub(crate) fn refusal(&self) -> Option<Refusal> {
        self.refusal.get()
    }

    /// Legacy did not take the upgrade: what the client sent after it is its next request.
    pub(crate) fn resume(&self) {
        self.framing.borrow_mut().resume();
        self.watch.wake();
    }

    /// Legacy answered 101: from here on bytes are not looked at.
    pub(crate) fn tunnel(&self) {
        self.framing.borrow_mut().tunnel();
    }

    /// The proxy is to stop: a connection between two requests ends now.
    pub(crate) fn drain(&self) {
        if self.framing.borrow().phase() == Phase::Idle {
            self.watch.expire();
        }
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct ClientIo {
    wire: Wire,
    state: Rc<ClientState>,
    patience: Patience,
    /// Bytes that came but were not yet handed over; the first `valid` have passed.
    held: BytesMut,
    valid: usize,
    /// The phase whose overall limit is running.
    timed: Phase,
    ended: bool,
}

impl ClientIo {
    pub(crate) fn new(wire: Wire, limits: Limits, patience: Patience, sweep: &Rc<Sweep>) -> Self {
        let state = ClientState {
            framing: RefCell::new(Framing::new(limits)),
            refusal: Cell::new(None),
            in_service: Cell::new(false),
            watch: sweep.watch(),
        };
        Self {
            wire,
            state: Rc::new(state),
            patience,
            held: BytesMut::new(),
            valid: 0,
            timed: Phase::Idle,
            ended: false,
        }
    }

    pub(crate) fn state(&self) -> Rc<ClientState> {
        Rc::clone(&self.state)
    }

    /// Notes why input is refused. Inside a body the parser must learn of it as an error; between
    /// requests it sees a plain end, serves what it has, and [`ClientIo::finish`] answers.
    fn refuse(&mut self, refusal: Refusal, in_body: bool) -> io::Result<()> {
        self.state.refusal.set(Some(refusal));
        self.state.in_service.set(in_body);
        self.ended = true;
        self.held.clear();
        if in_body {
            Err(io::Error::new(io::ErrorKind::InvalidData, refusal.reason))
        } else {
            Ok(())
        }
    }

    fn expired(&mut self) -> io::Result<()> {
        match self.state.framing.borrow().phase() {
            Phase::Idle => {
                self.ended = true;
                return Ok(());
            }
            Phase::Tunnel => return Err(io::ErrorKind::TimedOut.into()),
            Phase::Head | Phase::Held | Phase::Body => {}
        }
        let in_body = self.state.framing.borrow().phase() == Phase::Body;
        self.refuse(Refusal::TIMEOUT, in_body)
    }

    /// Starts or lifts the limit for the whole of a head or body when the phase has changed.
    fn time_phase(&mut self) {
        let phase = self.state.framing.borrow().phase();
        if phase == self.timed {
            return;
        }
        self.timed = phase;
        self.state.watch.finish_within(match phase {
            Phase::Head => Some(self.patience.head),
            Phase::Body => Some(self.patience.body),
            Phase::Idle | Phase::Held | Phase::Tunnel => None,
        });
    }

    fn waits_for_input(&self, cx: &Context<'_>) {
        let stall = match self.state.framing.borrow().phase() {
            Phase::Idle => self.patience.idle,
            Phase::Head => self.patience.head,
            Phase::Body => self.patience.body_stall,
            // The one who decides has limits of its own.
            Phase::Held | Phase::Tunnel => Duration::MAX,
        };
        self.state.watch.waits_at_most(cx.waker(), stall);
    }

    /// Ends the connection: answers a refused request, then closes so that the answer arrives.
    pub(crate) async fn finish(mut self) {
        let unread = self.state.refusal().is_some()
            || !self.held.is_empty()
            || !matches!(self.state.framing.borrow().phase(), Phase::Idle);
        // Its limits are over: from here a timer of its own bounds it.
        let farewell = async {
            if let Some(refusal) = self.state.refusal()
                && !self.state.in_service.get()
            {
                self.wire.write_all(&refusal_answer(refusal)).await?;
            }
            self.wire.shutdown().await?;
            let mut left = if unread { LINGER_BYTES } else { 0 };
            let mut sink = vec![0; if unread { 16 << 10 } else { 0 }];
            while left > 0 {
                match self.wire.read(&mut sink).await? {
                    0 => break,
                    read => left = left.saturating_sub(read),
                }
            }
            io::Result::Ok(())
        };
        // Nothing is owed to a client that does not take its last answer.
        let _unfinished = tokio::time::timeout(LINGER, farewell).await;
    }

    /// The bare socket and what came after the upgrade request.
    pub(crate) fn into_tunnel(self) -> (Wire, BytesMut) {
        (self.wire, self.held)
    }
}

/// The answer to a request that is refused before it is a request.
fn refusal_answer(refusal: Refusal) -> Vec<u8> {
    let body = format!("{}\n", refusal.reason);
    format!(
        "HTTP/1.1 {} {}\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        refusal.status.as_u16(),
        refusal.status.canonical_reason().unwrap_or(""),
        body.len(),
    )
    .into_bytes()
}

impl AsyncRead for ClientIo {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            if this.valid > 0 {
                let take = this.valid.min(buf.remaining());
                buf.put_slice(&this.held[..take]);
                this.held.advance(take);
                this.valid -= take;
                return Poll::Ready(Ok(()));
            }
            if this.ended {
                return Poll::Ready(Ok(()));
            }
            if this.state.watch.expired() {
                this.expired()?;
                continue;
            }
            if !this.held.is_empty() {
                let in_body = this.state.framing.borrow().phase() == Phase::Body;
                let step = this.state.framing.borrow_mut().advance(&this.held);
                match step {
                    Ok(0) => {}
                    Ok(valid) => {
                        this.valid = valid;
                        continue;
                    }
                    Err(refusal) => {
                        this.refuse(refusal, in_body)?;
                        continue;
                    }
                }
            }
            this.time_phase();
            if this.state.framing.borrow().phase() == Phase::Held {
                // Not even read: what follows an upgrade request belongs to nobody yet.
                this.waits_for_input(cx);
                return Poll::Pending;
            }
            let before = buf.filled().len();
            if this.held.is_empty() {
                // The usual case: the socket's bytes go straight into the parser's buffer.
                let Poll::Ready(read) = Pin::new(&mut this.wire).poll_read(cx, buf) else {
                    this.waits_for_input(cx);
                    return Poll::Pending;
                };
                read?;
                this.state.watch.progressed();
                let fresh = &buf.filled()[before..];
                if fresh.is_empty() {
                    this.ended = true;
                    return Poll::Ready(Ok(()));
                }
                let in_body = this.state.framing.borrow().phase() == Phase::Body;
                let step = this.state.framing.borrow_mut().advance(fresh);
                let passed = match step {
                    Ok(passed) => passed,
                    Err(refusal) => {
                        buf.set_filled(before);
                        this.refuse(refusal, in_body)?;
                        continue;
                    }
                };
                this.held.extend_from_slice(&fresh[passed..]);
                buf.set_filled(before + passed);
                this.time_phase();
                if passed > 0 {
                    return Poll::Ready(Ok(()));
                }
            } else {
                this.held.reserve(4096);
                let Poll::Ready(read) = poll_read_more(&mut this.wire, cx, &mut this.held) else {
                    this.waits_for_input(cx);
                    return Poll::Pending;
                };
                this.state.watch.progressed();
                if read? == 0 {
                    // The rest of this head or line will never come.
                    this.ended = true;
                    this.held.clear();
                }
            }
        }
    }
}

fn poll_read_more(
    wire: &mut Wire,
    cx: &mut Context<'_>,
    held: &mut BytesMut,
) -> Poll<io::Result<usize>> {
    let mut piece = [0; 4096];
    let mut buf = ReadBuf::new(&mut piece);
    ready!(Pin::new(wire).poll_read(cx, &mut buf))?;
    held.extend_from_slice(buf.filled());
    Poll::Ready(Ok(buf.filled().len()))
}

impl ClientIo {
    fn wrote<T>(&self, cx: &Context<'_>, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.state.watch.wrote();
            return polled;
        }
        if self.state.watch.expired() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        self.state
            .watch
            .waits_at_most(cx.waker(), self.patience.write_stall);
        Poll::Pending
    }
}

impl AsyncWrite for ClientIo {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.wire).poll_write(cx, buf);
        this.wrote(cx, polled)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        Pin::new(&mut this.wire).poll_flush(cx)
    }

    /// Does nothing: [`ClientIo::finish`] closes, after it has said what is left to say.
    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.wire).poll_write_vectored(cx, bufs);
        this.wrote(cx, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.wire.is_write_vectored()
    }
}
