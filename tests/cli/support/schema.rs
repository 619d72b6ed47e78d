//! Checks a JSON value against a JSON Schema, as far as our own schema uses the language: `type`,
//! `required`, `properties`, `additionalProperties`, `items`, `enum`, `const`, `$ref` to `$defs`, and
//! bounds. A keyword it does not know fails the test, and so does, on request, a field that no schema
//! names.

use serde_json::Value;

/// What is wrong with a value, as `place: why`; `strict` also refuses fields that are not described.
pub(crate) fn violations(schema: &Value, value: &Value, strict: bool) -> Vec<String> {
    let mut found = Vec::new();
    let checker = Checker {
        root: schema,
        strict,
    };
    checker.check(schema, value, "$", &mut found);
    found
}

struct Checker<'s> {
    root: &'s Value,
    strict: bool,
}

impl Checker<'_> {
    fn check(&self, schema: &Value, value: &Value, place: &str, found: &mut Vec<String>) {
        for (keyword, wanted) in schema.as_object().expect("a schema is an object") {
            let fits = match keyword.as_str() {
                "$schema" | "$defs" | "title" | "description" | "additionalProperties" => true,
                "$ref" => {
                    let name = wanted.as_str().unwrap().strip_prefix("#/").unwrap();
                    let target = self.root.pointer(&format!("/{name}"));
                    self.check(target.expect("it is defined"), value, place, found);
                    true
                }
                "type" => match wanted {
                    Value::Array(names) => names.iter().any(|name| is_of(value, name)),
                    name => is_of(value, name),
                },
                "const" => value == wanted,
                "enum" => wanted.as_array().unwrap().contains(value),
                "minimum" => value
                    .as_f64()
                    .is_none_or(|it| it >= wanted.as_f64().unwrap()),
                "maximum" => value
                    .as_f64()
                    .is_none_or(|it| it <= wanted.as_f64().unwrap()),
                "minLength" => length(value).is_none_or(|it| it >= wanted.as_u64().unwrap()),
                "maxLength" => length(value).is_none_or(|it| it <= wanted.as_u64().unwrap()),
                "minItems" => items(value).is_none_or(|it| it >= wanted.as_u64().unwrap()),
                "maxItems" => items(value).is_none_or(|it| it <= wanted.as_u64().unwrap()),
                "required" => {
                    for name in wanted.as_array().unwrap() {
                        if value.get(name.as_str().unwrap()).is_none() {
                            found.push(format!("{place}: {name} is missing"));
                        }
                    }
                    true
                }
                "properties" => {
                    self.properties(schema, wanted, value, place, found);
                    true
                }
                "items" => {
                    for (nth, item) in value.as_array().into_iter().flatten().enumerate() {
                        self.check(wanted, item, &format!("{place}[{nth}]"), found);
                    }
                    true
                }
                other => panic!("the schema uses `{other}`, which this check does not know"),
            };
            if !fits {
                found.push(format!("{place}: {value} against {keyword} {wanted}"));
            }
        }
        if schema.get("properties").is_none()
            && let Some(others) = schema.get("additionalProperties")
        {
            for (name, field) in value.as_object().into_iter().flatten() {
                self.check(others, field, &format!("{place}.{name}"), found);
            }
        }
    }

    fn properties(
        &self,
        schema: &Value,
        known: &Value,
        value: &Value,
        place: &str,
        found: &mut Vec<String>,
    ) {
        for (name, field) in value.as_object().into_iter().flatten() {
            match known
                .get(name)
                .or_else(|| schema.get("additionalProperties"))
            {
                Some(of_field) => self.check(of_field, field, &format!("{place}.{name}"), found),
                None if self.strict => found.push(format!("{place}.{name} is not described")),
                None => {}
            }
        }
    }
}

fn is_of(value: &Value, name: &Value) -> bool {
    match name.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        other => panic!("there is no type `{other}`"),
    }
}

fn length(value: &Value) -> Option<u64> {
    value.as_str().map(|text| text.chars().count() as u64)
}

fn items(value: &Value) -> Option<u64> {
    value.as_array().map(|items| items.len() as u64)
}
