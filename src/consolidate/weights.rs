//! What each token is worth within one change: the fewer findings share it, and the more evenly
//! the agents do, the more it tells which problem is meant.
//! Which tokens a finding has is known from `tokens`.

use super::tokens::Bag;

/// Above this many findings the tokens of more than a quarter of them are passed over.
const MANY: usize = 2_000;

/// The most steps that walking the findings of each token may take, in pairs; beyond it the
/// tokens of the most findings are passed over. A thousand honest findings need about 3 million.
const STEPS: u64 = 150_000_000;

/// The value of each token, by its number; 0 for tokens to pass over, as if they were stop words.
///
/// `bags` are the findings, those of one agent next to each other; `agents` says whose each is.
pub(super) fn values(bags: &[Bag], agents: &[usize], tokens: usize) -> Vec<f64> {
    let mut uses = vec![Uses::default(); tokens];
    for (bag, agent) in bags.iter().zip(agents) {
        for (token, _) in bag {
            uses[*token as usize].count(*agent);
        }
    }
    let of_agents = {
        let mut seen = agents.to_vec();
        seen.dedup();
        seen.len()
    };
    let longest = longest_list(&uses, bags.len());
    let (findings, of_agents) = (float(bags.len()), float(of_agents));
    uses.iter()
        .map(|uses| {
            if uses.findings == 0 || uses.findings > longest {
                return 0.0;
            }
            let (df, at) = (float(uses.findings), float(uses.agents));
            // The second half is the findings per agent over the findings per agent that uses
            // the token: what each agent says once names a problem, what one says everywhere is
            // its manner of speaking.
            0.5 * (findings / df).ln_1p() + 0.5 * (findings * at / (df * of_agents)).ln_1p()
        })
        .collect()
}

/// How often a token is used.
#[derive(Clone, Default)]
struct Uses {
    findings: usize,
    agents: usize,
    last: Option<usize>,
}

impl Uses {
    fn count(&mut self, agent: usize) {
        self.findings += 1;
        if self.last != Some(agent) {
            self.agents += 1;
            self.last = Some(agent);
        }
    }
}

/// How many findings a token may have and still be compared by.
fn longest_list(uses: &[Uses], findings: usize) -> usize {
    let most = if findings > MANY {
        findings / 4
    } else {
        findings
    };
    let mut of_length = vec![0_u64; most + 1];
    for uses in uses.iter().filter(|uses| uses.findings <= most) {
        of_length[uses.findings] += 1;
    }
    let mut left = STEPS;
    for (length, count) in of_length.iter().enumerate() {
        let steps = count * (length as u64).pow(2) / 2;
        match left.checked_sub(steps) {
            Some(rest) => left = rest,
            None => return length - 1,
        }
    }
    most
}

/// A count as a number to reckon with; exact, counts stay far below 2^52.
pub(super) fn float(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::consolidate::tokens::Token;

    fn bags(of: &[&[Token]]) -> Vec<Bag> {
        of.iter()
            .map(|bag| bag.iter().map(|token| (*token, 1.0)).collect())
            .collect()
    }

    #[test]
    fn a_word_of_every_agent_is_worth_more_than_one_of_a_single_agent() {
        let bags = bags(&[&[0, 1], &[1], &[0, 2], &[2, 3]]);
        let values = values(&bags, &[0, 0, 1, 1], 4);
        // Both stand in two findings; token 0 is said once by each agent, 1 twice by one.
        assert!(values[0] > values[1]);
        let expected = 0.5 * 3.0_f64.ln() + 0.5 * 3.0_f64.ln();
        assert!((values[0] - expected).abs() < 1e-12);
        let expected = 0.5 * 3.0_f64.ln() + 0.5 * 2.0_f64.ln();
        assert!((values[1] - expected).abs() < 1e-12);
        assert!(values[3] > values[2], "rarer");
    }

    #[test]
    fn long_lists_are_passed_over_only_among_many_findings() {
        let common = |count: usize| values(&vec![vec![(0, 1.0)]; count], &vec![0; count], 1)[0];
        assert!(common(MANY) > 0.0);
        assert!(common(MANY + 1) <= 0.0);
    }

    #[test]
    fn the_steps_are_bounded() {
        let uses = |findings| Uses {
            findings,
            ..Uses::default()
        };
        let mut all = vec![uses(10); 100];
        assert_eq!(longest_list(&all, 1_000), 1_000);
        all.extend(vec![uses(900); 1_000]);
        assert!((10..900).contains(&longest_list(&all, 1_000)));
    }
}
