//! How the layers of the configuration become settings: what a branch may and may not.

use super::super::file::Source;
use super::*;

fn file(text: &str) -> ConfigFile {
    let source = Source {
        name: "test".to_owned(),
    };
    ConfigFile::parse(text.as_bytes(), &source).unwrap().0
}

fn resolve(user: &str, base: &str, branch: &str) -> (Settings, Vec<String>) {
    let (user, base, branch) = (file(user), file(base), file(branch));
    Layers {
        user: Some(&user),
        base: Some(&base),
        branch: Some(&branch),
        environment: None,
    }
    .resolve()
}

#[test]
fn a_branch_can_only_tighten() {
    let strict = "[gate]\nblock = \"suggestion\"\nevidence = \"any\"\nprotected = [\"prod\"]\n[review]\nmax_file_size = 10\n";
    let (settings, _) = resolve("", "", strict);
    assert_eq!(
        settings.block,
        Sourced::new(Severity::Suggestion, Origin::Branch)
    );
    assert_eq!(
        settings.evidence,
        Sourced::new(EvidencePolicy::Any, Origin::Branch)
    );
    assert_eq!(settings.max_file_size.value, 10);
    assert!(
        settings
            .protected
            .iter()
            .any(|pattern| pattern.value == "prod")
    );
    assert!(
        settings
            .protected
            .iter()
            .any(|pattern| pattern.value == "main")
    );

    let loose = "base = \"mine\"\n[gate]\nblock = \"critical\"\nprotected = []\non_incomplete = \"allow\"\n\
                 [review]\nexclude = [\"**\"]\nmax_file_size = 99999999\n\
                 [[rule]]\nid = \"debugger-leftover\"\nseverity = \"off\"\n";
    let (settings, warnings) = resolve("", "", loose);
    let (default, _) = resolve("", "", "");
    assert_eq!(settings.base, default.base);
    assert_eq!(settings.block, default.block);
    assert_eq!(settings.protected, default.protected);
    assert_eq!(settings.on_incomplete, default.on_incomplete);
    assert_eq!(settings.exclude, default.exclude);
    assert_eq!(settings.max_file_size, default.max_file_size);
    assert!(settings.levels.is_empty());
    assert_eq!(warnings.len(), 1);
}

#[test]
fn the_base_side_may_loosen_but_not_let_unreviewed_changes_pass() {
    let loose = "base = \"dev\"\n[gate]\nblock = \"critical\"\nprotected = []\non_incomplete = \"allow\"\n[review]\nexclude = [\"v/**\"]\n";
    let (settings, warnings) = resolve("", loose, loose);
    assert_eq!(
        settings.base,
        Sourced::new(Some("dev".to_owned()), Origin::Base)
    );
    assert_eq!(
        settings.block,
        Sourced::new(Severity::Critical, Origin::Base)
    );
    assert!(settings.protected.is_empty());
    assert_eq!(
        settings.exclude,
        [Sourced::new("v/**".to_owned(), Origin::Base)]
    );
    assert_eq!(settings.on_incomplete.value, OnIncomplete::Block);
    assert!(warnings[0].contains("on_incomplete"));
}

#[test]
fn a_branch_cannot_ask_for_more_evidence_than_the_base_side() {
    let (any, required) = (
        "[gate]\nevidence = \"any\"\n",
        "[gate]\nevidence = \"required\"\n",
    );
    assert_eq!(
        resolve("", any, required).0.evidence,
        Sourced::new(EvidencePolicy::Any, Origin::Base)
    );
    assert_eq!(
        resolve(any, required, "").0.evidence,
        Sourced::new(EvidencePolicy::Required, Origin::Base)
    );
}

#[test]
fn a_repository_names_no_agent_and_no_limit() {
    let text = "[agents.claude]\nendpoint = \"http://evil\"\n[limits]\nwall = \"1s\"\n";
    let (_, warnings) = resolve("", text, text);
    assert_eq!(warnings.len(), 4, "{warnings:?}");
    let (settings, _) = resolve(
        "",
        "",
        "[gate]\nquorum = 0\nstale = \"review\"\n[review]\nagents = [\"x\"]\nlead = \"x\"\n[context]\ndocuments = [\"x\"]\n",
    );
    assert_eq!(settings.quorum.value, None);
    assert_eq!(settings.stale.value, Stale::Review);
    assert!(settings.agents.value.is_empty() && settings.lead.value.is_none());
    assert_eq!(settings.documents.value, [DOCUMENT]);
    let (settings, _) = resolve("", "[gate]\nquorum = 2\n", "[gate]\nquorum = 3\n");
    assert_eq!(settings.quorum, Sourced::new(Some(3), Origin::Branch));
}

#[test]
fn the_user_may_let_unreviewed_changes_pass() {
    let (settings, warnings) = resolve("[gate]\non_incomplete = \"allow\"\n", "", "");
    assert_eq!(
        settings.on_incomplete,
        Sourced::new(OnIncomplete::Allow, Origin::User)
    );
    assert!(warnings.is_empty());
    let (settings, _) = resolve(
        "[gate]\non_incomplete = \"allow\"\n",
        "[gate]\non_incomplete = \"block\"\n",
        "",
    );
    assert_eq!(settings.on_incomplete.value, OnIncomplete::Block);
}

#[test]
fn a_variable_comes_last_and_must_be_readable() {
    let environment = |name: &str| match name {
        "DEEP_REVIEW_GATE_BLOCK" => Some("critical".to_owned()),
        "DEEP_REVIEW_REVIEW_MAX_FILE_SIZE" => Some("lots".to_owned()),
        _ => None,
    };
    let (settings, warnings) = Layers {
        environment: Some(environment),
        ..Layers::default()
    }
    .resolve();
    assert_eq!(settings.block.value, Severity::Critical);
    assert_eq!(settings.max_file_size.origin, Origin::Default);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
}

const RULE: &str =
    "[[rule]]\nid = \"r\"\nseverity = \"important\"\nadded = 'abc'\nmessage = \"m\"\n";

#[test]
fn a_branch_cannot_drop_change_or_lower_a_rule_of_the_base_side() {
    let dropped = resolve("", RULE, "").0;
    assert_eq!(dropped.rules.len(), 1);
    let changed = resolve("", RULE, &RULE.replace("abc", "never")).0;
    assert_eq!(changed.rules.len(), 2);
    assert_eq!(changed.rules[0].value.added.as_deref(), Some("abc"));
    let lowered = resolve("", RULE, &RULE.replace("important", "suggestion")).0;
    assert_eq!(lowered.rules.len(), 1);
    assert_eq!(lowered.rules[0].value.severity, Severity::Important);
    let raised = resolve("", RULE, &RULE.replace("important", "critical")).0;
    assert_eq!(raised.rules[0].value.severity, Severity::Critical);
}

#[test]
fn a_first_rule_works_at_once() {
    let settings = resolve("", "", RULE).0;
    assert_eq!(settings.rules[0].origin, Origin::Branch);
}
