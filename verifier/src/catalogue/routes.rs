#![deny(clippy::disallowed_methods)]
//! Which endpoint of the catalogue a request belongs to, by its method and path.

use http::Method;

/// The catalogue's endpoints, found by method and path.
#[derive(Debug, Default)]
pub struct Routes {
    /// The most literal first, so that `/rooms/free` is found before `/rooms/{id}`.
    routes: Vec<Route>,
}

#[derive(Debug)]
struct Route {
    method: Method,
    /// `None` stands for any one segment that is not empty.
    segments: Vec<Option<String>>,
    name: String,
}

impl Routes {
    /// Endpoints as name, method and path template, such as `/api/v1/rooms/{id}`. One whose method is
    /// none is left out: no request could belong to it.
    pub fn new<'a>(endpoints: impl IntoIterator<Item = (&'a str, &'a str, &'a str)>) -> Self {
        let mut routes: Vec<_> = endpoints
            .into_iter()
            .filter_map(|(name, method, path)| {
                let path = path.split('?').next().unwrap_or(path);
                let segments = path.strip_prefix('/')?.split('/').map(|segment| {
                    let place = segment.starts_with('{') && segment.ends_with('}');
                    (!place).then(|| segment.to_owned())
                });
                Some(Route {
                    method: Method::from_bytes(method.as_bytes()).ok()?,
                    segments: segments.collect(),
                    name: name.to_owned(),
                })
            })
            .collect();
        // `false` sorts first: a literal before a place, the leftmost segment deciding.
        routes.sort_by_cached_key(|route| {
            route
                .segments
                .iter()
                .map(Option::is_none)
                .collect::<Vec<_>>()
        });
        Self { routes }
    }

    /// The endpoint that a request belongs to, if the catalogue has one.
    pub fn find(&self, method: &Method, path: &str) -> Option<&str> {
        let path = path.strip_prefix('/')?;
        let count = path.bytes().filter(|&byte| byte == b'/').count() + 1;
        let route = self.routes.iter().find(|route| {
            route.segments.len() == count
                && route.method == *method
                && route
                    .segments
                    .iter()
                    .zip(path.split('/'))
                    .all(|(expected, segment)| {
                        expected
                            .as_ref()
                            .map_or(!segment.is_empty(), |expected| expected == segment)
                    })
        })?;
        Some(&route.name)
    }

    /// All names, in no order that matters.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.routes.iter().map(|route| route.name.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogues_endpoints_are_found_by_method_and_path_the_most_literal_first() {
        let routes = Routes::new([
            ("rooms_get", "GET", "/api/v1/rooms/{id}"),
            ("rooms_free", "GET", "/api/v1/rooms/free"),
            ("rooms_list", "GET", "/api/v1/rooms?page=0"),
            ("rooms_delete", "DELETE", "/api/v1/rooms/{id}"),
            ("rooms_histories", "GET", "/api/v1/rooms/{id}/histories"),
        ]);
        for (method, path, expected) in [
            ("GET", "/api/v1/rooms/7", Some("rooms_get")),
            ("GET", "/api/v1/rooms/anything", Some("rooms_get")),
            ("GET", "/api/v1/rooms/free", Some("rooms_free")),
            ("GET", "/api/v1/rooms", Some("rooms_list")),
            ("GET", "/api/v1/rooms/", None),
            ("DELETE", "/api/v1/rooms/7", Some("rooms_delete")),
            ("GET", "/api/v1/rooms/7/histories", Some("rooms_histories")),
            ("POST", "/api/v1/rooms/7", None),
            ("GET", "/", None),
            ("OPTIONS", "*", None),
        ] {
            let method = Method::from_bytes(method.as_bytes()).expect("a token");
            assert_eq!(routes.find(&method, path), expected, "{method} {path}");
        }
    }
}
