//! `deep-review rules`: the rules in force, which of them are about a path, and the ones that agents
//! propose.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, anyhow, bail};
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::cli::{Format, RulesArgs, RulesCommand};
use crate::context::{self, Context};
use crate::diff::RepoPath;
use crate::error::{Exit, HintExt};
use crate::page::{Page, Style, cells, cut};
use crate::pipeline::{Cited, Session};
use crate::proposals::{self, Proposal};
use crate::report;
use crate::rules::{self, RuleSet};
use crate::store;
use crate::ui::Ui;

/// One rule as it is listed.
#[derive(Serialize)]
struct Listed {
    id: String,
    /// `built-in`, `.deep-review.toml` or the context document with the line.
    source: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    severity: Option<&'static str>,
    text: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    paths: Vec<String>,
    /// By so many findings of the reviews that are remembered.
    cited: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_cited: Option<String>,
}

pub(crate) fn run(arguments: &RulesArgs, ui: &Ui) -> Result<Exit> {
    let mut session = Session::open()?;
    let text = session.context_document()?;
    let document = Context::read(&text);
    for warning in &document.warnings {
        ui.status(&format!("`{}`: {warning}", context::FILE));
    }
    match &arguments.command {
        None => {
            let listed = in_force(&mut session, &document, None)?;
            show(&listed, arguments.format, ui)?;
        }
        Some(RulesCommand::Check { path, format }) => {
            let path = RepoPath::from(path.strip_prefix("./").unwrap_or(path));
            let listed = in_force(&mut session, &document, Some(&path))?;
            show(&listed, *format, ui)?;
        }
        Some(RulesCommand::Proposals { format }) => {
            let proposals = session.proposals(&document)?;
            show_proposals(&proposals, *format, ui)?;
        }
        Some(RulesCommand::Accept { proposal }) => {
            accept(&session, &text, &document, proposal, ui)?;
        }
    }
    Ok(Exit::Pass)
}

/// The rules in force, of all three sources; those that are about a path, if one is given.
fn in_force(
    session: &mut Session,
    document: &Context,
    path: Option<&RepoPath>,
) -> Result<Vec<Listed>> {
    let settings = session.settings_here()?;
    let specs: Vec<_> = settings.rules.iter().map(|it| it.value.clone()).collect();
    let levels: BTreeMap<_, _> = settings
        .levels
        .iter()
        .map(|(id, level)| (id.clone(), level.value))
        .collect();
    let set = RuleSet::compile(&specs, &levels).context("cannot use the configured rules")?;
    let mut cited = session.citations()?;
    let mut listed = Vec::new();
    for (id, severity) in set.in_force(path) {
        let built_in = rules::builtin_rules().find(|rule| rule.id == id);
        let own = specs.iter().find(|spec| spec.id == id);
        listed.push(Listed {
            source: match built_in {
                Some(_) => "built-in".to_owned(),
                None => crate::config::REPOSITORY_FILE.to_owned(),
            },
            severity: Some(severity.as_str()),
            text: match (built_in, own) {
                (Some(rule), _) => rule.summary.to_owned(),
                (None, Some(spec)) => spec.message.clone(),
                (None, None) => String::new(),
            },
            paths: own.map(|spec| spec.paths.clone()).unwrap_or_default(),
            id,
            cited: 0,
            last_cited: None,
        });
    }
    for section in document.sections() {
        if path.is_some_and(|path| !section.is_about(path)) {
            continue;
        }
        for rule in &section.rules {
            listed.push(Listed {
                id: rule.id.clone(),
                source: format!("{}:{}", context::FILE, rule.line),
                severity: None,
                text: rule.text.clone(),
                paths: section.paths.clone(),
                cited: 0,
                last_cited: None,
            });
        }
    }
    for rule in &mut listed {
        if let Some(Cited { times, last }) = cited.remove(&rule.id) {
            rule.cited = times;
            let day = last.to_zoned(TimeZone::UTC).date();
            rule.last_cited = Some(day.to_string());
        }
    }
    Ok(listed)
}

fn show(listed: &[Listed], format: Format, ui: &Ui) -> Result<()> {
    match format {
        Format::Json => ui.result_bytes(&report::to_json(&listed)?),
        Format::Terminal => {
            let mut page = Page::new();
            for rule in listed {
                let cited = match (&rule.last_cited, rule.cited) {
                    (Some(day), 1) => format!("cited once, on {day}"),
                    (Some(day), times) => format!("cited {times} times, last on {day}"),
                    (None, _) => "never cited".to_owned(),
                };
                let severity = rule.severity.unwrap_or("for agents");
                let lead = format!("  {severity:<11}{}  ", rule.source);
                page.put(Style::Literal, &rule.id)
                    .put(Style::Faint, lead)
                    .put(Style::Faint, cited)
                    .end();
                let mut words = rule.text.clone();
                if !rule.paths.is_empty() {
                    words = format!("{words} ({})", rule.paths.join(", "));
                }
                page.line(
                    Style::Plain,
                    format!("    {}", cut(&words, ui.width().saturating_sub(4))),
                );
            }
            ui.result(&page);
        }
    }
    Ok(())
}

fn show_proposals(proposals: &[Proposal], format: Format, ui: &Ui) -> Result<()> {
    match format {
        Format::Json => ui.result_bytes(&report::to_json(&proposals)?),
        Format::Terminal => {
            let mut page = Page::new();
            for (nth, proposal) in proposals.iter().enumerate() {
                let number = format!("{:<4}", nth + 1);
                let indent = cells(&number);
                page.put(Style::Strong, number)
                    .put(Style::Literal, &proposal.id)
                    .end();
                page.prose(Style::Plain, indent, ui.width().min(100), &proposal.text);
                let who: Vec<String> = proposal
                    .evidence
                    .iter()
                    .map(|it| format!("{} in {}", it.agent, it.review))
                    .collect();
                page.prose(Style::Faint, indent, ui.width().min(100), &who.join(", "));
            }
            if proposals.is_empty() {
                ui.status("no agent proposed a rule that is not there yet");
            } else {
                page.end().put(Style::Faint, "take one: ");
                page.put(Style::Literal, "deep-review rules accept N").end();
            }
            ui.result(&page);
        }
    }
    Ok(())
}

/// Writes one proposal into the context document of the worktree.
fn accept(session: &Session, text: &str, document: &Context, name: &str, ui: &Ui) -> Result<()> {
    let proposals = session.proposals(document)?;
    let by_number = name
        .parse::<usize>()
        .ok()
        .and_then(|number| proposals.get(number.checked_sub(1)?));
    let proposal = by_number
        .or_else(|| proposals.iter().find(|it| it.id == name))
        .ok_or_else(|| anyhow!("no proposal is called `{name}`"))
        .hint("`deep-review rules proposals` lists them")?;
    let root = session
        .repo
        .work_tree()
        .ok_or_else(|| anyhow!("the repository is bare"))
        .hint("run it in a worktree")?;
    let path = root.join(context::FILE);
    let edited = proposals::with_rule(text, proposal);
    let Some(added) = edited.strip_prefix(text.trim_end()) else {
        bail!("`{}` can't be added to", path.display());
    };
    if path.symlink_metadata().is_ok() {
        // What stood there stays byte for byte, but for blank lines at its end.
        let at = text.trim_end().len();
        store::write_on(&path, at as u64, added.as_bytes())?;
    } else {
        store::publish_file(&path, edited.as_bytes())?;
    }
    ui.status(&format!(
        "added `{}` to {}; look at it, then commit it",
        proposal.id,
        path.display()
    ));
    Ok(())
}
