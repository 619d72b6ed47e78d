//! Everything that was said and called, as JSON lines: the raw review of an agent over HTTP.
//! Results of tools are named and measured, not repeated: they stand in the repository.

use serde_json::{Value, json};

use crate::agents::Agent;

use super::conversation::{Call, ToolAnswer, Turn};
use super::trouble::Trouble;

/// A longer transcript is cut, in bytes.
const LONGEST: usize = 32 << 20;

/// The lines so far.
#[derive(Debug, Default)]
pub(super) struct Transcript {
    lines: String,
    full: bool,
}

impl Transcript {
    fn add(&mut self, line: &Value) {
        let line = line.to_string();
        if self.full {
            return;
        }
        if self.lines.len() + line.len() > LONGEST {
            self.full = true;
            self.lines.push_str("{\"cut\":true}\n");
            return;
        }
        self.lines.push_str(&line);
        self.lines.push('\n');
    }

    /// Who is asked, and where.
    pub(super) fn asked(&mut self, agent: &Agent, host: &str, brief: &str) {
        self.add(&json!({"asked": {
            "agent": agent.name,
            "kind": agent.kind.name(),
            "model": agent.model,
            "effort": agent.effort,
            "host": host,
            "brief_bytes": brief.len(),
            "brief": blake3::hash(brief.as_bytes()).to_hex().as_str(),
        }}));
    }

    /// What the model said in a turn, complete or not.
    pub(super) fn said(&mut self, number: usize, turn: &Turn) {
        let calls: Vec<Value> = turn
            .calls
            .iter()
            .map(|call| json!({"tool": call.name, "arguments": call.arguments}))
            .collect();
        self.add(&json!({
            "turn": number,
            "model": turn.model,
            "said": turn.text,
            "calls": calls,
            "stop": format!("{:?}", turn.stop),
            "input": turn.usage.input,
            "cached": turn.usage.cached,
            "output": turn.usage.output,
        }));
    }

    /// What a tool answered.
    pub(super) fn answered(&mut self, call: &Call, answer: &ToolAnswer) {
        let refused = answer.failed.then_some(&answer.text);
        self.add(&json!({"tool": call.name, "bytes": answer.text.len(), "refused": refused}));
    }

    /// What went wrong, and what was done about it.
    pub(super) fn trouble(&mut self, trouble: &Trouble, then: &str) {
        self.add(&json!({"trouble": trouble.words, "then": then}));
    }

    /// All lines.
    pub(super) fn into_text(self) -> String {
        self.lines
    }
}
