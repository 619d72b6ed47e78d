//! Checks that are switched off: of tests, scanners, connections and of the review itself.

use super::{
    Builtin, Form, Hit, Judgement, Place, in_lenient_places, in_own_code, nowhere, stands,
};
use crate::diff::RepoPath;
use crate::finding::Severity;
use crate::rules::language::Language::{
    C, CSharp, Go, Java, JavaScript, Kotlin, Php, Python, Ruby, Rust,
};
use crate::rules::paths::{PathKind, is_code, path_kind};
use crate::rules::scan::FileFacts;

pub(super) static SCANNER_SILENCED: Builtin = Builtin {
    id: "scanner-silenced",
    severity: Severity::Important,
    summary: "comments that make a secret or security scanner skip a line",
    why: "The comment makes a scanner pass over this line. If it is wrong, or the line changes \
          later, what the scanner would have found goes through unseen.",
    mend: "Mend what the scanner found. If it is wrong, say why beside the comment and resolve \
           this finding with that reason.",
    history: false,
    reaches: in_own_code,
    lowers: in_lenient_places,
    forms: &[Form {
        title: "scanner told to skip the line",
        pattern: r"(?i)\b(?:gitleaks:allow|pragma: ?(?:allow|white)list (?:nextline )?secret|nosemgrep|trufflehog:ignore|ggignore)\b",
        languages: &[],
        place: Place::OutsideLiterals,
        judge: stands,
    }],
    whole_file: None,
};

pub(super) static FOCUSED_TEST: Builtin = Builtin {
    id: "focused-test",
    severity: Severity::Important,
    summary: "a test marked to run alone, so that the others don't run",
    why: "The mark makes the test runner run this test alone and leave out the others, mostly \
          without an error. The suite then passes whatever is broken.",
    mend: "Remove the mark.",
    history: false,
    reaches: in_own_code,
    lowers: outside_real_tests,
    forms: &[
        Form {
            title: "test marked to run alone",
            pattern: r"\b(?:describe|it|test|context|suite|specify)\.only(?:\.each)?[ \t]*[(`]",
            languages: &[JavaScript],
            place: Place::Code,
            judge: stands,
        },
        Form {
            title: "test marked to run alone",
            pattern: r#"\b(?:fit|fdescribe|fcontext)\([ \t]*["'`]"#,
            languages: &[JavaScript],
            place: Place::Code,
            judge: no_method,
        },
        Form {
            title: "test marked to run alone",
            pattern: r#"\b(?:fit|fdescribe|fcontext|fspecify|fexample)[ (][ \t]*["']"#,
            languages: &[Ruby],
            place: Place::Code,
            judge: no_method,
        },
        Form {
            title: "test marked to run alone",
            pattern: r"\b(?:it|describe|context|specify|example|scenario|feature)\b.*(?:\bfocus: true\b|, ?:focus\b)",
            languages: &[Ruby],
            place: Place::Code,
            judge: no_method,
        },
        Form {
            title: "test marked to run alone",
            pattern: r#"\b(?:FIt|FDescribe|FContext|FWhen|FSpecify|FEntry|FDescribeTable)\([ \t]*""#,
            languages: &[Go],
            place: Place::Code,
            judge: stands,
        },
    ],
    whole_file: None,
};

pub(super) static TLS_VERIFY_OFF: Builtin = Builtin {
    id: "tls-verify-off",
    severity: Severity::Important,
    summary: "the check of TLS certificates switched off",
    why: "With this setting the connection accepts any certificate. Whoever stands between the \
          two ends can read and change what is sent, and nothing will tell.",
    mend: "Leave the check on, and give the client the certificate authority that it lacks.",
    history: false,
    reaches: in_running_code,
    lowers: in_lenient_places,
    forms: TLS_FORMS,
    whole_file: None,
};

macro_rules! tls {
    ($languages:expr, $place:ident, $pattern:literal) => {
        Form {
            title: "TLS certificates are not checked",
            pattern: $pattern,
            languages: $languages,
            place: Place::$place,
            judge: stands,
        }
    };
}

/// Each is a setting of a library or program by its documented name.
static TLS_FORMS: &[Form] = &[
    tls!(
        &[Python],
        Code,
        r"\b(?:requests|httpx|session|client|aiohttp)\b.*\bverify[ \t]*=[ \t]*False\b"
    ),
    tls!(&[Python], Code, r"\bssl\._create_unverified_context\b"),
    tls!(
        &[Python],
        Code,
        r"\b(?:verify_mode|cert_reqs)[ \t]*=[ \t]*ssl\.CERT_NONE[ \t]*(?:[,;)#]|$)"
    ),
    tls!(
        &[JavaScript],
        OutsideComments,
        r#"\brejectUnauthorized["']?[ \t]*[:=][ \t]*false\b"#
    ),
    tls!(
        &[JavaScript],
        OutsideComments,
        r#"\bstrictSSL["']?[ \t]*:[ \t]*false\b"#
    ),
    tls!(
        &[],
        OutsideComments,
        r#"\bNODE_TLS_REJECT_UNAUTHORIZED["'\]]*[ \t]*[=:][ \t]*["']?0\b"#
    ),
    tls!(&[Go], Code, r"\bInsecureSkipVerify[ \t]*[:=][ \t]*true\b"),
    tls!(&[Ruby], Code, r"\bSSL::VERIFY_NONE\b"),
    tls!(
        &[Ruby],
        Code,
        r"\b(?:ssl_verify_peer|verify_ssl)(?::|[ \t]*=)[ \t]*false\b"
    ),
    tls!(
        &[Rust],
        Code,
        r"\bdanger_accept_invalid_(?:certs|hostnames)\([ \t]*true\b"
    ),
    tls!(
        &[Java, Kotlin],
        Code,
        r"\b(?:NoopHostnameVerifier|ALLOW_ALL_HOSTNAME_VERIFIER|InsecureTrustManagerFactory)\b"
    ),
    tls!(
        &[CSharp],
        Code,
        r"\bDangerousAcceptAnyServerCertificateValidator\b"
    ),
    tls!(
        &[C, Php],
        Code,
        r"\bCURLOPT_SSL_VERIFY(?:PEER|HOST)[ \t]*(?:,|=>)[ \t]*(?:0L?|false|FALSE)\b"
    ),
    tls!(
        &[],
        OutsideComments,
        r"\b(?:http\.)?sslVerify[ \t]*[= ][ \t]*(?:false|0)\b"
    ),
    tls!(
        &[],
        OutsideComments,
        r#"\bGIT_SSL_NO_VERIFY["']?[ \t]*[=:][ \t]*["']?(?:1|true)\b"#
    ),
    tls!(&[], OutsideComments, r"\bstrict-ssl[ \t]*[= ][ \t]*false\b"),
    tls!(
        &[],
        OutsideComments,
        r#"\bPYTHONHTTPSVERIFY["']?[ \t]*[=:][ \t]*["']?0\b"#
    ),
];

pub(super) static REVIEW_EVASION_ATTRIBUTES: Builtin = Builtin {
    id: "review-evasion-attributes",
    severity: Severity::Important,
    summary: "Git attributes that hide changes of source files from people who review",
    why: "With this attribute Git and the forges don't show how such files change: the diff is \
          empty or folded. A later change can then pass a reviewer unseen. (This review shows \
          these files all the same.)",
    mend: "Remove the attribute, or restrict it to files that are really binary or generated.",
    history: false,
    reaches: is_attributes,
    lowers: nowhere,
    forms: &[Form {
        title: "attribute hides the diff of source files",
        pattern: r"[ \t](?:-diff|binary|linguist-generated(?:=true)?|diff=(?:none|false|nodiff))(?:[ \t]|$)",
        languages: &[],
        place: Place::OutsideComments,
        judge: on_source_paths,
    }],
    whole_file: None,
};

fn outside_real_tests(_: &FileFacts<'_>, kind: PathKind) -> bool {
    kind.is_lenient() && kind != PathKind::Test
}

/// Code and settings of the product: tests talk to themselves, and examples to nobody.
fn in_running_code(facts: &FileFacts<'_>) -> bool {
    matches!(facts.kind, PathKind::Source | PathKind::Config)
}

fn is_attributes(facts: &FileFacts<'_>) -> bool {
    facts.file.path.file_name() == b".gitattributes"
}

/// `model.fit("…")` is a method of something else, `:fit` a symbol.
fn no_method(hit: &Hit<'_>) -> Judgement {
    match hit.text[..hit.range.start].last() {
        Some(b'.' | b':' | b'$' | b'@') => Judgement::Passes,
        _ => Judgement::Stands,
    }
}

fn on_source_paths(hit: &Hit<'_>) -> Judgement {
    let line = hit.text.trim_ascii_start();
    let end = line.iter().position(u8::is_ascii_whitespace).unwrap_or(0);
    let glob = String::from_utf8_lossy(&line[..end]);
    let wild = glob.contains(['*', '?', '[']);
    let path = RepoPath::new(glob.replace(['*', '?', '[', ']', '"'], "x"));
    let kind = path_kind(&path);
    let all_files = matches!(&*glob, "*" | "**" | "**/*" | "/**");
    let source_folder = glob.split('/').any(|part| {
        matches!(
            part,
            "src" | "lib" | "app" | "cmd" | "pkg" | "internal" | "crates" | ".github"
        )
    });
    let hides_source = all_files
        || (!kind.is_foreign() && is_code(&path))
        || (wild && kind == PathKind::Source && source_folder && glob.ends_with('*'));
    if !hides_source {
        Judgement::Passes
    } else if !wild && memchr::memmem::find(hit.matched(), b"linguist").is_some() {
        Judgement::Lowered("one generated file is often marked by name")
    } else {
        Judgement::Stands
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::tests::found;

    fn severities(path: &str, text: &str) -> Vec<(String, Severity)> {
        found(path, text)
            .into_iter()
            .map(|(rule, _, severity)| (rule, severity))
            .collect()
    }

    fn holds(rule: &str, path: &str, text: &str, severity: Severity) {
        let expected = [(rule.to_owned(), severity)];
        assert_eq!(severities(path, text), expected, "{text} in {path}");
    }

    #[test]
    fn silenced_scanners_are_found() {
        for (path, line) in [
            ("src/a.py", "key = load()  # gitleaks:allow"),
            ("src/a.go", "x() // nosemgrep: go.rule.name"),
            ("src/a.yml", "x: y # pragma: allowlist secret"),
            ("src/a.js", "x // trufflehog:ignore"),
        ] {
            holds("scanner-silenced", path, line, Severity::Important);
        }
        holds(
            "scanner-silenced",
            "tests/a.py",
            "x # nosemgrep",
            Severity::Suggestion,
        );
        for (path, line) in [
            ("src/a.py", "marks = ['gitleaks:allow']"),
            ("docs/a.md", "write `nosemgrep` to skip"),
            ("vendor/a.py", "x # nosemgrep"),
            ("src/a.py", "nosemgreps = 1"),
        ] {
            assert_eq!(found(path, line), [], "{line}");
        }
    }

    #[test]
    fn focused_tests_are_important_in_tests() {
        for (path, line) in [
            ("src/a.test.ts", "describe.only('x', () => {"),
            ("test/a.js", "  it.only(`x`, f)"),
            ("test/a.js", "test.only.each([1])('x', f)"),
            ("spec/a.js", "fdescribe('x', f)"),
            ("spec/a_spec.rb", "fit \"works\" do"),
            ("spec/a_spec.rb", "it \"works\", focus: true do"),
            ("spec/a_spec.rb", "describe X, :focus do"),
            ("a_test.go", "\tFIt(\"works\", func() {"),
            ("a_test.go", "var _ = FDescribe(\"x\", func() {"),
        ] {
            holds("focused-test", path, line, Severity::Important);
        }
        holds(
            "focused-test",
            "tests/fixtures/a.js",
            "it.only('x')",
            Severity::Suggestion,
        );
        for (path, line) in [
            ("test/a.js", "model.fit('x')"),
            ("test/a.js", "// it.only('x')"),
            ("test/a.js", "fit(x)"),
            ("test/a.js", "profit('x')"),
            ("test/a.py", "it.only('x')"),
            ("spec/a_spec.rb", "visit path, focus: true"),
            ("README.md", "it.only('x')"),
        ] {
            assert_eq!(found(path, line), [], "{line}");
        }
    }

    #[test]
    fn unchecked_certificates_are_found() {
        for (path, line) in [
            ("a.py", "requests.get(url, verify=False)"),
            ("a.py", "ctx = ssl._create_unverified_context()"),
            ("a.py", "ctx.verify_mode = ssl.CERT_NONE"),
            ("a.ts", "new Agent({ rejectUnauthorized: false })"),
            ("a.js", "process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0'"),
            ("deploy.yml", "  NODE_TLS_REJECT_UNAUTHORIZED: \"0\""),
            ("a.go", "&tls.Config{InsecureSkipVerify: true}"),
            ("a.rb", "http.verify_mode = OpenSSL::SSL::VERIFY_NONE"),
            ("a.rs", "builder.danger_accept_invalid_certs(true)"),
            ("A.java", "x(NoopHostnameVerifier.INSTANCE)"),
            (
                "A.cs",
                "HttpClientHandler.DangerousAcceptAnyServerCertificateValidator",
            ),
            ("a.c", "curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 0L);"),
            ("a.php", "[CURLOPT_SSL_VERIFYHOST => false]"),
            ("run.sh", "git config http.sslVerify false"),
            ("Dockerfile", "ENV GIT_SSL_NO_VERIFY=1"),
            (".npmrc", "strict-ssl=false"),
        ] {
            holds("tls-verify-off", path, line, Severity::Important);
        }
        for (path, line) in [
            ("a.py", "requests.get(url, verify=True)"),
            ("a.py", "form.save(verify=False)"),
            ("a.py", "if ctx.verify_mode == ssl.CERT_NONE:"),
            (
                "a.py",
                "ctx.verify_mode = ssl.CERT_NONE if insecure else ssl.CERT_REQUIRED",
            ),
            ("a.py", "# requests.get(url, verify=False)"),
            ("tests/a.py", "requests.get(url, verify=False)"),
            ("a.go", "InsecureSkipVerify: cfg.Insecure"),
            ("a.rs", "danger_accept_invalid_certs(insecure)"),
            ("a.c", "curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 1L);"),
            ("README.md", "git config http.sslVerify false"),
            ("run.sh", "# git config http.sslVerify false"),
        ] {
            assert_eq!(found(path, line), [], "{line} in {path}");
        }
    }

    #[test]
    fn attributes_that_hide_source_are_found() {
        for line in [
            "*.rs -diff",
            "* binary",
            "src/** linguist-generated",
            "src/auth/*.go text linguist-generated=true",
            ".github/** -diff",
            "src/auth.py binary",
        ] {
            holds(
                "review-evasion-attributes",
                ".gitattributes",
                line,
                Severity::Important,
            );
        }
        let rails = "db/schema.rb linguist-generated";
        holds(
            "review-evasion-attributes",
            ".gitattributes",
            rails,
            Severity::Suggestion,
        );
        for line in [
            "*.png binary",
            "*.rs diff=rust",
            "# *.rs -diff",
            "package-lock.json -diff",
            "dist/** linguist-generated",
            "*.pb.go linguist-generated",
            "vendor/** -diff",
            "*.rs -linguist-generated",
            "*.sh text eol=lf",
            "src/**/*.svg binary",
        ] {
            assert_eq!(found(".gitattributes", line), [], "{line}");
        }
        assert_eq!(found("attributes.txt", "*.rs -diff"), []);
    }
}
