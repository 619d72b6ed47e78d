//! `deep-review resolve` and `reopen`: decisions about findings, written to the ledger.

use anyhow::{Context, Result, anyhow};
use jiff::ToSpan;
use jiff::civil::Date;

use crate::cli::ResolveArgs;
use crate::error::{Exit, HintExt};
use crate::finding::Finding;
use crate::ledger::{Decision, Reopened, Resolution, Resolved, State};
use crate::pipeline::{Known, Session, Stands};
use crate::report::Standing;
use crate::ui::Ui;

/// How long a deferral holds unless a date is given, in days.
const DEFERRAL: i64 = 14;

const STANDS: &str = "commit the correction: the finding then closes by itself; or decline it with --as false-positive, accepted-risk, wont-fix or deferred";

const UNREAD: &str = "run `deep-review`: a finding whose code was corrected then closes by itself";

pub(crate) fn run(arguments: &ResolveArgs, ui: &Ui) -> Result<Exit> {
    let mut session = Session::open()?;
    let known = session.known_findings()?;
    let resolution = arguments
        .decision
        .map_or(Resolution::Duplicate, Resolution::from);
    let reason = arguments
        .message
        .as_deref()
        .map(str::trim)
        .filter(|reason| !reason.is_empty());
    if reason.is_none() && !matches!(resolution, Resolution::Fixed | Resolution::Duplicate) {
        return Err(anyhow!("a reason is missing"))
            .context(format!("cannot resolve as {}", resolution.as_str()))
            .hint("say why with -m REASON: whoever meets the finding again will read it");
    }
    let until = until(arguments.until, resolution, session.today())?;
    let findings = chosen(arguments, &known)?;
    let original = match &arguments.duplicate_of {
        Some(name) => Some(find(&known, name)?.id.clone()),
        None => None,
    };
    let mut decisions = Vec::new();
    for finding in &findings {
        if original.as_ref() == Some(&finding.id) {
            return Err(anyhow!("{} can't be a duplicate of itself", finding.id))
                .hint("name another finding with --duplicate-of");
        }
        if resolution == Resolution::Fixed {
            let refused = match session.stands(finding)? {
                Stands::No => None,
                Stands::Yes => Some((
                    format!(
                        "its code has not changed: {:?} still has it",
                        finding.anchor.path
                    ),
                    STANDS,
                )),
                Stands::Unknown => Some((
                    "the branch has not been reviewed since it changed".to_owned(),
                    UNREAD,
                )),
            };
            if let Some((why, hint)) = refused {
                return Err(anyhow!(why))
                    .context(format!("cannot resolve {} as fixed", finding.id))
                    .hint(hint);
            }
        }
        decisions.push(Decision::Resolved(Resolved {
            finding: finding.id.clone(),
            title: finding.title.clone(),
            rule: finding.rule.clone(),
            anchor: finding.anchor.clone(),
            resolution,
            duplicate_of: original.clone(),
            reason: reason.map(str::to_owned),
            until,
            by: session.repo.identity(),
            at: session.now,
            text: if finding.is_opinion() {
                finding.wordings()
            } else {
                Vec::new()
            },
        }));
    }
    session.store.record(&decisions)?;
    for finding in findings {
        let until = until.map(|day| format!(" until {day}")).unwrap_or_default();
        ui.status(&format!(
            "resolved {} as {}{until}: {}",
            finding.id,
            resolution.as_str(),
            finding.title
        ));
    }
    Ok(Exit::Pass)
}

pub(crate) fn reopen(ids: &[String], message: Option<&str>, ui: &Ui) -> Result<Exit> {
    let mut session = Session::open()?;
    let known = session.known_findings()?;
    let standings = ids
        .iter()
        .map(|id| named(&known, id))
        .collect::<Result<Vec<_>>>()?;
    let decisions: Vec<Decision> = standings
        .iter()
        .map(|standing| {
            let finding = &standing.finding;
            Decision::Reopened(Reopened {
                finding: finding.id.clone(),
                rule: finding.rule.clone(),
                anchor: finding.anchor.clone(),
                reason: message.map(str::to_owned),
                by: session.repo.identity(),
                at: session.now,
                decided_as: match &standing.state {
                    State::Resolved { decided_as, .. } => decided_as.clone(),
                    State::Open { .. } => None,
                },
            })
        })
        .collect();
    session.store.record(&decisions)?;
    for Standing { finding, .. } in standings {
        ui.status(&format!("reopened {}: {}", finding.id, finding.title));
    }
    Ok(Exit::Pass)
}

fn chosen<'k>(arguments: &ResolveArgs, known: &'k Known) -> Result<Vec<&'k Finding>> {
    if !arguments.all {
        return arguments.ids.iter().map(|id| find(known, id)).collect();
    }
    let findings: Vec<&Finding> = known
        .open()
        .map(|standing| &standing.finding)
        .filter(|finding| arguments.severity == Some(finding.severity))
        .collect();
    if findings.is_empty() {
        return Err(anyhow!(
            "the newest review has no open finding of this severity"
        ))
        .hint("`deep-review findings` lists what it has");
    }
    Ok(findings)
}

fn find<'k>(known: &'k Known, name: &str) -> Result<&'k Finding> {
    named(known, name).map(|standing| &standing.finding)
}

fn named<'k>(known: &'k Known, name: &str) -> Result<&'k Standing> {
    known
        .find(name)
        .map_err(anyhow::Error::from)
        .hint("`deep-review findings --all` lists them")
}

fn until(given: Option<Date>, resolution: Resolution, today: Date) -> Result<Option<Date>> {
    match given {
        Some(day) if day < today => {
            Err(anyhow!("{day} has passed")).hint("give a day from today on with --until")
        }
        Some(day) => Ok(Some(day)),
        None if resolution == Resolution::Deferred => {
            let end = today
                .checked_add(DEFERRAL.days())
                .context("the calendar ends")?;
            Ok(Some(end))
        }
        None => Ok(None),
    }
}
