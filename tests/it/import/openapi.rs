//! OpenAPI documents become catalogues that load, record and replay.

use std::fs;

use fixtures::rms::defects::DefectSet;
use serde_json::json;

use super::{catalogue, record_and_replay, run, service};
use crate::harness::{RawServer, Reply, core, legacy, verifier};

const OPENAPI_30: &str = r##"
openapi: 3.0.3
info: { title: Rooms, version: "1" }
servers: [{ url: "https://api.example.com/api/v1" }]
security: [{ bearer: [] }]
paths:
  /login:
    post:
      operationId: doLogin
      security: []
      requestBody: { content: { application/json: { schema: { $ref: "#/components/schemas/Login" } } } }
      responses: { "200": { content: { application/json: { schema: { properties: { value: { properties: { accessToken: { type: string } } } } } } } } }
  /rooms/{roomId}:
    parameters: [{ $ref: "#/components/parameters/RoomId" }]
    get: { summary: "A room {by id}", responses: { "200": { description: ok }, "404": { description: none } } }
    patch:
      operationId: editRoom
      requestBody: { content: { application/json: { example: { note: "a {brace}", self: { $ref: "#/nowhere" } } } } }
      responses: { "204": { description: ok } }
  /rooms:
    get:
      operationId: listRooms
      parameters:
        - { name: size, in: query, schema: { type: integer, default: 20 } }
        - { name: sort, in: query, schema: { type: string } }
      responses: { default: { description: ok } }
components:
  parameters: { RoomId: { name: roomId, in: path, required: true, schema: { type: integer }, example: 7 } }
  schemas:
    Login: { type: object, required: [username, password], properties: { username: { type: string }, password: { type: string, minLength: 8 }, self: { $ref: "#/components/schemas/Login" } } }
"##;

#[test]
fn an_openapi_document_becomes_a_catalogue_that_loads() {
    let folder = tempfile::tempdir().expect("a place for test files");
    fs::write(folder.path().join("api.yaml"), OPENAPI_30).expect("a new file");
    let (code, text) = run(folder.path(), &["import", "--openapi", "api.yaml"]);
    assert_eq!(code, 0, "{text}");
    let read = catalogue(&text);
    let ids: Vec<&str> = read.cases.iter().map(|case| case.id.as_str()).collect();
    assert_eq!(
        ids,
        ["do_login", "get_rooms_one", "edit_room", "list_rooms"],
        "{text}"
    );
    for words in [
        "path: \"/api/v1/rooms/{room_id}\"",
        "path_params: { room_id: 7 }",
        "access: \"/value/accessToken\"",
        "a {{brace}}",
        "params: [\"size=20\"]",
        "not sent, since optional: sort",
        "expected_status: 204",
        "VERIFIER_PASSWORD",
    ] {
        assert!(text.contains(words), "`{words}` is missing in\n{text}");
    }
    assert!(
        read.cases[0].account.is_none() && read.cases[1].account.is_some(),
        "{text}"
    );

    // 3.1, JSON, from an address: types in lists, examples of schemas
    let document = json!({"openapi": "3.1.0", "info": {"title": "x", "version": "1"}, "paths": {"/a": {"post": {
        "requestBody": {"content": {"application/json": {"schema": {"type": ["object", "null"], "properties": {
            "name": {"type": ["string", "null"], "examples": ["Ann"]}, "kind": {"const": "k"}, "at": {"type": "string", "format": "date"}}}}}},
        "responses": {"201": {"description": "made"}}}}}});
    let server = RawServer::start(move |_| Reply::json(&document.to_string()));
    let address = format!("{}/openapi.json", server.url());
    let (code, text) = run(
        folder.path(),
        &["import", "--openapi", &address, "--out", "new.yaml"],
    );
    assert_eq!(code, 0, "{text}");
    let written = fs::read_to_string(folder.path().join("new.yaml")).expect("it was written");
    assert!(
        written.contains(r#"{"name":"Ann","kind":"k","at":"2026-01-31"}"#),
        "{written}"
    );
    assert_eq!(catalogue(&written).cases[0].expected, [201]);

    // nothing is replaced unless asked
    let (code, text) = run(
        folder.path(),
        &["import", "--openapi", &address, "--out", "new.yaml"],
    );
    assert!(code == 2 && text.contains("--force"), "{text}");
    let (code, _) = run(
        folder.path(),
        &[
            "import",
            "--openapi",
            &address,
            "--out",
            "new.yaml",
            "--force",
        ],
    );
    assert_eq!(code, 0);
    for (document, words) in [
        ("swagger: '2.0'\n", "Swagger 2.0: convert it to OpenAPI 3"),
        ("swagger: 2.0\npaths: {}\n", "Swagger 2.0: convert it"),
        (
            r#"{"swagger": "2.0", "paths": {}}"#,
            "Swagger 2.0: convert it",
        ),
        ("a: 1\n", "openapi: 3.0.x"),
        ("openapi: 3.0.0\npaths: {}\n", "nothing to import"),
        ("{", "line 1"),
    ] {
        fs::write(folder.path().join("bad.yaml"), document).expect("a file of our own");
        let (code, text) = run(folder.path(), &["import", "--openapi", "bad.yaml"]);
        assert!(code == 2 && text.contains(words), "{document}: {text}");
    }
}

const OPENAPI_31: &str = r##"
openapi: 3.1.0
info: { title: Rooms, version: "2", summary: In the newer form }
jsonSchemaDialect: https://json-schema.org/draft/2020-12/schema
servers:
  - url: "{scheme}://{host}/api"
    variables: { scheme: { default: https }, host: { default: api.example.com } }
webhooks:
  roomFreed: { post: { responses: { "200": { description: heard } } } }
paths:
  /rooms:
    get:
      operationId: rooms.list
      parameters:
        - { name: page, in: query, required: true, schema: { type: [integer, "null"], minimum: 0, examples: [2] } }
        - { name: status, in: query, required: true, schema: { $ref: "#/components/schemas/Status" } }
        - { name: tag, in: query, required: true, schema: { type: array, items: { type: string, const: blue } } }
        - { name: X-Tenant, in: header, required: true, schema: { type: string, default: main } }
        - { name: session, in: cookie, required: true, schema: { type: string } }
      responses: { "200": { description: ok }, 4XX: { description: bad } }
    post:
      operationId: rooms.create
      requestBody:
        required: true
        content:
          application/json:
            schema: { $ref: "#/components/schemas/NewRoom" }
      responses: { "201": { description: made } }
  /rooms/{roomId}: { $ref: "#/components/pathItems/Room" }
  /rooms/{roomId}/parts/{part-id}:
    parameters:
      - { name: roomId, in: path, required: true, schema: { type: string, format: uuid } }
      - { name: part-id, in: path, required: true, schema: { type: integer, exclusiveMinimum: 4 } }
    get: { responses: { 2XX: { description: ok } } }
components:
  pathItems:
    Room:
      parameters: [{ name: roomId, in: path, required: true, schema: { type: integer, examples: [7] } }]
      get: { operationId: rooms.get, deprecated: true, responses: { "200": { description: ok } } }
      delete: { operationId: rooms.delete, responses: { "204": { description: gone } } }
  schemas:
    Status: { enum: [NORMAL, INACTIVE], type: string }
    Base: { type: object, required: [name], properties: { name: { type: string, examples: [Suite] } } }
    NewRoom:
      allOf:
        - { $ref: "#/components/schemas/Base" }
        - type: object
          required: [price, kind, parent]
          properties:
            price: { type: number, minimum: 10, multipleOf: 5 }
            kind: { oneOf: [{ const: small }, { const: large }] }
            parent: { anyOf: [{ type: "null" }, { $ref: "#/components/schemas/NewRoom" }] }
            note: { type: [string, "null"] }
"##;

#[test]
fn an_openapi_31_document_becomes_a_catalogue_that_records_and_replays() {
    let folder = tempfile::tempdir().expect("a place for test files");
    fs::write(folder.path().join("api.yaml"), OPENAPI_31).expect("a new file");
    let (code, told) = run(
        folder.path(),
        &["import", "--openapi", "api.yaml", "--out", "c.yaml"],
    );
    assert_eq!(code, 0, "{told}");
    let text = fs::read_to_string(folder.path().join("c.yaml")).expect("it was written");
    let read = catalogue(&text);
    let ids: Vec<&str> = read.cases.iter().map(|case| case.id.as_str()).collect();
    assert_eq!(
        ids,
        [
            "rooms_list",
            "rooms_create",
            "rooms_get",
            "rooms_delete",
            "get_rooms_parts_one"
        ],
        "{text}"
    );
    for words in [
        "path: \"/api/rooms\"",
        "page=2",
        "status=NORMAL",
        "tag=blue",
        "X-Tenant",
        "Suite",
        "room_id: 7",
        "expected_status: 201",
        "expected_status: 204",
    ] {
        assert!(text.contains(words), "`{words}` is missing in\n{text}");
    }
    assert!(
        !text.contains("roomFreed"),
        "a webhook is no endpoint:\n{text}"
    );
    let server = service();
    record_and_replay(folder.path(), "c.yaml", &server.url());
}

/// What an API of the older form says of the reference pair: nullable values, examples, references, servers.
const OPENAPI_30_OF_THE_PAIR: &str = r##"
openapi: 3.0.3
info: { title: Resort, version: "1" }
servers:
  - url: "{scheme}://api.example.com/{base}/v1"
    variables: { scheme: { default: https }, base: { default: api } }
security: [{ bearer: [] }]
paths:
  /auth/login:
    post:
      operationId: login
      security: []
      requestBody: { content: { application/json: { schema: { $ref: "#/components/schemas/Login" } } } }
      responses: { "200": { description: in, content: { application/json: { schema: { $ref: "#/components/schemas/Session" } } } } }
  /rooms:
    parameters:
      - { $ref: "#/components/parameters/Size" }
      - { name: status, in: query, schema: { type: string, nullable: true, example: NORMAL } }
      - { name: excludeReservationId, in: query, example: null, schema: { type: integer, nullable: true } }
    get:
      operationId: listRooms
      parameters: [{ name: sort, in: query, required: true, schema: { type: string }, example: "number,asc" }]
      responses: { "200": { description: ok } }
  /rooms/{roomId}:
    parameters: [{ $ref: "#/components/parameters/RoomId" }]
    get: { operationId: getRoom, responses: { "200": { description: ok }, "404": { description: none } } }
    patch:
      operationId: editRoom
      requestBody: { $ref: "#/components/requestBodies/Room" }
      responses: { "200": { description: ok } }
  /actuator/health:
    servers: [{ url: / }]
    get: { operationId: health, security: [], responses: { "200": { description: up } } }
components:
  parameters:
    RoomId: { name: roomId, in: path, required: true, schema: { type: integer }, example: 7 }
    Size: { name: size, in: query, schema: { type: integer, nullable: true, default: 5 } }
  requestBodies:
    Room: { content: { application/json: { schema: { $ref: "#/components/schemas/Room" } } } }
  schemas:
    Login: { type: object, required: [username, password], properties: { username: { type: string }, password: { type: string, format: password } } }
    Session: { type: object, properties: { value: { type: object, properties: { accessToken: { type: string, nullable: true } } } } }
    Room:
      type: object
      required: [note, number]
      properties: { note: { type: string, nullable: true, example: null }, number: { type: string, minLength: 2, example: "9{x}" }, id: { type: integer, readOnly: true } }
"##;

#[tokio::test(flavor = "multi_thread")]
async fn an_openapi_30_document_becomes_a_catalogue_that_records_legacy_and_replays_core() {
    let folder = tempfile::tempdir().expect("a place for test files");
    fs::write(folder.path().join("api.yaml"), OPENAPI_30_OF_THE_PAIR).expect("a new file");
    let import = ["import", "--openapi", "api.yaml", "--out", "c.yaml"];
    let (code, told) = run(folder.path(), &import);
    assert_eq!(code, 0, "{told}");
    let text = fs::read_to_string(folder.path().join("c.yaml")).expect("it was written");
    for words in [
        r#"path: "/api/v1/rooms""#,
        r#"path: "/api/v1/rooms/{room_id}""#,
        r#"path: "/actuator/health""#,
        "path_params: { room_id: 7 }",
        "size=5",
        "status=NORMAL",
        "sort=number,asc",
        "not sent, since optional: excludeReservationId",
        r#"{"note":null,"number":"9{{x}}"}"#,
        r#"access: "/value/accessToken""#,
    ] {
        assert!(text.contains(words), "`{words}` is missing in\n{text}");
    }
    // every operation, writes too, before a service that takes whatever comes
    let server = service();
    record_and_replay(folder.path(), "c.yaml", &server.url());
    // and the reads before the pair, once a person has named the account and said whose data it is
    let named = text
        .replace("change-me", "testuser")
        .replace("data: real", "data: synthetic");
    fs::write(folder.path().join("c.yaml"), named).expect("a file of our own");
    let (legacy, core) = (legacy().await, core(DefectSet::NONE).await);
    let only = ["list_rooms", "get_room", "health"].map(|id| ["--only", id]);
    let files = ["--catalog", "c.yaml", "--golden", "pair"];
    let with = |command: &[&str]| {
        let mut args = command.to_vec();
        args.extend(files);
        args.extend(only.as_flattened());
        let output = verifier()
            .args(&args)
            .env("VERIFIER_PASSWORD", "testuser123")
            .current_dir(folder.path())
            .output()
            .expect("the program runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.code(), text)
    };
    let (code, told) = with(&["record", "--legacy", &legacy.url(), "--accept"]);
    assert_eq!(code, Some(0), "{told}");
    let (code, told) = with(&["replay", "--candidate", &core.url()]);
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("3/3"), "{told}");
}
