//! Which headers count, and how: the documented exceptions to "every end-to-end field counts".

/// How a header field takes part in a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderClass {
    /// The value counts to the letter. So does every field this table does not name.
    Value,
    /// A comma-separated list whose order counts; spacing and splitting over fields do not.
    List,
    /// A comma-separated set of case-insensitive names; order is a note.
    Set,
    /// A media type: the type counts, the spelling of parameters is a note.
    MediaType,
    /// Presence and strength count, the value does not.
    EntityTag,
    /// Cookies by name with their attributes; values do not count.
    Cookie,
    /// Presence and form count: a date stays a date.
    Date,
    /// Presence and format class count.
    Id,
    /// Belongs to the connection or the hop, or follows from the body.
    Ignored,
}

/// The table. Hop-by-hop fields are those of
/// [RFC 9110, section 7.6.1](https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1).
const TABLE: &[(&str, HeaderClass)] = {
    use HeaderClass::{Cookie, Date, EntityTag, Id, Ignored, List, MediaType, Set};
    &[
        // Names the moment, the software or the road, not the answer.
        ("date", Ignored),
        ("server", Ignored),
        ("via", Ignored),
        ("x-powered-by", Ignored),
        ("age", Ignored),
        ("server-timing", Ignored),
        ("x-response-time", Ignored),
        ("x-runtime", Ignored),
        // Hop by hop.
        ("connection", Ignored),
        ("keep-alive", Ignored),
        ("proxy-connection", Ignored),
        ("te", Ignored),
        ("trailer", Ignored),
        ("transfer-encoding", Ignored),
        ("upgrade", Ignored),
        // Follow from the body, which is compared itself.
        ("content-length", Ignored),
        ("content-encoding", Ignored),
        ("content-type", MediaType),
        ("etag", EntityTag),
        ("set-cookie", Cookie),
        ("last-modified", Date),
        ("expires", Date),
        ("x-request-id", Id),
        ("request-id", Id),
        ("x-correlation-id", Id),
        ("correlation-id", Id),
        ("x-trace-id", Id),
        ("traceparent", Id),
        ("x-b3-traceid", Id),
        ("x-amzn-trace-id", Id),
        ("x-amzn-requestid", Id),
        ("cf-ray", Id),
        ("cache-control", Set),
        ("pragma", Set),
        ("vary", Set),
        ("allow", Set),
        ("accept-ranges", Set),
        ("access-control-allow-headers", Set),
        ("access-control-allow-methods", Set),
        ("access-control-expose-headers", Set),
        ("content-language", List),
        ("link", List),
        ("www-authenticate", List),
        ("accept-patch", List),
        ("accept-post", List),
    ]
};

/// The class of a field, by its name in lower case.
pub fn header_class(name: &str) -> HeaderClass {
    TABLE
        .iter()
        .find(|(field, _)| *field == name)
        .map_or(HeaderClass::Value, |(_, class)| *class)
}
