#![deny(clippy::disallowed_methods)]
//! A skeleton from an [`OpenAPI`](https://spec.openapis.org/oas/latest.html) document, 3.0 or 3.1. The
//! document is walked as a value: both versions have the same `paths`, and half of the documents in
//! the field keep to neither schema.

use serde_json::{Map, Value, json};

use super::{Entry, ImportError, Login, Skeleton, id_of, placeholder, snake};

/// How deep references and schemas are followed.
const MAX_DEPTH: usize = 12;
const METHODS: [&str; 8] = [
    "get", "put", "post", "delete", "options", "head", "patch", "trace",
];

/// Reads `text`, JSON or YAML.
pub fn skeleton(text: &str) -> Result<Skeleton, ImportError> {
    let root: Value = if text.trim_start().starts_with('{') {
        serde_json::from_str(text).map_err(|error| ImportError(error.to_string()))?
    } else {
        serde_saphyr::from_str(text)
            .map_err(|error| ImportError(error.without_snippet().to_string()))?
    };
    let version = root
        .get("openapi")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if root.get("swagger").is_some() {
        return Err(ImportError(
            "this is Swagger 2.0: convert it to OpenAPI 3 first (swagger2openapi, or the editor's `Convert`)"
                .to_owned(),
        ));
    }
    if !version.starts_with("3.") {
        return Err(ImportError(
            "this is no OpenAPI 3 document: there is no `openapi: 3.0.x` or `3.1.x` at its top"
                .to_owned(),
        ));
    }
    let document = Document { root: &root };
    let mut skeleton = Skeleton::default();
    let title = root
        .pointer("/info/title")
        .and_then(Value::as_str)
        .unwrap_or("an API");
    skeleton.comments = vec![
        format!(
            "Skeleton of {title}, written by `verifier import --openapi` from OpenAPI {version}."
        ),
        "Look at what is made up, then: verifier record --legacy URL --catalog THIS_FILE"
            .to_owned(),
    ];
    let empty = Map::new();
    let paths = root
        .get("paths")
        .and_then(Value::as_object)
        .unwrap_or(&empty);
    for (path, item) in paths {
        let item = document.resolve(item);
        for method in METHODS {
            if let Some(operation) = item.get(method).filter(|operation| operation.is_object()) {
                let entry = document.entry(path, method, item, operation);
                if skeleton.login.made_up
                    && let Some(login) = document.login(&entry, operation)
                {
                    skeleton.login = login;
                }
                skeleton.endpoints.push(entry);
            }
        }
    }
    if skeleton.endpoints.is_empty() {
        return Err(ImportError(
            "`paths` names no operation: there is nothing to import".to_owned(),
        ));
    }
    skeleton.number_twins();
    Ok(skeleton)
}

struct Document<'d> {
    root: &'d Value,
}

impl<'d> Document<'d> {
    /// Follows `$ref` inside the document; what leads nowhere is itself.
    fn resolve(&self, value: &'d Value) -> &'d Value {
        let mut value = value;
        for _ in 0..MAX_DEPTH {
            let Some(pointer) = value.get("$ref").and_then(Value::as_str) else {
                break;
            };
            let Some(target) = pointer
                .strip_prefix('#')
                .and_then(|at| self.root.pointer(at))
            else {
                break;
            };
            value = target;
        }
        value
    }

    fn entry(&self, path: &str, method: &str, item: &'d Value, operation: &'d Value) -> Entry {
        let text = |key: &str| {
            operation
                .get(key)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        let mut entry = Entry {
            id: snake(text("operationId")),
            method: method.to_uppercase(),
            description: if text("summary").is_empty() {
                text("description")
            } else {
                text("summary")
            }
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned(),
            auth: self.needs_session(operation),
            status: status(operation),
            ..Entry::default()
        };
        if entry.id.is_empty() {
            entry.id = id_of(method, path);
        }
        let mut parameters: Vec<&Value> = Vec::new();
        // The operation's own parameters come first and win over the path's.
        for list in [operation.get("parameters"), item.get("parameters")] {
            for parameter in list.and_then(Value::as_array).into_iter().flatten() {
                let parameter = self.resolve(parameter);
                let same = |other: &&Value| {
                    other.get("name") == parameter.get("name")
                        && other.get("in") == parameter.get("in")
                };
                if !parameters.iter().any(same) {
                    parameters.push(parameter);
                }
            }
        }
        let base = self.base_path(item, operation);
        entry.path = self.path(&base, path, &parameters, &mut entry);
        let mut optional = Vec::new();
        for parameter in parameters {
            let Some(name) = parameter.get("name").and_then(Value::as_str) else {
                continue;
            };
            let place = parameter
                .get("in")
                .and_then(Value::as_str)
                .unwrap_or_default();
            if !matches!(place, "query" | "header") {
                continue;
            }
            let required = parameter.get("required") == Some(&Value::Bool(true));
            let (value, made_up) = self.parameter(parameter);
            if made_up && !required {
                optional.push(name.to_owned());
                continue;
            }
            if made_up {
                entry.comments.push(format!("made up: `{name}`"));
            }
            let values = match &value {
                Value::Array(items) => items.iter().map(plain).collect(),
                other => vec![plain(other)],
            };
            if place == "query" {
                let pairs = values.into_iter().map(|value| (name.to_owned(), value));
                entry.query.extend(pairs);
            } else if !["accept", "content-type", "authorization"]
                .contains(&name.to_lowercase().as_str())
            {
                entry.headers.push((name.to_owned(), values.join(", ")));
            }
        }
        if !optional.is_empty() {
            entry
                .comments
                .push(format!("not sent, since optional: {}", optional.join(", ")));
        }
        self.body(operation, &mut entry);
        entry
    }

    /// The path of the first server, its variables as they are by default; an operation's servers win
    /// over its path's, and those over the document's.
    fn base_path(&self, item: &Value, operation: &Value) -> String {
        let mut holders = [operation, item, self.root].into_iter();
        let Some(server) = holders.find_map(|holder| holder.pointer("/servers/0")) else {
            return String::new();
        };
        let url = server.get("url").and_then(Value::as_str);
        let mut url = url.unwrap_or_default().to_owned();
        let variables = server.get("variables").and_then(Value::as_object);
        for (name, variable) in variables.into_iter().flatten() {
            if let Some(default) = variable.get("default").and_then(Value::as_str) {
                url = url.replace(&format!("{{{name}}}"), default);
            }
        }
        match url.split_once("://") {
            Some((_, rest)) => rest.find('/').map_or("", |at| &rest[at..]).to_owned(),
            None => url,
        }
    }

    /// The path below `prefix`, its placeholders named and filled.
    fn path(
        &self,
        prefix: &str,
        path: &str,
        parameters: &[&'d Value],
        entry: &mut Entry,
    ) -> String {
        let mut out = if prefix.contains('{') || !prefix.starts_with('/') {
            String::new()
        } else {
            prefix.trim_end_matches('/').to_owned()
        };
        let mut rest = path
            .split('?')
            .next()
            .unwrap_or_default()
            .split('#')
            .next()
            .unwrap_or_default();
        if !rest.starts_with('/') {
            out.push('/');
        }
        while let Some(start) = rest.find('{') {
            let Some(end) = rest[start..].find('}') else {
                break;
            };
            let written = &rest[start + 1..start + end];
            let name = placeholder(written);
            out.push_str(&rest[..start].replace('}', "}}"));
            out.push_str(&format!("{{{name}}}"));
            rest = &rest[start + end + 1..];
            let parameter = parameters.iter().find(|parameter| {
                parameter.get("in").and_then(Value::as_str) == Some("path")
                    && parameter.get("name").and_then(Value::as_str) == Some(written)
            });
            let (value, made_up) = parameter.map_or((json!("1"), true), |it| self.parameter(it));
            if made_up {
                entry.comments.push(format!(
                    "made up: `{name}`; put one that exists here, or capture it"
                ));
            }
            if entry.path_params.iter().all(|(known, _)| *known != name) {
                let value = if value.is_string() || value.is_number() {
                    value
                } else {
                    json!(plain(&value))
                };
                entry.path_params.push((name, value));
            }
        }
        out.push_str(&super::braces(rest));
        out
    }

    /// A parameter's value, and whether it is made up.
    fn parameter(&self, parameter: &'d Value) -> (Value, bool) {
        // Null says that it may be left out (3.0: `nullable`), and cannot be written here.
        if let Some(value) = self.example(parameter).filter(|value| !value.is_null()) {
            return (value, false);
        }
        let content = parameter.get("content").and_then(Value::as_object);
        let schema = content
            .and_then(|content| content.values().next()?.get("schema"))
            .or_else(|| parameter.get("schema"));
        let Some(schema) = schema.map(|schema| self.resolve(schema)) else {
            return (json!("1"), true);
        };
        match self
            .example(schema)
            .or_else(|| schema.get("default").cloned())
        {
            Some(value) if !value.is_null() => (value, false),
            _ => (self.made_up(schema, 0), true),
        }
    }

    /// `example`, the first of `examples` (a map in 3.0, a list in schemas of 3.1), `const`.
    fn example(&self, holder: &'d Value) -> Option<Value> {
        if let Some(value) = holder.get("example").or_else(|| holder.get("const")) {
            return Some(value.clone());
        }
        match holder.get("examples")? {
            Value::Array(items) => items.first().cloned(),
            Value::Object(map) => {
                let first = self.resolve(map.values().next()?);
                first.get("value").cloned()
            }
            _ => None,
        }
    }

    fn body(&self, operation: &'d Value, entry: &mut Entry) {
        let Some(body) = operation.get("requestBody").map(|body| self.resolve(body)) else {
            return;
        };
        let Some(content) = body.get("content").and_then(Value::as_object) else {
            return;
        };
        let json = content.iter().find(|(media, _)| media.contains("json"));
        let Some((media, holder)) = json.or_else(|| content.iter().next()) else {
            return;
        };
        let schema = holder.get("schema").map(|schema| self.resolve(schema));
        let written = self.example(holder).or_else(|| self.example(schema?));
        if written.is_none() {
            entry
                .comments
                .push("made up: the body, from its schema".to_owned());
        }
        let value =
            written.unwrap_or_else(|| schema.map_or(Value::Null, |schema| self.made_up(schema, 0)));
        if media.contains("json") {
            if media != "application/json" {
                entry
                    .headers
                    .push(("content-type".to_owned(), media.clone()));
            }
            entry.body = (!value.is_null()).then_some(value);
            return;
        }
        let text = match &value {
            Value::Object(map) if media == "application/x-www-form-urlencoded" => {
                let mut form = url::form_urlencoded::Serializer::new(String::new());
                for (key, value) in map {
                    form.append_pair(key, &plain(value));
                }
                form.finish()
            }
            other => plain(other),
        };
        if media.starts_with("multipart/") {
            entry
                .comments
                .push(format!("the body is {media}: write it under `raw_body`"));
            return;
        }
        entry
            .headers
            .push(("content-type".to_owned(), media.clone()));
        entry.raw_body = Some(text);
    }

    /// A value that the schema allows: every property that has an example or is required.
    fn made_up(&self, schema: &'d Value, depth: usize) -> Value {
        let schema = self.resolve(schema);
        if depth > MAX_DEPTH {
            return Value::Null;
        }
        if let Some(value) = self
            .example(schema)
            .or_else(|| schema.get("default").cloned())
        {
            return value;
        }
        if let Some(first) = schema.pointer("/enum/0") {
            return first.clone();
        }
        let parts = schema.get("allOf").and_then(Value::as_array);
        let mut object = Map::new();
        for part in parts.into_iter().flatten() {
            match self.made_up(part, depth + 1) {
                Value::Object(map) => object.extend(map),
                other if !other.is_null() && parts.is_some_and(|parts| parts.len() == 1) => {
                    return other;
                }
                _ => {}
            }
        }
        for key in ["oneOf", "anyOf"] {
            let choices = schema.get(key).and_then(Value::as_array);
            let choice = choices
                .into_iter()
                .flatten()
                .find(|choice| choice.get("type").and_then(Value::as_str) != Some("null"));
            if let Some(choice) = choice {
                return self.made_up(choice, depth + 1);
            }
        }
        let kind = match schema.get("type") {
            Some(Value::String(kind)) => kind.as_str(),
            // 3.1: a list of types; `null` is the least telling of them.
            Some(Value::Array(kinds)) => {
                let kinds = kinds.iter().filter_map(Value::as_str);
                kinds
                    .into_iter()
                    .find(|kind| *kind != "null")
                    .unwrap_or("null")
            }
            _ if schema.get("properties").is_some() || !object.is_empty() => "object",
            _ => "string",
        };
        let number = |key: &str| schema.get(key).filter(|value| value.is_number()).cloned();
        match kind {
            "object" => {
                let required: Vec<&str> = schema
                    .get("required")
                    .and_then(Value::as_array)
                    .into_iter()
                    .flatten()
                    .filter_map(Value::as_str)
                    .collect();
                let properties = schema.get("properties").and_then(Value::as_object);
                for (name, property) in properties.into_iter().flatten() {
                    let resolved = self.resolve(property);
                    let told = self.example(resolved).is_some();
                    let read_only = resolved.get("readOnly") == Some(&Value::Bool(true));
                    if !read_only
                        && (told || required.contains(&name.as_str()) || required.is_empty())
                    {
                        object.insert(name.clone(), self.made_up(property, depth + 1));
                    }
                }
                Value::Object(object)
            }
            "array" => match schema.get("items") {
                Some(items) => Value::Array(vec![self.made_up(items, depth + 1)]),
                None => json!([]),
            },
            "integer" => number("minimum").unwrap_or_else(|| json!(1)),
            "number" => number("minimum").unwrap_or_else(|| json!(1)),
            "boolean" => json!(false),
            "null" => Value::Null,
            _ => text_of(schema),
        }
    }

    /// The operation's `security` wins over the document's; an empty requirement makes it optional.
    fn needs_session(&self, operation: &Value) -> bool {
        let security = operation
            .get("security")
            .or_else(|| self.root.get("security"));
        let list = security.and_then(Value::as_array);
        list.is_some_and(|list| {
            !list.is_empty()
                && list
                    .iter()
                    .all(|one| one.as_object().is_some_and(|one| !one.is_empty()))
        })
    }

    /// The login that an operation is, if it is one: POST to a path that says so, with a password.
    fn login(&self, entry: &Entry, operation: &'d Value) -> Option<Login> {
        let last = entry.path.rsplit('/').next()?.to_lowercase();
        let says_so = [
            "login",
            "signin",
            "sign-in",
            "authenticate",
            "token",
            "sessions",
        ]
        .contains(&last.as_str());
        let keys = entry.body.as_ref()?.as_object()?;
        if entry.method != "POST" || !says_so || !entry.path_params.is_empty() {
            return None;
        }
        let password = keys
            .keys()
            .find(|key| key.to_lowercase().contains("password"))?;
        let user = keys
            .keys()
            .find(|key| *key != password && keys[*key].is_string())?;
        let mut body = entry.body.clone()?;
        body[user.as_str()] = json!("{username}");
        body[password.as_str()] = json!("{password}");
        let responses = operation.get("responses")?.as_object()?;
        let good = responses
            .iter()
            .find(|(status, _)| status.starts_with('2'))?
            .1;
        let content = self.resolve(good).get("content")?.as_object()?;
        let schema = content.values().next()?.get("schema")?;
        Some(Login {
            path: entry.path.clone(),
            body,
            access: self.token(schema, "", 0)?,
            made_up: false,
        })
    }

    /// Where a schema has an access token.
    fn token(&self, schema: &'d Value, at: &str, depth: usize) -> Option<String> {
        let schema = self.resolve(schema);
        if depth > 4 {
            return None;
        }
        let parts = schema
            .get("allOf")
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        for part in parts {
            if let Some(found) = self.token(part, at, depth + 1) {
                return Some(found);
            }
        }
        let properties = schema.get("properties")?.as_object()?;
        for wanted in ["accesstoken", "token", "idtoken", "jwt"] {
            for name in properties.keys() {
                if name.to_lowercase().replace(['_', '-'], "") == wanted {
                    return Some(crate::place::child_pointer(at, name));
                }
            }
        }
        properties.iter().find_map(|(name, property)| {
            self.token(property, &crate::place::child_pointer(at, name), depth + 1)
        })
    }
}

/// The first success that is described; 200 where only `default` is.
fn status(operation: &Value) -> u16 {
    let responses = operation.get("responses").and_then(Value::as_object);
    let mut good = responses
        .into_iter()
        .flat_map(Map::keys)
        .filter_map(|status| status.parse::<u16>().ok())
        .filter(|status| (200..400).contains(status));
    good.next().unwrap_or(200)
}

fn text_of(schema: &Value) -> Value {
    let format = schema
        .get("format")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let least = schema
        .get("minLength")
        .and_then(Value::as_u64)
        .unwrap_or(0)
        .min(64);
    let text = match format {
        "date" => "2026-01-31",
        "date-time" => "2026-01-31T12:00:00Z",
        "time" => "12:00:00Z",
        "uuid" => "00000000-0000-4000-8000-000000000000",
        "email" => "someone@example.invalid",
        "uri" | "url" => "https://example.invalid",
        "ipv4" => "192.0.2.1",
        "byte" => "AA==",
        _ => "text",
    };
    let missing = usize::try_from(least)
        .unwrap_or(0)
        .saturating_sub(text.len());
    Value::from(format!("{text}{}", "x".repeat(missing)))
}

/// A value as a query or path shows it.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}
