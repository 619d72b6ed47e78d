//! Reads the strict JSON answer our brief asks for, also inside prose or a fence.
//! An item that breaks the schema is rejected by itself; a review in prose is left to `markdown`.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::diff::RepoPath;
use crate::finding::{Kind, LineRange, Location, Proof, RawFinding, Severity};

use super::{
    ParsedReview, PriorState, PriorVerdict, Rejected, Sections, Status, UnitReport, UnitState,
    number,
};

/// Bytes tried per byte of the reply before the search for an answer is given up.
const WORK: usize = 16;
/// The properties an answer has; each is required.
const PROPERTIES: [&str; 9] = [
    "review", "units", "findings", "prior", "design", "tests", "docs", "summary", "trouble",
];

/// What was found in a reply.
pub(super) enum Outcome {
    /// An answer.
    Answer(Box<ParsedReview>),
    /// The reply looks like an answer that is broken, and how.
    Broken(String),
    /// Nothing that looks like an answer.
    NoJson,
}

/// Looks for the last JSON object that is an answer.
pub(super) fn parse(reply: &str) -> Outcome {
    let mut answer = None;
    let mut broken = None;
    each_object(reply, &mut |found| match found {
        Ok(object) if is_answer(&object) => answer = Some(object),
        Ok(object) if resembles(&object) => broken = Some(what_lacks(&object)),
        Ok(_) => {}
        Err((text, error)) => {
            if starts_like_answer(text) {
                broken = Some(format!("the JSON answer is broken: {error}"));
            }
        }
    });
    match (answer, broken) {
        (Some(object), _) => Outcome::Answer(Box::new(read(object))),
        (None, Some(why)) => Outcome::Broken(why),
        (None, None) => Outcome::NoJson,
    }
}

/// An object of a reply, or where one begins that is broken, and how.
pub(super) type Found<'r> = Result<Object, (&'r str, serde_json::Error)>;

/// Calls `visit` with every outermost JSON object of a reply, from first to last, and with every place
/// where one begins that can't be read.
pub(super) fn each_object<'r>(reply: &'r str, visit: &mut dyn FnMut(Found<'r>)) {
    let mut at = 0;
    let mut work = reply.len().saturating_mul(WORK);
    while let Some(next) = reply[at..].find('{') {
        let start = at + next;
        if !opens_object(&reply[start + 1..]) {
            at = start + 1;
            continue;
        }
        let mut stream = serde_json::Deserializer::from_str(&reply[start..]).into_iter::<Value>();
        match stream.next() {
            Some(Ok(value)) => {
                at = start + stream.byte_offset();
                if let Value::Object(object) = value {
                    visit(Ok(object));
                }
            }
            Some(Err(error)) => {
                let tried = bytes_before(&reply[start..], error.line(), error.column());
                visit(Err((&reply[start..], error)));
                at = start + 1;
                work = work.saturating_sub(tried);
                if work == 0 {
                    break;
                }
            }
            None => break,
        }
    }
}

/// An object goes on with a name or ends at once.
fn opens_object(rest: &str) -> bool {
    rest.trim_start_matches([' ', '\t', '\r', '\n'])
        .starts_with(['"', '}'])
}

/// True when the first few hundred bytes have the names an answer starts with.
fn starts_like_answer(text: &str) -> bool {
    let opening = &text.as_bytes()[..text.len().min(400)];
    let has = |name: &[u8]| opening.windows(name.len()).any(|window| window == name);
    has(b"\"review\"") && has(b"\"units\"")
}

/// How many bytes the parser had read when it failed; an upper bound by lines.
fn bytes_before(text: &str, line: usize, column: usize) -> usize {
    let before: usize = text
        .split('\n')
        .take(line.saturating_sub(1))
        .map(|line| line.len() + 1)
        .sum();
    before + column + 1
}

pub(super) type Object = serde_json::Map<String, Value>;

fn is_answer(object: &Object) -> bool {
    PROPERTIES.iter().all(|name| object.contains_key(*name))
        && object["review"].is_string()
        && object["units"].is_array()
        && object["findings"].is_array()
}

fn resembles(object: &Object) -> bool {
    object.contains_key("findings")
        && (object.contains_key("review") || object.contains_key("units"))
}

fn what_lacks(object: &Object) -> String {
    let lacking: Vec<&str> = PROPERTIES
        .into_iter()
        .filter(|name| !object.contains_key(*name))
        .collect();
    if lacking.is_empty() {
        "the JSON answer has `review`, `units` or `findings` of a wrong type".to_owned()
    } else {
        format!("the JSON answer lacks {}", lacking.join(", "))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UnitItem {
    u: String,
    state: UnitState,
    echo: String,
    looked: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PlaceItem {
    path: String,
    line: u32,
    quote: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FindingItem {
    title: String,
    places: Vec<PlaceItem>,
    trigger: String,
    outcome: String,
    why: String,
    proof: Proof,
    doubt: String,
    rule: String,
    kind: Kind,
    severity: Severity,
    fix: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PriorItem {
    id: String,
    state: PriorState,
    quote: String,
    note: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DesignItem {
    #[serde(rename = "type")]
    sort: DesignSort,
    scope: DesignScope,
    path: String,
    text: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum DesignSort {
    Concern,
    Strength,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum DesignScope {
    InScope,
    Future,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TestItem {
    path: String,
    survives: String,
    text: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DocItem {
    path: String,
    text: String,
}

fn read(mut object: Object) -> ParsedReview {
    let mut review = ParsedReview::empty(Status::None);
    let rejected = &mut review.rejected;
    review.review = text(object.remove("review"));
    review.units = items::<UnitItem>("units", object.remove("units"), rejected)
        .into_iter()
        .map(|item| UnitReport {
            unit: item.u,
            state: item.state,
            echo: item.echo,
            looked: item.looked,
        })
        .collect();
    review.findings = items("findings", object.remove("findings"), rejected)
        .into_iter()
        .enumerate()
        .filter_map(|(index, item)| finding(item, index, rejected))
        .collect();
    review.prior = items::<PriorItem>("prior", object.remove("prior"), rejected)
        .into_iter()
        .map(|item| PriorVerdict {
            id: item.id,
            state: item.state,
            quote: item.quote,
            note: item.note,
        })
        .collect();
    review.sections = Sections {
        summary: text(object.remove("summary")).unwrap_or_default(),
        design: bullets(&items("design", object.remove("design"), rejected), &design),
        testing: bullets(&items("tests", object.remove("tests"), rejected), &test),
        documentation: bullets(&items("docs", object.remove("docs"), rejected), &doc),
        ..Sections::default()
    };
    review.trouble = items::<String>("trouble", object.remove("trouble"), rejected)
        .into_iter()
        .filter(|text| !text.trim().is_empty())
        .collect();
    for name in object.keys() {
        rejected.push(Rejected {
            place: name.clone(),
            why: "unknown property".to_owned(),
        });
    }
    number(&mut review.findings);
    let lost = rejected
        .iter()
        .find(|rejected| rejected.place.starts_with("findings"));
    review.status = match (review.findings.is_empty(), lost) {
        (false, _) => Status::Ok,
        (true, None) => Status::None,
        (true, Some(lost)) => Status::Failed {
            why: format!(
                "no finding of the answer is valid: {}: {}",
                lost.place, lost.why
            ),
        },
    };
    review
}

/// The text of a property, if it is one.
pub(super) fn text(value: Option<Value>) -> Option<String> {
    match value {
        Some(Value::String(text)) => Some(text),
        _ => None,
    }
}

/// The items of an array that fit the schema; the others are recorded.
pub(super) fn items<T: DeserializeOwned>(
    name: &str,
    value: Option<Value>,
    rejected: &mut Vec<Rejected>,
) -> Vec<T> {
    let Some(Value::Array(values)) = value else {
        rejected.push(Rejected {
            place: name.to_owned(),
            why: "not a list".to_owned(),
        });
        return Vec::new();
    };
    let mut taken = Vec::with_capacity(values.len().min(4096));
    for (index, value) in values.into_iter().enumerate() {
        match serde_json::from_value(value) {
            Ok(item) => taken.push(item),
            Err(error) => rejected.push(Rejected {
                place: format!("{name}[{index}]"),
                why: error.to_string(),
            }),
        }
    }
    taken
}

/// A finding of the answer; `None` if it has no title.
pub(super) fn finding(
    item: FindingItem,
    index: usize,
    rejected: &mut Vec<Rejected>,
) -> Option<RawFinding> {
    let title = item.title.split_whitespace().collect::<Vec<_>>().join(" ");
    if title.is_empty() {
        rejected.push(Rejected {
            place: format!("findings[{index}]"),
            why: "empty title".to_owned(),
        });
        return None;
    }
    let mut body = item.why.trim().to_owned();
    let mut locations = Vec::new();
    let mut quote = None;
    for place in &item.places {
        if place.path.trim().is_empty() {
            continue;
        }
        let first = locations.is_empty();
        locations.push(location(place));
        if place.quote.trim().is_empty() {
            continue;
        }
        if first {
            quote = Some(place.quote.clone());
        } else {
            append_quote(&mut body, place);
        }
    }
    let fix = item.fix.trim();
    if !fix.is_empty() {
        if !body.is_empty() {
            body.push_str("\n\n");
        }
        body.push_str("Fix: ");
        body.push_str(fix);
    }
    let said = |text: String| (!text.trim().is_empty()).then_some(text);
    Some(RawFinding {
        severity: Some(item.severity),
        kind: Some(item.kind),
        title,
        locations,
        body,
        quote,
        rule: said(item.rule),
        trigger: Some(item.trigger),
        outcome: Some(item.outcome),
        proof: Some(item.proof),
        doubt: said(item.doubt),
        fix: said(item.fix),
        ..RawFinding::default()
    })
}

/// A quote reaches from its line as far as it has lines.
fn location(place: &PlaceItem) -> Location {
    let count = place.quote.trim_end().lines().count().max(1);
    let span = u32::try_from(count - 1).unwrap_or(u32::MAX);
    Location {
        path: RepoPath::from(place.path.trim()),
        lines: (place.line > 0).then(|| LineRange {
            start: place.line,
            end: place.line.saturating_add(span),
        }),
    }
}

/// Only the first place keeps its quote as a field; the others stay readable in the body.
fn append_quote(body: &mut String, place: &PlaceItem) {
    if !body.is_empty() {
        body.push_str("\n\n");
    }
    let mut fence = "```".to_owned();
    while place.quote.contains(&fence) {
        fence.push('`');
    }
    let path = place.path.trim();
    let quote = place.quote.trim_end();
    let line = place.line;
    let shown = format!("`{path}:{line}`:\n\n{fence}\n{quote}\n{fence}");
    body.push_str(&shown);
}

fn bullets<T>(items: &[T], show: &dyn Fn(&T) -> String) -> String {
    let lines: Vec<String> = items
        .iter()
        .map(|item| format!("- {}", show(item)))
        .collect();
    lines.join("\n")
}

fn design(item: &DesignItem) -> String {
    let sort = match item.sort {
        DesignSort::Concern => "**Concern**",
        DesignSort::Strength => "**Strength**",
    };
    let scope = match item.scope {
        DesignScope::InScope => "(in-scope)",
        DesignScope::Future => "(future)",
    };
    format!("{sort} {scope}{}: {}", at(&item.path), item.text)
}

fn test(item: &TestItem) -> String {
    let survives = match item.survives.trim() {
        "" => String::new(),
        survives => format!(" (stays green if: {survives})"),
    };
    format!("{}{survives}{}", item.text, at(&item.path))
}

fn doc(item: &DocItem) -> String {
    format!("{}{}", item.text, at(&item.path))
}

fn at(path: &str) -> String {
    match path.trim() {
        "" => String::new(),
        path => format!(" — `{path}`"),
    }
}
