//! Writes what an agent is told: the brief, what it must account for, and what is said when it does not.
//! It reads nothing and asks nobody: plain values in, text and pages out; snapshots, transport and the
//! reading of answers are left to other rooms.
//!
//! - `input`: the plain values; `family`: what differs between kinds of agents
//! - `boundary`: text of the repository between markers that it cannot forge
//! - `change`: the unit table and the diff, inline or in `pages`
//! - `shards`: which units go into one brief
//! - `account`: what an answer must show, and what it has shown
//! - `again`: asking for what is missing, and for another form
//! - `lead`: the two briefs of the lead

pub(crate) mod account;
pub(crate) mod again;
mod boundary;
mod change;
pub(crate) mod family;
pub(crate) mod input;
pub(crate) mod lead;
mod pages;
pub(crate) mod shards;

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, UndefinedBehavior, context};

use account::Expects;
use boundary::Boundary;
pub(crate) use change::{Shown, is_paged, shown};
use family::Family;
use input::Input;

/// Raised with every change of a template, a schema or the example; recorded in receipts.
pub(crate) const PROMPT_VERSION: u32 = 2;

/// The strict JSON schema of a reviewer's answer.
pub(crate) const ANSWER_SCHEMA: &str = include_str!("answer.schema.json");
/// An answer in that form, of another change; never accepted as one.
const EXAMPLE: &str = include_str!("answer.example.json");

/// A larger diff goes into pages, in bytes.
const MOST_INLINE: usize = 60 << 10;
/// A larger context or list of decisions goes into a file, in tokens.
const MOST_CONTEXT: usize = 6000;
const MOST_DECISIONS: usize = 2000;

/// Bytes of text per token, near enough for budgets.
const BYTES_PER_TOKEN: usize = 4;

/// What one agent is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Brief {
    /// The text.
    pub(crate) text: String,
    /// So many bytes at its start are the same in each brief of this version and family, so that a
    /// provider has to read them once.
    pub(crate) static_prefix_len: usize,
    /// Files to put below `.deep-review/` of the snapshot, by their names there.
    pub(crate) files: Vec<(String, Vec<u8>)>,
    /// What the answer must show.
    pub(crate) expects: Expects,
    /// Tokens of text and files, estimated from their bytes.
    pub(crate) estimated_tokens: usize,
}

/// Why there is no brief.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BriefError {
    /// The number of the markers stands in the data; another one is needed.
    #[error("the number of the markers stands in the data")]
    NonceInData,
    /// It is not 32 hexadecimal digits.
    #[error("the number of the markers is not 128 bits in hexadecimal digits")]
    Nonce,
    /// Two units or two rules of one id.
    #[error("`{id}` is listed twice")]
    TwiceListed {
        /// The id.
        id: String,
    },
    /// Longer than the agent takes: it has to be in more shards.
    #[error("the brief has {bytes} bytes, the agent takes {most}")]
    TooLong {
        /// Its length.
        bytes: usize,
        /// The limit of the agent's family.
        most: usize,
    },
    /// A batch with more clusters than one answer can check with care.
    #[error("the batch has {clusters} clusters, the lead takes {most}")]
    TooManyClusters {
        /// How many it has.
        clusters: usize,
        /// How many it may have.
        most: usize,
    },
    /// One file's patch is larger than what the agent can be given; nothing is cut.
    #[error("the patch of `{path}` has about {tokens} tokens, the agent takes {most}")]
    UnitTooLarge {
        /// Its path, quoted.
        path: String,
        /// Its size.
        tokens: usize,
        /// The limit.
        most: usize,
    },
}

/// Writes the brief for one agent and one shard, whose units are shown like this. The files of `shown`
/// have to be there too, and are not among those of the brief.
pub(crate) fn brief(input: &Input<'_>, shown: &Shown) -> Result<Brief, BriefError> {
    let boundary = Boundary::new(input.nonce)?;
    input::check_ids(&input.units, &input.context.rules)?;
    let slots = input.family.slots();
    let mut text = render(
        "reviewer",
        context! { tools => slots.tools, shell => slots.shell },
    );
    let static_prefix_len = text.len();
    let mut files = Vec::new();
    let place = input::snapshot_sentence(&input.snapshot, slots.shell);
    let context = overflow(
        input::context_text(input, &boundary),
        MOST_CONTEXT,
        "context",
        &boundary,
        &mut files,
    );
    let decisions = overflow(
        input::decisions_text(&input.earlier, &boundary),
        MOST_DECISIONS,
        "decisions",
        &boundary,
        &mut files,
    );
    text.push_str(&render(
        "task",
        context! {
            place,
            context,
            round => input.round,
            decisions,
            paged => shown.paged,
            change => change::change_text(input, shown, &boundary),
            author => input::author_text(input.author.as_ref(), &boundary),
            emphasis => slots.emphasis,
            answer => answer_form(input.run),
        },
    ));
    finished(text, static_prefix_len, files, &boundary, input.family)?.with(input.run, shown)
}

impl Brief {
    /// The same with what an answer must show of these units, and with the tokens of their files.
    fn with(self, run: &str, shown: &Shown) -> Result<Self, BriefError> {
        if shown.forged {
            return Err(BriefError::NonceInData);
        }
        let own = self.files.iter().chain(&shown.files);
        let bytes = self.text.len() + own.map(|(_, file)| file.len()).sum::<usize>();
        Ok(Self {
            expects: Expects {
                review: run.to_owned(),
                units: shown.expected.clone(),
            },
            estimated_tokens: tokens(bytes),
            ..self
        })
    }
}

/// Checks what holds for every text that is sent.
fn finished(
    text: String,
    static_prefix_len: usize,
    files: Vec<(String, Vec<u8>)>,
    boundary: &Boundary<'_>,
    family: Family,
) -> Result<Brief, BriefError> {
    if boundary.is_forged() {
        return Err(BriefError::NonceInData);
    }
    let most = family.slots().most_bytes;
    if text.len() > most {
        return Err(BriefError::TooLong {
            bytes: text.len(),
            most,
        });
    }
    let bytes = text.len() + files.iter().map(|(_, file)| file.len()).sum::<usize>();
    Ok(Brief {
        text,
        static_prefix_len,
        files,
        expects: Expects::default(),
        estimated_tokens: tokens(bytes),
    })
}

/// What an answer has to look like; the same words in every brief that asks for one.
fn answer_form(run: &str) -> String {
    render("answer", context! { run, example => EXAMPLE.trim_end() })
}

/// Tokens of so many bytes, estimated.
fn tokens(bytes: usize) -> usize {
    bytes.div_ceil(BYTES_PER_TOKEN)
}

/// The data itself, or the sentence that names the file it stands in because it is long. The briefs of a
/// run stand in one place, and each may have other data: the name of the file says which.
fn overflow(
    data: String,
    most_tokens: usize,
    what: &str,
    boundary: &Boundary<'_>,
    files: &mut Vec<(String, Vec<u8>)>,
) -> String {
    if tokens(data.len()) <= most_tokens {
        return data;
    }
    let digest = blake3::hash(data.as_bytes()).to_hex();
    let name = format!("{what}-{}.txt", &digest[..8]);
    files.push((name.clone(), data.into_bytes()));
    boundary.data(
        "file",
        "",
        &format!("read .deep-review/{name}: all of this section stands there"),
    )
}

/// Renders one of our templates; each is rendered with all its slots by a test.
fn render(name: &str, slots: minijinja::Value) -> String {
    let syntax = SyntaxConfig::builder()
        .trim_blocks(true)
        .keep_trailing_newline(true)
        .build()
        .expect("the delimiters are the usual ones");
    let mut environment = Environment::empty();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_syntax(syntax);
    let (_, source) = TEMPLATES
        .iter()
        .find(|(known, _)| *known == name)
        .expect("the name is written beside the call");
    environment
        .render_str(source, slots)
        .expect("each template is rendered by a test")
}

/// Every template by its name.
static TEMPLATES: &[(&str, &str)] = &[
    ("reviewer", include_str!("reviewer.md")),
    ("task", include_str!("task.md")),
    ("answer", include_str!("answer.md")),
    ("re_ask", include_str!("re_ask.md")),
    ("repair", include_str!("repair.md")),
    ("lead", include_str!("lead.md")),
    ("lead_task", include_str!("lead_task.md")),
    ("lead_narrative", include_str!("lead_narrative.md")),
];

#[cfg(test)]
mod tests;
