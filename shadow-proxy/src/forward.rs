//! The client's path: a request goes to legacy and its answer comes back as it streams. Nothing here
//! waits for core, for the comparison or for evidence; those only get copies.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use http::request::Parts;
use http::{Method, Request, Response, StatusCode, Uri};
use hyper::body::{Body as _, Incoming};
use hyper_util::rt::TokioIo;
use tokio::sync::oneshot;
use verifier::evidence::usage::Handling;

use crate::body::{ClientBody, LegacyBody, ReplyBody, RequestBody};
use crate::capture::Capture;
use crate::client_io::ClientState;
use crate::counters::{Reason, Ticket};
use crate::framing::Refusal;
use crate::lane::Lane;
use crate::mirror::{self, Action, Job, Plan};
use crate::request_check::{self, Checked};
use crate::sample;
use crate::upstream::{Link, Upstream, WatchedWire};

/// A write only reuses a connection that was in use so recently that the service can hardly be
/// closing it: unlike a read it is never sent again.
pub(crate) const FRESH_FOR_WRITES: Duration = Duration::from_secs(1);

/// What legacy's side of a tunnel will be.
pub(crate) type TunnelEnd =
    oneshot::Receiver<hyper::client::conn::http1::Parts<TokioIo<WatchedWire>>>;

/// One client connection, as its requests see it.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) address: IpAddr,
    pub(crate) state: Rc<ClientState>,
    /// Set when legacy has taken an upgrade; the connection's task then builds the tunnel. The link
    /// is kept because dropping it would close legacy's side.
    pub(crate) tunnel: RefCell<Option<(TunnelEnd, Link)>>,
}

/// A request's head: all of it that may be sent a second time, to core or again to legacy.
#[derive(Clone, Debug, Default)]
pub(crate) struct Head {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
}

impl Head {
    pub(crate) fn request(&self, body: RequestBody) -> Request<RequestBody> {
        let mut request = Request::new(body);
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        request
    }
}

/// Why a service gave no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SendError {
    /// No connection.
    #[error("no connection: {0}")]
    Connect(io::Error),
    /// Nothing within the time limit.
    #[error("no answer in time")]
    Timeout,
    /// The connection ended or held something that is not HTTP.
    #[error("no whole answer: {0}")]
    Protocol(hyper::Error),
}

/// Serves one request of a client.
pub(crate) async fn serve(
    lane: Rc<Lane>,
    client: Rc<Client>,
    request: Request<Incoming>,
) -> Result<Response<ReplyBody>, Infallible> {
    let (mut parts, incoming) = request.into_parts();
    // hyper's handle for its own way of upgrading; the tunnel is built without it.
    parts.extensions.clear();
    let checked = match request_check::check(&mut parts, &lane.settings.pseudonym) {
        Ok(checked) => checked,
        Err(refusal) => {
            lane.counters.refuse();
            // What was held back after an upgrade request that is refused goes down with it.
            return Ok(refused(&lane, refusal));
        }
    };
    parts
        .headers
        .append(header::VIA, lane.settings.request_via.clone());

    let ticket = Ticket::new(lane.endpoints.of(&parts.method, parts.uri.path()));
    if checked.upgrade {
        // Boxed, because it is rare and would make the task of every request larger.
        return Ok(Box::pin(upgrade(&lane, &client, ticket, parts)).await);
    }
    let plan = plan(&lane, &client, &parts, checked, &ticket);
    Ok(answer(lane, &client, ticket, checked, plan, parts, incoming).await)
}

/// Decides what core will get to see, before anything is sent.
fn plan(lane: &Lane, client: &Client, parts: &Parts, checked: Checked, ticket: &Ticket) -> Plan {
    let settings = &lane.settings;
    let plan = if checked.write {
        settings.writes.plan(checked, ticket.endpoint().name())
    } else {
        Plan::Read
    };
    if settings.sample.is_all() || matches!(plan, Plan::Never(_)) {
        return plan;
    }
    let address = match client.address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    let user = sample::user(&parts.headers, settings.sample_header.as_ref(), &address);
    if settings.sample.holds(&user) {
        plan
    } else {
        Plan::Never(Reason::SampledOut)
    }
}

async fn answer(
    lane: Rc<Lane>,
    client: &Rc<Client>,
    mut ticket: Ticket,
    checked: Checked,
    plan: Plan,
    parts: Parts,
    incoming: Incoming,
) -> Response<ReplyBody> {
    let shadow = &lane.settings.shadow;
    let wants_copy = !matches!(plan, Plan::Never(_));
    let has_body = !incoming.is_end_stream();
    let broken = Rc::new(Cell::new(false));
    let (body, request_copy) = if has_body {
        let copy = plan
            .sends_body()
            .then(|| Capture::new(shadow.max_request_bytes, &lane.budget));
        (
            RequestBody::Client(ClientBody::new(incoming, copy.clone(), Rc::clone(&broken))),
            copy,
        )
    } else {
        (RequestBody::Empty, None)
    };
    let repeatable = !checked.write && !has_body;
    let head = (repeatable || wants_copy).then(|| Head {
        method: parts.method.clone(),
        uri: parts.uri.clone(),
        headers: parts.headers.clone(),
    });

    let clock = &lane.settings.write_clock;
    let since = (!checked.write).then(|| clock.read());
    let write = checked.write.then(|| clock.write());
    let uses = lane.uses.as_ref();
    let asked = uses.map(|uses| uses.ask(&parts.headers, &parts.uri));
    let began = Instant::now();
    let request = Request::from_parts(parts, body);
    let repeat = if repeatable { head.as_ref() } else { None };
    let reuse_within = if checked.write {
        Some(FRESH_FOR_WRITES)
    } else {
        None
    };
    let sent = send(&lane.legacy, request, repeat, reuse_within, None).await;
    let (response, link) = match sent {
        Ok(sent) => sent,
        Err(error) => {
            let clients_fault = broken.get();
            ticket.not_compared(if clients_fault {
                Reason::RequestIncomplete
            } else {
                Reason::LegacyError
            });
            if clients_fault {
                let refusal = client.state.refusal().unwrap_or(Refusal {
                    status: StatusCode::BAD_REQUEST,
                    reason: "the request body did not arrive whole",
                });
                return refused(&lane, refusal);
            }
            lane.legacy_failed(&error);
            return failed(&lane, &error);
        }
    };
    let took = began.elapsed();
    ticket.legacy_took(took);

    let (mut parts, incoming) = response.into_parts();
    if parts.status.is_informational() {
        // A 101 that nobody asked for: not an answer.
        ticket.not_compared(Reason::LegacyError);
        return own(
            &lane,
            StatusCode::BAD_GATEWAY,
            "legacy switched protocols unasked",
            false,
        );
    }
    if let (Some(uses), Some(asked)) = (uses, asked) {
        let endpoint = ticket.endpoint();
        let handling = if checked.write {
            let policy = lane.settings.writes.policy(checked, endpoint.name());
            policy.into()
        } else {
            Handling::Safe
        };
        let used = uses.count(endpoint, handling, &asked, parts.status);
        ticket.counts_for(used);
    }
    let copy = match (plan.after_legacy(parts.status), head) {
        (Ok(action), Some(head)) if lane.has_place(checked.write) => {
            let copy = (action == Action::Copy)
                .then(|| Capture::new(lane.settings.shadow.max_answer_bytes, &lane.budget));
            mirror::start(
                &lane,
                Job {
                    ticket,
                    action,
                    head,
                    request_copy,
                    with_body: has_body,
                    status: parts.status,
                    headers: parts.headers.clone(),
                    body: copy.clone(),
                    took,
                    since,
                    // Anywhere else it ends here: with its status legacy has done its work.
                    write: if action == Action::Copy { write } else { None },
                    turn: lane
                        .settings
                        .ids
                        .as_ref()
                        .map(|ids| ids.turn(checked.write && action == Action::Copy)),
                },
            );
            copy
        }
        (Ok(action), head) => {
            if let (Action::Copy, Some(head), Some(ids)) = (action, head, &lane.settings.ids)
                && checked.write
                && parts.status.is_success()
            {
                ids.lost_write(ticket.endpoint().name(), &head);
            }
            ticket.not_compared(Reason::TooManyInFlight);
            None
        }
        (Err(reason), _) => {
            ticket.not_compared(reason);
            None
        }
    };

    request_check::strip_hop_by_hop(&mut parts.headers);
    parts
        .headers
        .append(header::VIA, lane.settings.answer_via.clone());
    let body = LegacyBody::new(incoming, copy, link, Rc::clone(&lane.legacy));
    Response::from_parts(parts, ReplyBody::Legacy(body))
}

/// Sends a request to a service and waits for the head of its answer.
///
/// It is sent a second time only when it surely had no effect: hyper hands it back unsent, or
/// `repeat` allows it (a read without body) and the reused connection ended without giving a byte.
/// `within` limits the whole exchange, body included; without it only standing still is limited.
pub(crate) async fn send(
    upstream: &Rc<Upstream>,
    mut request: Request<RequestBody>,
    repeat: Option<&Head>,
    reuse_within: Option<Duration>,
    within: Option<Duration>,
) -> Result<(Response<Incoming>, Link), SendError> {
    let mut link = match upstream.reuse(reuse_within) {
        Some(link) => link,
        None => open(upstream).await?,
    };
    loop {
        link.watch().finish_within(within);
        let bytes_before = link.watch().bytes_read();
        let mut error = match link.sender().try_send_request(request).await {
            Ok(response) => return Ok((response, link)),
            Err(error) => error,
        };
        let expired = link.watch().expired();
        let silent = link.watch().bytes_read() == bytes_before;
        request = match (error.take_message(), repeat) {
            (Some(unsent), _) if link.reused() => unsent,
            (None, Some(head)) if link.reused() && silent && !expired => {
                head.request(RequestBody::Empty)
            }
            _ if expired => return Err(SendError::Timeout),
            _ => return Err(SendError::Protocol(error.into_error())),
        };
        // A new connection, so that this is the last try.
        link = open(upstream).await?;
    }
}

/// Boxed, because connections are kept: the task of every request would have to hold what only the
/// first ones need, and is moved more than once.
fn open(upstream: &Rc<Upstream>) -> Pin<Box<dyn Future<Output = Result<Link, SendError>> + '_>> {
    Box::pin(async { upstream.open().await.map_err(connect_error) })
}

pub(crate) fn connect_error(error: io::Error) -> SendError {
    if error.kind() == io::ErrorKind::TimedOut {
        SendError::Timeout
    } else {
        SendError::Connect(error)
    }
}

/// An upgrade goes to legacy only, on a connection of its own. Until legacy has answered 101, what the
/// client sent after it stays unread.
async fn upgrade(
    lane: &Rc<Lane>,
    client: &Rc<Client>,
    ticket: Ticket,
    parts: Parts,
) -> Response<ReplyBody> {
    ticket.not_compared(Reason::Upgrade);
    let (upgraded, tunnel_end) = oneshot::channel();
    let mut link = match lane.legacy.open_for(Some(upgraded)).await {
        Ok(link) => link,
        Err(error) => {
            client.state.resume();
            return failed(lane, &connect_error(error));
        }
    };
    let request = Request::from_parts(parts, RequestBody::Empty);
    let response = match link.sender().send_request(request).await {
        Ok(response) => response,
        Err(error) => {
            client.state.resume();
            let expired = link.watch().expired();
            let error = if expired {
                SendError::Timeout
            } else {
                SendError::Protocol(error)
            };
            return failed(lane, &error);
        }
    };
    let (mut parts, incoming) = response.into_parts();
    let taken = parts.status == StatusCode::SWITCHING_PROTOCOLS;
    let protocol = parts.headers.get(header::UPGRADE).cloned();
    request_check::strip_hop_by_hop(&mut parts.headers);
    parts
        .headers
        .append(header::VIA, lane.settings.answer_via.clone());
    if taken {
        if let Some(protocol) = protocol {
            parts.headers.insert(header::UPGRADE, protocol);
        }
        parts
            .headers
            .insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        client.state.tunnel();
        *client.tunnel.borrow_mut() = Some((tunnel_end, link));
        return Response::from_parts(parts, ReplyBody::Own(None));
    }
    client.state.resume();
    let body = LegacyBody::new(incoming, None, link, Rc::clone(&lane.legacy));
    Response::from_parts(parts, ReplyBody::Legacy(body))
}

/// The answer to a request that is not forwarded. Its connection is closed: what follows on it is
/// either unread body or not to be trusted.
fn refused(lane: &Lane, refusal: Refusal) -> Response<ReplyBody> {
    own(lane, refusal.status, refusal.reason, true)
}

/// The answer when legacy gave none. It names no address and no cause: those are in the log.
fn failed(lane: &Lane, error: &SendError) -> Response<ReplyBody> {
    match error {
        SendError::Timeout => own(
            lane,
            StatusCode::GATEWAY_TIMEOUT,
            "legacy did not answer in time",
            false,
        ),
        SendError::Connect(_) | SendError::Protocol(_) => own(
            lane,
            StatusCode::BAD_GATEWAY,
            "legacy did not answer",
            false,
        ),
    }
}

fn own(lane: &Lane, status: StatusCode, words: &'static str, close: bool) -> Response<ReplyBody> {
    let mut response = Response::new(ReplyBody::Own(Some(Bytes::from_static(words.as_bytes()))));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    headers.insert(header::VIA, lane.settings.answer_via.clone());
    if close {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}
