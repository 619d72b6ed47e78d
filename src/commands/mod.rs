//! The commands: each reads its input, calls the rooms and writes its result.
//! Which command was meant, and where input comes from, is left to the program.

pub(crate) mod consolidate;
