//! `deep-review parse` and `consolidate`: single steps of the flow, by hand. Only checking against a
//! change needs a repository.

use std::io::Read;

use anyhow::{Context, Result};

use super::parse::ParseFormat;
use super::{consolidate, named_scope, parse};
use crate::cli::{Format, ScopeArgs};
use crate::error::{Exit, HintExt};
use crate::page::{Page, Style};
use crate::pipeline::Session;
use crate::report::harmless_json;
use crate::ui::Ui;

/// Prints the findings of one raw review, checked against the change if one is named.
pub(crate) fn parse(input: &str, scope: &ScopeArgs, format: Format, ui: &Ui) -> Result<Exit> {
    let review = parse::read_review(input)?;
    let evidence = match named_scope(scope) {
        Some(scope) => Some(Session::open()?.check(&scope, &review.findings)?),
        None => None,
    };
    let mut out = Vec::new();
    match format {
        Format::Json => {
            parse::show(&review, evidence.as_deref(), ParseFormat::Json, &mut out)?;
            print_json(&out, ui);
        }
        Format::Terminal => {
            parse::show(&review, evidence.as_deref(), ParseFormat::Text, &mut out)?;
            let mut page = Page::new();
            for line in String::from_utf8_lossy(&out).lines() {
                page.line(Style::Plain, line);
            }
            ui.result(&page);
        }
    }
    Ok(Exit::Pass)
}

/// Joins the raw findings of several files.
pub(crate) fn consolidate(inputs: &[String], ui: &Ui) -> Result<Exit> {
    let texts = inputs
        .iter()
        .map(|input| read(input))
        .collect::<Result<Vec<_>>>()?;
    let mut out = Vec::new();
    consolidate::run(&texts, &mut out)?;
    print_json(&out, ui);
    Ok(Exit::Pass)
}

fn print_json(json: &[u8], ui: &Ui) {
    ui.result_bytes(harmless_json(&String::from_utf8_lossy(json)).as_bytes());
}

fn read(input: &str) -> Result<String> {
    let mut text = String::new();
    let read = match input {
        "-" => std::io::stdin().lock().read_to_string(&mut text).map(drop),
        path => std::fs::read_to_string(path).map(|read| text = read),
    };
    read.with_context(|| format!("cannot read `{input}`"))
        .hint("name a file with raw findings as JSON, or `-` for standard input")?;
    Ok(text)
}
