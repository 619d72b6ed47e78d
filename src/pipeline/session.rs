//! What is open while one command runs: the repository, the store, the configuration.
//! Turns a scope into targets and says which settings are in force for each.

use std::path::Path;

use anyhow::{Context, Result, anyhow};
use jiff::Timestamp;
use jiff::civil::Date;

use super::read_units::Reading;
use super::replay::Record;
use super::replies::Reply;
use super::{Asking, Scope};
use crate::agents::Agent;
use crate::config::{self, ConfigFile, Layers, Limits, Loosening, Settings, Source};
use crate::diff::{Change, Oid, RepoPath};
use crate::env;
use crate::error::HintExt;
use crate::finding::Finding;
use crate::git::Repo;
use crate::ledger::Decision;
use crate::owed::{self, Head, OwedPolicy, Owing, Target};
use crate::progress::{Listener, Unheard};
use crate::pushed::PushedRef;
use crate::receipt::Receipt;
use crate::report::{NothingOwed, Report, to_json};
use crate::rules::{RuleLevel, RuleSet};
use crate::store::{ReviewId, Store};

/// The word for no agent.
pub(super) const NOBODY: &str = "none";

/// What is open while one command runs.
pub(crate) struct Session {
    /// The repository.
    pub(crate) repo: Repo,
    /// What is remembered.
    pub(crate) store: Store,
    /// When this run began.
    pub(crate) now: Timestamp,
    /// The agents that could be asked.
    pub(crate) agents: Vec<Agent>,
    /// What a review may take.
    pub(crate) limits: Limits,
    /// The agents to ask in this run, if they were named.
    pub(crate) named_agents: Option<Vec<String>>,
    /// The lead of this run, if one was named: an agent, or `none`.
    pub(crate) lead: Option<String>,
    /// Whether the user interrupted it.
    pub(crate) interrupted: bool,
    /// Who is told how far agents have come.
    pub(crate) listener: Box<dyn Listener>,
    /// Whether snapshots that nobody uses any more are still there.
    pub(super) left_behind: bool,
    user: Option<ConfigFile>,
    /// The bytes that `user` was read from.
    user_text: Option<Vec<u8>>,
    warnings: Vec<String>,
}

/// The settings in force for one change, and what it would change about them.
pub(crate) struct InForce {
    /// What counts.
    pub(crate) settings: Settings,
    /// What the change would loosen, once it stands on the base side.
    pub(super) loosenings: Vec<Loosening>,
    /// The repository's file as the change has it.
    pub(super) branch_text: Vec<u8>,
    /// True if the base side has no such file.
    pub(super) first: bool,
    /// What people should know.
    pub(super) notes: Vec<String>,
}

/// Whether code that a finding is about is still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stands {
    /// It is, and the finding is raised again.
    Yes,
    /// Everything was read, and the finding is not raised any more.
    No,
    /// Not everything has been read since it changed.
    Unknown,
}

impl Session {
    /// Opens the repository around the current directory, its store and the user's configuration.
    pub(crate) fn open() -> Result<Self> {
        let repo = Repo::discover(&env::current_dir()?)?;
        let store = Store::open(repo.common_dir(), &env::state_dir()?)?;
        let path = env::user_config_file()?;
        let mut warnings = Vec::new();
        let user_text = read_if_there(&path)?;
        let user = match &user_text {
            Some(text) => {
                let source = Source {
                    name: format!("`{}`", path.display()),
                };
                let (file, unknown) = ConfigFile::parse(text, &source)?;
                warnings.extend(unknown);
                Some(file)
            }
            None => None,
        };
        Ok(Self {
            repo,
            store,
            now: Timestamp::now(),
            agents: config::agents(user.as_ref())?,
            limits: config::limits(user.as_ref())?,
            named_agents: None,
            lead: None,
            interrupted: false,
            listener: Box::new(Unheard),
            left_behind: false,
            user,
            user_text,
            warnings,
        })
    }

    /// The names of the agents that the user enabled here, in order.
    pub(crate) fn enabled(&self) -> Result<Vec<String>> {
        Ok(self.store.panel()?.unwrap_or_default().agents)
    }

    /// Asks these agents in this run instead of those enabled here; `none` is nobody.
    pub(crate) fn ask_only(&mut self, names: &[String]) -> Result<()> {
        if names.is_empty() {
            return Ok(());
        }
        let mut asked: Vec<String> = Vec::new();
        for name in names.iter().filter(|name| *name != NOBODY) {
            self.agent(name)?;
            if !asked.contains(name) {
                asked.push(name.clone());
            }
        }
        self.named_agents = Some(asked);
        Ok(())
    }

    /// Lets this agent lead this run; `none` is nobody.
    pub(crate) fn let_lead(&mut self, name: Option<&str>) -> Result<()> {
        if let Some(name) = name.filter(|name| *name != NOBODY) {
            self.agent(name)?;
        }
        self.lead = name.map(str::to_owned);
        Ok(())
    }

    /// The agent that was named to lead this run.
    pub(super) fn named_lead(&self) -> Option<&Agent> {
        let name = self.lead.as_deref()?;
        self.agents.iter().find(|agent| agent.name == name)
    }

    /// The agent of a name.
    pub(crate) fn agent(&self, name: &str) -> Result<&Agent> {
        let found = self.agents.iter().find(|agent| agent.name == name);
        let names: Vec<&str> = self.agents.iter().map(|it| it.name.as_str()).collect();
        found
            .ok_or_else(|| anyhow!("no agent is called `{name}`"))
            .hint(format!(
                "there are {}; others are added as `[agents.NAME]` in the user configuration",
                names.join(", ")
            ))
    }

    /// A session of a test, without configuration of the user's.
    #[cfg(test)]
    pub(super) fn of(repo: Repo, store: Store, now: Timestamp) -> Self {
        Self {
            repo,
            store,
            now,
            agents: Vec::new(),
            limits: Limits::default(),
            named_agents: None,
            lead: None,
            interrupted: false,
            listener: Box::new(Unheard),
            left_behind: false,
            user: None,
            user_text: None,
            warnings: Vec::new(),
        }
    }

    /// Today, in UTC.
    pub(crate) fn today(&self) -> Date {
        self.now.to_zoned(jiff::tz::TimeZone::UTC).date()
    }

    /// Every decision this user made here.
    pub(crate) fn decisions(&mut self) -> Result<Vec<Decision>> {
        let ledger = self.store.ledger()?;
        if ledger.foreign > 0 {
            self.warn(format!(
                "{} of the decisions in the ledger count for nothing: this user did not seal them",
                ledger.foreign
            ));
        }
        Ok(ledger.decisions)
    }

    /// Notes what people should be told once.
    pub(super) fn warn(&mut self, warning: String) {
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }

    /// True if there is no warning yet.
    pub(super) fn has_nothing_to_say(&self) -> bool {
        self.warnings.is_empty()
    }

    /// The bytes of the user's own configuration.
    pub(super) fn user_text(&self) -> Option<&[u8]> {
        self.user_text.as_deref()
    }

    pub(super) fn take_warnings(&mut self) -> Vec<String> {
        std::mem::take(&mut self.warnings)
    }

    /// Which targets a scope has, and which refs owe nothing.
    pub(crate) fn owed(&mut self, scope: &Scope) -> Result<(Vec<Target>, Vec<NothingOwed>)> {
        match scope {
            Scope::Staged => {
                let target = owed::uncommitted(&self.repo, Head::Index)?;
                Ok((vec![target], Vec::new()))
            }
            Scope::Worktree { untracked } => {
                let reviewed = Head::Worktree {
                    untracked: *untracked,
                };
                let target = owed::uncommitted(&self.repo, reviewed)?;
                Ok((vec![target], Vec::new()))
            }
            Scope::Branch { base } => {
                let remote = self.repo.push_remote(self.repo.head()?.branch());
                let policy = self.owed_policy(remote.as_deref())?;
                Ok((
                    vec![owed::branch(&self.repo, &policy, base.as_deref())?],
                    Vec::new(),
                ))
            }
            Scope::Commit { revision } => {
                Ok((vec![owed::commit(&self.repo, revision)?], Vec::new()))
            }
            Scope::Range { range } => Ok((vec![owed::range(&self.repo, range)?], Vec::new())),
            Scope::Pushed { refs, remote, url } => {
                let policy = self.owed_policy(self.repo.remote_for(remote, url).as_deref())?;
                let mut targets = Vec::new();
                let mut nothing = Vec::new();
                for owing in owed::pushed(&self.repo, &policy, refs, remote, url)? {
                    match owing {
                        Owing::Review(target) => targets.push(*target),
                        Owing::Nothing { name, why } => nothing.push(NothingOwed { name, why }),
                    }
                }
                Ok((targets, nothing))
            }
        }
    }

    /// What a plain push of the checked-out branch would be; without a remote or a branch, a review of
    /// what is checked out.
    pub(crate) fn next_push(&self) -> Result<Scope> {
        let head = self.repo.head()?;
        let (Some(branch), Some(tip), Some(remote)) = (
            head.branch(),
            head.tip(),
            self.repo.push_remote(head.branch()),
        ) else {
            return Ok(Scope::Branch { base: None });
        };
        let there = self
            .repo
            .tip_of(&format!("refs/remotes/{remote}/{branch}"))?;
        let pushed = PushedRef {
            local: format!("refs/heads/{branch}"),
            local_id: tip,
            remote: format!("refs/heads/{branch}"),
            remote_id: there.unwrap_or_else(|| tip.zero()),
        };
        Ok(Scope::Pushed {
            refs: vec![pushed],
            url: remote.clone(),
            remote,
        })
    }

    /// What must be known before a base is known: the configuration as the base branch has it when
    /// nobody configures a base.
    fn owed_policy(&mut self, remote: Option<&str>) -> Result<OwedPolicy> {
        let file = match owed::default_tip(&self.repo, remote)? {
            Some(tip) => self.config_of(&self.repo.tree_of(&tip)?)?,
            None => None,
        };
        let (settings, _) = self.layers(file.as_ref(), None).resolve();
        Ok(OwedPolicy {
            base: settings.base.value,
            protected: settings
                .protected
                .into_iter()
                .map(|pattern| pattern.value)
                .collect(),
        })
    }

    /// The settings of the user and the environment alone.
    pub(super) fn own_settings(&self) -> Settings {
        self.layers(None, None).resolve().0
    }

    fn layers<'a>(
        &'a self,
        base: Option<&'a ConfigFile>,
        branch: Option<&'a ConfigFile>,
    ) -> Layers<'a> {
        Layers {
            user: self.user.as_ref(),
            base,
            branch,
            environment: Some(env::text),
        }
    }

    /// The agents that this repository recommends in what is checked out: a word to the user, who decides.
    pub(crate) fn recommended_agents(&mut self) -> Result<Vec<String>> {
        let Some(tip) = self.repo.head()?.tip() else {
            return Ok(Vec::new());
        };
        let file = self.config_of(&self.repo.tree_of(&tip)?)?;
        let (settings, _) = self.layers(file.as_ref(), None).resolve();
        Ok(settings.agents.value)
    }

    /// The repository's file on the base side. One that can't be used there counts for nothing: a
    /// change must be able to mend it.
    fn config_of(&mut self, tree: &Oid) -> Result<Option<ConfigFile>> {
        let Some(text) = self.config_text(tree)? else {
            return Ok(None);
        };
        let source = Source {
            name: format!("`{}` of the base side", config::REPOSITORY_FILE),
        };
        match ConfigFile::parse(&text, &source) {
            Ok((file, _)) => Ok(Some(file)),
            Err(error) => {
                self.warn(format!("{error:#}; its settings are not in force"));
                Ok(None)
            }
        }
    }

    fn config_text(&self, tree: &Oid) -> Result<Option<Vec<u8>>> {
        let found = self
            .repo
            .read_file(tree, &RepoPath::from(config::REPOSITORY_FILE))?;
        Ok(found
            .filter(|(entry, _)| entry.mode.is_file())
            .map(|(_, text)| text))
    }

    /// The settings in force for one change: the branch's own file counts where it is stricter.
    pub(crate) fn in_force(&mut self, target: &Target, changed: &[Change]) -> Result<InForce> {
        let base = self.config_of(&target.base.tree)?;
        let path = RepoPath::from(config::REPOSITORY_FILE);
        let text = self.at_head(target, changed, &path)?;
        let branch = match &text {
            Some(text) => {
                let source = Source {
                    name: format!("`{}`", config::REPOSITORY_FILE),
                };
                let (file, unknown) = ConfigFile::parse(text, &source)?;
                for warning in unknown {
                    self.warn(warning);
                }
                Some(file)
            }
            None => None,
        };
        let (settings, notes) = self.layers(base.as_ref(), branch.as_ref()).resolve();
        let nothing = ConfigFile::default();
        Ok(InForce {
            loosenings: config::loosenings(
                base.as_ref().unwrap_or(&nothing),
                branch.as_ref().unwrap_or(&nothing),
            ),
            first: base.is_none(),
            branch_text: text.unwrap_or_default(),
            settings,
            notes,
        })
    }

    /// A file as the head of a target has it; `changed` are its changed files.
    fn at_head(
        &self,
        target: &Target,
        changed: &[Change],
        path: &RepoPath,
    ) -> Result<Option<Vec<u8>>> {
        if let Head::Commit(head) = target.head {
            return self.config_text(&self.repo.tree_of(&head)?);
        }
        match changed.iter().find(|change| change.path() == path) {
            Some(change) => match change.new().filter(|entry| entry.mode.is_file()) {
                Some(entry) => Ok(Some(self.repo.read_blob(&entry.id)?)),
                None => Ok(None),
            },
            None => self.config_text(&target.base.tree),
        }
    }

    /// Whether the code a finding is about still stands on the tip of HEAD, as far as it has been read.
    pub(crate) fn stands(&mut self, finding: &Finding) -> Result<Stands> {
        let report = self.review(&Scope::Branch { base: None }, Asking::Nothing)?;
        let known = report.verdict.not_reviewed().is_empty();
        let raised = report
            .findings()
            .iter()
            .any(|standing| standing.finding.id == finding.id);
        Ok(match (raised, known) {
            (true, _) => Stands::Yes,
            (false, true) => Stands::No,
            (false, false) => Stands::Unknown,
        })
    }

    /// True if the head of a target has nothing at a path any more.
    pub(super) fn is_gone(&self, target: &Target, reading: &Reading, path: &RepoPath) -> bool {
        if reading.has_at_head(path) {
            return false;
        }
        let tree = match target.head {
            Head::Commit(head) => self.repo.tree_of(&head),
            // What is not committed yet is HEAD's tree but for its changes.
            Head::Index | Head::Worktree { .. } if reading.removes(path) => return true,
            Head::Index | Head::Worktree { .. } => Ok(target.base.tree),
        };
        let found = tree.and_then(|tree| self.repo.read_file(&tree, path));
        // What can't be looked up is taken to be there: then no decision follows it elsewhere.
        matches!(found, Ok(None))
    }

    /// Keeps new receipts; a store that can't be written costs the memory, not the verdict.
    pub(super) fn store_receipts(&mut self, reading: &Reading, asking: Asking) {
        if reading.unusable > 0 {
            self.warn(format!(
                "{} not valid (damaged, or not sealed by this user), so what they vouch for was looked at again or counts as unread",
                match reading.unusable {
                    1 => "1 receipt is".to_owned(),
                    many => format!("{many} receipts are"),
                }
            ));
        }
        if asking == Asking::Nothing {
            return;
        }
        let receipts: Vec<Receipt> = reading.receipts(self.now);
        if let Err(error) = self.store.add_receipts(&receipts) {
            self.warn(format!("not remembered: {error:#}"));
        }
    }

    /// How long this run has taken, in milliseconds by the wall clock.
    pub(super) fn millis_since_start(&self) -> Option<u64> {
        let millis = Timestamp::now().as_millisecond() - self.now.as_millisecond();
        u64::try_from(millis).ok()
    }

    /// Keeps the report with what it was made from if it says something new, and names it. `before` is
    /// the newest stored review of the same target.
    pub(super) fn keep(
        &mut self,
        report: &mut Report,
        before: Option<&Report>,
        replies: &[Reply],
        record: &Record,
    ) {
        let read_something =
            !replies.is_empty() || report.agents.iter().any(|agent| agent.read > 0);
        let ids = |report: &Report| -> Vec<_> {
            report
                .findings()
                .iter()
                .map(|standing| standing.finding.id.clone())
                .collect()
        };
        let known = before.is_some_and(|before| ids(before) == ids(report));
        let empty = report.targets.iter().all(|target| target.units.is_empty());
        if empty || (!read_something && known) {
            return;
        }
        let kept = to_json(&report.agents).and_then(|of_rules| {
            let (target, at) = (report.target_name().to_owned(), report.at);
            let mut raw = vec![(format!("{}.json", crate::rules::AGENT), of_rules)];
            raw.extend(
                replies
                    .iter()
                    .map(|reply| (reply.file_name(), reply.bytes.clone())),
            );
            self.store
                .add_review(&target, at, &raw, record, |id| Report {
                    id: Some(id.to_string()),
                    ..report.clone()
                })
        });
        match kept {
            Ok(id) => report.id = Some(id.to_string()),
            Err(error) => report.warnings.push(format!("not remembered: {error:#}")),
        }
        report.warnings.dedup();
    }

    /// The newest stored review of a branch.
    pub(crate) fn newest_review(&self, target: &str) -> Result<Option<Report>> {
        for id in self.store.review_ids()? {
            if let Some(report) = self.store.review::<Report>(&id)
                && report.target_name() == target
            {
                return Ok(Some(report));
            }
        }
        Ok(None)
    }

    /// All stored reviews that this user made, newest first.
    pub(crate) fn reviews(&self) -> Result<Vec<(ReviewId, Report)>> {
        let mut reviews = Vec::new();
        for id in self.store.review_ids()? {
            if let Some(report) = self.store.review::<Report>(&id) {
                reviews.push((id, report));
            }
        }
        Ok(reviews)
    }
}

/// The rules in force, built in and configured.
pub(super) fn rule_set(settings: &Settings) -> Result<RuleSet> {
    let specs: Vec<_> = settings
        .rules
        .iter()
        .map(|rule| rule.value.clone())
        .collect();
    let levels: std::collections::BTreeMap<String, RuleLevel> = settings
        .levels
        .iter()
        .map(|(id, level)| (id.clone(), level.value))
        .collect();
    RuleSet::compile(&specs, &levels)
        .context("cannot use the configured rules")
        .hint("correct the rule in the file it comes from; `deep-review explain --config` names it")
}

pub(super) fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>> {
    match std::fs::read(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read `{}`", path.display())),
    }
}
