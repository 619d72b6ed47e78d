//! A conversation with a model as all vendors have it: the brief, what the model said, what our tools
//! answered.
//! How it is written in a request is left to the file of each vendor.

use serde_json::Value;

use crate::agents::tools::Declared;

use super::trouble::Trouble;

/// The longest output that is asked for first, in tokens, and what is asked for when a model has less.
const ROOMS: [u32; 3] = [64_000, 32_000, 8_192];

/// Everything that a request is made of.
#[derive(Debug)]
pub(super) struct Conversation<'c> {
    /// The model to ask for.
    pub(super) model: &'c str,
    /// How hard it is to think, in the vendor's word.
    pub(super) effort: Option<&'c str>,
    /// The brief.
    pub(super) brief: &'c str,
    /// How many bytes of the brief a vendor may cache; at the end of a character.
    pub(super) static_prefix: usize,
    /// The schema of the answer.
    pub(super) schema: Option<Value>,
    /// Our tools.
    pub(super) tools: Vec<Declared>,
    /// What this model has not refused yet.
    pub(super) offers: Offers,
    /// What was said after the brief.
    pub(super) exchanges: Vec<Exchange>,
    /// False once further tool calls would not be answered.
    pub(super) may_call: bool,
}

impl Conversation<'_> {
    /// The schema, if the model is held to it.
    pub(super) fn schema(&self) -> Option<&Value> {
        self.schema.as_ref().filter(|_| self.offers.schema)
    }

    /// The tools, if the model can use any.
    pub(super) fn tools(&self) -> &[Declared] {
        if self.offers.tools { &self.tools } else { &[] }
    }

    /// The brief in two parts: what a vendor may cache, and the rest.
    pub(super) fn brief_in_parts(&self) -> (&str, &str) {
        self.brief
            .split_at_checked(self.static_prefix)
            .unwrap_or(("", self.brief))
    }
}

/// A turn of the model that called tools, and what they answered.
#[derive(Debug)]
pub(super) struct Exchange {
    /// What it said, as its vendor wants it repeated.
    pub(super) said: Vec<Value>,
    /// An answer to each of its calls, in order.
    pub(super) answers: Vec<ToolAnswer>,
}

/// What a tool answered.
#[derive(Debug)]
pub(super) struct ToolAnswer {
    /// The vendor's id of the call.
    pub(super) id: String,
    /// The tool.
    pub(super) name: String,
    /// What the model reads.
    pub(super) text: String,
    /// True if the call was refused.
    pub(super) failed: bool,
}

/// What not every model or server takes; each is offered until it is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each offer is refused on its own"
)]
pub(super) struct Offers {
    /// To be held to the schema.
    pub(super) schema: bool,
    /// To call tools.
    pub(super) tools: bool,
    /// To think, and to be given its thoughts again.
    pub(super) thinking: bool,
    /// How long its output may be, in tokens.
    pub(super) room: u32,
    /// True for the protocol that servers of all sorts speak, more or less.
    pub(super) is_loose: bool,
}

impl Offers {
    /// Everything.
    pub(super) fn all(is_loose: bool) -> Self {
        Self {
            schema: true,
            tools: true,
            thinking: true,
            room: ROOMS[0],
            is_loose,
        }
    }

    /// Takes back what a request was refused for, as far as the words tell; gives its name.
    pub(super) fn take_back(
        &mut self,
        trouble: &Trouble,
        has_schema: bool,
    ) -> Option<&'static str> {
        if !trouble.is_bad_request {
            return None;
        }
        let words = trouble.words.to_lowercase();
        let says = |any: &[&str]| any.iter().any(|word| words.contains(word));
        if self.thinking && says(&["thinking", "encrypted"]) {
            self.thinking = false;
            return Some("thinking");
        }
        if says(&["max_tokens"])
            && let Some(room) = ROOMS.into_iter().find(|room| *room < self.room)
        {
            self.room = room;
            return Some("so much room for its answer");
        }
        let form = [
            "schema",
            "response_format",
            "format",
            "mime",
            "structured",
            "json",
            "grammar",
        ];
        if self.schema && has_schema && says(&form) {
            self.schema = false;
            return Some("the schema");
        }
        if self.tools && self.is_loose && says(&["tool", "function"]) {
            self.tools = false;
            return Some("tools");
        }
        if self.schema && has_schema && self.is_loose {
            self.schema = false;
            return Some("the schema");
        }
        None
    }
}

/// How a turn ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Stop {
    /// Without any end: the stream broke off.
    #[default]
    Broken,
    /// As it should.
    Complete,
    /// At the vendor's limit.
    CutOff(String),
    /// The model declined.
    Declined(String),
}

/// What a turn of the model brought so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Turn {
    /// Its text, without thoughts.
    pub(super) text: String,
    /// The tools it calls.
    pub(super) calls: Vec<Call>,
    /// What it said, as its vendor wants it repeated.
    pub(super) said: Vec<Value>,
    /// What it took.
    pub(super) usage: Usage,
    /// The model that answers.
    pub(super) model: Option<String>,
    /// How it ended.
    pub(super) stop: Stop,
}

/// A tool call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Call {
    /// The vendor's id.
    pub(super) id: String,
    /// The tool.
    pub(super) name: String,
    /// The arguments as the model wrote them: JSON, if it did it well.
    pub(super) arguments: String,
}

/// What a turn took, as far as its vendor says.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Usage {
    /// Tokens in, those from a cache included.
    pub(super) input: Option<u64>,
    /// Those from a cache.
    pub(super) cached: Option<u64>,
    /// Tokens out, thinking included.
    pub(super) output: Option<u64>,
    /// US dollars.
    pub(super) cost: Option<f64>,
}

/// Whether more of a turn is to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// There may be more.
    Part,
    /// That was all.
    All,
}

/// Puts the events of one streamed turn together.
pub(super) trait Reader {
    /// Takes in the next event.
    fn event(&mut self, event: &Value) -> Result<Heard, Trouble>;
    /// The model that answers, once it is known.
    fn model(&self) -> Option<&str>;
    /// What came of it, however far it got.
    fn end(self: Box<Self>) -> Turn;
}

/// The text of a member, if it has one.
pub(super) fn text_of<'v>(value: &'v Value, name: &str) -> Option<&'v str> {
    value.get(name).and_then(Value::as_str)
}

/// The number of a member, by JSON pointer.
pub(super) fn number_at(value: &Value, pointer: &str) -> Option<u64> {
    value.pointer(pointer).and_then(Value::as_u64)
}
