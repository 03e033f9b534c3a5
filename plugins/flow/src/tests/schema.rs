//! The JSON Schema of flows, for editors: made of the types, so that it cannot say otherwise.

use std::path::Path;

use super::*;
use crate::format::Flow;

fn schema() -> Value {
    let settings = schemars::generate::SchemaSettings::draft07();
    let mut schema = serde_json::to_value(settings.into_generator().into_root_schema_for::<Flow>())
        .expect("JSON");
    schema["title"] = json!("A flow of Switchboard");
    plain(&mut schema);
    schema
}

/// Editors offer `null` where an absent key is meant: nobody writes that.
fn plain(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            if let Some(Value::Array(types)) = fields.get_mut("type") {
                types.retain(|it| it != "null");
                if let [one] = types.as_slice() {
                    fields["type"] = one.clone();
                }
            }
            if let Some(Value::Array(choices)) = fields.get_mut("anyOf") {
                choices.retain(|it| it["type"] != "null");
            }
            if fields.get("default").is_some_and(Value::is_null) {
                fields.remove("default");
            }
            fields.values_mut().for_each(plain);
        }
        Value::Array(items) => items.iter_mut().for_each(plain),
        _ => {}
    }
}

/// `FLOW_SCHEMA=write cargo test -p flow schema` writes it anew.
#[test]
fn the_schema_is_that_of_the_types() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("flow.schema.json");
    let now = serde_json::to_string_pretty(&schema()).expect("JSON") + "\n";
    if std::env::var_os("FLOW_SCHEMA").is_some() {
        std::fs::write(&path, &now).expect("written");
    }
    let kept = std::fs::read_to_string(&path).expect("the schema");
    assert!(kept == now, "flow.schema.json is stale: FLOW_SCHEMA=write cargo test -p flow schema");
}

fn examples() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/flows");
    let entries = std::fs::read_dir(&folder)
        .expect("the examples")
        .map(|entry| entry.expect("an entry").path());
    let flows =
        entries.filter(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    flows
        .map(|path| (path.display().to_string(), std::fs::read_to_string(path).expect("a text")))
        .collect()
}

#[test]
fn every_example_holds_by_the_schema_and_by_the_engine() {
    let validator = jsonschema::validator_for(&schema()).expect("a schema");
    let examples = examples();
    assert!(examples.len() >= 5, "{examples:?}");
    for (path, text) in examples {
        let first = text.lines().next().unwrap_or_default();
        assert!(first.starts_with("# yaml-language-server: $schema="), "{path}: {first}");
        let document = Document::parse(&text).unwrap_or_else(|problem| panic!("{path}: {problem}"));
        let problems: Vec<String> = validator
            .iter_errors(&document.root)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(problems.is_empty(), "{path}: {problems:#?}");
        if let Err(problems) = manifest_of(&text) {
            panic!("{path}: {problems}");
        }
    }
}

#[test]
fn the_schema_refuses_what_the_engine_refuses() {
    let validator = jsonschema::validator_for(&schema()).expect("a schema");
    for text in [
        "flow: a\ntriggers: []\nstepps: []\n",
        "flow: a\ntriggers: []\nsteps: [{ replly: Hi }]\n",
        "flow: a\ntriggers: []\nsteps: [{ ask: { text: Hi, expect: mail } }]\n",
        "flow: a\ntriggers: []\nsteps: [{ ask: { text: Hi, expct: email } }]\n",
        "triggers: []\n",
    ] {
        let document = Document::parse(text).expect("YAML");
        assert!(!validator.is_valid(&document.root), "{text}");
        assert!(Program::read(&document).is_err(), "{text}");
    }
}
