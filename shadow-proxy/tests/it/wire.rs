//! Raw HTTP/1.1 over blocking sockets, so that tests can say exactly which bytes pass.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// No step of a test may take longer.
pub(crate) const LIMIT: Duration = Duration::from_secs(40);

/// A message as it came over the wire, its body decoded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Message {
    /// Request line or status line.
    pub(crate) first: String,
    /// Fields in order; names in lower case.
    pub(crate) fields: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
    /// Fields after a chunked body.
    pub(crate) trailers: Vec<(String, Vec<u8>)>,
    /// Whether the body ended where its framing said.
    pub(crate) whole: bool,
}

impl Message {
    pub(crate) fn status(&self) -> u16 {
        self.first
            .split(' ')
            .nth(1)
            .and_then(|code| code.parse().ok())
            .unwrap_or(0)
    }

    pub(crate) fn method(&self) -> &str {
        self.first.split(' ').next().unwrap_or("")
    }

    pub(crate) fn target(&self) -> &str {
        self.first.split(' ').nth(1).unwrap_or("")
    }

    pub(crate) fn all(&self, name: &str) -> Vec<&[u8]> {
        let named = self.fields.iter().filter(|(known, _)| known == name);
        named.map(|(_, value)| value.as_slice()).collect()
    }

    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.all(name)
            .first()
            .and_then(|value| std::str::from_utf8(value).ok())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap_or("not UTF-8")
    }
}

/// One connection with what was read ahead.
#[derive(Debug)]
pub(crate) struct Wire {
    pub(crate) stream: TcpStream,
    held: Vec<u8>,
}

impl Wire {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        Self::new(TcpStream::connect(address).expect("the proxy listens"))
    }

    pub(crate) fn new(stream: TcpStream) -> Self {
        stream
            .set_read_timeout(Some(LIMIT))
            .expect("a limit above zero");
        stream
            .set_write_timeout(Some(LIMIT))
            .expect("a limit above zero");
        stream.set_nodelay(true).expect("a TCP socket");
        Self {
            stream,
            held: Vec::new(),
        }
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream
            .write_all(bytes.as_ref())
            .expect("the other side takes it");
    }

    /// Sends a request and reads its answer.
    pub(crate) fn ask(&mut self, request: impl AsRef<[u8]>) -> Message {
        self.send(request);
        self.answer()
    }

    pub(crate) fn get(&mut self, target: &str) -> Message {
        self.ask(format!(
            "GET {target} HTTP/1.1\r\nHost: rms.example\r\n\r\n"
        ))
    }

    /// The next answer; panics when there is none.
    pub(crate) fn answer(&mut self) -> Message {
        self.answer_to("GET")
    }

    /// The next answer to a request with this method: one to `HEAD` has no body.
    pub(crate) fn answer_to(&mut self, method: &str) -> Message {
        self.message(method == "HEAD")
            .expect("an answer in time")
            .expect("an answer, not an end")
    }

    /// Whether the other side has ended the connection (cleanly or not), with nothing before.
    pub(crate) fn ended(&mut self) -> bool {
        self.held.is_empty()
            && match self.stream.read(&mut [0; 1]) {
                Ok(count) => count == 0,
                Err(error) => error.kind() == io::ErrorKind::ConnectionReset,
            }
    }

    fn more(&mut self) -> io::Result<bool> {
        let mut piece = [0; 16 << 10];
        let count = self.stream.read(&mut piece)?;
        self.held.extend_from_slice(&piece[..count]);
        Ok(count > 0)
    }

    fn line(&mut self) -> io::Result<Option<String>> {
        loop {
            if let Some(end) = self.held.windows(2).position(|pair| pair == b"\r\n") {
                let line: Vec<u8> = self.held.drain(..end + 2).collect();
                return Ok(Some(
                    line[..end].iter().map(|&byte| char::from(byte)).collect(),
                ));
            }
            if !self.more()? {
                return Ok(None);
            }
        }
    }

    fn exactly(&mut self, count: usize, into: &mut Vec<u8>) -> io::Result<bool> {
        while self.held.len() < count {
            if !self.more()? {
                into.append(&mut self.held);
                return Ok(false);
            }
        }
        into.extend(self.held.drain(..count));
        Ok(true)
    }

    fn fields(&mut self) -> io::Result<Vec<(String, Vec<u8>)>> {
        let mut fields = Vec::new();
        while let Some(line) = self.line()? {
            let Some((name, value)) = line.split_once(':') else {
                break;
            };
            let value = value.trim().chars().map(|char| char as u8).collect();
            fields.push((name.to_ascii_lowercase(), value));
        }
        Ok(fields)
    }

    /// The next message; `None` at the end. `bodiless` for an answer to `HEAD`.
    pub(crate) fn message(&mut self, bodiless: bool) -> io::Result<Option<Message>> {
        let Some(first) = self.line()? else {
            return Ok(None);
        };
        let mut message = Message {
            first,
            fields: self.fields()?,
            ..Message::default()
        };
        let is_answer = message.first.starts_with("HTTP/");
        let none = bodiless || matches!(message.status(), 100..=199 | 204 | 304) && is_answer;
        let length = message
            .field("content-length")
            .and_then(|length| length.parse().ok());
        message.whole = true;
        if none {
        } else if message.field("transfer-encoding").is_some() {
            loop {
                let Some(size) = self.line()? else {
                    message.whole = false;
                    break;
                };
                let size = usize::from_str_radix(size.split(';').next().unwrap_or(""), 16)
                    .expect("a chunk size");
                if size == 0 {
                    message.trailers = self.fields()?;
                    break;
                }
                let mut body = std::mem::take(&mut message.body);
                message.whole = self.exactly(size, &mut body)?;
                message.body = body;
                if !message.whole {
                    break;
                }
                self.line()?;
            }
        } else if let Some(length) = length {
            let mut body = Vec::new();
            message.whole = self.exactly(length, &mut body)?;
            message.body = body;
        } else if is_answer {
            while self.more()? {}
            message.body.append(&mut self.held);
        }
        Ok(Some(message))
    }
}

impl Wire {
    /// Bytes as they come, what was read ahead first.
    pub(crate) fn take(&mut self, into: &mut [u8]) -> usize {
        if self.held.is_empty() {
            return self.stream.read(into).expect("bytes in time");
        }
        let count = into.len().min(self.held.len());
        for (place, byte) in into.iter_mut().zip(self.held.drain(..count)) {
            *place = byte;
        }
        count
    }
}
