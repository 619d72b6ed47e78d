//! The schemas, the example, the prose and the parser say the same.

use serde_json::Value;

use super::*;
use crate::finding::{Kind, Proof};
use crate::parse::{self, PriorState, UnitState, verdicts};

/// Checks a value against the part of JSON Schema that strict modes know.
fn fits(schema: &Value, value: &Value) -> Result<(), String> {
    let wrong = || Err(format!("{value} is not {schema}"));
    match schema["type"].as_str().unwrap() {
        "object" => {
            let (Some(object), properties) =
                (value.as_object(), schema["properties"].as_object().unwrap())
            else {
                return wrong();
            };
            if object.len() != properties.len() {
                return wrong();
            }
            properties
                .iter()
                .try_for_each(|(name, inner)| fits(inner, object.get(name).unwrap_or(&Value::Null)))
        }
        "array" => match value.as_array() {
            Some(items) => items
                .iter()
                .try_for_each(|item| fits(&schema["items"], item)),
            None => wrong(),
        },
        "integer" if value.is_u64() => Ok(()),
        "string" if value.is_string() => match schema["enum"].as_array() {
            Some(words) if !words.contains(value) => wrong(),
            _ => Ok(()),
        },
        _ => wrong(),
    }
}

/// True if each object of a schema requires all its properties and no others.
fn is_strict(schema: &Value) -> bool {
    match schema["type"].as_str() {
        Some("object") => {
            let properties = schema["properties"].as_object().unwrap();
            let mut names: Vec<&str> = properties.keys().map(String::as_str).collect();
            let mut required: Vec<&str> = schema["required"]
                .as_array()
                .unwrap()
                .iter()
                .map(|name| name.as_str().unwrap())
                .collect();
            names.sort_unstable();
            required.sort_unstable();
            schema["additionalProperties"] == Value::Bool(false)
                && names == required
                && properties.values().all(is_strict)
        }
        Some("array") => is_strict(&schema["items"]),
        Some("string" | "integer") => true,
        _ => false,
    }
}

/// The words a schema allows at a place such as `/findings/severity`.
fn words<'s>(schema: &'s Value, place: &str) -> Vec<&'s str> {
    let found = place.split('/').skip(1).fold(schema, |schema, name| {
        let schema = if schema["type"] == "array" {
            &schema["items"]
        } else {
            schema
        };
        &schema["properties"][name]
    });
    found["enum"]
        .as_array()
        .unwrap()
        .iter()
        .map(|word| word.as_str().unwrap())
        .collect()
}

#[test]
fn schema_example_prose_and_parser_agree() {
    let schema: Value = serde_json::from_str(ANSWER_SCHEMA).unwrap();
    let example: Value = serde_json::from_str(EXAMPLE).unwrap();
    assert!(is_strict(&schema));
    assert!(ANSWER_SCHEMA.len() < 2_500 && LEAD_SCHEMA.len() < 2_500);
    fits(&schema, &example).unwrap();
    let read = parse::parse(EXAMPLE);
    assert_eq!((read.rejected.len(), read.findings.len()), (0, 3));
    assert_eq!(read.review.as_deref(), Some("r-example"));
    let word = |value: Value| value.as_str().unwrap().to_owned();
    let all = |values: Vec<Value>| values.into_iter().map(word).collect::<Vec<String>>();
    let json = |value: Result<Value, serde_json::Error>| value.unwrap();
    let kinds = [
        Kind::Regression,
        Kind::Gap,
        Kind::Enhancement,
        Kind::PreExisting,
    ]
    .map(|kind| json(serde_json::to_value(kind)));
    let proofs = [Proof::Ran, Proof::Traced, Proof::Local, Proof::Unsure]
        .map(|proof| json(serde_json::to_value(proof)));
    let states = [UnitState::Reviewed, UnitState::Partly, UnitState::Not]
        .map(|state| json(serde_json::to_value(state)));
    let priors = [
        PriorState::Closed,
        PriorState::Partly,
        PriorState::Open,
        PriorState::Unclear,
    ]
    .map(|state| json(serde_json::to_value(state)));
    let severities = Severity::WORST_FIRST.map(|severity| json(serde_json::to_value(severity)));
    for (place, known) in [
        ("/findings/kind", all(kinds.to_vec())),
        ("/findings/proof", all(proofs.to_vec())),
        ("/units/state", all(states.to_vec())),
        ("/prior/state", all(priors.to_vec())),
        ("/findings/severity", all(severities.to_vec())),
    ] {
        assert_eq!(words(&schema, place), known, "{place}");
    }
    let prose = ["reviewer", "task", "answer"].map(template).concat();
    for place in [
        "/findings/kind",
        "/findings/proof",
        "/units/state",
        "/prior/state",
        "/findings/severity",
        "/design/type",
        "/design/scope",
    ] {
        for word in words(&schema, place) {
            assert!(prose.contains(word), "{place}: {word}");
        }
    }
    for name in schema["properties"].as_object().unwrap().keys() {
        assert!(
            prose.contains(&format!("`{name}`"))
                || matches!(name.as_str(), "findings" | "docs" | "summary"),
            "{name}"
        );
    }
}

#[test]
fn schemas_of_the_lead_agree_with_the_parser() {
    for text in [LEAD_SCHEMA, NARRATIVE_SCHEMA] {
        assert!(is_strict(&serde_json::from_str(text).unwrap()));
    }
    let schema: Value = serde_json::from_str(LEAD_SCHEMA).unwrap();
    let mut answer =
        serde_json::json!({"batch": "b-1", "clusters": [], "added": [], "trouble": []});
    for (place, prose) in [
        ("verdict", true),
        ("ground", true),
        ("to", true),
        ("severity", false),
        ("kind", false),
        ("proof", false),
    ] {
        for word in words(&schema, &format!("/clusters/{place}")) {
            let mut cluster = serde_json::json!({"c": "k01", "check": "", "path": "", "line": 0, "quote": "",
                "verdict": "keep", "ground": "none", "reason": "", "kind": "gap", "severity": "suggestion",
                "proof": "traced", "to": "", "same_as": "", "apart": [], "title": "", "body": "", "fix": ""});
            cluster[place] = word.into();
            answer["clusters"] = serde_json::json!([cluster]);
            fits(&schema, &answer).unwrap();
            let read =
                verdicts::read_verdicts(&answer.to_string(), "b-1", &["k01".to_owned()]).unwrap();
            assert_eq!(
                (read.clusters.len(), read.rejected.len()),
                (1, 0),
                "{place}: {word}"
            );
            assert!(
                !prose || word == "none" || template("lead").contains(word),
                "{place}: {word}"
            );
        }
    }
}
