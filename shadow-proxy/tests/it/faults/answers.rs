//! What a faulty answer is made of, and the whole table.

use std::io::Write as _;
use std::time::Duration;

use shadow_proxy::counters::{Reason, Tally};

use super::{LEGACY, bodies, heads};
use crate::upstream::Seen;
use crate::wire::Wire;

/// How the exchanges with a faulty core end.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ends {
    /// Compared without a difference: the fault is none that a client would see.
    Equal,
    /// Compared, with a difference.
    Different,
    /// Compared with either verdict.
    Compared,
    /// Not compared, for one of these reasons.
    Lost(&'static [Reason]),
    /// Either, because the order of two events decides.
    Any(&'static [Reason]),
}

impl Ends {
    pub(crate) fn holds(&self, total: &Tally) -> bool {
        let lost = |reasons: &[Reason]| -> u64 {
            reasons
                .iter()
                .map(|&reason| total.not_compared[reason as usize])
                .sum()
        };
        let counted = match self {
            Self::Equal => total.equal,
            Self::Different => total.different,
            Self::Compared => total.compared(),
            Self::Lost(reasons) => lost(reasons),
            Self::Any(reasons) => lost(reasons) + total.compared(),
        };
        counted == total.sent
    }
}

/// What core does once it has sent its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// Hangs up.
    Close,
    /// Answers the next request on the connection alike.
    GoOn,
    /// Says nothing more and keeps the connection.
    Stay,
    /// Hangs up with the request unread, which resets the connection.
    Reset,
    /// Sends the bytes again and again until the proxy hangs up.
    Repeat(&'static [u8]),
    /// Sends what is left byte by byte, for ever.
    Drip(u8),
}

/// The bytes of an answer, and what follows them.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    pub(crate) bytes: Vec<u8>,
    pub(crate) then: Then,
    /// Whether core speaks before it was asked.
    pub(crate) unasked: bool,
}

impl Script {
    pub(crate) fn play(&self, mut wire: Wire, seen: &Seen) {
        loop {
            if self.then == Then::Reset {
                // Looked at and left in the socket.
                let _nothing = wire.stream.peek(&mut [0; 1]);
            } else if !self.unasked {
                let Ok(Some(request)) = wire.message(false) else {
                    return;
                };
                seen.note(request);
            }
            // The proxy may hang up first; that is its right.
            let sent = wire.stream.write_all(&self.bytes);
            match self.then {
                _ if sent.is_err() => return,
                Then::GoOn => {}
                Then::Close | Then::Reset => return,
                Then::Stay => {
                    let _ended = wire.message(false);
                    return;
                }
                Then::Repeat(bytes) => while wire.stream.write_all(bytes).is_ok() {},
                Then::Drip(byte) => {
                    while wire.stream.write_all(&[byte]).is_ok() {
                        std::thread::sleep(Duration::from_millis(20));
                    }
                }
            }
        }
    }
}

/// One faulty answer.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    pub(crate) name: &'static str,
    pub(crate) script: Script,
    pub(crate) ends: Ends,
}

pub(crate) const ERROR: Ends = Ends::Lost(&[Reason::CoreError]);
pub(crate) const LATE: Ends = Ends::Lost(&[Reason::CoreTimeout]);
pub(crate) const LARGE: Ends = Ends::Lost(&[Reason::CoreTooLarge]);

/// A fault whose core hangs up after its bytes.
pub(crate) fn says(name: &'static str, bytes: impl Into<Vec<u8>>, ends: Ends) -> Fault {
    then(name, bytes, Then::Close, ends)
}

pub(crate) fn then(name: &'static str, bytes: impl Into<Vec<u8>>, then: Then, ends: Ends) -> Fault {
    Fault {
        name,
        script: Script {
            bytes: bytes.into(),
            then,
            unasked: false,
        },
        ends,
    }
}

/// A head with these lines and, if the answer is to be sized, the length of `body`.
pub(crate) fn answer(status: &str, lines: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let mut bytes = format!(
        "HTTP/1.1 {status}\r\n{lines}Content-Length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// The fields that legacy sends too.
pub(crate) const FIELDS: &str = "Content-Type: application/json\r\nX-Legacy: 1\r\n";

/// The right answer.
pub(crate) fn right() -> Vec<u8> {
    answer("200 OK", FIELDS, LEGACY)
}

/// A core without fault.
pub(crate) fn sound() -> Script {
    Script {
        bytes: right(),
        then: Then::GoOn,
        unasked: false,
    }
}

/// The table.
pub(crate) fn all() -> Vec<Fault> {
    let mut all = heads::status_lines();
    all.extend(heads::fields());
    all.extend(heads::lengths());
    all.extend(heads::informational());
    all.extend(bodies::chunks());
    all.extend(bodies::codings());
    all.extend(bodies::contents());
    all.extend(bodies::without_body());
    all.extend(bodies::endings());
    all
}
