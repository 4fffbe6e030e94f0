//! JSON Schemas of the two files that people write, made from the types that read them, so that editors
//! complete keys and explain them.
//!
//! [Draft 7](https://json-schema.org/draft-07), which every editor knows. A schema cannot say all that the
//! loaders check: a file that satisfies it may still be refused, with line and column.
#![deny(clippy::disallowed_methods)]

use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, RestrictFormats, Transform as _};
use schemars::{Schema, SchemaGenerator};
use serde_json::Value;

/// One of the files that people write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum SchemaOf {
    /// `golden/endpoints.yaml`: what is asked.
    Catalogue,
    /// `cutover.yaml`: what is cut over, for the proxy and the gate.
    Cutover,
}

impl SchemaOf {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Catalogue, Self::Cutover];

    /// Where the schema lies beside the files that name it in their first line, with `/`.
    pub const fn file(self) -> &'static str {
        match self {
            Self::Catalogue => "schema/catalogue.json",
            Self::Cutover => "schema/cutover.json",
        }
    }

    /// The schema as JSON text, always the same for the same version of this program.
    pub fn text(self) -> String {
        let generator = SchemaSettings::draft07().into_generator();
        let mut schema = match self {
            Self::Catalogue => crate::catalogue::schema(generator),
            Self::Cutover => cutover(generator),
        };
        RestrictFormats::default().transform(&mut schema);
        RecursiveTransform(without_idle_default).transform(&mut schema);
        let mut text = format!("{:#}", schema.as_value());
        text.push('\n');
        text
    }
}

fn cutover(generator: SchemaGenerator) -> Schema {
    generator.into_root_schema_for::<crate::cutover::Config>()
}

/// A default that says no more than that the key may be left out is noise in an editor.
fn without_idle_default(schema: &mut Schema) {
    let idle = match schema.get("default") {
        Some(Value::Null | Value::Object(_)) => true,
        Some(Value::Array(items)) => items.is_empty(),
        Some(Value::String(text)) => text.is_empty(),
        _ => false,
    };
    if idle {
        schema.remove("default");
    }
}
