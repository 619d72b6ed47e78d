//! `deep-review parse`: shows what is understood of one raw review.
//! Reading it is left to `parse`, checking it to the pipeline; it needs no repository.

use std::fs::File;
use std::io::{self, Read, Write};

use anyhow::{Context, bail};

use crate::error::HintExt;
use crate::ground::evidence::Evidence;
use crate::parse::{ParsedReview, Status, parse};

/// Larger replies are refused; the largest seen in practice has about 100 KB.
const LARGEST: u64 = 64 * 1024 * 1024;

/// How the result is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ParseFormat {
    /// One line per finding.
    Text,
    /// Everything, as JSON.
    Json,
}

/// Reads the review from the file `input`, or from standard input if it is `-`. Bytes that are not
/// UTF-8 become U+FFFD.
pub(crate) fn read_review(input: &str) -> anyhow::Result<ParsedReview> {
    let bytes = if input == "-" {
        read(&mut io::stdin().lock(), "standard input")?
    } else {
        let mut file = File::open(input)
            .with_context(|| format!("cannot read `{input}`"))
            .hint("name a file with one raw review, or `-` for standard input")?;
        read(&mut file, input)?
    };
    Ok(parse(&String::from_utf8_lossy(&bytes)))
}

fn read(from: &mut dyn Read, name: &str) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(LARGEST + 1)
        .read_to_end(&mut bytes)
        .with_context(|| format!("cannot read `{name}`"))?;
    if bytes.len() as u64 > LARGEST {
        bail!("`{name}` is larger than {} MiB", LARGEST >> 20);
    }
    Ok(bytes)
}

/// Writes what is understood of a review to `out`; `evidence`, if its findings were checked, has one
/// entry per finding.
pub(crate) fn show(
    review: &ParsedReview,
    evidence: Option<&[Evidence]>,
    format: ParseFormat,
    out: &mut dyn Write,
) -> io::Result<()> {
    if format == ParseFormat::Json {
        serde_json::to_writer_pretty(&mut *out, &shape::Shown::new(review, evidence))?;
        return writeln!(out);
    }
    match &review.status {
        Status::Ok => {}
        Status::None => writeln!(out, "no findings")?,
        Status::Failed { why } => writeln!(out, "not a review: {why}")?,
    }
    for (index, finding) in review.findings.iter().enumerate() {
        let severity = finding.severity.map_or("-", |severity| severity.as_str());
        write!(out, "{} {severity} {}", finding.id, finding.title)?;
        for place in &finding.locations {
            write!(out, " {}", place.path.to_quoted())?;
            if let Some(lines) = place.lines {
                write!(out, ":{}-{}", lines.start, lines.end)?;
            }
        }
        writeln!(out)?;
        if let Some(evidence) = evidence.and_then(|evidence| evidence.get(index)) {
            let word = if evidence.supported() {
                "borne out by the code"
            } else {
                "not borne out by the code"
            };
            writeln!(out, "    {word}")?;
            for sentence in evidence.sentences() {
                writeln!(out, "    {sentence}")?;
            }
        }
    }
    Ok(())
}

/// The shape of the JSON: places with their lines side by side, absent values as null.
mod shape {
    use serde::Serialize;

    use crate::diff::RepoPath;
    use crate::finding::{Kind, Location, RawFinding, Severity};
    use crate::ground::evidence::Evidence;
    use crate::parse::{ParsedReview, PriorVerdict, Rejected, Sections, Status, UnitReport};

    #[derive(Serialize)]
    pub(super) struct Shown<'r> {
        #[serde(flatten)]
        status: &'r Status,
        review: Option<&'r str>,
        findings: Vec<Finding<'r>>,
        sections: &'r Sections,
        units: &'r [UnitReport],
        prior: &'r [PriorVerdict],
        trouble: &'r [String],
        rejected: &'r [Rejected],
    }

    #[derive(Serialize)]
    struct Finding<'r> {
        id: &'r str,
        severity: Option<Severity>,
        kind: Option<Kind>,
        title: &'r str,
        locations: Vec<Place<'r>>,
        body: &'r str,
        quote: Option<&'r str>,
        rule: Option<&'r str>,
        fix: Option<&'r str>,
        withdrawn: Option<&'r str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        evidence: Option<Checked<'r>>,
    }

    #[derive(Serialize)]
    struct Checked<'r> {
        #[serde(flatten)]
        evidence: &'r Evidence,
        sentences: Vec<String>,
        supported: bool,
    }

    #[derive(Serialize)]
    struct Place<'r> {
        path: &'r RepoPath,
        start: Option<u32>,
        end: Option<u32>,
    }

    impl<'r> Shown<'r> {
        pub(super) fn new(review: &'r ParsedReview, evidence: Option<&'r [Evidence]>) -> Self {
            let of = |index: usize| evidence.and_then(|evidence| evidence.get(index));
            Self {
                status: &review.status,
                review: review.review.as_deref(),
                findings: (0..)
                    .zip(&review.findings)
                    .map(|(index, raw)| finding(raw, of(index)))
                    .collect(),
                sections: &review.sections,
                units: &review.units,
                prior: &review.prior,
                trouble: &review.trouble,
                rejected: &review.rejected,
            }
        }
    }

    fn finding<'r>(finding: &'r RawFinding, evidence: Option<&'r Evidence>) -> Finding<'r> {
        Finding {
            id: &finding.id,
            severity: finding.severity,
            kind: finding.kind,
            title: &finding.title,
            locations: finding.locations.iter().map(place).collect(),
            body: &finding.body,
            quote: finding.quote.as_deref(),
            rule: finding.rule.as_deref(),
            fix: finding.fix.as_deref(),
            withdrawn: finding.withdrawn.as_deref(),
            evidence: evidence.map(|evidence| Checked {
                evidence,
                sentences: evidence.sentences(),
                supported: evidence.supported(),
            }),
        }
    }

    fn place(location: &Location) -> Place<'_> {
        Place {
            path: &location.path,
            start: location.lines.map(|lines| lines.start),
            end: location.lines.map(|lines| lines.end),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPLY: &str = "## Important Issues\n\nI1. **Lock leaks** — `a.rs`, `c.rs:3-4` (important, gap)\n\nWhy.\n\n## Suggestions\n\nNone.\n";

    fn shown(reply: &str, format: ParseFormat) -> String {
        let mut out = Vec::new();
        show(&parse(reply), None, format, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn json_has_places_side_by_side_with_their_lines() {
        let json: serde_json::Value =
            serde_json::from_str(&shown(REPLY, ParseFormat::Json)).unwrap();
        assert_eq!(json["status"], "ok");
        let finding = &json["findings"][0];
        assert_eq!(finding["id"], "I1");
        assert_eq!(finding["severity"], "important");
        assert_eq!(finding["kind"], "gap");
        assert_eq!(finding["title"], "Lock leaks");
        assert_eq!(finding["body"], "Why.");
        let last = &finding["locations"].as_array().unwrap().last().unwrap();
        assert_eq!(
            (&last["path"], &last["start"], &last["end"]),
            (&"c.rs".into(), &3.into(), &4.into())
        );
    }

    #[test]
    fn text_has_one_line_per_finding() {
        assert!(shown(REPLY, ParseFormat::Text).starts_with("I1 important Lock leaks "));
        assert_eq!(shown("None.", ParseFormat::Text), "no findings\n");
        assert_eq!(
            shown("", ParseFormat::Text),
            "not a review: the reply is empty\n"
        );
    }

    #[test]
    fn a_missing_file_is_told_with_its_name() {
        let error = read_review("no/such/reply.md").unwrap_err();
        assert_eq!(error.to_string(), "cannot read `no/such/reply.md`");
        assert_eq!(crate::error::hints(&error).len(), 1);
    }
}
