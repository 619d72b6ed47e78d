//! `deep-review findings`: what was found, and what was decided about it.

use anyhow::{Result, anyhow};

use crate::cli::{FindingsArgs, FindingsCommand, Format};
use crate::error::{Exit, HintExt};
use crate::page::{Page, Style};
use crate::pipeline::Session;
use crate::report::{self, Standing};
use crate::ui::Ui;

pub(crate) fn run(arguments: &FindingsArgs, ui: &Ui) -> Result<Exit> {
    let mut session = Session::open()?;
    if let Some(FindingsCommand::Show { id, format }) = &arguments.command {
        return show(&mut session, id, *format, ui);
    }
    let known = session.known_findings()?;
    let standings: Vec<&Standing> = if arguments.all {
        known.all()
    } else {
        known.newest()
    };
    match arguments.format {
        Format::Json => ui.result_bytes(&report::to_json(&standings)?),
        Format::Terminal => {
            let mut page = Page::new();
            match known.newest_name() {
                Some(name) if !arguments.all => {
                    page.line(Style::Faint, format!("review {name}"));
                }
                None => ui.status("no review yet; run `deep-review`"),
                Some(_) => {}
            }
            if standings.is_empty() && known.newest_name().is_some() {
                page.line(Style::Good, "no findings");
            }
            page.append(report::findings_page(&standings, ui.width()));
            ui.result(&page);
        }
    }
    Ok(Exit::Pass)
}

fn show(session: &mut Session, id: &str, format: Format, ui: &Ui) -> Result<Exit> {
    let known = session.known_findings()?;
    let standing = known
        .find(id)
        .map_err(|error| anyhow!("{error}"))
        .hint("`deep-review findings --all` lists them")?;
    match format {
        Format::Json => ui.result_bytes(&report::to_json(standing)?),
        Format::Terminal => {
            let changed = match session.last_change(&standing.finding) {
                Ok(change) => change.map(|change| change.to_string()),
                Err(error) => {
                    ui.detail(&format!("who last changed the line is unknown: {error:#}"));
                    None
                }
            };
            let page = report::finding_page(standing, changed.as_deref(), ui.width());
            ui.result(&page);
        }
    }
    Ok(Exit::Pass)
}
