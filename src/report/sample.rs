//! Reports made by chance, hostile words among them, for tests of what must hold for every report.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{
    AgentReport, BaseReport, CommitLine, Dropped, Excerpt, FailedAgent, Moved, Narrative,
    Observation, Positions, Report, Said, Standing, TargetReport, UnitReport,
};
use crate::agents::Spent;
use crate::diff::RepoPath;
use crate::finding::{
    Action, Anchor, Checked, Finding, FindingId, Kind, LeadWord, LineRange, Location, Member,
    RULES, RawFinding, Reconciliation, Severity, Stance, Voices,
};
use crate::gate::{NotReviewed, Verdict};
use crate::ledger::{Resolution, State};
use crate::parse::Sections;
use crate::parse::verdicts::{
    AgentNote, CommitNote, DesignNote, DocNote, Limitation, MoveTo, NoteScope, NoteSort, Proposal,
    ProposalAction, ProposalTarget, TestNote,
};
use crate::units::Class;

/// What the words of a text are drawn from: prose, code, and whatever could pass for something else.
const WORDS: &[&str] = &[
    "the",
    "lock",
    "leaks",
    "when",
    "`readIndex`",
    "fails",
    "and",
    "the",
    "next",
    "caller",
    "waits",
    "C++",
    "a*b",
    "**bold**",
    "*x*",
    "_y_",
    "snake_case",
    "<b>",
    "</script>",
    "&lt;",
    "&#64;ana",
    "@ana",
    "#12",
    "https://e.org/x",
    "www.e.org",
    "![i](x)",
    "[a](b)",
    "a|b",
    "(important, gap)",
    "[CRITICAL]",
    "(suggestion)",
    "`a.rs:3`",
    "src/b.rs:7-9",
    "— `c.rs:1`",
    "--",
    "—",
    "`",
    "``",
    "~~old~~",
    "I1.",
    "S2",
    "C3:",
    "1.",
    "Fix:",
    "None.",
    "\\",
    "\\*",
    "$x$",
    "\u{202e}",
    "\u{1b}[0m",
    "x:",
    "(see",
    "below)",
    "'q'",
    "\"q\"",
    "50%",
    "(`d.rs:4`)",
    "important",
    "Critical",
    "issues:",
];

/// Lines that could pass for a part of a report.
const LINES: &[&str] = &[
    "",
    "## Critical Issues",
    "### Suggestions",
    "**Important Issues**",
    "- **Critical Issues**",
    "Critical issues:",
    "I2. **Two** — `z.rs:1` (important, gap)",
    "**S1. Three — `z.rs:2` (suggestion, gap)**",
    "**[IMPORTANT] z.rs:3 — Four**",
    "#### I9. Five — `z.rs:4`",
    "1. **Six** — `z.rs:5` (important, gap)",
    "**Seven eight** — `z.rs:6` (important, gap)",
    "`C1.` **Nine** — `z.rs:7`",
    "```go\nx()\n## Suggestions\nI4. **In code** — `z.rs:8` (important, gap)\n```",
    "````\n```\ninner\n```\n````",
    "```\nnever closed",
    "> quoted **I5. x** — `z.rs:9`",
    "---",
    "===",
    "| a | b |\n|---|---|",
    "    indented <b>code</b>",
    "- item one\n  - item two",
    "*(Withdrawn — not an issue.)*",
    "Place: `z.rs:10`",
    "API Error: stream idle",
    "IMPORTANT: read `z.rs:11`",
    "Finding I3: x — `z.rs:12`",
];

/// Numbers by chance that are the same in every run (splitmix64, Steele and others 2014).
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % bound as u64).expect("it is below a usize")
    }

    fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }

    fn maybe(&mut self) -> bool {
        self.below(2) == 0
    }

    fn words(&mut self, most: usize) -> String {
        let count = 1 + self.below(most);
        let words: Vec<&str> = (0..count).map(|_| *self.one(WORDS)).collect();
        words.join(" ")
    }

    pub(crate) fn text(&mut self) -> String {
        let count = self.below(7);
        let lines: Vec<String> = (0..count)
            .map(|_| {
                if self.maybe() {
                    (*self.one(LINES)).to_owned()
                } else {
                    self.words(12)
                }
            })
            .collect();
        lines.join("\n")
    }

    fn path(&mut self) -> RepoPath {
        let dirs = ["", "src/", "pkg/deep/er/", "a b/", "x-y_z/"];
        let names = ["a.rs", "main.go", "Makefile", "x.test.ts", "1-check.bats"];
        RepoPath::from(format!("{}{}", self.one(&dirs), self.one(&names)).as_str())
    }

    fn location(&mut self) -> Location {
        let start = u32::try_from(1 + self.below(400)).expect("it is small");
        let more = u32::try_from(self.below(9)).expect("it is small");
        let path = self.path();
        // A path with a space in it is one only if lines follow it: so people write, and so it is read.
        let lined = self.below(5) > 0 || path.as_bytes().contains(&b' ');
        Location {
            path,
            lines: lined.then_some(LineRange {
                start,
                end: start + more,
            }),
        }
    }

    fn severity(&mut self) -> Severity {
        *self.one(&Severity::WORST_FIRST)
    }

    fn raw(&mut self, agent: &str, id: usize) -> RawFinding {
        RawFinding {
            agent: agent.to_owned(),
            id: format!("F{id}"),
            severity: (self.below(8) > 0).then(|| self.severity()),
            // A title has a word in it.
            title: format!("{} {} it", self.words(6), self.words(3)),
            locations: (0..self.below(4)).map(|_| self.location()).collect(),
            body: self.text(),
            ..RawFinding::default()
        }
    }
}

/// A report by chance. `seed` says which.
#[expect(clippy::too_many_lines, reason = "one value with some of everything")]
pub(crate) fn report(seed: u64) -> Report {
    let dice = &mut Dice::new(seed);
    let names = ["claude", "codex", "gemini.2"];
    let asked = dice.below(names.len() + 1);
    let names = &names[..asked];
    let mut ids: BTreeMap<&str, usize> = BTreeMap::new();
    let mut positions = Positions::default();
    let mut findings = Vec::new();
    for nth in 0..dice.below(6) {
        findings.push(standing(dice, nth, names, &mut ids, &mut positions));
    }
    let next = |ids: &mut BTreeMap<&str, usize>, name: &'static str| {
        let id = ids.entry(name).or_default();
        *id += 1;
        *id
    };
    let mut observations = Vec::new();
    let mut moved = Vec::new();
    let mut dropped = Vec::new();
    for name in ["claude", "codex", "gemini.2"].into_iter().take(asked) {
        if dice.maybe() {
            let raw = dice.raw(name, 100 + next(&mut ids, name));
            observations.push(Observation {
                title: raw.title.clone(),
                body: raw.body.clone(),
                locations: raw.locations.clone(),
                members: vec![raw],
                evidence: Vec::new(),
            });
        }
        if dice.maybe() {
            let raw = dice.raw(name, 100 + next(&mut ids, name));
            let places = [
                MoveTo::Design,
                MoveTo::Limitation,
                MoveTo::Testing,
                MoveTo::Docs,
                MoveTo::PreExisting,
            ];
            moved.push(Moved {
                place: *dice.one(&places),
                reason: dice.text(),
                title: raw.title.clone(),
                body: raw.body.clone(),
                locations: raw.locations.clone(),
                members: vec![raw],
                evidence: Vec::new(),
            });
        }
        if dice.maybe() {
            dropped.push(Dropped {
                members: vec![dice.raw(name, 100 + next(&mut ids, name))],
                reason: dice.words(5),
            });
        }
    }
    let units: Vec<UnitReport> = (0..dice.below(6))
        .map(|nth| unit(dice, nth, names))
        .collect();
    let mut report = Report {
        schema: super::SCHEMA,
        program: "0.1.0".to_owned(),
        id: dice.maybe().then(|| "20260102-030405-topic".to_owned()),
        at: Timestamp::from_second(1_767_323_045).expect("it is a time"),
        scope: "branch".to_owned(),
        repo: super::repo_name("git@example.org:shop/site.git"),
        round: Some(2),
        rounds: Vec::new(),
        millis: Some(61_000),
        verdict: verdict(dice),
        recommendation: None,
        agents: agents(dice, names),
        targets: vec![TargetReport {
            name: dice.words(2),
            base: BaseReport {
                commit: Some("1".repeat(40)),
                tree: "2".repeat(40),
                why: "merge base with origin/main".to_owned(),
            },
            head: Some("3".repeat(40)),
            protected: false,
            commits: 1,
            log: vec![CommitLine {
                id: "3".repeat(40),
                author: dice.words(2),
                subject: dice.words(6),
            }],
            units,
            findings,
            blocks_from: Severity::Important,
            verdict: Verdict::NothingNew,
            panel: Vec::new(),
            missing: Vec::new(),
            notes: vec![dice.words(5)],
        }],
        said: names
            .iter()
            .map(|name| Said {
                agent: (*name).to_owned(),
                round: dice.maybe().then_some(1),
                sections: sections(dice),
            })
            .collect(),
        observations,
        moved,
        dropped,
        maybe_same: Vec::new(),
        failed: Vec::new(),
        fates: Vec::new(),
        retro: Vec::new(),
        narrative: dice.maybe().then(|| narrative(dice)),
        nothing: Vec::new(),
        warnings: vec![dice.words(4)],
    };
    if dice.maybe() {
        report.failed.push(FailedAgent {
            agent: "late".to_owned(),
            why: dice.words(5),
        });
    }
    report.complete();
    report
}

fn standing(
    dice: &mut Dice,
    nth: usize,
    names: &[&'static str],
    ids: &mut BTreeMap<&'static str, usize>,
    positions: &mut Positions,
) -> Standing {
    let mut members: Vec<RawFinding> = Vec::new();
    for name in names {
        if dice.maybe() {
            let id = ids.entry(name).or_default();
            *id += 1;
            members.push(dice.raw(name, *id));
        }
    }
    let own = dice.raw(RULES, nth);
    let told = members.first().unwrap_or(&own).clone();
    let severity = dice.severity();
    let id = FindingId::of(&[nth.to_string().as_bytes()]);
    let mut agents: Vec<String> = members.iter().map(|raw| raw.agent.clone()).collect();
    if agents.is_empty() {
        agents.push(RULES.to_owned());
    }
    let evidence = members
        .iter()
        .map(|raw| Checked {
            agent: raw.agent.clone(),
            id: raw.id.clone(),
            sentences: vec![dice.words(4)],
            supported: dice.maybe(),
        })
        .collect();
    let reconciliation = members
        .iter()
        .filter(|raw| raw.severity.is_some_and(|from| from != severity))
        .map(|raw| Reconciliation {
            action: Action::Downgraded,
            members: vec![Member::of(raw)],
            from: raw.severity,
            to: Some(severity),
            reason: dice.words(4),
        })
        .collect();
    let finding = Finding {
        id,
        severity,
        kind: *dice.one(&[
            Kind::Regression,
            Kind::Gap,
            Kind::Enhancement,
            Kind::PreExisting,
        ]),
        title: told.title.clone(),
        body: told.body.clone(),
        locations: told.locations.clone(),
        agents,
        rule: None,
        quote: None,
        commit: None,
        anchor: Anchor {
            path: RepoPath::from("a"),
            code: "c0de".to_owned(),
            around: String::new(),
            occurrence: 0,
            lines: 1,
        },
        voices: Voices {
            members,
            evidence,
            confidence: None,
            why_severity: Some(dice.words(3)),
            reconciliation,
            lead: lead_word(dice),
        },
    };
    let excerpts = finding
        .locations
        .iter()
        .filter_map(|location| {
            let text = format!("{}\n", dice.text()).repeat(60);
            Excerpt::of(&location.path, text.as_bytes(), location.lines?)
        })
        .collect();
    Standing {
        position: positions.of(&finding),
        finding,
        state: state(dice),
        without_evidence: dice.below(5) == 0,
        excerpts,
    }
}

fn narrative(dice: &mut Dice) -> Narrative {
    Narrative {
        agent: "claude".to_owned(),
        summary: dice.text(),
        design: vec![DesignNote {
            sort: NoteSort::Concern,
            scope: NoteScope::InScope,
            text: dice.text(),
            from: vec!["I1".to_owned()],
        }],
        tests: vec![TestNote {
            text: dice.text(),
            ids: Vec::new(),
        }],
        docs: vec![DocNote {
            text: dice.text(),
            path: dice.text(),
        }],
        commits: vec![CommitNote {
            sha: "3333333333".to_owned(),
            text: dice.text(),
        }],
        limitations: vec![Limitation {
            path: dice.text(),
            quote: dice.text(),
            text: dice.text(),
        }],
        agents: vec![AgentNote {
            agent: "codex".to_owned(),
            text: dice.text(),
        }],
        proposals: vec![Proposal {
            target: ProposalTarget::Context,
            action: ProposalAction::Add,
            path: dice.text(),
            text: dice.text(),
            because: "I1".to_owned(),
        }],
    }
}

fn lead_word(dice: &mut Dice) -> Option<LeadWord> {
    let stances = [
        Stance::Confirmed,
        Stance::Kept,
        Stance::Downgraded,
        Stance::Raised,
        Stance::Contested,
        Stance::Added,
    ];
    dice.maybe().then(|| LeadWord {
        agent: "claude".to_owned(),
        stance: *dice.one(&stances),
        wants: dice.text(),
        reason: dice.text(),
    })
}

fn state(dice: &mut Dice) -> State {
    if dice.below(4) > 0 {
        return State::Open {
            lapsed: dice.maybe().then(|| dice.words(4)),
        };
    }
    State::Resolved {
        resolution: *dice.one(&[Resolution::FalsePositive, Resolution::WontFix]),
        reason: Some(dice.words(4)),
        until: None,
        by: dice.words(2),
        at: Timestamp::from_second(1_767_000_000).expect("it is a time"),
        decided_as: None,
    }
}

fn unit(dice: &mut Dice, nth: usize, names: &[&str]) -> UnitReport {
    UnitReport {
        key: nth.to_string(),
        status: 'M',
        path: dice.path(),
        old_path: None,
        commit: None,
        class: Class::Reviewed,
        added: dice.below(50),
        removed: dice.below(50),
        read_by: [RULES]
            .iter()
            .chain(names)
            .filter(|_| dice.maybe())
            .map(|name| (*name).to_owned())
            .collect(),
    }
}

fn agents(dice: &mut Dice, names: &[&str]) -> Vec<AgentReport> {
    [RULES]
        .iter()
        .chain(names)
        .map(|name| AgentReport {
            name: (*name).to_owned(),
            read: 1 + dice.below(5),
            remembered: dice.below(5),
            model: dice.maybe().then(|| dice.words(2)),
            effort: dice.maybe().then(|| "high".to_owned()),
            spent: dice.maybe().then(|| Spent {
                millis: 5000,
                tools: [("Read".to_owned(), 7), (dice.words(1), 2)].into(),
                ..Spent::default()
            }),
        })
        .collect()
}

fn verdict(dice: &mut Dice) -> Verdict {
    if dice.below(4) > 0 {
        return Verdict::Pass {
            not_reviewed: Vec::new(),
        };
    }
    Verdict::Inconclusive {
        not_reviewed: vec![NotReviewed {
            path: dice.path(),
            commit: None,
            agents: vec!["late".to_owned()],
            why: dice.words(4),
        }],
    }
}

fn sections(dice: &mut Dice) -> Sections {
    Sections {
        summary: dice.text(),
        design: dice.text(),
        testing: dice.text(),
        documentation: dice.text(),
        commits: dice.text(),
        acknowledged: dice.text(),
        prior: dice.text(),
        unresolved: dice.text(),
        proposals: dice.text(),
        ..Sections::default()
    }
}
