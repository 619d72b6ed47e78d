//! What a review may still spend: tokens and money. Asked before an agent is and between its turns, told
//! what each took.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::agents::{Meter, Spent, Taken, counted};
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
    /// Said by agents, or set aside for those who have not said yet.
    tokens: u64,
    cost: f64,
}

/// What one question takes out of the purse.
#[derive(Debug)]
pub(super) struct Account<'p> {
    purse: &'p Purse,
    /// For what is not known otherwise.
    promised: u64,
    held: Mutex<Held>,
}

#[derive(Debug)]
struct Held {
    /// How much of the sum is this question's.
    of_sum: Sum,
    /// What it has taken so far.
    taken: Taken,
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
    pub(super) fn promise(&self, tokens: u64) -> Result<Account<'_>, String> {
        let mut sum = lock(&self.spent);
        self.allows(&sum, tokens, "its brief")?;
        sum.tokens = sum.tokens.saturating_add(tokens);
        Ok(Account {
            purse: self,
            promised: tokens,
            held: Mutex::new(Held {
                of_sum: Sum { tokens, cost: 0.0 },
                taken: Taken::default(),
            }),
        })
    }

    /// Says which limit keeps so many tokens more from being spent on something.
    fn allows(&self, sum: &Sum, next: u64, what: &str) -> Result<(), String> {
        if let Some(limit) = self.tokens
            && sum.tokens.saturating_add(next) > limit
        {
            return Err(format!(
                "`limits.tokens = {limit}` would not be kept: {} are spent, and {what} has about {next}",
                sum.tokens
            ));
        }
        if let Some(limit) = self.cost
            && sum.cost >= limit
        {
            return Err(format!("`limits.cost = {limit}` is spent"));
        }
        if let Some(limit) = self.cost_per_day
            && self.before + sum.cost >= limit
        {
            return Err(format!("`limits.cost_per_day = {limit}` is spent"));
        }
        Ok(())
    }
}

impl Meter for Account<'_> {
    fn take(&self, so_far: Taken, next: u64) -> Result<u64, String> {
        let mut held = lock(&self.held);
        let mut sum = lock(&self.purse.spent);
        held.taken = so_far;
        // What was taken is gone, whatever is left for more.
        held.put(
            &mut sum,
            Sum {
                tokens: so_far.tokens,
                cost: so_far.cost,
            },
        );
        let limit = self.purse.tokens.unwrap_or(u64::MAX);
        if next > 0 {
            self.purse.allows(&sum, next, "its next turn")?;
            let tokens = so_far.tokens.saturating_add(next);
            held.put(
                &mut sum,
                Sum {
                    tokens,
                    cost: so_far.cost,
                },
            );
        } else if sum.tokens > limit {
            return Err(format!(
                "`limits.tokens = {limit}` was not kept: {} are spent",
                sum.tokens
            ));
        }
        Ok(limit.saturating_sub(sum.tokens))
    }
}

impl Account<'_> {
    /// Takes in what the question took in the end. Unknown tokens are taken for as many as were seen
    /// going by, or for what was promised.
    pub(super) fn settle(&self, spent: &Spent) {
        let mut held = lock(&self.held);
        let mut sum = lock(&self.purse.spent);
        let reported = spent.input.is_some() || spent.output.is_some();
        let known = reported.then(|| {
            let input = spent.input.unwrap_or(self.promised);
            let (cached, output) = (spent.cached, spent.output);
            counted(
                input,
                cached.unwrap_or_default(),
                output.unwrap_or_default(),
            )
        });
        let least = match held.taken.tokens {
            0 => self.promised,
            seen => seen,
        };
        let cost = spent.cost.unwrap_or_default().max(held.taken.cost);
        let tokens = known.map_or(least, |known| known.max(held.taken.tokens));
        held.put(&mut sum, Sum { tokens, cost });
    }
}

impl Held {
    /// Lets so much of the sum be this question's.
    fn put(&mut self, sum: &mut Sum, mine: Sum) {
        let others = sum.tokens.saturating_sub(self.of_sum.tokens);
        sum.tokens = others.saturating_add(mine.tokens);
        sum.cost += mine.cost - self.of_sum.cost;
        self.of_sum = mine;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
        let account = purse.promise(600).unwrap();
        assert!(purse.promise(600).unwrap_err().contains("limits.tokens"));
        account.settle(&spent(Some(100), Some(50), None));
        purse.promise(600).unwrap();
    }

    #[test]
    fn unknown_tokens_are_not_nothing() {
        let purse = Purse::new(&limits(Some(1000), None, None), 0.0);
        let account = purse.promise(900).unwrap();
        account.settle(&spent(None, None, None));
        assert!(purse.promise(200).is_err());
    }

    #[test]
    fn what_a_question_takes_counts_while_it_is_asked() {
        let purse = Purse::new(&limits(Some(1000), Some(1.0), None), 0.0);
        let taken = |tokens| Taken { tokens, cost: 0.0 };
        let one = purse.promise(100).unwrap();
        let other = purse.promise(100).unwrap();
        assert_eq!(one.take(taken(300), 400), Ok(200));
        let why = other.take(taken(100), 300).unwrap_err();
        assert!(why.starts_with("`limits.tokens = 1000`"), "{why}");
        // What it took stays taken, and what it was refused is free.
        assert_eq!(other.take(taken(100), 100), Ok(100));
        one.settle(&spent(None, None, None));
        assert_eq!(other.take(taken(700), 0), Ok(0));
        assert!(other.take(taken(701), 0).is_err(), "300 are the other's");
        other.settle(&spent(Some(50), Some(50), None));
        assert!(purse.promise(1).is_err(), "it was seen to take more");
    }

    #[test]
    fn money_runs_out_between_turns_too() {
        let purse = Purse::new(&limits(None, Some(1.0), None), 0.0);
        let account = purse.promise(100).unwrap();
        let taken = |cost| Taken { tokens: 9, cost };
        assert!(account.take(taken(0.9), 1).is_ok());
        let why = account.take(taken(1.1), 1).unwrap_err();
        assert!(why.contains("limits.cost = 1"), "{why}");
    }

    #[test]
    fn money_of_the_review_and_of_the_day_runs_out() {
        let purse = Purse::new(&limits(None, Some(1.0), Some(5.0)), 3.5);
        let account = purse.promise(1).unwrap();
        account.settle(&spent(None, None, Some(1.25)));
        assert!(purse.promise(1).unwrap_err().contains("limits.cost = 1"));
        let today = Purse::new(&limits(None, None, Some(5.0)), 5.0);
        assert!(today.promise(1).unwrap_err().contains("cost_per_day"));
    }
}
