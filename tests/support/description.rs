//! The API's own description, as a program reads it: its operations, and bodies that fit them.

use serde_json::{Map, Value, json};

use super::Client;

/// The document at `/api/v1/openapi.json`.
pub struct Description(pub Value);

/// One method of one path.
#[derive(Clone, Debug)]
pub struct Operation {
    /// Upper case.
    pub method: String,
    pub path: String,
    pub told: Value,
}

impl Operation {
    pub fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// The part of the API that it belongs to.
    pub fn tag(&self) -> &str {
        self.told["tags"][0].as_str().unwrap_or_default()
    }

    /// Whether everybody may call it.
    pub fn is_public(&self) -> bool {
        self.told["security"].as_array().is_none_or(Vec::is_empty)
    }

    /// Parameters of one place (`path`, `query`, `header`).
    pub fn parameters(&self, place: &str) -> Vec<&Value> {
        let all = self.told["parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
        all.iter().filter(|parameter| parameter["in"] == place).collect()
    }
}

impl Description {
    pub async fn of(client: &Client) -> Self {
        Self(client.get("/api/v1/openapi.json").await.ok())
    }

    pub fn operations(&self) -> Vec<Operation> {
        let paths = self.0["paths"].as_object().expect("paths");
        let of_path = |(path, item): (&String, &Value)| {
            let methods = item.as_object().expect("methods").clone();
            let operation = |(method, told): (String, Value)| Operation {
                method: method.to_uppercase(),
                path: path.clone(),
                told,
            };
            methods.into_iter().map(operation).collect::<Vec<_>>()
        };
        paths.iter().flat_map(of_path).collect()
    }

    /// What a `$ref` refers to.
    pub fn resolve<'a>(&'a self, schema: &'a Value) -> &'a Value {
        match schema["$ref"].as_str() {
            Some(reference) => {
                let at = reference.strip_prefix('#').expect("a reference within the document");
                self.resolve(self.0.pointer(at).expect("what it refers to"))
            }
            None => schema,
        }
    }

    /// The schema of an operation's JSON body.
    pub fn json_body<'a>(&'a self, operation: &'a Operation) -> Option<&'a Value> {
        let schema = operation.told.pointer("/requestBody/content/application~1json/schema")?;
        Some(self.resolve(schema))
    }

    /// The least that fits a schema.
    pub fn least(&self, schema: &Value) -> Value {
        let schema = self.resolve(schema);
        if let Some(example) = schema.get("example") {
            return example.clone();
        }
        if let Some(first) = schema["enum"].get(0).or_else(|| schema.get("const")) {
            return first.clone();
        }
        for choice in ["oneOf", "anyOf"] {
            let choices = schema[choice].as_array().map(Vec::as_slice).unwrap_or_default();
            if let Some(one) = choices.iter().find(|one| one["type"] != "null") {
                return self.least(one);
            }
        }
        if let Some(parts) = schema["allOf"].as_array() {
            let mut whole = Map::new();
            for part in parts {
                if let Value::Object(fields) = self.least(part) {
                    whole.extend(fields);
                }
            }
            return whole.into();
        }
        match kind(schema) {
            "object" => {
                let required = schema["required"].as_array().cloned().unwrap_or_default();
                let fields = required.iter().filter_map(Value::as_str);
                fields.map(|name| (name, self.least(&schema["properties"][name]))).collect()
            }
            "array" => json!([]),
            "integer" | "number" => schema.get("minimum").cloned().unwrap_or(json!(1)),
            "boolean" => json!(false),
            _ if schema["format"] == "date-time" => json!("2026-01-06T12:00:00Z"),
            _ => json!("text"),
        }
    }
}

/// A schema's type; of several the one that is not null.
pub fn kind(schema: &Value) -> &str {
    match &schema["type"] {
        Value::Array(kinds) => {
            kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null").unwrap_or_default()
        }
        kind => kind.as_str().unwrap_or_default(),
    }
}
