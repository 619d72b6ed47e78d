//! What every test stands on: a sealed-off place, and words that look secret only at run time.

pub(crate) mod agents;
pub(crate) mod call;
pub(crate) mod programs;
pub(crate) mod sandbox;
pub(crate) mod schema;
pub(crate) mod token;
pub(crate) mod vendors;
