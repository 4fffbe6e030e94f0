//! The schemas for editors are those of the types, and the files that ship with the project satisfy them.

use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use boon::{Compiler, SchemaIndex, Schemas};
use serde_json::Value;
use verifier::schema::SchemaOf;

const FIRST_LINE: &str = "# yaml-language-server: $schema=";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).expect("a file of the project")
}

/// A schema in the hands of a validator that knows nothing of our types.
struct Compiled {
    schemas: Schemas,
    index: SchemaIndex,
}

impl Compiled {
    fn of(text: &str) -> Self {
        let mut schemas = Schemas::new();
        let mut compiler = Compiler::new();
        let schema = serde_json::from_str(text).expect("a schema is JSON");
        compiler.add_resource("s.json", schema).expect("one schema");
        let index = compiler
            .compile("s.json", &mut schemas)
            .expect("a schema that holds together");
        Self { schemas, index }
    }

    fn faults(&self, yaml: &str) -> Option<String> {
        let value: Value = verifier::yaml::read(yaml).expect("YAML");
        let outcome = self.schemas.validate(&value, self.index);
        outcome.err().map(|error| format!("{error:#}"))
    }
}

#[test]
fn the_committed_schemas_are_what_the_types_say() {
    for of in SchemaOf::ALL {
        let path = root().join(of.file());
        if std::env::var_os("UPDATE_SCHEMAS").is_some() {
            fs::write(&path, of.text()).expect("the schema is written");
        }
        assert!(
            read(&path) == of.text(),
            "{} is not what the types say: UPDATE_SCHEMAS=1 cargo test --test it schema",
            path.display()
        );
    }
}

#[test]
fn the_command_prints_the_committed_schemas() {
    for (name, of) in [
        ("catalogue", SchemaOf::Catalogue),
        ("cutover", SchemaOf::Cutover),
    ] {
        let run = Command::new(env!("CARGO_BIN_EXE_verifier-under-test"))
            .args(["schema", name])
            .output()
            .expect("the program runs");
        assert!(run.status.success());
        assert_eq!(
            String::from_utf8_lossy(&run.stdout),
            read(&root().join(of.file()))
        );
    }
}

/// A file, and where its first line says that its schema is.
fn named_schema(path: &Path) -> PathBuf {
    let text = read(path);
    let first = text.lines().next().unwrap_or_default();
    let named = first
        .strip_prefix(FIRST_LINE)
        .expect("a first line that names a schema");
    path.parent().expect("a folder").join(named)
}

#[test]
fn every_file_that_ships_or_that_init_writes_satisfies_the_schema_that_its_first_line_names() {
    let folder = tempfile::tempdir().expect("a place for test files");
    Command::new(env!("CARGO_BIN_EXE_verifier-under-test"))
        .args(["init", "."])
        .current_dir(folder.path())
        .assert()
        .success();
    let mut seen = 0;
    for (path, of) in [
        (root().join("golden/endpoints.yaml"), SchemaOf::Catalogue),
        (root().join("examples/gate/cutover.yaml"), SchemaOf::Cutover),
        (
            folder.path().join("golden/endpoints.yaml"),
            SchemaOf::Catalogue,
        ),
        (folder.path().join("cutover.yaml"), SchemaOf::Cutover),
    ] {
        let schema = named_schema(&path);
        assert_eq!(read(&schema), of.text(), "{}", schema.display());
        let fault = Compiled::of(&read(&schema)).faults(&read(&path));
        assert_eq!(fault, None, "{}", path.display());
        seen += 1;
    }
    assert_eq!(seen, 4);
    // The earlier tool's manifest names no schema, and satisfies ours.
    let manifest = read(&root().join("fixtures/manifest/api-endpoints-manifest.yaml"));
    let schema = Compiled::of(&SchemaOf::Catalogue.text());
    assert_eq!(schema.faults(&manifest), None);
}

#[test]
fn a_schema_refuses_what_the_loader_refuses_by_its_shape() {
    for (of, yaml) in [
        (SchemaOf::Catalogue, "endpoints: [{id: a, pth: /a}]"),
        (SchemaOf::Catalogue, "endpoints: [{path: /a}]"),
        (SchemaOf::Catalogue, "endpoints: [{id: A-b, path: /a}]"),
        (
            SchemaOf::Catalogue,
            "endpoints: [{id: a, expected_status: ok}]",
        ),
        (SchemaOf::Catalogue, "data: mine"),
        (
            SchemaOf::Catalogue,
            "rules: [{at: /a, tolerate: {secnds: 5}}]",
        ),
        (
            SchemaOf::Catalogue,
            "rules: [{at: /a, equal: [absent, nothing]}]",
        ),
        (
            SchemaOf::Catalogue,
            "rules: [{at: /a, known: {kind: gone}}]",
        ),
        (
            SchemaOf::Catalogue,
            "auth: {accounts: {ADMIN: {username: a}}}",
        ),
        (SchemaOf::Cutover, "shadow: {max_in_fligth: 3}"),
        (SchemaOf::Cutover, "threads: many"),
        (SchemaOf::Cutover, "threads: 0"),
        (SchemaOf::Cutover, "writes: {default: mirrored}"),
        (SchemaOf::Cutover, "gate: {min_time: 10 minutes}"),
        (SchemaOf::Cutover, "gate: {ladder: [10, 130]}"),
        (SchemaOf::Cutover, "gate: {router: {haproxy: {}}}"),
    ] {
        let fault = Compiled::of(&of.text()).faults(yaml);
        assert!(fault.is_some(), "{of:?} takes {yaml}");
    }
    for (of, yaml) in [
        (
            SchemaOf::Catalogue,
            "rules: [{at: /a, equal: [absent, []]}, {at: /b, equal: [null, '']}]",
        ),
        (
            SchemaOf::Catalogue,
            "test_accounts: {a: {username: 1, password: {env: P}}}",
        ),
        (
            SchemaOf::Catalogue,
            "endpoints: [{id: a, path: /a, params: {page: 0}, request_body: null}]",
        ),
        (
            SchemaOf::Cutover,
            "gate: {router: {dry_run: {}}, min_time: 10m}",
        ),
        (SchemaOf::Cutover, "threads: 2\nlisten: 127.0.0.1:80"),
    ] {
        let fault = Compiled::of(&of.text()).faults(yaml);
        assert_eq!(fault, None, "{of:?}: {yaml}");
    }
}

#[test]
fn every_key_of_both_files_is_explained() {
    for of in SchemaOf::ALL {
        let schema: Value = serde_json::from_str(&of.text()).expect("JSON");
        let mut keys = 0;
        let definitions = schema["definitions"].as_object().expect("definitions");
        for (name, definition) in definitions
            .iter()
            .map(|(n, d)| (n.as_str(), d))
            .chain([("", &schema)])
        {
            for (key, property) in definition["properties"].as_object().into_iter().flatten() {
                assert!(
                    property["description"].is_string(),
                    "{of:?}: {name}.{key} is not explained"
                );
                keys += 1;
            }
        }
        assert!(keys > 40, "{of:?}: {keys} keys");
    }
}
