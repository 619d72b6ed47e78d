//! Tells from a path alone what sort of file stands there, by names that many projects share.
//! What follows from it (severity, unit class) is left to the rules and to the change set.

use crate::diff::RepoPath;

/// What sort of file a path names. Vendored, generated and lock files are reviewed by rules only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum PathKind {
    /// Code of the project, and everything whose name says nothing else.
    Source,
    /// Settings and build descriptions.
    Config,
    /// Tests.
    Test,
    /// Input and expected output of tests.
    Fixture,
    /// Example, sample and demonstration code.
    Example,
    /// Text for people.
    Prose,
    /// Translations, tables, drawings.
    Material,
    /// Somebody else's code, copied in.
    Vendored,
    /// Written by a program.
    Generated,
    /// The resolved dependencies of a package manager.
    Lock,
}

impl PathKind {
    /// True where a team expects bad things on purpose: tests, fixtures, examples, documents.
    pub(crate) fn is_lenient(self) -> bool {
        matches!(
            self,
            Self::Test | Self::Fixture | Self::Example | Self::Prose
        )
    }

    /// True for files nobody wrote by hand in this project.
    pub(crate) fn is_foreign(self) -> bool {
        matches!(self, Self::Vendored | Self::Generated | Self::Lock)
    }

    /// The words for a sentence, as in "lowered because this is …".
    pub(crate) fn as_phrase(self) -> &'static str {
        match self {
            Self::Source => "a source file",
            Self::Config => "a configuration file",
            Self::Test => "a test",
            Self::Fixture => "a test fixture",
            Self::Example => "an example",
            Self::Prose => "documentation",
            Self::Material => "a data file",
            Self::Vendored => "vendored code",
            Self::Generated => "generated code",
            Self::Lock => "a lock file",
        }
    }
}

const LOCKS: &[&str] = &[
    "bun.lock",
    "bun.lockb",
    "cargo.lock",
    "composer.lock",
    "deno.lock",
    "flake.lock",
    "gemfile.lock",
    "go.sum",
    "go.work.sum",
    "gradle.lockfile",
    "mix.lock",
    "npm-shrinkwrap.json",
    "package-lock.json",
    "package.resolved",
    "packages.lock.json",
    "paket.lock",
    "pdm.lock",
    "pipfile.lock",
    "pixi.lock",
    "pnpm-lock.yaml",
    "podfile.lock",
    "poetry.lock",
    "pubspec.lock",
    "uv.lock",
    "yarn.lock",
];

const VENDORED_FOLDERS: &[&str] = &[
    "_vendor",
    "bower_components",
    "node_modules",
    "third-party",
    "third_party",
    "thirdparty",
    "vendor",
    "vendored",
];

const GENERATED_FOLDERS: &[&str] = &["__generated__", "_generated", "dist", "generated"];

const GENERATED_ENDINGS: &[&str] = &[
    ".designer.cs",
    ".g.cs",
    ".g.dart",
    ".freezed.dart",
    ".gen.go",
    ".js.map",
    ".css.map",
    ".min.css",
    ".min.js",
    ".min.mjs",
    ".pb.cc",
    ".pb.go",
    ".pb.gw.go",
    ".pb.h",
    ".pb.rs",
    ".pb.swift",
    "_generated.go",
    "_grpc.pb.go",
    "_pb.d.ts",
    "_pb.js",
    "_pb2.py",
    "_pb2.pyi",
    "_pb2_grpc.py",
];

const FIXTURE_FOLDERS: &[&str] = &[
    "__fixtures__",
    "__mocks__",
    "__snapshots__",
    "cassettes",
    "fixture",
    "fixtures",
    "golden",
    "snapshots",
    "test-data",
    "test_data",
    "testdata",
];

const TEST_FOLDERS: &[&str] = &[
    "__tests__",
    "androidtest",
    "cypress",
    "e2e",
    "integration-tests",
    "integration_tests",
    "spec",
    "specs",
    "test",
    "testing",
    "tests",
    "unittest",
    "unittests",
];

const EXAMPLE_FOLDERS: &[&str] = &["demo", "demos", "example", "examples", "sample", "samples"];

const PROSE_FOLDERS: &[&str] = &["doc", "docs", "documentation"];

const PROSE_NAMES: &[&str] = &[
    "authors",
    "changelog",
    "changes",
    "contributing",
    "copying",
    "history",
    "license",
    "licence",
    "news",
    "notice",
    "readme",
];

const PROSE_EXTENSIONS: &[&str] = &[
    "adoc", "asciidoc", "htm", "html", "markdown", "md", "mdx", "org", "pod", "rst", "tex", "texi",
    "txt",
];

const MATERIAL_EXTENSIONS: &[&str] = &[
    "arb", "csv", "geojson", "ipynb", "jsonl", "ndjson", "po", "pot", "resx", "srt", "strings",
    "svg", "tsv", "vtt", "xlf", "xliff",
];

const CONFIG_EXTENSIONS: &[&str] = &[
    "cfg",
    "conf",
    "env",
    "gradle",
    "hcl",
    "ini",
    "json",
    "json5",
    "jsonc",
    "plist",
    "properties",
    "tf",
    "tfvars",
    "toml",
    "xml",
    "yaml",
    "yml",
];

const CODE_EXTENSIONS: &[&str] = &[
    "bash", "bat", "c", "cc", "cjs", "clj", "cpp", "cs", "cts", "cxx", "dart", "el", "erl", "ex",
    "exs", "fish", "fs", "go", "groovy", "h", "hpp", "hs", "hxx", "java", "jl", "js", "jsx", "kt",
    "kts", "lua", "m", "mjs", "ml", "mli", "mm", "mts", "nim", "nix", "php", "pl", "pm", "proto",
    "ps1", "py", "pyi", "pyx", "r", "rake", "rb", "rs", "scala", "sh", "sql", "svelte", "swift",
    "ts", "tsx", "vb", "vue", "zig", "zsh",
];

/// Tells what sort of file a path names. Case is ignored, and so is everything but the names: the
/// file need not exist.
pub(crate) fn path_kind(path: &RepoPath) -> PathKind {
    let path = path.to_str_lossy().to_ascii_lowercase();
    let (folders, name) = path.rsplit_once('/').unwrap_or(("", &path));
    let folders: Vec<&str> = folders.split('/').filter(|part| !part.is_empty()).collect();
    let stands_in = |names: &[&str]| folders.iter().any(|folder| names.contains(folder));
    let (stem, extension) = match name.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() => (stem, extension),
        _ => (name, ""),
    };
    let is_code = CODE_EXTENSIONS.contains(&extension);
    let is_prose = PROSE_EXTENSIONS.contains(&extension)
        || (!is_code && !CONFIG_EXTENSIONS.contains(&extension) && PROSE_NAMES.contains(&stem));
    let top_documents = folders
        .first()
        .is_some_and(|folder| PROSE_FOLDERS.contains(folder));

    if LOCKS.contains(&name) {
        PathKind::Lock
    } else if stands_in(VENDORED_FOLDERS) {
        PathKind::Vendored
    } else if stands_in(GENERATED_FOLDERS) || is_generated_name(name) {
        PathKind::Generated
    } else if stands_in(FIXTURE_FOLDERS) || extension == "snap" {
        PathKind::Fixture
    } else if stands_in(TEST_FOLDERS) || is_test_name(name, stem, extension) {
        PathKind::Test
    } else if stands_in(EXAMPLE_FOLDERS) {
        PathKind::Example
    } else if is_prose || (stands_in(PROSE_FOLDERS) && !is_code) {
        PathKind::Prose
    } else if top_documents {
        PathKind::Example
    } else if MATERIAL_EXTENSIONS.contains(&extension) {
        PathKind::Material
    } else if CONFIG_EXTENSIONS.contains(&extension) || (name.starts_with('.') && !is_code) {
        PathKind::Config
    } else {
        PathKind::Source
    }
}

/// True when the extension is that of a document for people, wherever it stands.
pub(super) fn is_document(path: &RepoPath) -> bool {
    has_extension(path, PROSE_EXTENSIONS)
}

/// True when the extension is that of a programming language.
pub(super) fn is_code(path: &RepoPath) -> bool {
    has_extension(path, CODE_EXTENSIONS)
}

fn has_extension(path: &RepoPath, known: &[&str]) -> bool {
    let name = path.file_name().to_ascii_lowercase();
    let extension = name.rsplit(|byte| *byte == b'.').next().unwrap_or(&name);
    extension.len() < name.len() && known.iter().any(|known| known.as_bytes() == extension)
}

fn is_generated_name(name: &str) -> bool {
    GENERATED_ENDINGS
        .iter()
        .any(|ending| name.ends_with(ending))
        || name.starts_with("zz_generated")
        || name.contains(".generated.")
}

fn is_test_name(name: &str, stem: &str, extension: &str) -> bool {
    if !CODE_EXTENSIONS.contains(&extension) {
        return false;
    }
    let ends = |ending: &str| stem.ends_with(ending);
    ends("_test")
        || ends("_tests")
        || ends(".test")
        || ends(".tests")
        || ends("-test")
        || ends("_spec")
        || ends(".spec")
        || ends(".cy")
        || stem == "test"
        || stem == "tests"
        || stem == "conftest"
        || (stem.starts_with("test_") && matches!(extension, "py" | "c" | "cc" | "cpp" | "rb"))
        || (matches!(
            extension,
            "java" | "kt" | "cs" | "scala" | "groovy" | "swift"
        ) && (ends("test") || ends("tests")))
        || name == "setuptests.ts"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_told_apart_by_their_names() {
        use PathKind::{
            Config, Example, Fixture, Generated, Lock, Material, Prose, Source, Test, Vendored,
        };
        for (path, kind) in [
            ("src/main.rs", Source),
            ("Makefile", Source),
            ("bin/run", Source),
            ("src/docs/page.rs", Source),
            ("src/contest.rs", Source),
            ("src/latest.py", Source),
            ("vendors/a.go", Source),
            ("src/testament.rb", Source),
            ("Cargo.toml", Config),
            (".github/workflows/ci.yml", Config),
            (".gitignore", Config),
            ("a_test.go", Test),
            ("src/a.test.ts", Test),
            ("src/a.spec.js", Test),
            ("spec/a.rb", Test),
            ("tests/cli/main.rs", Test),
            ("src/test/java/A.java", Test),
            ("src/FooTest.kt", Test),
            ("test_a.py", Test),
            ("pkg/conftest.py", Test),
            ("tests/fixtures/a.rs", Fixture),
            ("pkg/testdata/x.go", Fixture),
            ("src/__snapshots__/a.snap", Fixture),
            ("examples/a.rs", Example),
            ("docs/conf.py", Example),
            ("README", Prose),
            ("README.md", Prose),
            ("docs/a.yml", Prose),
            ("CHANGELOG.md", Prose),
            ("a/LICENSE-MIT.txt", Prose),
            ("po/de.po", Material),
            ("a.svg", Material),
            ("vendor/x/a.go", Vendored),
            ("src/pip/_vendor/a.py", Vendored),
            ("third_party/tests/a.c", Vendored),
            ("web/node_modules/a/index.js", Vendored),
            ("a.min.js", Generated),
            ("api/a.pb.go", Generated),
            ("zz_generated.deepcopy.go", Generated),
            ("dist/a.js", Generated),
            ("client/generated/a.ts", Generated),
            ("Cargo.lock", Lock),
            ("web/package-lock.json", Lock),
            ("go.sum", Lock),
            ("a/pnpm-lock.yaml", Lock),
        ] {
            assert_eq!(path_kind(&RepoPath::from(path)), kind, "{path}");
        }
    }

    #[test]
    fn any_bytes_are_a_path() {
        for path in [
            &b""[..],
            b"/",
            b".",
            b"..",
            b"a/",
            b"\xff/\xfe.rs",
            b"...",
            b"a//b",
        ] {
            let path = RepoPath::new(path);
            path_kind(&path);
            is_document(&path);
        }
    }
}
