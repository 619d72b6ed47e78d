//! Secrets with a form of their own that are cut out but raise no finding: their forms are wider, or
//! also those of harmless values. Tokens that do are in `credential`.
//! Each form is from the documents of its provider, or from the RFC or program named beside it.

use super::assignments::{bits, is_dense, is_random, is_reference};

/// One form of a secret.
pub(super) struct Format {
    /// The word in marks.
    pub(super) rule: &'static str,
    /// Every match has one of them on its line; one with a capital letter as it is written, any other in
    /// any case.
    pub(super) keywords: &'static [&'static str],
    /// Over the bytes of one line, without Unicode; its first group is the secret, else all of it. A
    /// counted repetition is short: a long one is slow to search for.
    pub(super) pattern: &'static str,
    /// Has the last word on a match.
    pub(super) judge: fn(&[u8]) -> bool,
}

/// The secret half of an AWS key, which has no prefix: 40 digits of base64 beside the id.
pub(super) const AWS_SECRET: &str =
    r"(?:^|[^0-9A-Za-z+/=])([0-9A-Za-z+/]{40})(?:[^0-9A-Za-z+/=]|$)";

macro_rules! form {
    ($rule:literal, $keywords:expr, $judge:expr, $pattern:literal) => {
        Format {
            rule: $rule,
            keywords: &$keywords,
            pattern: $pattern,
            judge: $judge,
        }
    };
}

pub(super) static FORMATS: &[Format] = &[
    form!(
        "aws-secret-key",
        ["aws"],
        is_dense,
        r#"(?i:aws)[^\n]{0,40}?[=:,][ \t]{0,4}["'`]?([0-9A-Za-z+/]{40})(?:[^0-9A-Za-z+/=]|$)"#
    ),
    form!("google-api-key", ["AIza"], any, r"AIza[0-9A-Za-z_-]{35}"),
    form!(
        "google-oauth",
        ["ya29."],
        any,
        r"ya29\.[0-9A-Za-z_-]{20,400}"
    ),
    form!(
        "google-oauth",
        ["GOCSPX-"],
        any,
        r"GOCSPX-[0-9A-Za-z_-]{28}"
    ),
    form!(
        "slack-token",
        ["xox"],
        mixed,
        r"xox[abceoprs](?:\.xox[bp])?-[0-9A-Za-z-]{10,250}"
    ),
    form!(
        "slack-webhook",
        ["hooks.slack.com"],
        any,
        r"hooks\.slack\.com/(?:services|workflows|triggers)/([0-9A-Za-z/_-]{20,100})"
    ),
    form!(
        "discord-webhook",
        ["/api/webhooks/"],
        any,
        r"/api/webhooks/[0-9]{16,20}/([0-9A-Za-z_-]{60,80})"
    ),
    form!(
        "discord-token",
        ["discord", "token"],
        is_random,
        r"\b([MNO][0-9A-Za-z_-]{23,27}\.[0-9A-Za-z_-]{6}\.[0-9A-Za-z_-]{27,40})"
    ),
    form!(
        "telegram-token",
        [":AA"],
        any,
        r"\b[0-9]{8,10}:AA[0-9A-Za-z_-]{33}"
    ),
    form!(
        "stripe-key",
        ["k_test_", "k_live_"],
        mixed,
        r"[prs]k_(?:test|live)_[0-9A-Za-z]{16,250}"
    ),
    form!(
        "stripe-key",
        ["whsec_"],
        mixed,
        r"whsec_[0-9A-Za-z+/=]{24,100}"
    ),
    form!(
        "openai-key",
        ["sk-"],
        not_anthropic,
        r"\bsk-(?:[a-z0-9]{2,10}-){0,2}[0-9A-Za-z_-]{32,200}"
    ),
    form!("groq-key", ["gsk_"], mixed, r"\bgsk_[0-9A-Za-z]{40,60}"),
    form!("xai-key", ["xai-"], mixed, r"\bxai-[0-9A-Za-z]{60,100}"),
    form!(
        "perplexity-key",
        ["pplx-"],
        mixed,
        r"\bpplx-[0-9A-Za-z]{40,60}"
    ),
    form!(
        "replicate-token",
        ["r8_"],
        mixed,
        r"\br8_[0-9A-Za-z]{37,40}"
    ),
    form!(
        "twilio-key",
        ["SK", "AC"],
        any,
        r"\b(?:SK|AC)[0-9a-f]{32}\b"
    ),
    form!("mailgun-key", ["key-"], any, r"\bkey-[0-9a-f]{32}\b"),
    form!(
        "mailchimp-key",
        ["-us"],
        any,
        r"\b[0-9a-f]{32}-us[0-9]{1,2}\b"
    ),
    form!(
        "databricks-token",
        ["dapi"],
        any,
        r"dapi[0-9a-f]{32}(?:-[0-9]{1,2})?"
    ),
    form!(
        "shopify-token",
        ["shp"],
        any,
        r"shp(?:at|ca|pa|ss|ua|ks)_[0-9A-Fa-f]{32}"
    ),
    form!(
        "vault-token",
        ["hvs.", "hvb.", "hvr."],
        any,
        r"hv[sbr]\.[0-9A-Za-z_-]{24,300}"
    ),
    form!(
        "vault-token",
        ["vault"],
        is_random,
        r"\b(s\.[0-9A-Za-z]{24})\b"
    ),
    form!(
        "azure-key",
        ["sharedaccesskey=", "sharedsecretvalue=", "accountkey="],
        any,
        r"(?i:SharedAccessKey|SharedSecretValue|AccountKey)=([0-9A-Za-z+/]{20,100}={0,2})"
    ),
    form!(
        "azure-sas",
        ["sig="],
        any,
        r"[?&;]sig=([0-9A-Za-z%+/_-]{40,100}(?:=|%3[Dd])?)"
    ),
    form!(
        "azure-client-secret",
        ["Q~"],
        any,
        r"[0-9A-Za-z_~.-]{3}[0-9]Q~[0-9A-Za-z_~.-]{31,34}"
    ),
    form!(
        "atlassian-token",
        ["ATATT3"],
        any,
        r"ATATT3[0-9A-Za-z_=-]{50,300}"
    ),
    form!(
        "bitbucket-token",
        ["ATBB"],
        mixed,
        r"\bATBB[0-9A-Za-z]{28,40}"
    ),
    form!(
        "linear-key",
        ["lin_api_"],
        any,
        r"lin_api_[0-9A-Za-z]{32,48}"
    ),
    form!(
        "notion-token",
        ["ntn_", "secret_"],
        mixed,
        r"\b(?:ntn|secret)_[0-9A-Za-z]{40,50}\b"
    ),
    form!(
        "postman-key",
        ["PMAK-"],
        any,
        r"PMAK-[0-9a-f]{24}-[0-9a-f]{34}"
    ),
    form!("new-relic-key", ["NRAK-"], any, r"NRAK-[0-9A-Z]{27}"),
    form!("figma-token", ["figd_"], any, r"figd_[0-9A-Za-z_-]{36,60}"),
    form!(
        "doppler-token",
        ["dp."],
        any,
        r"\bdp\.(?:pt|st|ct|scim|audit)\.(?:[a-z0-9_-]{2,35}\.)?[0-9A-Za-z]{40,44}"
    ),
    form!(
        "planetscale-token",
        ["pscale_"],
        any,
        r"pscale_(?:pw|tkn|oauth)_[0-9A-Za-z._=-]{32,64}"
    ),
    form!(
        "sentry-token",
        ["sntrys_", "sntryu_"],
        any,
        r"sntry[su]_[0-9A-Za-z+/=_-]{40,400}"
    ),
    form!("supabase-token", ["sbp_"], any, r"sbp_[0-9a-f]{40}"),
    form!(
        "square-token",
        ["sq0"],
        any,
        r"sq0(?:atp|csp|idp)-[0-9A-Za-z_-]{22,43}"
    ),
    form!(
        "dropbox-token",
        ["sl."],
        mixed,
        r"\bsl\.[0-9A-Za-z_-]{100,400}"
    ),
    form!("nuget-key", ["oy2"], mixed, r"\boy2[0-9a-z]{43}\b"),
    form!(
        "grafana-token",
        ["glc_", "glsa_"],
        mixed,
        r"\bgl(?:c|sa)_[0-9A-Za-z+/=_]{32,400}"
    ),
    form!("heroku-key", ["HRKU-"], any, r"HRKU-[0-9A-Za-z_-]{36,70}"),
    form!(
        "age-key",
        ["AGE-PLUGIN-"],
        any,
        r"AGE-PLUGIN-[0-9A-Z-]{20,300}"
    ),
    // RFC 7519: three parts in base64, the first two of which are objects.
    form!(
        "jwt",
        ["eyJ"],
        long,
        r"eyJ[0-9A-Za-z_-]+\.eyJ[0-9A-Za-z_-]+(?:\.[0-9A-Za-z_-]*)?"
    ),
    // RFC 3986, section 3.2.1: user information.
    form!(
        "url-credentials",
        ["://"],
        not_a_reference,
        r#"://[^\s/:@"'`<>?#]{0,100}:([^\s/@"'`<>]{1,200})@[0-9A-Za-z$\[{%_]"#
    ),
    form!(
        "url-credentials",
        ["://"],
        is_random,
        r"://([0-9A-Za-z_-]{20,200})@[0-9A-Za-z]"
    ),
    // RFC 9110, section 11.6.2, with the schemes of RFC 7617 and RFC 6750.
    form!(
        "authorization-header",
        ["authorization"],
        says_something,
        r#"(?i)authorization\\?["'`]?[ \t]{0,4}(?:=>|[:=,(])[ \t]{0,4}\\?["'`]?(?:basic|bearer|token|digest|apikey|negotiate)[ \t]{1,4}([0-9A-Za-z._~+/=-]+)"#
    ),
    form!(
        "authorization-header",
        ["bearer"],
        is_random,
        r"(?i)\bbearer[ \t]{1,4}([0-9A-Za-z._~+/=-]+)"
    ),
    form!(
        "authorization-header",
        ["basic"],
        is_random,
        r"(?i)\bbasic[ \t]{1,4}([0-9A-Za-z+/]+={0,2})"
    ),
    // curl's `--user`, and the `login` and `password` words of netrc.
    form!(
        "command-line-password",
        ["curl"],
        not_a_reference,
        r#"curl\b[^\n]{0,300}?[ \t](?:-u|--user)[ \t=]{0,4}["']?[^\s:"'$]{1,100}:([^\s"']{3,200})"#
    ),
    form!(
        "netrc-password",
        ["login"],
        not_a_reference,
        r"\blogin[ \t]{1,8}[^\s]{1,200}[ \t]{1,8}password[ \t]{1,8}([^\s]{1,200})"
    ),
    // docs.npmjs.com, "npmrc": the names that carry a login.
    form!(
        "npmrc-login",
        ["_auth", "_password"],
        not_a_reference,
        r#"(?:^|[\s:/+-])_(?:authToken|auth|password)[ \t]{0,4}=[ \t]{0,4}["']?([^\s"']{6,1000})"#
    ),
    form!(
        "xml-password",
        [
            "password>",
            "token>",
            "secret>",
            "apikey>",
            "api-key>",
            "api_key>"
        ],
        says_something,
        r"(?i)<[a-z_.:-]{0,40}(?:password|token|secret|api[_-]?key)>[ \t]{0,4}([^<\s]{6,300})[ \t]{0,4}</"
    ),
];

fn any(_: &[u8]) -> bool {
    true
}

fn long(value: &[u8]) -> bool {
    value.len() >= 40
}

/// A digit and a letter: words with the same prefix have none.
fn mixed(value: &[u8]) -> bool {
    value.iter().any(u8::is_ascii_digit) && bits(value) >= 3.0
}

/// Keys of another provider begin in the same way.
fn not_anthropic(value: &[u8]) -> bool {
    mixed(value) && !value.starts_with(b"sk-ant-")
}

fn not_a_reference(value: &[u8]) -> bool {
    !is_reference(value)
}

/// Neither a reference nor a word that stands for a value.
fn says_something(value: &[u8]) -> bool {
    !is_reference(value) && value.iter().any(u8::is_ascii_digit)
        || value.len() >= 12 && is_random(value)
}
