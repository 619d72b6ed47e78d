//! What a review may still spend: tokens and money. Asked before an agent is, told after it answered.

use std::sync::{Mutex, PoisonError};

use crate::agents::Spent;
use crate::config::Limits;

/// Shared by all agents of a run.
#[derive(Debug)]
pub(super) struct Purse {
    tokens: Option<u64>,
    cost: Option<f64>,
    cost_per_day: Option<f64>,
    /// What was spent on this day before this run, in US dollars.
    before: f64,
    spent: Mutex<Sum>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    /// Said by agents, or promised to those who have not said yet.
    tokens: u64,
    cost: f64,
}

impl Purse {
    /// A purse with these limits, of which `before` dollars were spent today.
    pub(super) fn new(limits: &Limits, before: f64) -> Self {
        Self {
            tokens: limits.tokens,
            cost: limits.cost,
            cost_per_day: limits.cost_per_day,
            before,
            spent: Mutex::default(),
        }
    }

    /// Sets tokens aside for a question of about this size; or says which limit is spent.
    pub(super) fn promise(&self, tokens: u64) -> Result<(), String> {
        let mut spent = self.lock();
        if let Some(limit) = self.tokens
            && spent.tokens.saturating_add(tokens) > limit
        {
            return Err(format!(
                "`limits.tokens = {limit}` would not be kept: {} are spent, and its brief has about {tokens}",
                spent.tokens
            ));
        }
        if let Some(limit) = self.cost
            && spent.cost >= limit
        {
            return Err(format!("`limits.cost = {limit}` is spent"));
        }
        if let Some(limit) = self.cost_per_day
            && self.before + spent.cost >= limit
        {
            return Err(format!("`limits.cost_per_day = {limit}` is spent"));
        }
        spent.tokens += tokens;
        Ok(())
    }

    /// Takes in what a question really took, for which `promised` tokens were set aside. Unknown tokens
    /// are taken for as many as were promised.
    pub(super) fn pay(&self, promised: u64, spent: &Spent) {
        let mut sum = self.lock();
        if spent.input.is_some() || spent.output.is_some() {
            let really = spent.input.unwrap_or(promised) + spent.output.unwrap_or_default();
            sum.tokens = sum.tokens.saturating_sub(promised).saturating_add(really);
        }
        sum.cost += spent.cost.unwrap_or_default();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Sum> {
        self.spent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(tokens: Option<u64>, cost: Option<f64>, cost_per_day: Option<f64>) -> Limits {
        Limits {
            tokens,
            cost,
            cost_per_day,
            ..Limits::default()
        }
    }

    fn spent(input: Option<u64>, output: Option<u64>, cost: Option<f64>) -> Spent {
        Spent {
            input,
            output,
            cost,
            ..Spent::default()
        }
    }

    #[test]
    fn tokens_are_set_aside_before_they_are_spent() {
        let purse = Purse::new(&limits(Some(1000), None, None), 0.0);
        purse.promise(600).unwrap();
        assert!(purse.promise(600).unwrap_err().contains("limits.tokens"));
        purse.pay(600, &spent(Some(100), Some(50), None));
        purse.promise(600).unwrap();
    }

    #[test]
    fn unknown_tokens_are_not_nothing() {
        let purse = Purse::new(&limits(Some(1000), None, None), 0.0);
        purse.promise(900).unwrap();
        purse.pay(900, &spent(None, None, None));
        assert!(purse.promise(200).is_err());
    }

    #[test]
    fn money_of_the_review_and_of_the_day_runs_out() {
        let purse = Purse::new(&limits(None, Some(1.0), Some(5.0)), 3.5);
        purse.promise(1).unwrap();
        purse.pay(1, &spent(None, None, Some(1.25)));
        assert!(purse.promise(1).unwrap_err().contains("limits.cost = 1"));
        let today = Purse::new(&limits(None, None, Some(5.0)), 5.0);
        assert!(today.promise(1).unwrap_err().contains("cost_per_day"));
    }
}
