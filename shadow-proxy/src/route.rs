//! Which endpoint a request belongs to when no catalogue names it: the method and the shape of the
//! path, ids replaced by `{id}`.
#![deny(clippy::disallowed_methods)]

use http::Method;

pub use verifier::catalogue::routes::Routes;

/// Segments of a path that are told apart; the rest becomes `…`.
const MAX_SEGMENTS: usize = 8;
/// A longer segment is data, not a name.
const MAX_SEGMENT: usize = 32;

/// Writes the inferred endpoint, such as `GET /api/v1/rooms/{id}`, into `out`.
///
/// Nothing that a client chose freely gets through: ids, long or oddly spelled segments and unknown
/// methods become placeholders, so that the result can be a label or a log field.
pub fn template(method: &Method, path: &str, out: &mut String) {
    out.clear();
    out.push_str(match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        _ => "OTHER",
    });
    out.push(' ');
    if !path.starts_with('/') {
        out.push('*');
        return;
    }
    // By hand, because this runs for every request and `split` for a character costs twice as much.
    let (mut rest, mut count) = (path, 0);
    while !rest.is_empty() {
        let end = rest.bytes().skip(1).position(|byte| byte == b'/');
        let (segment, after) = rest.split_at(end.map_or(rest.len(), |end| end + 1));
        if count == MAX_SEGMENTS {
            out.push_str("/…");
            return;
        }
        out.push_str(if is_id(&segment[1..]) {
            "/{id}"
        } else {
            segment
        });
        (rest, count) = (after, count + 1);
    }
}

/// Whether a segment names one thing among many rather than a kind of thing.
fn is_id(segment: &str) -> bool {
    let bytes = segment.as_bytes();
    if bytes.is_empty() {
        return false;
    }
    if bytes.len() > MAX_SEGMENT {
        return true;
    }
    let mut digits = 0;
    for byte in bytes {
        match byte {
            b'0'..=b'9' => digits += 1,
            b'a'..=b'z' | b'A'..=b'Z' | b'-' | b'_' | b'.' => {}
            _ => return true,
        }
    }
    // `v1` and `oauth2` are names; `12`, `-3`, `2026-02-20`, a ULID or the head of a UUID are not.
    let version = bytes.len() <= 3 && matches!(bytes[0], b'v' | b'V');
    digits > 0 && !version && (digits * 2 >= bytes.len() || bytes.len() >= 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_become_places_and_names_stay() {
        for (path, expected) in [
            ("/", "GET /"),
            ("/api/v1/rooms", "GET /api/v1/rooms"),
            ("/api/v1/rooms/", "GET /api/v1/rooms/"),
            (
                "/api/v1/rooms/12/histories",
                "GET /api/v1/rooms/{id}/histories",
            ),
            ("/api/v1/rooms/-1", "GET /api/v1/rooms/{id}"),
            ("/a/6f9619ff-8b86-d011-b42d-00cf4fc964ff", "GET /a/{id}"),
            ("/a/01ARZ3NDEKTSV4RRFFQ69G5FAV", "GET /a/{id}"),
            ("/a/2026-02-20", "GET /a/{id}"),
            ("/oauth2/token", "GET /oauth2/token"),
            ("/search/%3Cscript%3E", "GET /search/{id}"),
            ("/mail/a@b.example", "GET /mail/{id}"),
            (
                "/1/2/3/4/5/6/7/8/9/10",
                "GET /{id}/{id}/{id}/{id}/{id}/{id}/{id}/{id}/…",
            ),
            ("*", "GET *"),
        ] {
            let mut out = String::new();
            template(&Method::GET, path, &mut out);
            assert_eq!(out, expected, "{path}");
        }
        let odd = Method::from_bytes(b"SECRET").expect("a token");
        let mut out = String::from("left over");
        template(&odd, "/a", &mut out);
        assert_eq!(out, "OTHER /a");
    }
}
