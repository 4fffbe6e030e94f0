//! The bodies that pass through, each leaving a copy of its chunks on the way.

use std::cell::Cell;
use std::collections::VecDeque;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use crate::capture::{Capture, Chunks, End};
use crate::request_check::strip_trailers;
use crate::upstream::{Link, Upstream};

/// The body of a request to one of the services.
#[derive(Debug)]
pub(crate) enum RequestBody {
    /// No body.
    Empty,
    /// The client's, while it arrives.
    Client(ClientBody),
    /// The same again, from a copy. `sized` when the client announced its length.
    Copied {
        /// What is still to be sent.
        chunks: VecDeque<Bytes>,
        /// Bytes still to be sent, if the length is to be announced.
        sized: Option<u64>,
    },
}

impl RequestBody {
    /// A body that was written anew for core, with its length.
    pub(crate) fn whole(body: Bytes) -> Self {
        let sized = Some(body.len() as u64);
        Self::Copied {
            chunks: [body].into(),
            sized,
        }
    }

    /// A whole copy for core, framed as the client framed it.
    pub(crate) fn copied(chunks: &Chunks, announced: bool) -> Self {
        let sized = announced.then_some(chunks.len() as u64);
        Self::Copied {
            chunks: chunks.iter().cloned().collect(),
            sized,
        }
    }
}

/// A client's body on its way to legacy.
#[derive(Debug)]
pub(crate) struct ClientBody {
    incoming: Incoming,
    capture: Option<Capture>,
    broken: Rc<Cell<bool>>,
}

impl ClientBody {
    /// `broken` is set when the client's side fails, which is no fault of legacy's.
    pub(crate) fn new(
        incoming: Incoming,
        capture: Option<Capture>,
        broken: Rc<Cell<bool>>,
    ) -> Self {
        Self {
            incoming,
            capture,
            broken,
        }
    }

    fn finish(&mut self, end: End) {
        if let Some(capture) = self.capture.take() {
            capture.finish(end);
        }
    }
}

impl Drop for ClientBody {
    fn drop(&mut self) {
        let end = if self.incoming.is_end_stream() {
            End::Whole
        } else {
            End::Broken
        };
        self.finish(end);
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match self.get_mut() {
            Self::Empty => Poll::Ready(None),
            Self::Client(body) => {
                let mut frame = ready!(Pin::new(&mut body.incoming).poll_frame(cx));
                if let Some(Ok(frame)) = &mut frame
                    && let Some(trailers) = frame.trailers_mut()
                {
                    strip_trailers(trailers);
                }
                match &frame {
                    Some(Ok(frame)) => {
                        if let (Some(capture), Some(data)) = (&body.capture, frame.data_ref()) {
                            capture.push(data);
                        }
                        if body.incoming.is_end_stream() {
                            body.finish(End::Whole);
                        }
                    }
                    Some(Err(_)) => {
                        body.broken.set(true);
                        body.finish(End::Broken);
                    }
                    None => body.finish(End::Whole),
                }
                Poll::Ready(frame)
            }
            Self::Copied { chunks, sized } => {
                let chunk = chunks.pop_front();
                if let (Some(left), Some(chunk)) = (sized.as_mut(), &chunk) {
                    *left = left.saturating_sub(chunk.len() as u64);
                }
                Poll::Ready(chunk.map(|chunk| Ok(Frame::data(chunk))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Client(body) => body.incoming.is_end_stream(),
            // A chunked body without chunks still has to be sent as one.
            Self::Copied { chunks, sized } => chunks.is_empty() && sized.is_some(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Client(body) => body.incoming.size_hint(),
            Self::Copied {
                sized: Some(left), ..
            } => SizeHint::with_exact(*left),
            Self::Copied { sized: None, .. } => SizeHint::default(),
        }
    }
}

/// The body of an answer to the client.
#[derive(Debug)]
pub(crate) enum ReplyBody {
    /// Legacy's, while it arrives.
    Legacy(LegacyBody),
    /// The proxy's own few words.
    Own(Option<Bytes>),
}

/// Legacy's body on its way to the client. At its end the connection goes back to its pool.
#[derive(Debug)]
pub(crate) struct LegacyBody {
    incoming: Incoming,
    capture: Option<Capture>,
    link: Option<(Link, Rc<Upstream>)>,
}

impl LegacyBody {
    pub(crate) fn new(
        incoming: Incoming,
        capture: Option<Capture>,
        link: Link,
        upstream: Rc<Upstream>,
    ) -> Self {
        let mut body = Self {
            incoming,
            capture,
            link: Some((link, upstream)),
        };
        if body.incoming.is_end_stream() {
            body.finish(End::Whole);
        }
        body
    }

    fn finish(&mut self, end: End) {
        if let Some((link, upstream)) = self.link.take()
            && end == End::Whole
        {
            upstream.put_back(link);
        }
        if let Some(capture) = self.capture.take() {
            capture.finish(end);
        }
    }
}

impl Drop for LegacyBody {
    fn drop(&mut self) {
        // Dropped before its end: the client left, or the proxy stops.
        self.finish(End::Broken);
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match self.get_mut() {
            Self::Own(words) => Poll::Ready(words.take().map(|words| Ok(Frame::data(words)))),
            Self::Legacy(body) => {
                let mut frame = ready!(Pin::new(&mut body.incoming).poll_frame(cx));
                if let Some(Ok(frame)) = &mut frame
                    && let Some(trailers) = frame.trailers_mut()
                {
                    strip_trailers(trailers);
                }
                match &frame {
                    Some(Ok(frame)) => {
                        if let (Some(capture), Some(data)) = (&body.capture, frame.data_ref()) {
                            capture.push(data);
                        }
                        if body.incoming.is_end_stream() {
                            body.finish(End::Whole);
                        }
                    }
                    Some(Err(_)) => body.finish(End::Broken),
                    None => body.finish(End::Whole),
                }
                Poll::Ready(frame)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Legacy(body) => body.incoming.is_end_stream(),
            Self::Own(words) => words.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Legacy(body) => body.incoming.size_hint(),
            Self::Own(words) => {
                SizeHint::with_exact(words.as_ref().map_or(0, |words| words.len() as u64))
            }
        }
    }
}
