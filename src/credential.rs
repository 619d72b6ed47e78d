//! What credentials look like: the formats of tokens as their providers publish them, how random a
//! value is, and what of a line may be a piece of a key.
//! Finding them in added lines is left to `rules`, cutting them out to `redact`.

/// The published format of one kind of token.
#[derive(Debug)]
pub(crate) struct TokenFormat {
    /// The word for it in marks of redaction; formats of one provider may share it.
    pub(crate) rule: &'static str,
    /// Every match contains one of them, as it is written.
    pub(crate) keywords: &'static [&'static str],
    /// Over the bytes of one line, without Unicode; it asks for word boundaries.
    pub(crate) pattern: &'static str,
}

/// Every format below, in their order.
pub(crate) static TOKEN_FORMATS: &[&TokenFormat] = &[
    &GITHUB,
    &GITHUB_FINE_GRAINED,
    &GITLAB,
    &AWS,
    &SLACK,
    &SLACK_APP,
    &SLACK_WEBHOOK,
    &STRIPE,
    &NPM,
    &PYPI,
    &PYPI_TEST,
    &RUBYGEMS,
    &CRATES_IO,
    &DOCKER,
    &SENDGRID,
    &OPENAI,
    &ANTHROPIC,
    &HUGGING_FACE,
    &DIGITALOCEAN,
    &SHOPIFY,
    &VAULT,
    &TERRAFORM,
    &GRAFANA,
    &AZURE_STORAGE,
    &AGE,
];

/// docs.github.com, "About authentication to GitHub"; the check digits: GitHub's blog of
/// 2021-04-05, "Behind GitHub's new authentication token formats".
pub(crate) const GITHUB: TokenFormat = TokenFormat {
    rule: "github-token",
    keywords: &["ghp_", "gho_", "ghu_", "ghs_", "ghr_"],
    pattern: r"\bgh[pousr]_[0-9A-Za-z]{36}\b",
};

/// As the one before.
pub(crate) const GITHUB_FINE_GRAINED: TokenFormat = TokenFormat {
    rule: "github-token",
    keywords: &["github_pat_"],
    pattern: r"\bgithub_pat_[0-9A-Za-z]{22}_[0-9A-Za-z]{59}\b",
};

/// docs.gitlab.com, "Token overview", "Token prefixes".
pub(crate) const GITLAB: TokenFormat = TokenFormat {
    rule: "gitlab-token",
    keywords: &[
        "glpat-", "gldt-", "glrt-", "glptt-", "gloas-", "glcbt-", "glsoat-", "glffct-",
    ],
    pattern: r"\b(?:glpat|gldt|glrt|glptt|gloas|glcbt|glsoat|glffct)-[0-9A-Za-z_-]{20,300}",
};

/// docs.aws.amazon.com, IAM user guide, "IAM identifiers": unique id prefixes.
pub(crate) const AWS: TokenFormat = TokenFormat {
    rule: "aws-access-key",
    keywords: &["AKIA", "ASIA"],
    pattern: r"\b(?:AKIA|ASIA)[A-Z2-7]{16}\b",
};

/// docs.slack.dev, "Tokens" and "Sending messages using incoming webhooks".
pub(crate) const SLACK: TokenFormat = TokenFormat {
    rule: "slack-token",
    keywords: &["xoxa-", "xoxb-", "xoxp-", "xoxo-", "xoxr-", "xoxs-"],
    pattern: r"\bxox[abpors]-(?:[0-9]{8,14}-){1,3}[0-9A-Za-z]{20,40}\b",
};

/// As the one before.
pub(crate) const SLACK_APP: TokenFormat = TokenFormat {
    rule: "slack-token",
    keywords: &["xapp-"],
    pattern: r"\bxapp-[0-9]-[A-Z0-9]{9,13}-[0-9]{10,14}-[0-9a-f]{64}\b",
};

/// As the one before.
pub(crate) const SLACK_WEBHOOK: TokenFormat = TokenFormat {
    rule: "slack-webhook",
    keywords: &["hooks.slack.com"],
    pattern: r"\bhooks\.slack\.com/services/T[0-9A-Z]{8,12}/B[0-9A-Z]{8,12}/[0-9A-Za-z]{24}\b",
};

/// docs.stripe.com, "API keys".
pub(crate) const STRIPE: TokenFormat = TokenFormat {
    rule: "stripe-key",
    keywords: &["k_live_"],
    pattern: r"\b[sr]k_live_[0-9A-Za-z]{24,247}\b",
};

/// GitHub's change log of 2021-09-23, "npm has a new access token format".
pub(crate) const NPM: TokenFormat = TokenFormat {
    rule: "npm-token",
    keywords: &["npm_"],
    pattern: r"\bnpm_[0-9A-Za-z]{36}\b",
};

/// docs.pypi.org and warehouse's macaroons: the location `pypi.org` in base64 after the prefix.
pub(crate) const PYPI: TokenFormat = TokenFormat {
    rule: "pypi-token",
    keywords: &["pypi-AgEI"],
    pattern: r"\bpypi-AgEIcHlwaS5vcmc[0-9A-Za-z_-]{50,1000}",
};

/// As the one before.
pub(crate) const PYPI_TEST: TokenFormat = TokenFormat {
    rule: "pypi-token",
    keywords: &["pypi-AgEN"],
    pattern: r"\bpypi-AgENdGVzdC5weXBpLm9yZw[0-9A-Za-z_-]{50,1000}",
};

/// guides.rubygems.org, "API key"; doc.rust-lang.org/cargo and crates.io's source.
pub(crate) const RUBYGEMS: TokenFormat = TokenFormat {
    rule: "rubygems-key",
    keywords: &["rubygems_"],
    pattern: r"\brubygems_[0-9a-f]{48}\b",
};

/// As the one before.
pub(crate) const CRATES_IO: TokenFormat = TokenFormat {
    rule: "crates-io-token",
    keywords: &["cio"],
    pattern: r"\bcio[0-9A-Za-z]{32}\b",
};

/// docs.docker.com, "Personal access tokens".
pub(crate) const DOCKER: TokenFormat = TokenFormat {
    rule: "docker-token",
    keywords: &["dckr_"],
    pattern: r"\bdckr_[po]at_[0-9A-Za-z_-]{27,32}",
};

/// docs.sendgrid.com, "API keys".
pub(crate) const SENDGRID: TokenFormat = TokenFormat {
    rule: "sendgrid-key",
    keywords: &["SG."],
    pattern: r"\bSG\.[0-9A-Za-z_-]{22}\.[0-9A-Za-z_-]{43}",
};

/// `T3BlbkFJ` is the name of the provider in base64, in the middle of each key.
pub(crate) const OPENAI: TokenFormat = TokenFormat {
    rule: "openai-key",
    keywords: &["T3BlbkFJ"],
    pattern: r"\bsk-(?:[a-z]{2,10}-)?[0-9A-Za-z_-]{20,100}T3BlbkFJ[0-9A-Za-z_-]{20,100}",
};

/// The prefix and length of the keys that the provider hands out.
pub(crate) const ANTHROPIC: TokenFormat = TokenFormat {
    rule: "anthropic-key",
    keywords: &["sk-ant-"],
    pattern: r"\bsk-ant-[a-z]{3,8}[0-9]{2}-[0-9A-Za-z_-]{80,110}",
};

/// The prefix and length of the keys that the provider hands out.
pub(crate) const HUGGING_FACE: TokenFormat = TokenFormat {
    rule: "huggingface-token",
    keywords: &["hf_"],
    pattern: r"\bhf_[A-Za-z]{34}\b",
};

/// docs.digitalocean.com, "Token prefixes".
pub(crate) const DIGITALOCEAN: TokenFormat = TokenFormat {
    rule: "digitalocean-token",
    keywords: &["_v1_"],
    pattern: r"\bdo[opr]_v1_[0-9a-f]{64}\b",
};

/// shopify.dev, "Authentication": admin, custom app, private app, shared secret.
pub(crate) const SHOPIFY: TokenFormat = TokenFormat {
    rule: "shopify-token",
    keywords: &["shpat_", "shpca_", "shppa_", "shpss_"],
    pattern: r"\bshp(?:at|ca|pa|ss)_[0-9A-Fa-f]{32}\b",
};

/// developer.hashicorp.com: Vault "Tokens", Terraform "API tokens".
pub(crate) const VAULT: TokenFormat = TokenFormat {
    rule: "vault-token",
    keywords: &["hvs.", "hvb."],
    pattern: r"\bhv[sb]\.[0-9A-Za-z_-]{90,300}",
};

/// As the one before.
pub(crate) const TERRAFORM: TokenFormat = TokenFormat {
    rule: "terraform-token",
    keywords: &["atlasv1"],
    pattern: r"\b[0-9A-Za-z]{14}\.atlasv1\.[0-9A-Za-z_-]{60,70}",
};

/// grafana.com, "Service account tokens".
pub(crate) const GRAFANA: TokenFormat = TokenFormat {
    rule: "grafana-token",
    keywords: &["glsa_"],
    pattern: r"\bglsa_[0-9A-Za-z]{32}_[0-9a-f]{8}\b",
};

/// learn.microsoft.com, "Configure Azure Storage connection strings": 64 bytes in base64.
pub(crate) const AZURE_STORAGE: TokenFormat = TokenFormat {
    rule: "azure-storage-key",
    keywords: &["AccountKey="],
    pattern: r"\bAccountKey=[0-9A-Za-z+/]{86}==",
};

/// age-encryption.org and its Bech32 (BIP 173) encoding of 32 bytes.
pub(crate) const AGE: TokenFormat = TokenFormat {
    rule: "age-key",
    keywords: &["AGE-SECRET-KEY-1"],
    pattern: r"\bAGE-SECRET-KEY-1[02-9AC-HJ-NP-Z]{58}\b",
};

/// Shannon's entropy of the bytes of a value, in bits per byte; 0 for an empty one.
pub(crate) fn bits_per_character(value: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in value {
        counts[usize::from(*byte)] += 1;
    }
    let length: f64 = counts.iter().map(|count| f64::from(*count)).sum();
    counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| f64::from(*count) / length)
        .map(|share| -share * share.log2())
        .sum()
}

/// The part without white space, quotes, commas, concatenation and comment signs around it.
pub(crate) fn without_wrapping(part: &[u8]) -> &[u8] {
    let wraps = |byte: &u8| byte.is_ascii_whitespace() || b"\"'`,;()\\#*|>.".contains(byte);
    let start = part
        .iter()
        .position(|byte| !wraps(byte) && *byte != b'+')
        .unwrap_or(part.len());
    let end = part
        .iter()
        .rposition(|byte| !wraps(byte))
        .map_or(start, |last| last + 1);
    let mut text = &part[start..end.max(start)];
    // `"…" +` : only a sign that stands apart is one, `+` is also a base64 digit.
    while let [head @ .., b'+'] = text {
        if head.last().is_some_and(wraps) {
            text = head;
            while text.last().is_some_and(wraps) {
                text = &text[..text.len() - 1];
            }
        } else {
            break;
        }
    }
    text
}

/// True for a digit of base64 or its padding.
pub(crate) fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entropy_is_that_of_shannon() {
        assert!((bits_per_character(b"abcdabcd") - 2.0).abs() < 1e-9);
        assert!(bits_per_character(b"aaaa").abs() < 1e-9);
    }
}
