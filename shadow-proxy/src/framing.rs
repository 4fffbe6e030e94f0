//! Where one request ends and the next begins, decided strictly before the HTTP parser sees a byte.
//!
//! hyper's parser is lenient where a proxy must not be: it takes bare line feeds, drops
//! `Content-Length` beside `Transfer-Encoding`, and accepts repeated lengths. Two servers that read
//! such bytes differently are how a hidden request is smuggled
//! ([RFC 9112, section 11.2](https://www.rfc-editor.org/rfc/rfc9112#section-11.2)). [`Framing`] walks
//! every byte a client sends and releases a head only when it is whole and has one reading.
#![deny(clippy::disallowed_methods)]

use http::StatusCode;

/// How large the parts of a request may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest request target; a longer one is refused with 414.
    pub max_target_bytes: usize,
    /// Longest head (request line and fields) or trailer section; more is refused with 431.
    pub max_head_bytes: usize,
    /// Most fields in a head; more are refused with 431.
    pub max_fields: usize,
    /// Longest body, decoded; more is refused with 413.
    pub max_body_bytes: u64,
}

/// Why a connection's next request is refused. The connection is closed after the answer, because
/// what follows on it cannot be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The status to answer with.
    pub status: StatusCode,
    /// What was wrong, in words that hold nothing the client sent.
    pub reason: &'static str,
}

impl Refusal {
    const fn bad(reason: &'static str) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            reason,
        }
    }

    /// The head or body did not arrive in time.
    pub const TIMEOUT: Self = Self {
        status: StatusCode::REQUEST_TIMEOUT,
        reason: "the request did not arrive in time",
    };
    const TARGET: Self = Self {
        status: StatusCode::URI_TOO_LONG,
        reason: "the request target is too long",
    };
    const HEAD: Self = Self {
        status: StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        reason: "the header section is too large",
    };
    const BODY: Self = Self {
        status: StatusCode::PAYLOAD_TOO_LARGE,
        reason: "the request body is too large",
    };
    const CONNECT: Self = Self {
        status: StatusCode::METHOD_NOT_ALLOWED,
        reason: "CONNECT is not served",
    };
    const VERSION: Self = Self {
        status: StatusCode::HTTP_VERSION_NOT_SUPPORTED,
        reason: "only HTTP/1.0 and HTTP/1.1 are served",
    };
}

/// What the next byte belongs to; decides which time limit applies to waiting for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Between requests: nothing of the next one has come.
    Idle,
    /// Inside a head.
    Head,
    /// Inside a body.
    Body,
    /// After an upgrade request, until legacy has decided.
    Held,
    /// After a 101: bytes are no longer HTTP.
    Tunnel,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Head,
    Length(u64),
    ChunkSize,
    ChunkData(u64),
    ChunkEnd,
    Trailers,
    Held,
    Tunnel,
}

/// What is known of the head being read.
#[derive(Clone, Copy, Debug, Default)]
#[allow(clippy::struct_excessive_bools)] // each is one fact of the head, all combinations occur
struct Head {
    line_seen: bool,
    /// Lines so far, empty ones before the request included.
    lines: usize,
    http_10: bool,
    fields: usize,
    hosts: usize,
    content_length: Option<u64>,
    chunked: bool,
    connection_upgrade: bool,
    upgrade: bool,
    h2c: bool,
}

/// Longest line that announces a chunk, extensions included.
const MAX_CHUNK_LINE: usize = 1024;
/// Longest method token; the longest registered one has 17 letters.
const MAX_METHOD: usize = 32;
/// Empty lines that are ignored before a request
/// ([RFC 9112, section 2.2](https://www.rfc-editor.org/rfc/rfc9112#section-2.2)).
const MAX_EMPTY_LINES: usize = 2;

/// A strict reader of the boundaries between and inside the requests of one connection.
#[derive(Debug)]
pub struct Framing {
    limits: Limits,
    state: State,
    head: Head,
    /// Bytes of the unreleased input already looked at, up to a line's start.
    scanned: usize,
    empty_lines: usize,
    /// Decoded body bytes of this message.
    body: u64,
    /// Bytes of this message's trailer section.
    trailer: usize,
    begun: bool,
    /// Found while earlier bytes were still to be released; returned next.
    refused: Option<Refusal>,
}

impl Framing {
    /// A reader at the start of a connection.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            state: State::Head,
            head: Head::default(),
            scanned: 0,
            empty_lines: 0,
            body: 0,
            trailer: 0,
            begun: false,
            refused: None,
        }
    }

    /// Where the reader is.
    pub fn phase(&self) -> Phase {
        match self.state {
            State::Head if self.begun => Phase::Head,
            State::Head => Phase::Idle,
            State::Held => Phase::Held,
            State::Tunnel => Phase::Tunnel,
            _ => Phase::Body,
        }
    }

    /// The upgrade was not taken: bytes after it are the next request.
    pub fn resume(&mut self) {
        if self.state == State::Held {
            self.state = State::Head;
        }
    }

    /// The upgrade was answered with 101: bytes are no longer looked at.
    pub fn tunnel(&mut self) {
        self.state = State::Tunnel;
    }

    /// Looks at `bytes`, all that was not released so far, and returns how many may be handed to
    /// the parser. `Ok(0)` asks for more input (or, in [`Phase::Held`], for a decision). A refusal
    /// is only returned when nothing before it is left to release, so that earlier requests of a
    /// pipeline are served in order.
    pub fn advance(&mut self, bytes: &[u8]) -> Result<usize, Refusal> {
        if let Some(refusal) = self.refused {
            return Err(refusal);
        }
        let mut released = 0;
        loop {
            let rest = &bytes[released..];
            if rest.is_empty() {
                return Ok(released);
            }
            match self.step(rest) {
                Ok(0) => return Ok(released),
                Ok(step) => {
                    released += step;
                    self.scanned = 0;
                }
                Err(refusal) => {
                    // For good: the state is that of the bad bytes.
                    self.refused = Some(refusal);
                    return if released > 0 {
                        Ok(released)
                    } else {
                        Err(refusal)
                    };
                }
            }
        }
    }

    /// One head, one line or one run of body bytes.
    fn step(&mut self, bytes: &[u8]) -> Result<usize, Refusal> {
        match self.state {
            State::Head => self.head(bytes),
            State::Length(left) => {
                let take = left.min(bytes.len() as u64);
                self.state = State::Length(left - take);
                if left == take {
                    self.end_message();
                }
                Ok(usize::try_from(take).unwrap_or(bytes.len()))
            }
            State::ChunkSize => {
                let Some(line) = whole_line(bytes, MAX_CHUNK_LINE)? else {
                    return Ok(0);
                };
                let size = chunk_size(line)?;
                if self.body.saturating_add(size) > self.limits.max_body_bytes {
                    return Err(Refusal::BODY);
                }
                self.body += size;
                self.state = if size == 0 {
                    State::Trailers
                } else {
                    State::ChunkData(size)
                };
                Ok(line.len() + 2)
            }
            State::ChunkData(left) => {
                let take = left.min(bytes.len() as u64);
                self.state = if left == take {
                    State::ChunkEnd
                } else {
                    State::ChunkData(left - take)
                };
                Ok(usize::try_from(take).unwrap_or(bytes.len()))
            }
            State::ChunkEnd => match bytes {
                [b'\r', b'\n', ..] => {
                    self.state = State::ChunkSize;
                    Ok(2)
                }
                [b'\r'] => Ok(0),
                _ => Err(Refusal::bad("a chunk does not end where it said")),
            },
            State::Trailers => {
                let room = self.limits.max_head_bytes.saturating_sub(self.trailer);
                let Some(line) = whole_line(bytes, room).map_err(|refusal| {
                    if refusal == LINE_TOO_LONG {
                        Refusal::HEAD
                    } else {
                        refusal
                    }
                })?
                else {
                    return Ok(0);
                };
                self.trailer += line.len() + 2;
                if line.is_empty() {
                    self.end_message();
                } else {
                    split_field(line)?;
                }
                Ok(line.len() + 2)
            }
            State::Held => Ok(0),
            State::Tunnel => Ok(bytes.len()),
        }
    }

    /// Walks the whole lines of a head; releases it when its empty line has come.
    fn head(&mut self, bytes: &[u8]) -> Result<usize, Refusal> {
        let from = self.scanned;
        // One search for all lines: setting one up costs more than finding the end of a short line.
        let mut ends = memchr::memchr_iter(b'\n', &bytes[from..]).map(|end| from + end);
        loop {
            let left = self.limits.max_head_bytes.saturating_sub(self.scanned);
            let room = if self.head.line_seen {
                left
            } else {
                left.min(self.limits.max_target_bytes + MAX_METHOD + b"  HTTP/1.1".len())
            };
            let line = match line(
                &bytes[self.scanned..],
                ends.next().map(|end| end - self.scanned),
                room,
            ) {
                Ok(Some(line)) => line,
                Ok(None) => {
                    self.begun = self.begun || self.scanned < bytes.len();
                    return Ok(0);
                }
                Err(refusal) if refusal == LINE_TOO_LONG && !self.head.line_seen => {
                    return Err(Refusal::TARGET);
                }
                Err(refusal) if refusal == LINE_TOO_LONG => return Err(Refusal::HEAD),
                Err(refusal) => return Err(refusal),
            };
            self.scanned += line.len() + 2;
            self.head.lines += 1;
            if !self.head.line_seen {
                if line.is_empty() {
                    self.empty_lines += 1;
                    if self.empty_lines > MAX_EMPTY_LINES {
                        return Err(Refusal::bad("empty lines instead of a request"));
                    }
                    continue;
                }
                self.begun = true;
                self.head.line_seen = true;
                self.head.http_10 = request_line(line, self.limits.max_target_bytes)?;
            } else if line.is_empty() {
                let released = self.scanned;
                // Every line ends in two control characters; any more are in one.
                if controls(&bytes[..released]) != 2 * self.head.lines {
                    return Err(CONTROL);
                }
                self.end_head()?;
                return Ok(released);
            } else {
                self.field(line)?;
            }
        }
    }

    fn field(&mut self, line: &[u8]) -> Result<(), Refusal> {
        self.head.fields += 1;
        if self.head.fields > self.limits.max_fields {
            return Err(Refusal::HEAD);
        }
        let (name, value) = split_field(line)?;
        // Lengths first: most fields are dismissed without comparing a letter.
        match name.len() {
            4 if name.eq_ignore_ascii_case(b"host") => {
                self.head.hosts += 1;
                check_host(value)?;
            }
            7 if name.eq_ignore_ascii_case(b"upgrade") => {
                // h2c is offered to nobody: the next protocol would escape every check made here.
                self.head.upgrade = true;
                self.head.h2c |= has_token(value, b"h2c");
            }
            10 if name.eq_ignore_ascii_case(b"connection") => {
                self.head.connection_upgrade |= has_token(value, b"upgrade");
            }
            14 if name.eq_ignore_ascii_case(b"content-length") => {
                if self.head.content_length.is_some() {
                    return Err(Refusal::bad("more than one Content-Length"));
                }
                self.head.content_length = Some(content_length(value)?);
            }
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => {
                if self.head.chunked {
                    return Err(Refusal::bad("more than one Transfer-Encoding"));
                }
                if !value.eq_ignore_ascii_case(b"chunked") {
                    return Err(Refusal::bad("a Transfer-Encoding other than `chunked`"));
                }
                self.head.chunked = true;
            }
            _ => {}
        }
        Ok(())
    }

    fn end_head(&mut self) -> Result<(), Refusal> {
        let head = self.head;
        if head.hosts != 1 {
            return Err(Refusal::bad("a request needs exactly one Host"));
        }
        if head.chunked && head.content_length.is_some() {
            return Err(Refusal::bad("Content-Length beside Transfer-Encoding"));
        }
        if head.chunked && head.http_10 {
            return Err(Refusal::bad("Transfer-Encoding in HTTP/1.0"));
        }
        if head
            .content_length
            .is_some_and(|length| length > self.limits.max_body_bytes)
        {
            return Err(Refusal::BODY);
        }
        // HTTP/1.0 has no upgrade (RFC 9110, section 7.8); one with a body is taken as a plain
        // request, as `request_check` does too.
        let upgrades = head.upgrade && !head.h2c && head.connection_upgrade && !head.http_10;
        match head.content_length {
            _ if head.chunked => self.state = State::ChunkSize,
            Some(length) if length > 0 => self.state = State::Length(length),
            _ => {
                self.end_message();
                if upgrades {
                    self.state = State::Held;
                }
            }
        }
        Ok(())
    }

    fn end_message(&mut self) {
        self.state = State::Head;
        self.head = Head::default();
        self.begun = false;
        self.empty_lines = 0;
        self.body = 0;
        self.trailer = 0;
    }
}

/// Marks a line that outgrew its room; its caller knows which status that deserves.
const LINE_TOO_LONG: Refusal = Refusal::bad("a line is too long");

const CONTROL: Refusal = Refusal::bad("a control character in the header section");

/// The line that `bytes` begin with, without its CRLF and free of controls; `None` when its end has not
/// come.
fn whole_line(bytes: &[u8], room: usize) -> Result<Option<&[u8]>, Refusal> {
    let found = line(bytes, memchr::memchr(b'\n', bytes), room)?;
    match found {
        Some(line) if controls(line) > 0 => Err(CONTROL),
        found => Ok(found),
    }
}

/// The same, its line feed being at `end`, and its characters not yet looked at.
fn line(bytes: &[u8], end: Option<usize>, room: usize) -> Result<Option<&[u8]>, Refusal> {
    let Some(end) = end else {
        // `+ 1` for a CR whose LF is still under way.
        return if bytes.len() > room + 1 {
            Err(LINE_TOO_LONG)
        } else {
            Ok(None)
        };
    };
    let Some(line) = bytes[..end].strip_suffix(b"\r") else {
        return Err(Refusal::bad("a line feed without carriage return"));
    };
    if line.len() > room {
        return Err(LINE_TOO_LONG);
    }
    Ok(Some(line))
}

/// How many control characters there are; a tab is none.
fn controls(bytes: &[u8]) -> usize {
    // In pieces whose count fits a byte, so that the compiler can look at many of them at once.
    let count = |piece: &[u8]| {
        piece.iter().fold(0_u8, |sum, &byte| {
            sum + ((u8::from(byte < 0x20) & u8::from(byte != b'\t')) | u8::from(byte == 0x7f))
        })
    };
    bytes
        .chunks(255)
        .map(|piece| usize::from(count(piece)))
        .sum()
}

/// Checks a request line; returns whether it is HTTP/1.0.
fn request_line(line: &[u8], max_target: usize) -> Result<bool, Refusal> {
    const SHAPE: Refusal = Refusal::bad("a request line needs method, target and version");
    let space = |bytes: &[u8]| memchr::memchr(b' ', bytes).ok_or(SHAPE);
    let (method, rest) = line.split_at(space(line)?);
    let rest = &rest[1..];
    let (target, version) = rest.split_at(space(rest)?);
    let version = &version[1..];
    if memchr::memchr(b' ', version).is_some() {
        return Err(SHAPE);
    }
    if method.len() > MAX_METHOD || !is_token(method) {
        return Err(Refusal::bad("not a method"));
    }
    if target.is_empty() || memchr::memchr2(b'#', b'\t', target).is_some() {
        return Err(Refusal::bad("not a request target"));
    }
    if target.len() > max_target {
        return Err(Refusal::TARGET);
    }
    let http_10 = match version {
        b"HTTP/1.1" => false,
        b"HTTP/1.0" => true,
        _ if version.starts_with(b"HTTP/") => return Err(Refusal::VERSION),
        _ => return Err(Refusal::bad("not an HTTP version")),
    };
    if method.eq_ignore_ascii_case(b"CONNECT") {
        return Err(Refusal::CONNECT);
    }
    Ok(http_10)
}

/// Name and value of a field line, whitespace around the value removed. A continuation line and
/// whitespace before the colon are refused
/// ([RFC 9112, section 5.1](https://www.rfc-editor.org/rfc/rfc9112#section-5.1)).
fn split_field(line: &[u8]) -> Result<(&[u8], &[u8]), Refusal> {
    // One walk finds where the name ends and that it is one.
    let end = line.iter().position(|&byte| !TOKEN[usize::from(byte)]);
    match end.map(|end| (end, line[end])) {
        Some((end, b':')) if end > 0 => Ok((&line[..end], trim(&line[end + 1..]))),
        Some(_) if line.contains(&b':') => Err(Refusal::bad("not a field name")),
        _ => Err(Refusal::bad("a field without colon")),
    }
}

fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = value {
        value = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

fn content_length(value: &[u8]) -> Result<u64, Refusal> {
    const BAD: Refusal = Refusal::bad("not a Content-Length");
    if value.is_empty() || value.len() > 19 {
        return Err(BAD);
    }
    value.iter().try_fold(0_u64, |sum, &byte| match byte {
        b'0'..=b'9' => Ok(sum * 10 + u64::from(byte - b'0')),
        _ => Err(BAD),
    })
}

fn chunk_size(line: &[u8]) -> Result<u64, Refusal> {
    const BAD: Refusal = Refusal::bad("not a chunk size");
    let digits = line
        .iter()
        .take_while(|byte| byte.is_ascii_hexdigit())
        .count();
    // 15 digits stay far below what 64 bits hold.
    if digits == 0 || digits > 15 {
        return Err(BAD);
    }
    if !matches!(trim(&line[digits..]), [] | [b';', ..]) {
        return Err(BAD);
    }
    line[..digits].iter().try_fold(0_u64, |sum, &byte| {
        let digit = char::from(byte).to_digit(16).ok_or(BAD)?;
        Ok(sum * 16 + u64::from(digit))
    })
}

/// Whether a comma-separated field value holds `token`, in any case.
pub(crate) fn has_token(value: &[u8], token: &[u8]) -> bool {
    value
        .split(|&byte| byte == b',')
        .any(|item| trim(item).eq_ignore_ascii_case(token))
}

/// Refuses a Host that is not `host[:port]`: with a comma, a path or user info, two servers might
/// read two different names out of it.
fn check_host(value: &[u8]) -> Result<(), Refusal> {
    let named = !value.is_empty()
        && value.iter().all(|byte| {
            byte.is_ascii_alphanumeric()
                || matches!(byte, b'.' | b'-' | b'_' | b':' | b'[' | b']' | b'%' | b'~')
        });
    if named {
        Ok(())
    } else {
        Err(Refusal::bad("not a Host"))
    }
}

/// Whether this is a token ([RFC 9110, section 5.6.2](https://www.rfc-editor.org/rfc/rfc9110#section-5.6.2)).
fn is_token(bytes: &[u8]) -> bool {
    // Without leaving the loop early, as in `whole_line`.
    let all = bytes
        .iter()
        .fold(true, |all, &byte| all & TOKEN[usize::from(byte)]);
    all && !bytes.is_empty()
}

/// Characters of a token.
const TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        table[byte as usize] = matches!(byte,
            b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_'
            | b'`' | b'|' | b'~' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z');
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests;
