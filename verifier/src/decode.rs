//! Content codings, undone under a cap.

#![deny(clippy::disallowed_methods)]

use std::borrow::Cow;
use std::io::{self, Read};

/// Why a body could not be decoded.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The decoded body is longer than the cap.
    #[error("the decoded body is longer than {max_bytes} bytes")]
    TooLarge {
        /// The cap.
        max_bytes: usize,
    },
    /// A coding that is not known here.
    #[error("content coding `{0}` is not known; gzip, deflate, br and zstd are")]
    Unknown(String),
    /// The bytes are not what the header says.
    #[error("the body is not valid {coding}")]
    Corrupt {
        /// The coding that failed.
        coding: String,
        /// What the decoder says.
        source: io::Error,
    },
}

/// More codings than this on one body are an attack, not an encoding.
const MAX_CODINGS: usize = 8;

/// Undoes the content codings in the order they were applied
/// ([RFC 9110, section 8.4](https://www.rfc-editor.org/rfc/rfc9110#section-8.4)), each under the cap, so
/// a bomb costs at most `max_bytes` of memory per layer.
///
/// An empty body is empty under every coding.
pub fn decode<'a>(
    body: &'a [u8],
    codings: &[String],
    max_bytes: usize,
) -> Result<Cow<'a, [u8]>, DecodeError> {
    if codings.len() > MAX_CODINGS {
        return Err(DecodeError::Unknown(format!("{} codings", codings.len())));
    }
    let mut body = Cow::Borrowed(body);
    for coding in codings.iter().rev() {
        if coding == "identity" || body.is_empty() {
            continue;
        }
        body = Cow::Owned(undo(&body, coding, max_bytes)?);
    }
    Ok(body)
}

fn undo(body: &[u8], coding: &str, max_bytes: usize) -> Result<Vec<u8>, DecodeError> {
    let corrupt = |source| DecodeError::Corrupt {
        coding: coding.to_owned(),
        source,
    };
    match coding {
        "gzip" | "x-gzip" => read(flate2::read::MultiGzDecoder::new(body), coding, max_bytes),
        // By the standard this is zlib; some servers send the bare stream.
        "deflate" => match read(flate2::read::ZlibDecoder::new(body), coding, max_bytes) {
            Err(DecodeError::Corrupt { .. }) => {
                read(flate2::read::DeflateDecoder::new(body), coding, max_bytes)
            }
            done => done,
        },
        "br" => read(brotli::Decompressor::new(body, 4096), coding, max_bytes),
        "zstd" => {
            let mut decoder = zstd::stream::read::Decoder::new(body).map_err(corrupt)?;
            // The window that RFC 9659 allows on the web: 8 MB.
            decoder.window_log_max(23).map_err(corrupt)?;
            read(decoder, coding, max_bytes)
        }
        other => Err(DecodeError::Unknown(other.to_owned())),
    }
}

fn read(from: impl Read, coding: &str, max_bytes: usize) -> Result<Vec<u8>, DecodeError> {
    let mut out = Vec::new();
    // One byte more than allowed tells "too long" from "just fits".
    let limit = u64::try_from(max_bytes)
        .unwrap_or(u64::MAX)
        .saturating_add(1);
    from.take(limit)
        .read_to_end(&mut out)
        .map_err(|source| DecodeError::Corrupt {
            coding: coding.to_owned(),
            source,
        })?;
    if out.len() > max_bytes {
        Err(DecodeError::TooLarge { max_bytes })
    } else {
        Ok(out)
    }
}

/// The codings of `Content-Encoding` fields, in lower case and order.
pub fn codings<'a>(fields: impl Iterator<Item = &'a [u8]>) -> Vec<String> {
    fields
        .flat_map(|value| {
            String::from_utf8_lossy(value)
                .split(',')
                .map(|coding| coding.trim().to_ascii_lowercase())
                .filter(|coding| !coding.is_empty())
                .collect::<Vec<_>>()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn encode(body: &[u8], coding: &str) -> Vec<u8> {
        let level = flate2::Compression::fast();
        match coding {
            "gzip" => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
                encoder.write_all(body).expect("a Vec takes all");
                encoder.finish().expect("a Vec takes all")
            }
            "deflate" => {
                let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), level);
                encoder.write_all(body).expect("a Vec takes all");
                encoder.finish().expect("a Vec takes all")
            }
            "raw" => {
                let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), level);
                encoder.write_all(body).expect("a Vec takes all");
                encoder.finish().expect("a Vec takes all")
            }
            "br" => {
                let mut out = Vec::new();
                brotli::CompressorWriter::new(&mut out, 4096, 3, 20)
                    .write_all(body)
                    .expect("a Vec takes all");
                out
            }
            "zstd" => zstd::encode_all(body, 1).expect("a Vec takes all"),
            _ => body.to_vec(),
        }
    }

    fn list(text: &str) -> Vec<String> {
        codings(std::iter::once(text.as_bytes()))
    }

    #[test]
    fn every_coding_is_undone_also_stacked() {
        let body = "객실 201, 202".repeat(500).into_bytes();
        for coding in ["gzip", "deflate", "br", "zstd", "identity"] {
            let sent = encode(&body, coding);
            let found = decode(&sent, &list(coding), 1 << 20).expect(coding);
            assert_eq!(found, body, "{coding}");
        }
        let sent = encode(&body, "raw");
        assert_eq!(
            decode(&sent, &list("deflate"), 1 << 20).expect("bare deflate"),
            body
        );
        let sent = encode(&encode(&body, "gzip"), "br");
        assert_eq!(
            decode(&sent, &list("GZIP, br"), 1 << 20).expect("stacked"),
            body
        );
        assert_eq!(decode(b"", &list("gzip"), 1).expect("empty"), b"" as &[u8]);
    }

    #[test]
    fn a_bomb_ends_at_the_cap() {
        let body = vec![0; 1 << 20];
        for coding in ["gzip", "deflate", "br", "zstd"] {
            let sent = encode(&body, coding);
            let error = decode(&sent, &list(coding), 1000).expect_err("over the cap");
            assert!(
                matches!(error, DecodeError::TooLarge { max_bytes: 1000 }),
                "{coding}: {error}"
            );
            assert!(
                decode(&sent, &list(coding), 1 << 20).is_ok(),
                "{coding}: the cap itself fits"
            );
        }
    }

    #[test]
    fn what_cannot_be_decoded_says_why() {
        for coding in ["gzip", "deflate", "br", "zstd"] {
            let error = decode(b"no such thing", &list(coding), 1000).expect_err("corrupt");
            assert!(
                matches!(error, DecodeError::Corrupt { .. }),
                "{coding}: {error}"
            );
        }
        let cut = &encode(&[7; 5000], "gzip")[..20];
        assert!(
            decode(cut, &list("gzip"), 10_000).is_err(),
            "a cut stream is no shorter body"
        );
        let error = decode(b"x", &list("snappy"), 1000).expect_err("unknown");
        assert!(matches!(error, DecodeError::Unknown(_)));
    }
}
