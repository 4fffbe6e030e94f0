//! Connections to one of the two services, kept by one thread and used last in, first out.

use std::cell::RefCell;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::client::conn::http1::{self, Parts, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio_rustls::TlsConnector;

use crate::body::RequestBody;
use crate::watch::{Sweep, Watch};
use crate::wire::Wire;

/// Where a service is.
#[derive(Clone)]
pub(crate) struct Address {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) tls: Option<(TlsConnector, ServerName<'static>)>,
}

impl Address {
    /// Scheme, host and port, as the service would write them into a link to itself.
    pub(crate) fn origin(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        if self.host.contains(':') {
            format!("{scheme}://[{}]:{}", self.host, self.port)
        } else {
            format!("{scheme}://{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.origin())
    }
}

/// How connections to a service are made and kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LinkLimits {
    /// Longest wait for a connection, TLS included.
    pub(crate) connect: Duration,
    /// Longest wait for a byte while an answer is due.
    pub(crate) stall: Duration,
    /// An unused connection is closed after this time.
    pub(crate) keep: Duration,
    /// Most unused connections a thread keeps.
    pub(crate) max_unused: usize,
}

/// Largest read buffer of a connection. Chunks of bodies are parts of it, so this also bounds what a
/// captured body can keep alive beside its own bytes.
const READ_BUFFER: usize = 128 << 10;

/// The pool of one thread for one service.
#[derive(Debug)]
pub(crate) struct Upstream {
    address: Arc<Address>,
    limits: LinkLimits,
    sweep: Rc<Sweep>,
    unused: RefCell<Vec<Link>>,
}

/// One connection, for one exchange at a time.
#[derive(Debug)]
pub(crate) struct Link {
    sender: SendRequest<RequestBody>,
    watch: Rc<Watch>,
    reused: bool,
    /// [`Sweep::now_ms`] when it was put back.
    since_ms: u64,
}

impl Link {
    pub(crate) fn sender(&mut self) -> &mut SendRequest<RequestBody> {
        &mut self.sender
    }

    pub(crate) fn watch(&self) -> &Watch {
        &self.watch
    }

    /// Whether the service may have closed it meanwhile.
    pub(crate) fn reused(&self) -> bool {
        self.reused
    }
}

impl Upstream {
    pub(crate) fn new(address: Arc<Address>, limits: LinkLimits, sweep: Rc<Sweep>) -> Self {
        Self {
            address,
            limits,
            sweep,
            unused: RefCell::new(Vec::new()),
        }
    }

    /// The connection used last, if it is fit for another exchange. With `fresh_within`, only one
    /// that was put back no longer ago: a write must not meet a connection that is being closed.
    pub(crate) fn reuse(&self, fresh_within: Option<Duration>) -> Option<Link> {
        let mut unused = self.unused.borrow_mut();
        let mut at = unused.len();
        while at > 0 {
            at -= 1;
            if unused[at].sender.is_closed() {
                unused.remove(at);
                continue;
            }
            let age = self.sweep.now_ms().saturating_sub(unused[at].since_ms);
            if fresh_within.is_some_and(|limit| u128::from(age) > limit.as_millis()) {
                return None;
            }
            if unused[at].sender.is_ready() {
                let mut link = unused.remove(at);
                link.reused = true;
                link.watch.allow_stall(self.limits.stall);
                return Some(link);
            }
        }
        None
    }

    /// The service's own `host:port`, for requests that no client made.
    pub(crate) fn authority(&self) -> String {
        let origin = self.address.origin();
        origin
            .split_once("://")
            .map_or(origin.clone(), |(_, rest)| rest.to_owned())
    }

    /// Opens a connection.
    pub(crate) async fn open(&self) -> io::Result<Link> {
        self.open_for(None).await
    }

    /// Opens a connection whose socket is sent to `upgraded` when the service answers 101.
    pub(crate) async fn open_for(
        &self,
        upgraded: Option<oneshot::Sender<Parts<TokioIo<WatchedWire>>>>,
    ) -> io::Result<Link> {
        let wire = tokio::time::timeout(self.limits.connect, connect(&self.address))
            .await
            .map_err(|_elapsed| io::Error::from(io::ErrorKind::TimedOut))??;
        let watch = self.sweep.watch();
        watch.allow_stall(self.limits.stall);
        let io = TokioIo::new(WatchedWire {
            wire,
            watch: Rc::clone(&watch),
        });
        let (sender, mut connection) = http1::Builder::new()
            .max_buf_size(READ_BUFFER)
            .handshake::<_, RequestBody>(io)
            .await
            .map_err(io::Error::other)?;
        tokio::task::spawn_local(async move {
            let ended = poll_fn(|cx| connection.poll_without_shutdown(cx)).await;
            if ended.is_ok()
                && let Some(upgraded) = upgraded
            {
                // A receiver that left did not want the upgrade: the socket closes here.
                let _unwanted = upgraded.send(connection.into_parts());
            }
        });
        Ok(Link {
            sender,
            watch,
            reused: false,
            since_ms: 0,
        })
    }

    /// Keeps a connection whose exchange is over for the next one.
    pub(crate) fn put_back(&self, mut link: Link) {
        let mut unused = self.unused.borrow_mut();
        if link.sender.is_closed() || unused.len() >= self.limits.max_unused {
            return;
        }
        link.watch.finish_within(None);
        link.watch.allow_stall(self.limits.keep);
        link.since_ms = self.sweep.now_ms();
        unused.push(link);
    }

    /// Lets go of connections that the service closed.
    pub(crate) fn forget_closed(&self) {
        self.unused
            .borrow_mut()
            .retain(|link| !link.sender.is_closed());
    }
}

/// Connects to a service. The name is resolved each time, so that a moved service is found.
pub(crate) async fn connect(address: &Address) -> io::Result<Wire> {
    let stream = TcpStream::connect((address.host.as_str(), address.port)).await?;
    stream.set_nodelay(true)?;
    match &address.tls {
        None => Ok(Wire::Plain(stream)),
        Some((connector, name)) => {
            let stream = connector.connect(name.clone(), stream).await?;
            Ok(Wire::Tls(Box::new(stream.into())))
        }
    }
}

/// A service's socket with the time limits of its [`Watch`].
#[derive(Debug)]
pub(crate) struct WatchedWire {
    wire: Wire,
    watch: Rc<Watch>,
}

impl WatchedWire {
    /// The bare socket, for a tunnel.
    pub(crate) fn into_wire(self) -> Wire {
        self.wire
    }

    fn wrote<T>(&self, cx: &Context<'_>, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.watch.wrote();
            return polled;
        }
        self.waits(cx)
    }

    fn waits<T>(&self, cx: &Context<'_>) -> Poll<io::Result<T>> {
        if self.watch.expired() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        self.watch.waits(cx.waker());
        Poll::Pending
    }
}

impl AsyncRead for WatchedWire {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        // Before the read: a peer that never lets it wait would outlast every limit.
        if this.watch.expired() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        let before = buf.filled().len();
        let polled = Pin::new(&mut this.wire).poll_read(cx, buf);
        this.watch.read(buf.filled().len() - before);
        if polled.is_ready() {
            this.watch.progressed();
            return polled;
        }
        this.waits(cx)
    }
}

impl AsyncWrite for WatchedWire {
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
        Pin::new(&mut self.get_mut().wire).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().wire).poll_shutdown(cx)
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
