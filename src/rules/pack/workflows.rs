//! Workflows of GitHub Actions that hand their rights to whoever opens a pull request.
//! They are read by lines and indentation, not as YAML.

use super::{Builtin, Form, Hit, Judgement, Place, nowhere, stands};
use crate::finding::Severity;
use crate::rules::scan::FileFacts;

/// Most lines above an expression that are looked through for the key it belongs to.
const LINES_ABOVE: u32 = 200;

pub(super) static WORKFLOW_ALL_RIGHTS: Builtin = Builtin {
    id: "workflow-all-rights",
    severity: Severity::Important,
    summary: "a workflow that takes every permission, or every secret at once",
    why: "The workflow takes all rights or all secrets the repository can give. Each action it \
          runs, and whoever gets one of them to misbehave, has them too.",
    mend: "Name the permissions and the secrets that the job needs.",
    history: false,
    reaches: is_workflow,
    lowers: nowhere,
    forms: &[
        Form {
            title: "workflow takes every permission",
            pattern: r"\bpermissions:[ \t]*write-all\b",
            languages: &[],
            place: Place::Code,
            judge: stands,
        },
        Form {
            title: "workflow takes every secret at once",
            pattern: r"(?i)\btoJSON\([ \t]*secrets[ \t]*\)",
            languages: &[],
            place: Place::OutsideComments,
            judge: stands,
        },
    ],
    whole_file: None,
};

pub(super) static WORKFLOW_HEAD_CHECKOUT: Builtin = Builtin {
    id: "workflow-head-checkout",
    severity: Severity::Important,
    summary: "a privileged workflow that checks out the code of a pull request",
    why: "A workflow on `pull_request_target` or `workflow_run` has the repository's secrets and \
          may write to it. This one checks out what a pull request proposes; building or testing \
          that runs a stranger's code with these rights.",
    mend: "Build the proposed code in a workflow on `pull_request`, which has no secrets, and let \
           the privileged one only read its result.",
    history: false,
    reaches: is_workflow,
    lowers: nowhere,
    forms: &[Form {
        title: "privileged workflow checks out the head of a pull request",
        pattern: r"\bref:.*(?:refs/pull/|\$\{\{[^}]*github\.(?:event\.pull_request\.head\.(?:sha|ref)|head_ref|event\.workflow_run\.head_(?:sha|branch)))",
        languages: &[],
        place: Place::OutsideComments,
        judge: in_privileged_workflow,
    }],
    whole_file: None,
};

pub(super) static WORKFLOW_SCRIPT_INJECTION: Builtin = Builtin {
    id: "workflow-script-injection",
    severity: Severity::Important,
    summary: "text that a stranger writes, put into a shell script of a workflow",
    why: "The expression is replaced by text that anybody can choose (a title, a comment, the \
          name of a branch) before the shell reads the script. A title with `$(…)` in it then \
          runs as a command of the workflow.",
    mend: "Give the value to the step through `env:` and use it in the script as a quoted \
           variable.",
    history: false,
    reaches: is_workflow,
    lowers: nowhere,
    forms: &[Form {
        title: "text of a stranger in a workflow's script",
        pattern: r"\$\{\{[^}]*\bgithub\.(?:head_ref\b|event\.(?:(?:issue|pull_request|discussion)\.(?:title|body)\b|(?:comment|review|review_comment)\.body\b|pull_request\.head\.(?:ref|label|repo\.default_branch)\b|head_commit\.(?:message|author\.(?:name|email))\b|commits\b[^}]*\.(?:message|name|email)\b|workflow_run\.(?:head_branch|head_commit\.message)\b))",
        languages: &[],
        place: Place::OutsideComments,
        judge: inside_script,
    }],
    whole_file: None,
};

fn is_workflow(facts: &FileFacts<'_>) -> bool {
    let path = facts.file.path.as_bytes();
    path.starts_with(b".github/workflows/")
        || matches!(facts.file.path.file_name(), b"action.yml" | b"action.yaml")
}

fn in_privileged_workflow(hit: &Hit<'_>) -> Judgement {
    let file = hit.facts.file;
    let privileged = |text: &[u8]| {
        [&b"pull_request_target"[..], b"workflow_run"]
            .iter()
            .any(|trigger| {
                let after = |at: usize| text.get(at + trigger.len()).copied();
                // Not as a part of an expression such as `github.event.workflow_run.id`.
                memchr::memmem::find_iter(text, trigger)
                    .any(|at| after(at) != Some(b'.') && !text[..at].ends_with(b"event."))
            })
    };
    let found = match file.new_text {
        Some(text) => privileged(text),
        None => file.added.iter().any(|line| privileged(line.text)),
    };
    if found {
        Judgement::Stands
    } else {
        Judgement::Passes
    }
}

/// True on the line of a `run:` key, and in the block that such a key opens.
fn inside_script(hit: &Hit<'_>) -> Judgement {
    if hit.text[..hit.range.start]
        .trim_ascii_start()
        .starts_with(b"#")
    {
        return Judgement::Passes;
    }
    if is_script_key(&hit.text[..hit.range.start]) {
        return Judgement::Stands;
    }
    let mut indent = indent_of(hit.text);
    let number = hit.line().no;
    for above in (number.saturating_sub(LINES_ABOVE).max(1)..number).rev() {
        let Some(line) = hit.facts.line(above) else {
            return Judgement::Passes;
        };
        if line.trim_ascii().is_empty() || indent_of(line) >= indent {
            continue;
        }
        if opens_script(line) {
            return Judgement::Stands;
        }
        // Inside a block the lines may be indented further than its first one.
        indent = indent_of(line);
        if is_key(line) {
            return Judgement::Passes;
        }
    }
    Judgement::Passes
}

fn indent_of(line: &[u8]) -> usize {
    line.iter().take_while(|byte| **byte == b' ').count()
}

/// `run:` or `- run:`, or `script:` of the action that runs JavaScript.
fn is_script_key(line: &[u8]) -> bool {
    let line = line.trim_ascii_start();
    let line = line.strip_prefix(b"- ").unwrap_or(line).trim_ascii_start();
    line.starts_with(b"run:") || line.starts_with(b"script:")
}

fn opens_script(line: &[u8]) -> bool {
    is_script_key(line)
        && line
            .iter()
            .position(|byte| *byte == b':')
            .is_some_and(|colon| {
                matches!(
                    line[colon + 1..].trim_ascii_start().first(),
                    Some(b'|' | b'>')
                )
            })
}

fn is_key(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    let line = line.strip_prefix(b"- ").unwrap_or(line);
    let name = line
        .iter()
        .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        .count();
    name > 0 && line.get(name) == Some(&b':')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::tests::found;

    const PATH: &str = ".github/workflows/ci.yml";

    fn lines(rule: &str, text: &str) -> Vec<u32> {
        found(PATH, text)
            .into_iter()
            .filter(|(id, ..)| id == rule)
            .map(|(_, line, severity)| {
                assert_eq!(severity, Severity::Important);
                line
            })
            .collect()
    }

    #[test]
    fn all_rights_and_all_secrets_are_found() {
        let rule = "workflow-all-rights";
        assert_eq!(lines(rule, "permissions: write-all\n"), [1]);
        assert_eq!(lines(rule, "env:\n  X: ${{ toJSON(secrets) }}\n"), [2]);
        assert_eq!(lines(rule, "permissions: read-all\n"), [0; 0]);
        assert_eq!(lines(rule, "# permissions: write-all\n"), [0; 0]);
        assert_eq!(lines(rule, "  X: ${{ toJSON(github) }}\n"), [0; 0]);
        assert_eq!(found("docs/ci.yml", "permissions: write-all\n"), []);
    }

    #[test]
    fn a_privileged_checkout_of_the_head_is_found() {
        let rule = "workflow-head-checkout";
        let workflow = |trigger: &str, reference: &str| {
            format!(
                "on:\n  {trigger}:\njobs:\n  a:\n    steps:\n      - uses: actions/checkout@v4\n        with:\n          ref: {reference}\n"
            )
        };
        let head = "${{ github.event.pull_request.head.sha }}";
        assert_eq!(lines(rule, &workflow("pull_request_target", head)), [8]);
        let run = "${{ github.event.workflow_run.head_branch }}";
        assert_eq!(lines(rule, &workflow("workflow_run", run)), [8]);
        let merged = "refs/pull/${{ github.event.number }}/merge";
        assert_eq!(lines(rule, &workflow("pull_request_target", merged)), [8]);
        assert_eq!(lines(rule, &workflow("pull_request", head)), [0; 0]);
        assert_eq!(lines(rule, &workflow("pull_request", run)), [0; 0]);
        assert_eq!(
            lines(rule, &workflow("pull_request_target", "main")),
            [0; 0]
        );
    }

    #[test]
    fn expressions_in_scripts_are_found() {
        let rule = "workflow-script-injection";
        for (text, line) in [
            ("      - run: echo ${{ github.event.issue.title }}\n", 1),
            (
                "      - run: |\n          a\n\n          echo \"${{ github.head_ref }}\"\n",
                4,
            ),
            (
                "        run: >-\n          if x; then\n            echo ${{ github.event.comment.body }}\n",
                3,
            ),
            (
                "        with:\n          script: |\n            x(`${{ github.event.pull_request.body }}`)\n",
                3,
            ),
        ] {
            assert_eq!(lines(rule, text), [line], "{text}");
        }
    }

    #[test]
    fn expressions_elsewhere_and_harmless_ones_are_not() {
        let rule = "workflow-script-injection";
        for text in [
            "        env:\n          TITLE: ${{ github.event.issue.title }}\n",
            "        if: contains(github.event.issue.title, 'x')\n",
            "      - run: |\n          echo ok\n        env:\n          T: ${{ github.head_ref }}\n",
            "      - run: echo ${{ github.event.issue.number }}\n",
            "      - run: echo ${{ github.sha }}\n",
            "          ref: ${{ github.head_ref }}\n",
            "      # - run: echo ${{ github.event.issue.title }}\n",
        ] {
            assert_eq!(lines(rule, text), [0; 0], "{text}");
        }
    }
}
