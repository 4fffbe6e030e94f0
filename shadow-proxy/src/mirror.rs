//! The shadow path: core gets a copy of what legacy has answered, and both answers are held together.
//! Everything here is bounded by count, bytes and time, and ends in one counted reason.

use std::future::poll_fn;
use std::mem;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{self, HeaderMap};
use http::{Method, Response, StatusCode};
use hyper::body::{Body as _, Frame, Incoming};
use verifier::cutover::METHOD_OVERRIDES;

use crate::body::RequestBody;
use crate::capture::{Capture, Chunks, End};
use crate::counters::{Reason, Ticket};
use crate::forward::{self, Head, SendError};
use crate::ids::Turn;
use crate::lane::Lane;
use crate::race::{Began, Write};
use crate::sink::{Pair, Side};
use crate::twin::{self, Second};
use crate::upstream::{Link, Upstream};

/// What core may see of a request, decided before legacy has answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plan {
    /// Nothing.
    Never(Reason),
    /// A read: core gets it once legacy has answered.
    Read,
    /// A write: nothing, but after legacy's 2xx the resource is read from both.
    Probe,
    /// A write: core gets it if legacy refused it.
    Rejected,
    /// A write: core gets it, into a database of its own.
    Mirror,
}

/// What to do for the shadow once legacy's status is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Send core the same request.
    Copy,
    /// Read the resource from both services.
    Probe,
}

impl Plan {
    /// Whether core may get the request's body.
    pub(crate) fn sends_body(self) -> bool {
        matches!(self, Self::Read | Self::Rejected | Self::Mirror)
    }

    /// What legacy's status makes of the plan.
    pub(crate) fn after_legacy(self, status: StatusCode) -> Result<Action, Reason> {
        match self {
            Self::Never(reason) => Err(reason),
            _ if is_overload(status) => Err(Reason::LegacyOverloaded),
            Self::Read | Self::Mirror => Ok(Action::Copy),
            Self::Rejected if status.is_client_error() => Ok(Action::Copy),
            Self::Rejected => Err(Reason::WriteAccepted),
            Self::Probe if status.is_success() => Ok(Action::Probe),
            Self::Probe => Err(Reason::Write),
        }
    }
}

/// One request for the shadow, with legacy's answer as it streams by.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) ticket: Ticket,
    pub(crate) action: Action,
    pub(crate) head: Head,
    pub(crate) request_copy: Option<Capture>,
    /// Whether the client sent a body.
    pub(crate) with_body: bool,
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// Legacy's body as it passes; only where core gets the same request.
    pub(crate) body: Option<Capture>,
    pub(crate) took: Duration,
    /// When a read went to legacy, for telling whether a write came in between.
    pub(crate) since: Option<Began>,
    /// Of a write that core gets too: until then core's data are behind legacy's.
    pub(crate) write: Option<Write>,
    /// Its place among the requests that core gets, where both sides have ids of their own.
    pub(crate) turn: Option<Turn>,
}

/// One of the lane's places for exchanges with core, given back when dropped.
struct Place {
    lane: Rc<Lane>,
}

impl Place {
    fn take(lane: &Rc<Lane>) -> Self {
        lane.in_flight.set(lane.in_flight.get() + 1);
        Self {
            lane: Rc::clone(lane),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.lane.in_flight.set(self.lane.in_flight.get() - 1);
        if self.lane.in_flight.get() == 0 {
            self.lane.shadow_idle.notify_waiters();
        }
    }
}

/// Starts the shadow of one request. The caller has seen that a place is free.
pub(crate) fn start(lane: &Rc<Lane>, job: Job) {
    let place = Place::take(lane);
    // Both boxed, because a task is moved several times before it rests, and what it was called with
    // once more each time a function is entered.
    let job = Box::new(job);
    tokio::task::spawn_local(Box::pin(async move {
        run(&place.lane, job).await;
    }));
}

async fn run(lane: &Rc<Lane>, mut job: Box<Job>) {
    let outcome = match (job.action, job.body.take()) {
        (Action::Copy, Some(body)) => copy(lane, &mut job, body).await,
        // Boxed, because it is rare and would make every task as large as its own.
        (Action::Probe | Action::Copy, _) => Box::pin(probe(lane, &job)).await,
    };
    // An id that is unknown at core is none of these: as a rule core has refused to make its object, which is a
    // difference that must be seen.
    if let Err(Reason::RequestTooLarge | Reason::RequestIncomplete | Reason::OutOfMemoryBudget) =
        outcome
        && job.write.is_some()
        && job.status.is_success()
        && let Some(ids) = &lane.settings.ids
    {
        ids.lost_write(job.ticket.endpoint().name(), &job.head);
    }
    let Job {
        ticket,
        write,
        turn,
        ..
    } = *job;
    // Core has what legacy has, or never will.
    drop((write, turn));
    let mut pair = match outcome {
        Ok(pair) => pair,
        Err(reason) => {
            lane.core_seen(reason);
            ticket.not_compared(reason);
            return;
        }
    };
    lane.core_answered();
    // Cheaper here than a hand-over: most pairs end with one comparison of bytes.
    let plain = lane.settings.ids.is_none() && pair.plainly_equal();
    // Before the short way, so that equal traffic has its part too.
    pair.self_check = lane.is_self_check();
    let short = plain
        && !pair.self_check
        && !lane.is_new_request(&ticket, &pair)
        && !lane.is_example(&ticket);
    if short {
        if let Some(twin) = pair.twin {
            twin.paired();
        }
        ticket.equal(pair.reference.status, pair.candidate.status);
    } else {
        lane.sink.hand_over(ticket, pair);
    }
}

/// Sends core the same request; `passing` is legacy's body on its way to the client. Takes what the
/// pair is made of out of the job.
async fn copy(lane: &Rc<Lane>, job: &mut Job, passing: Capture) -> Result<Box<Pair>, Reason> {
    let limit = lane.settings.shadow.timeout();
    let mut request_body = None;
    let (request, repeat) = match job.request_copy.take() {
        None => (RequestBody::Empty, true),
        Some(copy) => {
            let chunks = in_time(limit, copy.whole())
                .await
                .map_err(|end| match end {
                    End::TooLarge => Reason::RequestTooLarge,
                    End::NoRoom => Reason::OutOfMemoryBudget,
                    End::Open | End::Broken | End::Whole => Reason::RequestIncomplete,
                })?;
            let announced = job.head.headers.contains_key(header::CONTENT_LENGTH);
            let request = RequestBody::copied(&chunks, announced);
            request_body = Some(chunks);
            (request, false)
        }
    };
    if job.turn.is_some() {
        return Box::pin(copy_with_ids(lane, job, passing, request, request_body)).await;
    }
    let (ticket, head) = (&job.ticket, &job.head);
    // A read without a body, which `since` marks: nothing else may be sent twice to legacy.
    let (core, twin) = if lane.twin.is_some() && job.since.is_some() && repeat {
        let core = ask(lane, &lane.core, head, request, repeat);
        Box::pin(async { tokio::join!(core, second(lane, ticket, head)) }).await
    } else {
        (ask(lane, &lane.core, head, request, repeat).await, None)
    };
    let core = core?;
    timed(lane, job, core.took);
    let body = in_time(limit, passing.whole())
        .await
        .map_err(|end| match end {
            End::TooLarge => Reason::LegacyTooLarge,
            End::NoRoom => Reason::OutOfMemoryBudget,
            End::Open | End::Broken | End::Whole => Reason::LegacyIncomplete,
        })?;
    let clock = &lane.settings.write_clock;
    Ok(Box::new(Pair {
        raced: job.since.is_some_and(|since| clock.raced(since)),
        self_check: false,
        head: mem::take(&mut job.head),
        request_body,
        reference: Side {
            status: job.status,
            headers: mem::take(&mut job.headers),
            body,
            took: job.took,
        },
        candidate: core,
        twin,
    }))
}

/// Longest body that a client sends along with the head, without waiting for a sign of the other side: ten
/// segments of 1,460 bytes (RFC 6928).
const SENT_AT_ONCE: u64 = 14_600;

/// Counts core's time, and which side was faster. Legacy's time has in it how long the client took to send
/// a body, so a longer one says nothing of legacy.
fn timed(lane: &Lane, job: &Job, took: Duration) {
    job.ticket.core_took(took);
    let announced = || {
        let length = job.head.headers.get(header::CONTENT_LENGTH)?;
        length.to_str().ok()?.parse::<u64>().ok()
    };
    if !job.with_body || announced().is_some_and(|length| length <= SENT_AT_ONCE) {
        job.ticket
            .paced(lane.settings.tolerance.pace(job.took, took));
    }
}

/// Sends core the same request with its own ids, in its turn, and learns from what a write gave out.
async fn copy_with_ids(
    lane: &Rc<Lane>,
    job: &mut Job,
    passing: Capture,
    mut request: RequestBody,
    request_body: Option<Chunks>,
) -> Result<Box<Pair>, Reason> {
    let (Some(ids), Some(turn)) = (lane.settings.ids.as_deref(), &job.turn) else {
        return Err(Reason::Inconclusive);
    };
    ids.wait(turn).await;
    let (ticket, name) = (&job.ticket, job.ticket.endpoint().name());
    let mut head = ids.head(name, &job.head).await?;
    let repeat = request_body.is_none();
    if let Some(body) = &request_body
        && let Some(body) = ids.body(name, &body.joined()).await?
    {
        if head.headers.contains_key(header::CONTENT_LENGTH) {
            head.headers
                .insert(header::CONTENT_LENGTH, body.len().into());
        }
        request = RequestBody::whole(body);
    }
    let (core, twin) = if lane.twin.is_some() && job.since.is_some() && repeat {
        let core = ask(lane, &lane.core, &head, request, repeat);
        tokio::join!(core, second(lane, ticket, &job.head))
    } else {
        (ask(lane, &lane.core, &head, request, repeat).await, None)
    };
    let body = in_time(lane.settings.shadow.timeout(), passing.whole())
        .await
        .map_err(|end| match end {
            End::TooLarge => Reason::LegacyTooLarge,
            End::NoRoom => Reason::OutOfMemoryBudget,
            End::Open | End::Broken | End::Whole => Reason::LegacyIncomplete,
        });
    let (core, reference) = match (core, body) {
        (Err(reason), Err(_)) | (Ok(_), Err(reason)) => return Err(reason),
        (core, Ok(body)) => {
            let side = Side {
                status: job.status,
                headers: mem::take(&mut job.headers),
                body,
                took: job.took,
            };
            (core, side)
        }
    };
    if job.since.is_none() {
        let made = job.head.method == Method::POST;
        ids.learn_write(name, made, &reference, core.as_ref().ok())
            .await;
    }
    let core = core?;
    timed(lane, job, core.took);
    let clock = &lane.settings.write_clock;
    Ok(Box::new(Pair {
        raced: job.since.is_some_and(|since| clock.raced(since)),
        self_check: false,
        head: mem::take(&mut job.head),
        request_body,
        reference,
        candidate: core,
        twin,
    }))
}

/// Legacy's second answer to a read, if one is due and comes.
async fn second(lane: &Rc<Lane>, ticket: &Ticket, head: &Head) -> Option<Second> {
    let twin = lane.twin.as_ref()?;
    if !twin.is_next() {
        return None;
    }
    let endpoint = ticket.endpoint();
    if twin.rests() {
        endpoint.lose_pair("twin_rests");
        return None;
    }
    endpoint.ask_twin();
    let answer = ask(lane, &twin.upstream, head, RequestBody::Empty, true).await;
    let answer = match answer {
        Ok(side) if is_overload(side.status) => Err(Reason::LegacyOverloaded),
        other => other,
    };
    twin.went(answer.as_ref().err().copied());
    match answer {
        Ok(side) => Some(Second::new(side, endpoint)),
        Err(reason) => {
            endpoint.lose_pair(twin::label(reason));
            None
        }
    }
}

/// Overload speaks of the moment, not of the request: the other side would have to be overloaded too.
fn is_overload(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
    )
}

/// Reads what a write has made or changed from both services. Only the client's own write leads here,
/// and both get the same plain `GET` with its credentials.
async fn probe(lane: &Rc<Lane>, write: &Job) -> Result<Box<Pair>, Reason> {
    let Some(head) = probe_head(&write.head, &write.headers) else {
        return Err(Reason::Write);
    };
    let since = lane.settings.write_clock.read();
    let reference = ask(lane, &lane.legacy, &head, RequestBody::Empty, true)
        .await
        .map_err(legacy_reason)?;
    let candidate = ask(lane, &lane.core, &head, RequestBody::Empty, true).await?;
    write.ticket.core_took(candidate.took);
    let pace = lane.settings.tolerance.pace(reference.took, candidate.took);
    write.ticket.paced(pace);
    Ok(Box::new(Pair {
        raced: lane.settings.write_clock.raced(since),
        self_check: false,
        head,
        request_body: None,
        reference,
        candidate,
        twin: None,
    }))
}

/// The read that shows a write's effect: its own path, or for a `POST` the `Location` it answered
/// with, if that is a path of this service. `None` when there is nothing to read.
fn probe_head(write: &Head, answer: &HeaderMap) -> Option<Head> {
    let uri = if write.method == Method::POST {
        let location = answer.get(header::LOCATION)?.to_str().ok()?;
        if !location.starts_with('/') || location.starts_with("//") {
            return None;
        }
        location.parse().ok()?
    } else {
        write.uri.clone()
    };
    let mut headers = write.headers.clone();
    for name in [
        header::CONTENT_LENGTH,
        header::CONTENT_TYPE,
        header::CONTENT_ENCODING,
        header::IF_MATCH,
        header::IF_NONE_MATCH,
        header::IF_UNMODIFIED_SINCE,
        header::RANGE,
    ] {
        headers.remove(name);
    }
    for name in METHOD_OVERRIDES {
        headers.remove(name);
    }
    Some(Head {
        method: Method::GET,
        uri,
        headers,
    })
}

fn legacy_reason(core: Reason) -> Reason {
    match core {
        Reason::CoreTooLarge => Reason::LegacyTooLarge,
        Reason::OutOfMemoryBudget => Reason::OutOfMemoryBudget,
        _ => Reason::LegacyError,
    }
}

/// Sends a request and takes the whole answer, within the shadow's limits of time and size.
async fn ask(
    lane: &Rc<Lane>,
    upstream: &Rc<Upstream>,
    head: &Head,
    body: RequestBody,
    repeat: bool,
) -> Result<Side, Reason> {
    let limit = lane.settings.shadow.timeout();
    let began = Instant::now();
    let repeat = if repeat { Some(head) } else { None };
    let read = matches!(head.method, Method::GET | Method::HEAD | Method::OPTIONS);
    let reuse_within = if read {
        None
    } else {
        Some(forward::FRESH_FOR_WRITES)
    };
    let sent = forward::send(
        upstream,
        head.request(body),
        repeat,
        reuse_within,
        Some(limit),
    )
    .await;
    let (response, link) = sent.map_err(|error| match error {
        SendError::Timeout => Reason::CoreTimeout,
        SendError::Connect(_) => Reason::CoreUnreachable,
        SendError::Protocol(_) => Reason::CoreError,
    })?;
    let took = began.elapsed();
    if response.status().is_informational() {
        return Err(Reason::CoreError);
    }
    let (response, body) = read_whole(lane, response, &link).await?;
    upstream.put_back(link);
    Ok(Side {
        status: response.0,
        headers: response.1,
        body,
        took,
    })
}

/// Takes an answer's body in, up to the cap. On any failure the connection is dropped with it.
async fn read_whole(
    lane: &Lane,
    response: Response<Incoming>,
    link: &Link,
) -> Result<((StatusCode, HeaderMap), Chunks), Reason> {
    let (parts, mut incoming) = response.into_parts();
    let limit = lane.settings.shadow.max_answer_bytes;
    if incoming.size_hint().lower() > limit as u64 {
        return Err(Reason::CoreTooLarge);
    }
    let mut chunks = Chunks::new(&lane.budget);
    while !incoming.is_end_stream() {
        let Some(frame) = next_frame(&mut incoming).await else {
            break;
        };
        let frame = frame.map_err(|_broken| {
            if link.watch().expired() {
                Reason::CoreTimeout
            } else {
                Reason::CoreError
            }
        })?;
        if let Ok(data) = frame.into_data() {
            chunks.push(data, limit).map_err(|end| match end {
                End::NoRoom => Reason::OutOfMemoryBudget,
                _ => Reason::CoreTooLarge,
            })?;
        }
    }
    Ok(((parts.status, parts.headers), chunks))
}

async fn next_frame(incoming: &mut Incoming) -> Option<Result<Frame<Bytes>, hyper::Error>> {
    poll_fn(|cx| Pin::new(&mut *incoming).poll_frame(cx)).await
}

/// Waits for a copy that is still being made, at most for `limit`. Usually it is there already, so
/// that no timer is made.
async fn in_time(
    limit: Duration,
    copy: impl Future<Output = Result<Chunks, End>>,
) -> Result<Chunks, End> {
    tokio::pin!(copy);
    match poll_fn(|cx| Poll::Ready(copy.as_mut().poll(cx))).await {
        Poll::Ready(result) => result,
        Poll::Pending => tokio::time::timeout(limit, copy)
            .await
            .unwrap_or(Err(End::Open)),
    }
}
